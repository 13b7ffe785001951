//! `okrd init` as people meet it: in a real terminal, and by flags without one.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::home::{Done, Home, PATIENT, within};

const FILES: [&str; 4] = [
    "okrd.schema.json",
    "okrd.toml",
    "okrs/company.toml",
    "okrs/content.toml",
];

/// All that a team needs, as flags.
const FLAGS: [&str; 42] = [
    "--company",
    "Acme",
    "--vision",
    "A reflex for everyone online",
    "--strategy",
    "Be the first answer",
    "--cycle",
    "2026-Q4",
    "--timezone",
    "Europe/Amsterdam",
    "--team",
    "content=Content",
    "--source",
    "shop={ type = \"sqlite\", path = \"shop.db\" }",
    "--objective",
    "reflex=Looking it up with us becomes a reflex",
    "--why",
    "Who comes back costs nothing",
    "--key-result",
    "More visitors",
    "--aim",
    "48000 -> +50% visitors",
    "--why",
    "A reflex shows in visits",
    "--key-result",
    "Fewer corrections",
    "--aim",
    "at most 9 corrections",
    "--why",
    "Nobody looks up what is wrong",
    "--objective",
    "More people find us",
    "--owner",
    "content",
    "--parent",
    "reflex",
    "--key-result",
    "subscribers=Pass 1,000 subscribers",
    "--aim",
    "640 -> 1000 subscribers",
    "--why",
    "They decided to come back",
];
const MORE: [&str; 8] = [
    "--measure",
    "{ source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }",
    "--key-result",
    "Warmer readers",
    "--aim",
    "-3 -> 12 points",
    "--why",
    "Nobody recommends what is not theirs",
];

fn flags() -> Vec<&'static str> {
    let mut args = vec!["init"];
    args.extend(FLAGS);
    args.extend(MORE);
    args
}

/// Every file below the folder.
fn below(home: &Home) -> Vec<String> {
    fn walk(folder: &std::path::Path, name: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{name}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(&home.path(""), "", &mut found);
    found.sort();
    found
}

fn written(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path(name)).unwrap()
}

/// What every start must lead to: files that check clean, are formatted, and whose schema is the one of this okrd.
fn is_sound(home: &Home) {
    home.ends(0, &["check", "--deny-warnings"]);
    let done = home.ends(0, &["fmt", "--check"]);
    assert_eq!(done.out, "");
    assert_eq!(
        written(home, "okrd.schema.json"),
        home.ends(0, &["schema"]).out
    );
}

#[test]
fn flags_are_enough_without_a_terminal() {
    let home = Home::new(&[]);
    let shown = home.ends(0, &[&flags()[..], &["--dry-run"]].concat());
    assert!(below(&home).is_empty(), "--dry-run writes nothing");
    let done = home.ends(0, &flags());
    assert_eq!(below(&home), FILES);
    for name in FILES {
        assert!(
            done.out.contains(&format!("wrote {name}\n")),
            "{}",
            done.out
        );
        if name != "okrd.schema.json" {
            let part = format!("==> {name} <==\n{}", written(&home, name));
            assert!(shown.out.contains(&part), "{}", shown.out);
        }
    }
    let next = done.out.split_once("\nNext:\n").unwrap().1;
    let commands: Vec<&str> = next
        .lines()
        .map(|line| line.split("  #").next().unwrap().trim())
        .collect();
    assert_eq!(commands, ["okrd check", "okrd probe --all", "okrd run"]);
    is_sound(&home);

    let team = written(&home, "okrs/content.toml");
    for line in [
        "#:schema ../okrd.schema.json",
        "cycle = \"2026-Q4\"",
        "team = \"content\"",
        "[objectives.more-people-find-us]",
        "parent = \"reflex\"",
        "[objectives.more-people-find-us.key_results.subscribers]",
        "baseline = -3",
        "measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }",
    ] {
        assert!(
            team.lines().any(|found| found == line),
            "{line} is not in\n{team}"
        );
    }
    assert!(written(&home, "okrs/company.toml").contains("why = \"Who comes back costs nothing\""));
    home.make_shop();
    let probe = home.ends(0, &["probe", "--all"]);
    assert!(probe.out.contains("subscribers"), "{}", probe.out);
}

#[test]
fn another_folder_is_made_and_named_in_what_comes_next() {
    let home = Home::new(&[]);
    let done = home.ends(0, &[&flags()[..], &["our okrs/2026"]].concat());
    assert!(
        done.out.contains("okrd check --config 'our okrs/2026' "),
        "{}",
        done.out
    );
    home.ends(
        0,
        &["check", "--deny-warnings", "--config", "our okrs/2026"],
    );
}

#[test]
fn no_file_is_ever_overwritten() {
    for there in [
        "okrd.toml",
        "okrd.schema.json",
        "okrs/content.toml",
        "okrs/of-before.toml",
    ] {
        let home = Home::new(&[(there, "mine")]);
        for args in [
            flags(),
            [&flags()[..], &["--dry-run"]].concat(),
            vec!["init"],
        ] {
            let error = home.refuses(2, &args);
            assert!(
                error.contains(&format!("{there} is there already; nothing was written")),
                "{error}"
            );
        }
        assert_eq!(below(&home), [there]);
        assert_eq!(written(&home, there), "mine");
    }
    let home = Home::new(&[]);
    std::os::unix::fs::symlink("nowhere", home.path("okrd.toml")).unwrap();
    let error = home.refuses(2, &flags());
    assert!(error.contains("okrd.toml is there already"), "{error}");
    assert!(!home.path("nowhere").exists());
}

/// Without terminal and flags, and with each thing wrong that a flag can have: told together, nothing written.
#[test]
fn what_is_missing_or_wrong_is_told_and_nothing_is_written() {
    let home = Home::new(&[]);
    let done = home.ends(2, &["init"]);
    for said in [
        "no --company",
        "no --objective",
        "no terminal",
        "nothing was written",
        "okrd init --help",
    ] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    let hostile = "x".repeat(10_000);
    let title = format!("--objective={hostile}");
    let rows: [(&[&str], &[&str]); 17] = [
        (&["--objective", "A"], &["no --company"]),
        (
            &[
                "--company",
                "A",
                "--objective",
                "A",
                "--key-result",
                "B",
                "--key-result",
                "C",
                "--aim",
                "1 -> 2 x",
            ],
            &["`B` has no --aim", "`B` has no --why", "`C` has no --why"],
        ),
        (&["--company", "A", "--objective", "A"], &["OBJ-KRS"]),
        (
            &["--company", "A", "--key-result", "B"],
            &["--key-result belongs to a --objective"],
        ),
        (
            &["--company", "A", "--objective", "A", "--aim", "1 -> 2 x"],
            &["--aim belongs to a --key-result"],
        ),
        (
            &["--company", "A", "--objective", "a=A", "--objective", "a=B"],
            &["`a=B`: its id is taken"],
        ),
        (
            &["--company", "A", "--team", "a=A", "--team", "a=B"],
            &["`a=B`: its id is taken"],
        ),
        (
            &["--company", "A", "--team", "company=A"],
            &["`company` stands for the company itself"],
        ),
        (
            &["--company", "A", "--objective", "A", "--owner", "b"],
            &["--owner `b`: expected no team"],
        ),
        (
            &["--company", "A", "--objective", "A", "--parent", "b"],
            &["--parent `b`: expected an objective"],
        ),
        (
            &["--company", "A", "--cycle", "2026"],
            &["--cycle `2026`: expected a quarter"],
        ),
        (
            &["--company", "A", "--timezone", "Mars"],
            &["--timezone `Mars`: expected an IANA name"],
        ),
        (
            &["--company", "A", "--source", "shop"],
            &["--source `shop`: expected ID={"],
        ),
        (
            &[
                "--company",
                "A",
                "--source",
                "shop={ type = \"sqlite\" }\n[teams.x]\nname={}",
            ],
            &["expected a table in one line"],
        ),
        (
            &["--company", "A\u{1b}[31m", "--objective", "A"],
            &["CFG-VALUE", "\\u{1b}"],
        ),
        (&["--company", "A", &title], &["300"]),
        (
            &[
                "--company",
                "A",
                "--vision",
                "two\nlines",
                "--objective",
                "",
            ],
            &["the text is empty"],
        ),
    ];
    for (args, said) in rows {
        let done = home.ends(2, &[&["init"], args].concat());
        for said in said {
            assert!(
                done.err.contains(said),
                "{args:?}: {said} is not in\n{}",
                done.err
            );
        }
        assert!(done.err.contains("nothing was written"), "{}", done.err);
        assert!(
            !done.err.contains('\u{1b}') && done.out.is_empty(),
            "{done:?}"
        );
        assert!(below(&home).is_empty(), "{args:?} wrote {:?}", below(&home));
    }
}

/// Titles that would break out of quotes and comments come back as they were said.
#[test]
fn hostile_titles_stay_titles() {
    let home = Home::new(&[]);
    let title = "A \"quoted\" \\ 'title' [with] = # 🚀 目標";
    let twice = [
        "--key-result",
        title,
        "--aim",
        "1 -> 2 \"x\"",
        "--why",
        "a\nb",
    ];
    let mut args = vec![
        "init",
        "--company",
        title,
        "--team",
        title,
        "--objective",
        title,
    ];
    args.extend(twice);
    args.extend(twice);
    home.ends(0, &args);
    is_sound(&home);
    let status = home.ends(0, &["status", "--format", "json"]);
    assert!(
        status.out.contains("a-quoted-title-with-2"),
        "ids are made different: {}",
        status.out
    );
    let main: toml::Table = toml::from_str(&written(&home, "okrd.toml")).unwrap();
    assert_eq!(main["company"]["name"].as_str(), Some(title));
}

/// okrd in a pseudo-terminal, as `script` of util-linux makes one.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    /// How much of the screen was looked at.
    seen: usize,
}

impl Terminal {
    fn new(home: &Home) -> Self {
        let command = format!("exec '{}' init", env!("CARGO_BIN_EXE_okrd"));
        // Whoever started the tests in the background has interrupts ignored, and so would what is started here.
        let mut child = Command::new("env")
            .args([
                "--default-signal=INT",
                "script",
                "--quiet",
                "--return",
                "--command",
                &command,
                "/dev/null",
            ])
            .current_dir(home.path(""))
            .env("SHELL", "/bin/sh")
            .env("TZ", "Europe/Amsterdam")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let mut out = child.stdout.take().unwrap();
        let shown = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut some) {
                bytes.extend_from_slice(&some[..count]);
                *shown.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        let keys = child.stdin.take().unwrap();
        Self {
            child,
            keys,
            screen,
            reader,
            seen: 0,
        }
    }

    /// Waits until something stands on the screen, behind what was seen before.
    fn until(&mut self, text: &str) {
        let what = format!("the screen shows {text:?}");
        self.seen = within(PATIENT, &what, || {
            let screen = self.screen.lock().unwrap();
            let at = screen.get(self.seen..)?.find(text)?;
            Some(self.seen + at + text.len())
        });
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn answer(&mut self, prompt: &str, answer: &str) {
        self.until(prompt);
        self.press(&format!("{answer}\n"));
    }

    fn end(mut self) -> Done {
        let status = within(PATIENT, "the terminal closes", || {
            self.child.try_wait().unwrap()
        });
        self.reader.join().unwrap();
        Done {
            code: status.code().unwrap_or(-1),
            out: self.screen.lock().unwrap().clone(),
            err: String::new(),
        }
    }
}

const TALK: [(&str, &str); 19] = [
    ("Company: ", "Größe & Söhne"),
    ("Vision [none yet]: ", "Looking it up with us is a reflex"),
    ("Thought [none yet]: ", "Be the first answer"),
    ("Thought [no more]: ", ""),
    ("Objective 1: ", "More people find their way to our website"),
    ("Why it matters [leave it out]: ", ""),
    ("Objective 2 [no more]: ", ""),
    ("Key result 1: ", "Pass 1,000 subscribers"),
    ("From where to where: ", "640 -> 1000 subscribers"),
    ("How it proves the objective: ", "They decided to come back"),
    ("Key result 2: ", "Few complaints"),
    ("From where to where: ", "at most 300 complaints"),
    (
        "How it proves the objective: ",
        "Nobody asks twice after a bad answer",
    ),
    ("Key result 3 [no more]: ", ""),
    ("Team [none, all is the company's]: ", ""),
    ("comes from [by hand]: ", "sqlite"),
    ("shop.db: ", "shop.db"),
    ("confirmed: ", "SELECT count(*) FROM subscribers"),
    ("comes from [by hand]: ", ""),
];

#[test]
fn in_a_terminal_it_asks_the_six_steps() {
    let home = Home::new(&[]);
    let mut terminal = Terminal::new(&home);
    for (prompt, answer) in TALK {
        terminal.answer(prompt, answer);
    }
    let done = terminal.end();
    assert_eq!(done.code, 0, "{}", done.out);
    assert_eq!(below(&home), FILES[..3]);
    assert!(written(&home, "okrd.toml").contains("name = \"Größe & Söhne\""));
    is_sound(&home);
}

/// A file that came while it asked stays, and the answers are not lost with it.
#[test]
fn what_came_meanwhile_stays_and_the_answers_are_shown() {
    let home = Home::new(&[]);
    let mut terminal = Terminal::new(&home);
    terminal.until("Company: ");
    home.write("okrs/company.toml", "mine");
    terminal.seen = 0;
    for (prompt, answer) in TALK {
        terminal.answer(prompt, answer);
    }
    let done = terminal.end();
    assert_eq!(done.code, 2, "{}", done.out);
    for said in [
        "title = \"Pass 1,000 subscribers\"",
        "okrs/company.toml is there already; nothing was written",
    ] {
        assert!(done.out.contains(said), "{said}: {}", done.out);
    }
    assert_eq!(below(&home), ["okrs/company.toml"]);
    assert_eq!(written(&home, "okrs/company.toml"), "mine");
}

#[test]
fn what_ends_in_the_middle_writes_nothing() {
    for (keys, code) in [("\u{3}", 130), ("\u{4}", 2)] {
        let home = Home::new(&[]);
        let mut terminal = Terminal::new(&home);
        terminal.answer("Company: ", "Acme");
        terminal.until("Vision [none yet]: ");
        terminal.press(keys);
        let done = terminal.end();
        assert_eq!(done.code, code, "{}", done.out);
        assert!(below(&home).is_empty());
        if code == 2 {
            assert!(done.out.contains("nothing was written"), "{}", done.out);
        }
    }
}
