//! Configurations through the library: the examples load clean, and each faulty file in `tests/check/` gives exactly
//! the text beside it. `OKRD_GOLDEN=write cargo test --test check` writes those texts anew.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use okrd::config::check::check;
use okrd::config::files::{File, Files};
use okrd::config::finding::{Code, Finding, Needs, Severity};
use okrd::config::load::load;
use okrd::config::schema::schema;
use okrd::config::{render, spec};
use okrd::source::jq::judge;
use proptest::prelude::*;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn golden() -> bool {
    std::env::var("OKRD_GOLDEN").is_ok_and(|value| value == "write")
}

/// Compares with a file, or writes it when asked to.
fn assert_same(path: &Path, text: &str) {
    if golden() {
        std::fs::write(path, text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{} differs; OKRD_GOLDEN=write writes it anew",
        path.display()
    );
}

/// When the files are read: in the middle of the cycle of most of them.
fn today() -> Timestamp {
    "2026-11-15T12:00:00Z".parse().unwrap()
}

fn check_text(text: &str) -> (Option<spec::Config>, Vec<Finding>, Files) {
    let files = Files::one(File::new("okrd.toml", "/etc/okrd", text.to_owned()));
    let (config, findings) = check(&files, judge, today());
    (config, findings, files)
}

#[test]
fn the_examples_load_clean() {
    let files = load(&root().join("config")).unwrap();
    assert_eq!(files.files.len(), 3);
    let (config, findings) = check(&files, judge, today());
    assert_eq!(render::text(&findings, &files), "");
    let config = config.unwrap();
    assert_eq!(config.goals.objectives.len(), 4);
    assert_eq!(config.goals.key_results().count(), 10);
    assert_eq!(config.polls.len(), 9, "one is recorded by people");
    assert_eq!(config.sources.len(), 3);
    assert_eq!(config.store.path, root().join("config").join("okrd.db"));
    assert_eq!(config.warnings, 0);
}

#[test]
fn the_schema_file_is_current_and_takes_the_examples() {
    let schema = schema();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    assert_same(&root().join("config/okrd.schema.json"), &text);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for name in ["okrd.toml", "okrs/company.toml", "okrs/content.toml"] {
        let text = std::fs::read_to_string(root().join("config").join(name)).unwrap();
        let document: toml::Table = toml::from_str(&text).unwrap();
        let document = as_json(&toml::Value::Table(document));
        let errors: Vec<_> = validator
            .iter_errors(&document)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

fn as_json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(list) => list.iter().map(as_json).collect(),
        toml::Value::Table(table) => {
            serde_json::Value::Object(table.iter().map(|(k, v)| (k.clone(), as_json(v))).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("tests/check")).unwrap();
    let mut cases: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    cases.sort();
    cases
}

/// The faulty configurations of several files, each in a folder of its own.
fn folders() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("tests/check")).unwrap();
    let mut folders: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// The files of a folder under their bare names, the main file first.
fn files_of(folder: &Path) -> Files {
    let files = load(folder).unwrap();
    let bare = |file: &File| {
        let name = Path::new(file.shown()).file_name().unwrap();
        File::new(name.to_string_lossy(), "/etc/okrd", file.text().to_owned())
    };
    assert!(files.findings.is_empty() && files.files.len() > 1);
    Files {
        files: files.files.iter().map(bare).collect(),
        findings: Vec::new(),
    }
}

#[test]
fn each_faulty_file_gives_its_text() {
    let text_of = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        Files::one(File::new("okrd.toml", "/etc/okrd", text))
    };
    let files = cases().into_iter().map(|path| (text_of(&path), path));
    let folders = folders().into_iter().map(|path| (files_of(&path), path));
    let cases: Vec<(Files, PathBuf)> = files.chain(folders).collect();
    assert!(cases.len() >= 40, "found {} cases", cases.len());
    // This one needs a file that is missing and has tests of its own, as have those that no file shows by itself.
    let mut seen = BTreeSet::from([Code::CfgFile]);
    for (files, path) in cases {
        let (config, findings) = check(&files, judge, today());
        assert!(!findings.is_empty(), "{} has no fault", path.display());
        let errors = findings.iter().any(Finding::refuses);
        assert_eq!(config.is_none(), errors, "{}", path.display());
        seen.extend(findings.iter().map(|f| f.code));
        assert_same(
            &path.with_extension("txt"),
            &render::text(&findings, &files),
        );
        well_formed(&findings, &files);
    }
    let of_files = Code::ALL
        .into_iter()
        .filter(|code| code.needs() == Needs::Files);
    assert_eq!(seen, of_files.collect(), "a code without a case");
}

fn schema_accepts(text: &str) -> bool {
    static VALIDATOR: OnceLock<jsonschema::Validator> = OnceLock::new();
    let validator = VALIDATOR.get_or_init(|| jsonschema::draft202012::new(&schema()).unwrap());
    let document: toml::Table = toml::from_str(text).unwrap();
    validator.is_valid(&as_json(&toml::Value::Table(document)))
}

/// What the check says of shapes, an editor says too.
#[test]
fn the_schema_refuses_the_same_shapes() {
    // Told by what stands elsewhere, which a schema cannot follow.
    let beyond = ["missing-goal", "type-date-as-text"];
    let mut compared = 0;
    for path in cases() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if toml::from_str::<toml::Table>(&text).is_err() || beyond.contains(&name.as_str()) {
            continue;
        }
        let (config, findings, _) = check_text(&text);
        let of_shape = [
            Code::CfgKey,
            Code::CfgType,
            Code::CfgMissing,
            Code::CfgUnsupported,
        ];
        if config.is_some() {
            assert!(schema_accepts(&text), "{name}");
        } else if findings.iter().all(|f| of_shape.contains(&f.code)) {
            assert!(!schema_accepts(&text), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 15, "only {compared} were compared");
}

/// What holds for every finding, and every format that shows it.
fn well_formed(findings: &[Finding], files: &Files) {
    for finding in findings {
        assert!(
            !finding.message.is_empty() && !finding.message.ends_with('.'),
            "{finding:?}"
        );
        assert!(
            !finding.help.is_empty() && !finding.help.ends_with('.'),
            "{finding:?}"
        );
        assert!(finding.line >= 1 && finding.column >= 1);
        assert!(
            !finding.message.contains(char::is_control) && !finding.help.contains(char::is_control)
        );
    }
    let json: serde_json::Value = serde_json::from_str(&render::json(findings, files)).unwrap();
    assert_eq!(
        json.pointer("/findings").unwrap().as_array().unwrap().len(),
        findings.len()
    );
    assert_eq!(
        render::github(findings, files).lines().count(),
        findings.len()
    );
    let sarif: serde_json::Value = serde_json::from_str(&render::sarif(findings, files)).unwrap();
    assert_eq!(
        sarif
            .pointer("/runs/0/results")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        findings.len()
    );
}

/// No output shows what stands where a secret should be named.
#[test]
fn f71_literal_secrets_are_never_shown() {
    const CANARY: &str = "hunter2";
    for line in [
        "auth = { token = \"hunter2\" }",
        "auth = { token = \"hunter2\", usr = \"x\" }",
        "auth = { tokn = \"hunter2\" }",
        "auth = { user = \"a\", token = { env = \"hunter2-x\" } }",
        "auth = { user = \"a\", token = { env = \"A\", evn = \"hunter2\" } }",
        "auth = { token = [\"hunter2\"] }",
        "auth = { token = \"hunter2",
        "auth = \"hunter2\"",
        "headers = { \"X-Api-Key\" = \"hunter2\" }",
        "headers = { Authorization = \"Bearer hunter2\", colour = 3 }",
        "headers = { Cookie = \"\"\"\nhunter2\"\"\" }",
    ] {
        let text = format!("[sources.a]\ntype = \"http\"\nurl = \"https://x.example\"\n{line}\n");
        assert_hidden(&text, CANARY);
    }
    for line in [
        "pass = \"hunter2\"",
        "dsn = \"host=db login=hunter2\"",
        "url = { env = \"A\", value = \"hunter2\" }",
    ] {
        assert_hidden(
            &format!("[sources.a]\ntype = \"postgres\"\n{line}\n"),
            CANARY,
        );
    }
    for url in [
        "https://me:hunter2@x.example",
        "ftp://me:hunter2@x.example",
        "https://me:hunter2@",
        "https://x.example?token=hunter2",
    ] {
        assert_hidden(
            &format!("[sources.a]\ntype = \"http\"\nurl = \"{url}\"\n"),
            CANARY,
        );
    }
    for url in [
        "postgres://me:hunter2@db/x",
        "postgres://db/x?password=hunter2",
        "mysql://me:hunter2@db/x",
    ] {
        assert_hidden(
            &format!("[sources.a]\ntype = \"postgres\"\nurl = \"{url}\"\nx = 1\n"),
            CANARY,
        );
    }
}

/// A measure over HTTP with these further keys.
fn asking_http(keys: &str) -> String {
    let measure = format!("measure = {{ source = \"web\", value = \"/n\", {keys} }}");
    measuring(
        "[sources.web]\ntype = \"http\"\nurl = \"https://x.example\"",
        &measure,
    )
}

/// A sound objective but for this source and this line of a key result.
fn measuring(source: &str, line: &str) -> String {
    let head = "cycle = \"q\"\ncycles.q = { starts = 2026-10-01, ends = 2026-12-31 }\n\nlints.KR-WHY = \"off\"\n";
    let tail = "[objectives.a.key_results.c]\ntitle = \"C\"\nunit = \"u\"\nat_most = 3\n";
    format!(
        "{head}{source}\n[objectives.a]\ntitle = \"A\"\n[objectives.a.key_results.b]\ntitle = \"B\"\nunit = \"u\"\nat_most = 3\n{line}\n{tail}"
    )
}

/// Whatever slips: quotes, keys, places. Neither the line nor the message tells what may be a secret.
#[test]
fn f71_slips_beside_secrets_show_none() {
    for line in [
        "token = hunter2xyz",
        "token: \"hunter2\"",
        "token \"hunter2\"",
        "token == \"hunter2\"",
        "token = “hunter2”",
        "token = \"ab\"hunter2\"",
        "token = \"\"\"\nhunter2 \\q\n\"\"\"",
        "token = { file = \"~hunter2\" }",
        "token = { hunter2 = \"x\" }",
        "hunter2 = \"x\"",
        "hunter2 = 1\nhunter2 = 2",
        "tokn = 'x' # hunter2",
        "token = 3 # hunter2",
    ] {
        let source = "[sources.a]\ntype = \"http\"\nurl = \"https://x.example\"\n[sources.a.auth]";
        assert_hidden(&format!("{source}\n{line}\n"), "hunter2");
    }
    for line in [
        "headers = {\"X-Api-Key\" = hunter2}",
        "headers = {\"X-Foo\" = \"hunter2\\u0001\"}",
        "headers = {\"hunter2 x\" = \"y\"}",
        "headers = {\"hunter2-token\" = \"y\"}",
        "headers = {\"hunter2\" = 3}",
        "auth = {token = {env = hunter2}}",
        "url = \"hunter2://a\"",
        "pass = hunter2",
    ] {
        let source = "[sources.a]\ntype = \"http\"\nurl = \"https://x.example\"";
        let source = if line.starts_with("url") {
            "[sources.a]\ntype = \"http\""
        } else {
            source
        };
        assert_hidden(&format!("{source}\n{line}\n"), "hunter2");
    }
    for keys in [
        "tokn = \"hunter2\"",
        "headers = {\"X-Foo\" = \"hunter2\"}",
        "query = {pw = [\"hunter2\"]}",
        "query = \"token=hunter2\"",
        "path = \"/x?token=hunter2\"",
        "body = \"password=hunter2\", method = \"GET\"",
        "form = {pwd = \"hunter2\"}",
        "form = {pass = \"hunter2\"}",
        "json = {password = \"hunter2\"}",
        "json = {a = [{api_key = \"hunter2\"}]}",
        "body = \"{\\\"password\\\": \\\"hunter2\\\"}\"",
        "query = {x = \"Bearer hunter2\"}",
    ] {
        assert_hidden(&asking_http(keys), "hunter2");
    }
    for text in [
        "tokn = \"hunter2\"",
        "sources = \"hunter2\"",
        "[sources]\na = {type = \"postgrs\", dsn = \"hunter2\"}",
        "notify = {webhook = \"https://hooks.example/hunter2\"}",
        "[notify.chat]\nwebhook = https://hooks.example/hunter2",
        "[sources.a]\ntype = \"postgres\"\nurl = \"postgres://u@h/d?pwd=hunter2\"",
        "[sources.a\ntoken = hunter2",
    ] {
        assert_hidden(text, "hunter2");
    }
    for header in ["X-Pass", "X-Session", "Proxy-Auth", "X-Vault-Token"] {
        let source = "[sources.a]\ntype = \"http\"\nurl = \"https://x.example\"\nheaders";
        assert_hidden(
            &format!("{source} = {{ {header} = \"hunter2\" }}"),
            "hunter2",
        );
    }
}

/// Names that only contain a word for secrets, and texts that okrd fills in, are no secrets.
#[test]
fn f71_innocent_names_are_taken() {
    for keys in [
        "query = {keyword = \"shoes\", monkey = \"x\"}",
        "json = {key = \"CARE\", session = \"a\", file = {name = \"x\", env = \"y\"}}",
        "body = \"{ project(key: \\\"CARE\\\") { open } }\"",
        "form = {password = {env = \"A\"}}",
    ] {
        let text = asking_http(keys);
        let (_, findings, files) = check_text(&text);
        assert_eq!(render::text(&findings, &files), "", "{keys}");
    }
    let source = "[sources.a]\ntype = \"http\"\nurl = \"https://x.example\"\nheaders = {\"X-Keyboard\" = \"us\"}\n[sources.b]\ntype = \"postgres\"\nurl = \"postgres:///d?host=/var/run/postgresql\"";
    let (_, findings, files) = check_text(&measuring(source, ""));
    assert_eq!(render::text(&findings, &files), "");
}

/// A secret inside of `json` would be sent as the table it stands in.
#[test]
fn a_secret_in_json_is_refused() {
    let (config, findings, _) = check_text(&asking_http("json = {login = {env = \"MYPW\"}}"));
    assert!(config.is_none());
    let told: Vec<_> = findings.iter().map(|f| (f.code, &f.message)).collect();
    assert_eq!(
        told,
        [(
            Code::CfgUnsupported,
            &"`json` cannot hold a secret: `login` would be sent as it stands".to_owned()
        )]
    );
}

/// What people must see to mend it is shown, whatever may not be.
#[test]
fn f71_lines_of_goals_and_queries_are_shown() {
    let query = "query = \"SELECT :nwo FROM t\"";
    let source = "[sources.s]\ntype = \"sqlite\"\npath = \"x.db\"";
    for (line, shown) in [
        ("weight = \"a\"", "weight = \"a\""),
        ("title = Acme", "title = Acme"),
        ("wieght = 17", "wieght = 17"),
        (&format!("measure = {{ source = \"s\", {query} }}"), query),
        (
            "measure = { source = \"s\", query = \"DELETE FROM t\" }",
            "DELETE FROM t",
        ),
        (
            "measure = { source = \"S\", query = \"SELECT 1\" }",
            "source = \"S\", query = \"SELECT 1\"",
        ),
    ] {
        let (_, findings, files) = check_text(&measuring(source, line));
        let text = render::text(&findings, &files);
        assert!(text.contains(shown), "{text}");
    }
}

/// F52, F71: what a daemon logs and answers holds nothing of the files' text.
#[test]
fn f71_the_brief_form_quotes_no_line() {
    let (_, findings, _) =
        check_text("[sources.a.auth]\ntoken = hunter2xyz\n[teams.t]\nnam = \"x\"");
    let text = render::brief(&findings);
    assert!(
        text.contains("error[CFG-SYNTAX] okrd.toml:2:9: not TOML"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(text.lines().count(), findings.len());
}

fn assert_hidden(text: &str, canary: &str) {
    let (config, findings, files) = check_text(text);
    assert!(config.is_none(), "accepted:\n{text}");
    let shown = [
        render::text(&findings, &files),
        render::styled(&findings, &files),
        render::json(&findings, &files),
        render::github(&findings, &files),
        render::sarif(&findings, &files),
    ];
    for shown in shown {
        assert!(!shown.contains(canary), "{text}\n{shown}");
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Loads and checks a folder; the findings as `code file:line message`, the folder's own path left out.
fn check_folder(folder: &Path) -> Vec<String> {
    let files = load(folder).unwrap();
    let (_, findings) = check(&files, judge, today());
    let prefix = format!("{}/", folder.display());
    findings
        .iter()
        .map(|f| {
            format!(
                "{} {} {}:{} {}",
                f.severity.as_str(),
                f.code,
                f.file,
                f.line,
                f.message
            )
            .replace(&prefix, "")
        })
        .collect()
}

#[test]
fn includes_are_followed_once_each_and_bad_ones_are_findings() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(
        folder,
        "okrd.toml",
        "include = [\"okrs/**/*.toml\", \"none/*.toml\", \"gone.toml\", \"more.toml\", \"a[\"]\n",
    );
    write(
        folder,
        "more.toml",
        "include = [\"okrd.toml\", \"okrs/a.toml\", \"deep/x.toml\"]\n",
    );
    write(
        folder,
        "deep/x.toml",
        "include = [\"../okrs/*.toml\"]\n[teams.x]\nname = \"X\"\n",
    );
    write(folder, "okrs/a.toml", "team = \"x\"\n");
    write(folder, "okrs/b.toml", "team = \"y\"\n");
    write(folder, "okrs/..data/b.toml", "nonsense\n");
    let files = load(folder).unwrap();
    let names: Vec<_> = files
        .files
        .iter()
        .map(|f| f.shown().replace(&format!("{}/", folder.display()), ""))
        .collect();
    assert_eq!(
        names,
        [
            "okrd.toml",
            "okrs/a.toml",
            "okrs/b.toml",
            "more.toml",
            "deep/x.toml"
        ]
    );
    assert_eq!(
        check_folder(folder),
        [
            "warning CFG-FILE okrd.toml:1 include `none/*.toml` matches no file",
            "error CFG-FILE okrd.toml:1 included file `gone.toml` does not exist",
            "error CFG-FILE okrd.toml:1 include `a[` is not a pattern: invalid range pattern",
            "warning CFG-FILE more.toml:1 `okrd.toml` is included already",
            "warning CFG-FILE more.toml:1 `okrs/a.toml` is included already",
        ]
    );
}

#[test]
fn f56_duplicates_name_both_places() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let okr = "cycle = \"q\"\n[objectives.a]\ntitle = \"A\"\n[objectives.a.key_results]\nb = { title = \"B\", why = \"It shows it\", unit = \"u\", at_most = 1 }\nc = { title = \"C\", why = \"It shows it\", unit = \"u\", at_most = 1 }\n";
    write(
        folder,
        "okrd.toml",
        "include = [\"*.toml\"]\n[cycles.q]\nstarts = 2026-10-01\nends = 2026-12-31\n[server]\n",
    );
    write(folder, "one.toml", okr);
    write(folder, "two.toml", okr);
    write(
        folder,
        "zero.toml",
        "[server]\n[cycles.q]\nstarts = 2026-10-01\nends = 2026-12-31\n",
    );
    assert_eq!(
        check_folder(folder),
        [
            "error CFG-DUPLICATE two.toml:2 objective `a` of cycle q is defined twice, first in one.toml line 2",
            "error CFG-DUPLICATE zero.toml:1 `server` is defined twice, first in okrd.toml line 5",
            "error CFG-DUPLICATE zero.toml:2 cycle `q` is defined twice, first in okrd.toml line 2",
        ]
    );
}

#[test]
fn parents_stand_in_the_same_cycle_and_not_under_a_team() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let okr = |head: &str, id: &str, parent: &str| {
        format!(
            "{head}\n[objectives.{id}]\ntitle = \"A\"\nparent = \"{parent}\"\n[objectives.{id}.key_results]\nb = {{ title = \"B\", why = \"It shows it\", unit = \"u\", at_most = 1 }}\nc = {{ title = \"C\", why = \"It shows it\", unit = \"u\", at_most = 1 }}\n"
        )
    };
    let main = "include = [\"*.toml\"]\n[cycles.q]\nstarts = 2026-10-01\nends = 2026-12-31\n[cycles.r]\nstarts = 2027-01-01\nends = 2027-03-31\n[teams.t]\nname = \"T\"\n";
    write(folder, "okrd.toml", main);
    write(
        folder,
        "company.toml",
        &okr("cycle = \"q\"", "company", "team").replace("parent", "# \nparent"),
    );
    write(
        folder,
        "team.toml",
        &okr("cycle = \"q\"\nteam = \"t\"", "team", "later"),
    );
    // A team may serve another team.
    write(
        folder,
        "sub.toml",
        &okr("cycle = \"q\"\nteam = \"t\"", "sub", "team"),
    );
    write(
        folder,
        "later.toml",
        &okr("cycle = \"r\"", "later", "later").replace("parent = \"later\"", ""),
    );
    assert_eq!(
        check_folder(folder),
        [
            "info ALN-EMPTY company.toml:2 no team's objective serves this one, and it has no initiative",
            "error ALN-LEVEL company.toml:5 an objective of the company serves an objective of team t",
            "error ALN-CYCLE team.toml:5 no objective of cycle q is called `later`",
        ]
    );
}

#[test]
fn f57_only_regular_files_of_a_sane_size_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(
        folder,
        "okrd.toml",
        "include = [\"fifo\", \"loop\", \"big\", \"bytes\", \"/dev/zero\", \"sub\"]\n[company]\n",
    );
    std::fs::create_dir(folder.join("sub")).unwrap();
    std::fs::File::create(folder.join("big"))
        .unwrap()
        .set_len(100 * 1024 * 1024)
        .unwrap();
    std::fs::write(folder.join("bytes"), [b'a', b'\n', 0xff]).unwrap();
    std::os::unix::fs::symlink("loop", folder.join("loop")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.join("fifo"))
        .status()
        .unwrap();
    assert!(made.success());
    let found = check_folder(folder);
    for (n, words) in [
        (0, "found a pipe, device or socket, expected a regular file"),
        (1, "loop"),
        (2, "larger than 16 MiB"),
        (3, "not UTF-8 text: line 2"),
        (4, "found a pipe, device or socket"),
        (5, "found a directory"),
    ] {
        let line = found.get(n).unwrap();
        assert!(
            line.starts_with("error CFG-FILE okrd.toml:1") && line.contains(words),
            "{line}"
        );
    }
    assert_eq!(found.len(), 6, "{found:#?}");
    assert!(
        load(&folder.join("sub")).is_err(),
        "a folder without okrd.toml"
    );
    assert!(load(&folder.join("fifo")).is_err());
    let files = load(&folder.join("bytes")).unwrap();
    assert_eq!(files.findings.len(), 1, "a main file that is no text");
    assert!(check(&files, judge, today()).0.is_none());
}

/// Two links back make more ways than anyone can walk; the daemon once waited for ever and could not be ended.
#[test]
fn f57_loops_of_links_under_a_pattern_end() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(folder, "okrd.toml", "include = [\"okrs/**/*.toml\"]\n");
    write(folder, "okrs/a.toml", "[teams.a]\nname = \"A\"\n");
    for link in ["l1", "l2"] {
        std::os::unix::fs::symlink(".", folder.join("okrs").join(link)).unwrap();
    }
    assert_eq!(load(folder).unwrap().files.len(), 2);
}

#[test]
fn f57_names_that_are_no_text_are_told_and_stop_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let name = |bytes| std::ffi::OsStr::from_bytes(bytes);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(name(b"\xfe"));
    write(&folder, "okrd.toml", "include = [\"okrs/*.toml\"]\n");
    write(&folder, "okrs/a.toml", "include = [\"../b.toml\"]\n");
    write(&folder, "b.toml", "[teams.a]\nname = \"A\"\n");
    let files = load(&folder).unwrap();
    assert_eq!((files.files.len(), files.findings.len()), (3, 0));
    std::fs::write(folder.join("okrs").join(name(b"\xff.toml")), "").unwrap();
    let found = load(&folder).unwrap().findings;
    assert_eq!(found.len(), 1);
    let first = found.first().unwrap();
    assert!(first.message.contains("not UTF-8"), "{}", first.message);
}

#[test]
fn a_directory_may_be_included_for_its_main_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(folder, "okrd.toml", "include = [\"okrs\", \"bare\"]\n");
    write(folder, "okrs/okrd.toml", "include = [\"a.toml\"]\n");
    write(folder, "okrs/a.toml", "[teams.a]\nname = \"A\"\n");
    write(folder, "bare/A.TOML", "");
    let files = load(folder).unwrap();
    assert_eq!(files.files.len(), 3);
    let [finding] = files.findings.as_slice() else {
        unreachable!("one directory is bare: {:?}", files.findings);
    };
    assert!(
        finding
            .message
            .contains("found a directory without okrd.toml")
    );
    assert_eq!(finding.help, "write \"bare/*.toml\" to include its files");
}

#[test]
fn a_main_file_that_is_no_text_is_told_at_its_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("okrd.toml"), b"a = 1\nb = \"\xff\"\n").unwrap();
    let files = load(dir.path()).unwrap();
    assert_eq!(files.findings.first().unwrap().line, 2);
}

/// F58: a secret that is missing stops its source only, so it is no fault of the configuration.
#[test]
fn f58_a_missing_secret_file_is_no_finding() {
    let text = "[sources.a]\ntype = \"jira\"\nurl = \"https://acme.atlassian.net/\"\nauth = { user = \"u\", token = { file = \"no/such.token\" } }\n";
    let (config, findings, files) = check_text(text);
    assert_eq!(findings.len(), 1, "{}", render::text(&findings, &files));
    let config = config.unwrap();
    let Some(spec::SourceSpec::Jira { http, .. }) = config.sources.values().next() else {
        unreachable!("the source is a Jira");
    };
    let shown = format!("{:?}", http.auth);
    assert!(
        shown.contains("/etc/okrd/no/such.token"),
        "relative to the file that names it: {shown}"
    );
    assert_eq!(
        format!("{:?}", http.url),
        "Plain(\"https://acme.atlassian.net\")"
    );
}

const SMALL: &str = r#"lints.KR-WHY = "off"
cycle = "2026-Q4"
timezone = "europe/amsterdam"
[cycles."2026-Q4"]
starts = 2026-10-01
ends = 2026-12-31
[sources.shop]
type = "sqlite"
path = "../shop.db"
[objectives.a]
title = "A"
[objectives.a.key_results.late]
title = "L"
unit = "u"
baseline = 1
target = 2
measure = { source = "shop", query = "SELECT count(*) FROM t WHERE at < :now", window = "30d" }
schedule = "0 6 * * 1"
[objectives.a.key_results.early]
title = "E"
unit = "u"
between = [1, 2.5]
strict = true
"#;

#[test]
fn values_arrive_as_they_were_meant() {
    let (config, findings, files) = check_text(SMALL);
    assert_eq!(render::text(&findings, &files), "");
    let config = config.unwrap();
    assert_eq!(config.zone_name, "Europe/Amsterdam");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:10650");
    assert!(!config.server.lifecycle);
    assert_eq!(config.store.path, Path::new("/etc/okrd/okrd.db"));
    let names: Vec<_> = config
        .goals
        .key_results()
        .map(|(_, kr)| kr.id.to_string())
        .collect();
    assert_eq!(names, ["a/late", "a/early"], "in the order of the file");
    let poll = config.polls.first().unwrap();
    assert_eq!(poll.window.to_string(), "30d");
    assert_eq!((poll.jitter.as_secs(), poll.timeout.as_secs()), (30, 30));
    assert_eq!(config.catch_up.as_secs() / 86_400, 30);
    let stale: Vec<_> = config
        .goals
        .key_results()
        .map(|(_, kr)| kr.stale_after.as_secs() / 86_400)
        .collect();
    // Three weeks of a weekly schedule, one of them an hour longer for the clock change; three weeks for people.
    assert_eq!(stale, [21, 21]);
}

#[test]
fn how_long_what_is_kept_is_read_and_never_less_than_a_day() {
    let store = |keys: &str| check_text(&format!("{SMALL}[store]\n{keys}"));
    let days = |kept: std::time::Duration| kept.as_secs() / 86_400;
    let kept = |keys: &str| {
        let (config, findings, files) = store(keys);
        assert_eq!(render::text(&findings, &files), "");
        let keep = config.unwrap().store.keep;
        (days(keep.values), days(keep.failures), days(keep.attempts))
    };
    assert_eq!(kept(""), (400, 90, 30));
    let all = "keep_values = \"800d\"\nkeep_failures = \"14d\"\nkeep_attempts = \"24h\"\n";
    assert_eq!(kept(all), (800, 14, 1));
    let (_, findings, files) = store("keep_values = \"23h\"\n");
    let text = render::text(&findings, &files);
    assert!(
        text.contains("`keep_values` is 23h, expected at least 1d"),
        "{text}"
    );
}

fn definition(text: &str) -> String {
    let (config, findings, files) = check_text(text);
    let shown = render::text(&findings, &files);
    let config = config.unwrap_or_else(|| panic!("{shown}"));
    let id = config.polls.first().unwrap().key_result.clone();
    config.goals.key_result(&id).unwrap().definition.clone()
}

/// Each change of this text, and whether the values stay comparable.
fn changes(text: &str, changes: &[(&str, &str, bool)]) {
    let base = definition(text);
    for (from, to, same) in changes {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        assert_eq!(definition(&changed) == base, *same, "{from} → {to}");
    }
}

/// The definition changes with what makes values comparable and with nothing else.
#[test]
fn f56_the_definition_follows_what_is_asked() {
    assert_eq!(definition(SMALL).len(), 16);
    changes(
        SMALL,
        &[
            // Cosmetic, operational, goalposts.
            ("title = \"L\"", "title = \"Later\"", true),
            ("title = \"L\"", "title = \"L\"\nwhy = \"Because.\"", true),
            ("target = 2", "target = 3", true),
            ("baseline = 1\ntarget = 2", "at_most = 3", true),
            ("target = 2", "target = 2\nweight = 2", true),
            ("0 6 * * 1", "0 7 * * 1", true),
            (
                "schedule =",
                "timeout = \"20s\"\nstale_after = \"90d\"\nschedule =",
                true,
            ),
            ("\"sqlite\"\npath", "\"sqlite\" # moved\npath", true),
            ("FROM t", "FROM  t", true),
            ("FROM t", "FROM /* all */ t", true),
            ("FROM t", "FROM/**/t", true),
            // Comparability.
            ("unit = \"u\"\nbaseline", "unit = \"v\"\nbaseline", false),
            (
                "unit = \"u\"\nbaseline",
                "unit = \"u\"\nkind = \"window\"\nbaseline",
                false,
            ),
            ("\"30d\"", "\"31d\"", false),
            ("count(*)", "sum(1)", false),
            ("FROM t", "FROM t WHERE x = 'a b'", false),
        ],
    );
    let quoted = SMALL.replace("FROM t", "FROM t WHERE x = 'a b'");
    changes(&quoted, &[("'a b'", "'a  b'", false)]);
    let renamed = SMALL
        .replace("sources.shop", "sources.store")
        .replace("source = \"shop\"", "source = \"store\"");
    assert_ne!(definition(&renamed), definition(SMALL));
}

/// A time zone moves the midnights between which is counted; of what is counted at an instant it changes nothing.
#[test]
fn f56_the_time_zone_belongs_to_the_definition_of_what_counts_days() {
    let shop = "[sources.shop]\ntype = \"sqlite\"\npath = \"a.db\"";
    let asked = |query: &str| {
        let measure = format!("measure = {{ source = \"shop\", query = \"{query}\" }}");
        format!("timezone = \"UTC\"\n{}", measuring(shop, &measure))
    };
    let zone = ("\"UTC\"", "\"Europe/Amsterdam\"");
    for (query, same) in [
        ("SELECT count(*) FROM t", true),
        ("SELECT count(*) FROM t WHERE at <= :now", true),
        ("SELECT count(*) FROM t WHERE at >= :window_start", false),
        ("SELECT count(*) FROM t WHERE at < :cycle_end", false),
        ("SELECT count(*) FROM t WHERE day = :today", false),
    ] {
        changes(&asked(query), &[(zone.0, zone.1, same)]);
    }
}

#[test]
fn f56_each_kind_of_source_has_its_own_comparable_part() {
    let jira = "[sources.j]\ntype = \"jira\"\nurl = \"https://x.example\"\nauth = { user = \"me\", token = { env = \"T\" } }";
    changes(
        &measuring(
            jira,
            "measure = { source = \"j\", jql = \"project = A AND text ~ 'b c'\", value = { sum = \"Points\" } }",
        ),
        &[
            ("project = A", "project  =  A", true),
            ("env = \"T\"", "env = \"OTHER\"", true),
            ("'b c'", "'b  c'", false),
            ("project = A", "project = B", false),
            ("sum = \"Points\"", "avg = \"Points\"", false),
            ("sum = \"Points\"", "sum = \"Effort\"", false),
        ],
    );
    let http = "[sources.h]\ntype = \"http\"\nurl = \"https://x.example\"";
    changes(
        &measuring(
            http,
            "measure = { source = \"h\", path = \"/n\", query = { a = \"1\" }, value = \"/total\", empty = \"zero\" }",
        ),
        &[
            ("\"/total\"", "\"/sum\"", false),
            ("\"/total\"", "\".total\"", false),
            ("\"/n\"", "\"/m\"", false),
            ("a = \"1\"", "a = \"2\"", false),
            ("empty = \"zero\"", "empty = \"error\"", false),
            (
                "empty = \"zero\"",
                "empty = \"zero\", method = \"POST\"",
                false,
            ),
            (
                "empty = \"zero\"",
                "empty = \"zero\", fail_if = \".broken\"",
                true,
            ),
            (
                "url = \"https://x.example\"",
                "url = \"https://x.example\"\nmax_body = \"1MiB\"",
                true,
            ),
        ],
    );
    let plausible = "[sources.p]\ntype = \"plausible\"\nsite = \"a.example\"\nurl = \"https://x.example\"\nauth = { token = { env = \"T\" } }";
    changes(
        &format!(
            "timezone = \"UTC\"\n{}",
            measuring(
                plausible,
                "measure = { source = \"p\", metric = \"conversions\", goal = \"Signup\", window = \"30d\" }"
            )
        ),
        &[
            ("\"30d\"", "\"7d\"", false),
            ("\"Signup\"", "\"Sale\"", false),
            ("\"conversions\"", "\"visitors\"", false),
            ("a.example", "b.example", false),
            ("\"UTC\"", "\"Europe/Amsterdam\"", false),
            ("https://x.example", "https://y.example", true),
        ],
    );
}

#[test]
fn what_stands_above_all_objectives_arrives_as_written() {
    let company = "[company]\nname = \"Acme\"\nvision = \"\"\"\nA reflex\nfor everyone\"\"\"\nstrategy = [\"Be first\", \"Be worth it\"]\n";
    let (config, findings, _) = check_text(&format!("{SMALL}{company}"));
    assert_eq!(findings, []);
    let company = config.unwrap().goals.company;
    assert_eq!(company.name, "Acme");
    assert_eq!(company.vision.as_deref(), Some("A reflex\nfor everyone"));
    assert_eq!(company.strategy, ["Be first", "Be worth it"]);
    let nothing = check_text(SMALL).0.unwrap().goals.company;
    assert_eq!((nothing.vision, nothing.strategy.len()), (None, 0));
    assert_eq!(
        messages(&format!("{SMALL}[company]\nstrategy = \"Be first\"\n")),
        [
            "error CFG-TYPE `strategy` in the company: found a text, expected a list in square brackets, each entry a text in quotes"
        ]
    );
}

#[test]
fn the_revision_follows_the_text() {
    let revision = |text: &str| check_text(text).0.unwrap().revision;
    assert_eq!(revision(SMALL).len(), 64);
    assert_eq!(revision(SMALL), revision(SMALL));
    assert_ne!(revision(SMALL), revision(&format!("{SMALL}# more\n")));
}

/// F52: every fault of a file in one run, and what follows from a broken line is not told twice.
#[test]
fn f52_all_faults_are_told_at_once() {
    let text = SMALL
        .replace("title = \"L\"", "title = \nunti = 3")
        .replace("strict = true", "strict = yes\nwight = 1");
    let (config, findings, _) = check_text(&text);
    assert!(config.is_none());
    let found: Vec<_> = findings.iter().map(|f| (f.code, f.line)).collect();
    assert_eq!(
        found,
        [
            (Code::CfgSyntax, 13),
            (Code::CfgKey, 14),
            (Code::CfgSyntax, 24),
            (Code::CfgKey, 25)
        ]
    );
}

/// The findings of a text as `code line`.
fn codes(text: &str) -> Vec<(Code, usize)> {
    let (_, findings, _) = check_text(text);
    findings.iter().map(|f| (f.code, f.line)).collect()
}

/// F52: one fault hides no other that has nothing to do with it.
#[test]
fn f52_faults_elsewhere_hide_nothing() {
    // References within a file are told although the file, or another one, is broken.
    let initiative = "[objectives.a.initiatives.i]\ntitle = \"I\"\nkey_results = [\"nope\"]\n";
    let text = SMALL.replace(":now", ":nwo") + initiative;
    assert_eq!(
        codes(&text.replace("[cycles", "include = [\"gone.toml\"]\n[cycles")),
        codes(&text.replace("[cycles", "\n[cycles")),
    );
    let broken = codes(&format!("{text}[teams.t]\nname = Acme\n"));
    assert_eq!(broken, [(Code::CfgRef, 17), (Code::CfgSyntax, 28)]);
    // What is absent from one table is told although another one is broken.
    let text = SMALL.replace("title = \"E\"\n", "") + "[teams.t]\nname = Acme\n";
    assert_eq!(
        codes(&text),
        [(Code::CfgMissing, 19), (Code::CfgSyntax, 24)]
    );
    // Not so in the broken table itself.
    let text = SMALL.replace("title = \"E\"\n", "titel = = \"E\"\n");
    assert!(
        codes(&text)
            .iter()
            .all(|(code, _)| *code != Code::CfgMissing)
    );
    // A lost header may have held the key results and the source.
    let text = SMALL
        .replace(
            "[objectives.a.key_results.early]",
            "[objectives.a.key_results.early",
        )
        .replace("[sources.shop]", "[sources.shop");
    let told = codes(&text);
    assert!(
        told.iter()
            .all(|(code, _)| !matches!(code, Code::ObjKrs | Code::CfgRef)),
        "{told:?}"
    );
}

/// F52: an id that is none hides nothing of what stands under it.
#[test]
fn f52_what_stands_under_a_bad_id_is_read() {
    for (from, to) in [
        ("[objectives.a", "[objectives.\"A b\""),
        ("key_results.late", "key_results.Late"),
    ] {
        let text = SMALL.replace(from, to).replace(":now", ":nwo");
        let told = codes(&text);
        assert!(told.contains(&(Code::CfgRef, 17)), "{told:?}");
    }
}

#[test]
fn f52_a_missing_key_hides_no_fault_beside_it() {
    let jira = "[sources.j]\ntype = \"jira\"\nurl = \"https://x.example\"";
    let told = codes(&measuring(
        jira,
        "measure = { source = \"j\", value = { sum = \"a\", avg = \"b\" } }",
    ));
    assert_eq!(told, [(Code::CfgMissing, 14), (Code::CfgValue, 14)]);
    let told = codes("[sources.a]\nurl = \"ftp://x\"\nurll = 1\nmax_body = \"3\"\n");
    assert_eq!(
        told,
        [
            (Code::CfgMissing, 1),
            (Code::CfgValue, 2),
            (Code::CfgKey, 3),
            (Code::CfgValue, 4)
        ]
    );
    let dir = tempfile::tempdir().unwrap();
    let second = "[server]\nlisten = \"x\"\n[polling]\nschedule = \"never\"\ntimeout = \"1ms\"\n";
    write(
        dir.path(),
        "okrd.toml",
        "include = [\"two.toml\"]\n[server]\n[polling]\n",
    );
    write(dir.path(), "two.toml", second);
    let told = check_folder(dir.path());
    for line in [1, 2, 3, 4, 5] {
        let place = format!("two.toml:{line} ");
        assert!(told.iter().any(|f| f.contains(&place)), "{line}: {told:#?}");
    }
}

/// The findings of a text as `severity code line: message`.
fn messages(text: &str) -> Vec<String> {
    let (_, findings, _) = check_text(text);
    let told = |f: &Finding| format!("{} {} {}", f.severity.as_str(), f.code, f.message);
    findings.iter().map(told).collect()
}

#[test]
fn amendments_change_what_is_there_to_what_can_be() {
    let amended = |date: &str, field: &str, from: &str, to: &str| {
        let amendment = format!(
            "[[objectives.a.key_results.late.amendments]]\ndate = {date}\nfield = \"{field}\"\nfrom = {from}\nto = {to}\nreason = \"R\"\napproved_by = \"lead\"\n"
        );
        messages(&(SMALL.replace("target = 2", "target = \"+30%\"") + &amendment))
    };
    let day = "2026-11-02";
    assert_eq!(amended(day, "target", "\"+20%\"", "\"+30%\""), [""; 0]);
    for (date, field, from, to, told) in [
        (
            day,
            "target",
            "\"+30%\"",
            "\"+20%\"",
            "warning CFG-VALUE the amendment of 2026-11-02 says that `target` became `+20%`, but it is `+30%`",
        ),
        (
            day,
            "target",
            "\"+30%\"",
            "\"+30%\"",
            "warning CFG-VALUE the amendment changes nothing: `from` and `to` are equal",
        ),
        (
            day,
            "target",
            "true",
            "\"+30%\"",
            "error CFG-TYPE `from` in an amendment: found true, expected a number, or a change such as \"+30%\", \"-25%\", \"+150\" or \"+5pp\"",
        ),
        (
            day,
            "weight",
            "1",
            "\"2\"",
            "error CFG-TYPE `to` in an amendment: found a text, expected a number",
        ),
        (
            day,
            "at_most",
            "1",
            "2",
            "warning CFG-VALUE the key result has no `at_most` that was amended",
        ),
        (
            "2026-09-01",
            "weight",
            "1",
            "2",
            "warning KR-DATE the amendment is dated 2026-09-01, outside its cycle",
        ),
        (
            "2027-09-01",
            "weight",
            "1",
            "2",
            "error KR-DATE the amendment is dated 2027-09-01, outside its cycle",
        ),
    ] {
        assert_eq!(amended(date, field, from, to), [told]);
    }
}

/// The findings of [`SMALL`] with these lines of a rebase in place of sound ones.
fn rebased(changes: &[(&str, &str)]) -> Vec<String> {
    let mut rebase = String::from(
        "[[objectives.a.key_results.late.rebases]]\ndate = 2026-11-12\nold = 57000\nnew = 61000\nreason = \"R\"\napproved_by = \"lead\"\n",
    );
    for (from, to) in changes {
        assert!(rebase.contains(from), "{from}");
        rebase = rebase.replace(from, to);
    }
    messages(&format!("{SMALL}{rebase}"))
}

#[test]
fn a_rebase_leads_from_one_measured_number_to_another() {
    assert_eq!(rebased(&[]), [""; 0]);
    let more = "date = 2026-11-12\nfrom = \"0123abcd\"\nat = 2026-11-12T06:00:00+01:00";
    assert_eq!(rebased(&[("date = 2026-11-12", more)]), [""; 0]);
    let in_force = format!("date = 2026-11-12\nfrom = \"{}\"", &definition(SMALL)[..8]);
    for (from, to, told) in [
        (
            "2026-11-12",
            "2026-09-30",
            "error KR-DATE the rebase is dated 2026-09-30, outside its cycle",
        ),
        (
            "2026-11-12",
            "2027-01-01",
            "error KR-DATE the rebase is dated 2027-01-01, outside its cycle",
        ),
        (
            "date = 2026-11-12",
            "date = 2026-11-12\nat = 2027-01-01T00:00:01+01:00",
            "error KR-DATE both definitions were measured at 2026-12-31T23:00:01Z, outside the cycle",
        ),
        (
            "57000",
            "0",
            "error CFG-VALUE a rebase through 0 tells no factor",
        ),
        (
            "61000",
            "0.0",
            "error CFG-VALUE a rebase through 0 tells no factor",
        ),
        (
            "57000",
            "-57000",
            "error CFG-VALUE `old` is -57000 and `new` is 61000, expected two numbers of the same sign",
        ),
        (
            "57000",
            "1e-320",
            "error CFG-VALUE `new` / `old` is inf, which is no factor that can be counted with",
        ),
        (
            "57000",
            "nan",
            "error KR-NUM `old` in a rebase is not a finite number",
        ),
        (
            "57000",
            "\"57000\"",
            "error CFG-TYPE `old` in a rebase: found a text, expected a number",
        ),
        (
            "old = 57000\n",
            "",
            "error CFG-MISSING a rebase lacks the key `old`",
        ),
        (
            "approved_by = \"lead\"\n",
            "",
            "error CFG-MISSING a rebase lacks the key `approved_by`",
        ),
        (
            "date = 2026-11-12",
            "date = 2026-11-12\nfrom = \"0123abc\"",
            "error CFG-VALUE `from` is `0123abc`, expected 8 to 16 hexadecimal digits of the old definition",
        ),
        (
            "date = 2026-11-12",
            &in_force,
            "error CFG-VALUE `from` is the definition in force, expected an earlier one",
        ),
        (
            "date = 2026-11-12",
            "date = 2026-11-12\nat = 2026-11-12",
            "error CFG-TYPE `at` in a rebase: found a date, expected an instant such as 2026-11-12T06:00:00Z, without quotes",
        ),
    ] {
        assert_eq!(rebased(&[(from, to)]), [told], "{to}");
    }
}

#[test]
fn rebases_follow_one_another() {
    let rebase = |day: &str, more: &str| {
        format!(
            "[[objectives.a.key_results.late.rebases]]\ndate = {day}\nold = 1\nnew = 2\nreason = \"R\"\napproved_by = \"lead\"\n{more}\n"
        )
    };
    let both = |first: &str, second: &str| messages(&format!("{SMALL}{first}{second}"));
    let (november, named) = (rebase("2026-11-12", ""), "from = \"0123abcd\"");
    assert_eq!(both(&rebase("2026-12-01", ""), &november), [""; 0]);
    assert_eq!(
        both(&november, &november),
        ["error CFG-DUPLICATE two rebases are dated 2026-11-12"]
    );
    assert_eq!(
        both(
            &rebase("2026-12-01", named),
            &rebase("2026-11-12", "from = \"0123ABCDEF\"")
        ),
        ["error CFG-DUPLICATE two rebases lead on from the definition `0123abcdef`"]
    );
    let text = format!("{SMALL}{}{november}", rebase("2026-12-01", ""))
        .replace("\nbaseline = 1\ntarget = 2", "\nboolean = true");
    assert_eq!(
        messages(&text),
        ["error CFG-VALUE `rebases` of a key result with `boolean` carries nothing over"]
    );
    // Twice 1e200 is out of reach.
    let far = format!(
        "{SMALL}{}{}",
        rebase("2026-12-01", ""),
        rebase("2026-11-12", "")
    )
    .replace("new = 2", "new = 1e200");
    assert_eq!(
        messages(&far),
        ["error KR-NUM carried over by inf, what was agreed is no longer a finite way or band"]
    );
}

/// The file says what was agreed in the units of the first definition; what is judged is carried over.
#[test]
fn agreed_numbers_are_carried_over() {
    let rebases = "[[objectives.a.key_results.late.rebases]]\ndate = 2026-12-01\nold = 1\nnew = 10\nreason = \"R\"\napproved_by = \"lead\"\n\
        [[objectives.a.key_results.late.rebases]]\ndate = 2026-11-12\nold = 2\nnew = 1\nreason = \"R\"\napproved_by = \"lead\"\n";
    let (config, findings, files) = check_text(&format!("{SMALL}{rebases}"));
    assert_eq!(render::text(&findings, &files), "");
    let config = config.unwrap();
    let (_, late) = config.goals.key_results().next().unwrap();
    let days: Vec<String> = late.rebases.iter().map(|r| r.date.to_string()).collect();
    assert_eq!(days, ["2026-11-12", "2026-12-01"], "in order");
    let aim = format!("{:?}", late.aim);
    assert!(
        aim.contains("Fixed(5.0)") && aim.contains("Absolute(10.0)"),
        "{aim}"
    );
    assert_eq!(
        late.definition,
        definition(SMALL),
        "no part of the definition"
    );
}

#[test]
fn a_value_may_not_be_stale_before_the_next_can_come() {
    let with = |stale: &str| {
        let schedule = "schedule = \"0 6 * * 1\"";
        messages(&SMALL.replace(schedule, &format!("{schedule}\nstale_after = \"{stale}\"")))
    };
    assert_eq!(
        with("0s"),
        ["error CFG-VALUE `stale_after` is 0, so every value would be stale at once"]
    );
    assert_eq!(
        with("2d"),
        [
            "warning CFG-VALUE `stale_after` is 2d, shorter than the longest gap of the schedule, 169h"
        ]
    );
    assert_eq!(with("8d"), [""; 0]);
}

/// Office hours leave a weekend without polls, and three missed polls reach over it.
#[test]
fn office_hours_are_not_stale_on_monday() {
    let (config, ..) = check_text(&SMALL.replace("0 6 * * 1", "0 9-17 * * 1-5"));
    let config = config.unwrap();
    let (_, key_result) = config.goals.key_results().next().unwrap();
    assert_eq!(
        key_result.stale_after.as_secs() / 3600,
        3 * 64,
        "from Friday 17:00 to Monday 9:00"
    );
}

#[test]
fn headers_are_okrds_own_or_there_once() {
    let with = |headers: &str| {
        let source = "[sources.a]\ntype = \"http\"\nurl = \"https://x.example\"\nheaders";
        messages(&measuring(&format!("{source} = {{ {headers} }}"), ""))
    };
    assert_eq!(with("Accept = \"a\""), [""; 0]);
    assert_eq!(
        with("Host = \"a\""),
        ["error CFG-VALUE header `host` is okrd's own affair"]
    );
    assert_eq!(
        with("Accept = \"a\", accept = \"b\""),
        ["error CFG-DUPLICATE header `accept` is defined twice, first in okrd.toml line 8"]
    );
}

#[test]
fn other_programs_words_for_logins_are_known() {
    let text = "[sources.a]\ntype = \"matmo\"\nurl = \"https://x.example\"\nauth = { username = \"a\", password = { env = \"B\" } }\n";
    let (_, findings, _) = check_text(text);
    let helps: Vec<_> = findings.iter().map(|f| f.help.as_str()).collect();
    for near in ["matomo", "user", "token"] {
        let help = format!("did you mean `{near}`?");
        assert!(helps.contains(&help.as_str()), "{helps:?}");
    }
}

/// No more findings are shown than anyone reads, and it is said so.
#[test]
fn a_capped_list_says_so() {
    let text: String = (0..3000).map(|n| format!("k{n} = 1\n")).collect();
    let (_, findings, _) = check_text(&text);
    assert_eq!(findings.len(), 1001);
    assert!(
        findings
            .last()
            .unwrap()
            .message
            .contains("there may be more")
    );
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_taken() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    let (config, findings, files) = check_text(&text);
    assert_eq!(render::text(&findings, &files), "");
    assert!(config.is_some());
}

#[test]
fn f57_hostile_texts_give_findings_in_bounded_time() {
    let began = std::time::Instant::now();
    let deep = format!("x = {}1{}", "[".repeat(5000), "]".repeat(5000));
    let json = format!(
        "{}\n[objectives.a.key_results.x]\nmeasure = {{ source = \"h\", json = {}1{} }}\n[sources.h]\ntype = \"http\"\nurl = \"http://x\"\n",
        SMALL,
        "[".repeat(60),
        "]".repeat(60)
    );
    for text in [
        String::new(),
        "\0".into(),
        deep,
        json,
        "a.".repeat(5000),
        "[a]\n".repeat(50_000),
        "x".repeat(1_000_000),
        "= 1\n".repeat(100_000),
        (0..50_000).map(|n| format!("k{n} = 1\n")).collect(),
        (0..20_000)
            .map(|n| format!("[a{n}]\n"))
            .collect::<String>()
            .repeat(2),
        (0..20_000)
            .map(|n| format!("[objectives.o{n}]\nparent = \"o{}\"\n", n + 1))
            .collect(),
        SMALL.replace(
            "title = \"A\"",
            &format!("title = \"{}\"", "x".repeat(10_000)),
        ),
        SMALL.replace("title = \"A\"", "title = \"\u{202e}A\""),
        SMALL.replace("title = \"A\"", "title = \"a\\u0000b\""),
        SMALL.replace("target = 2", "target = 1e999"),
        SMALL.replace("target = 2", "target = nan"),
        SMALL.replace(
            "target = 2",
            "target = 99999999999999999999999999999999999999999999",
        ),
        SMALL.replace("ends = 2026-12-31", "ends = 9999-12-31"),
    ] {
        let (_, findings, files) = check_text(&text);
        assert!(
            !findings.is_empty(),
            "{}",
            text.chars().take(60).collect::<String>()
        );
        assert!(findings.len() <= 1001);
        well_formed(&findings, &files);
        assert!(!render::text(&findings, &files).is_empty());
    }
    assert!(began.elapsed().as_secs() < 60, "took {:?}", began.elapsed());
}

fn examples() -> Vec<String> {
    let mut texts: Vec<String> = ["okrd.toml", "okrs/company.toml", "okrs/content.toml"]
        .iter()
        .map(|name| std::fs::read_to_string(root().join("config").join(name)).unwrap())
        .collect();
    texts.push(SMALL.to_owned());
    texts.push(texts.concat());
    texts
}

/// Nothing may panic, and a configuration never comes with an error.
fn survives(text: &str) {
    let (config, findings, files) = check_text(text);
    assert_eq!(config.is_none(), findings.iter().any(Finding::refuses));
    if config.is_some() {
        assert!(
            schema_accepts(text),
            "the schema refuses what the check takes"
        );
    }
    well_formed(&findings, &files);
    for shown in [
        render::text(&findings, &files),
        render::styled(&findings, &files),
    ] {
        assert_eq!(shown.is_empty(), findings.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f57_mutated_examples_never_panic(
        which in 0usize..5,
        cuts in prop::collection::vec((0.0f64..1.0, 0usize..12, "[\\PC\\n\"'\\[\\]{}=.#0-9-]{0,8}"), 1..6),
    ) {
        let mut text = examples().swap_remove(which);
        for (at, length, new) in cuts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in the text")]
            let start = (text.len() as f64 * at) as usize;
            let start = (start..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap();
            let end = (start + length).min(text.len());
            let end = (end..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap();
            text.replace_range(start..end, &new);
        }
        survives(&text);
    }

    #[test]
    fn f57_values_of_any_kind_anywhere_never_panic(
        line in 0usize..200,
        value in prop_oneof![
            Just("1e999"), Just("-0.0"), Just("nan"), Just("9223372036854775808"), Just("0xffff_ffff_ffff_ffff_ff"),
            Just("\"\""), Just("\"\\u202E\\u0000\""), Just("[]"), Just("[[1], {a = 1}]"), Just("{}"), Just("{ env = 1 }"),
            Just("true"), Just("2026-02-30"), Just("1979-05-27T07:32:00Z"), Just("0001-01-01"), Just("\"every 0s\""),
            Just("\"+0%\""), Just("\"* * * * *\""), Just("'''{now:x} :nope; $$'''"), Just("\"postgres://\""),
        ],
        which in 0usize..5,
    ) {
        let text = examples().swap_remove(which);
        let lines: Vec<&str> = text.lines().collect();
        let nth = line % lines.len();
        let changed: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(n, line)| match line.split_once('=') {
                Some((key, _)) if n == nth => format!("{key}= {value}"),
                _ => (*line).to_owned(),
            })
            .collect();
        survives(&changed.join("\n"));
    }

    #[test]
    fn f57_arbitrary_text_never_panics(text in "\\PC{0,300}|[a-z\\[\\].=\"'{}#\\n0-9 -]{0,300}") {
        survives(&text);
    }
}

/// F52: of a hundred faults in one file each is told, whatever they are and wherever they stand.
#[test]
fn f52_a_hundred_faults_are_a_hundred_findings() {
    let faults = [
        ("wieght = 1", Code::CfgKey),
        ("weight = \"1\"", Code::CfgType),
        ("schedule = \"now and then\"", Code::CfgValue),
        ("weight = -1", Code::KrWeight),
        (
            "measure = { source = \"nobody\", query = \"SELECT 1\" }",
            Code::CfgRef,
        ),
        (
            "measure = { source = \"shop\", query = \"DELETE FROM t\" }",
            Code::SrcWrite,
        ),
        ("zero_guard = true", Code::CfgUnsupported),
        ("why = 3", Code::CfgType),
        ("amendments = [{}]", Code::CfgMissing),
        ("stale_after = \"0s\"", Code::CfgValue),
    ];
    let mut text = String::from(
        "cycle = \"q\"\nlints.KR-WHY = \"off\"\ncycles.q = { starts = 2026-10-01, ends = 2026-12-31 }\n[sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n",
    );
    let mut expected = Vec::new();
    for nth in 0..100 {
        if nth % 5 == 0 {
            text.push_str(&format!("[objectives.o{nth}]\ntitle = \"More of it\"\n"));
        }
        let (line, code) = faults[nth % faults.len()];
        let head = format!(
            "[objectives.o{}.key_results.k{nth}]\ntitle = \"K\"\nunit = \"u\"\nat_most = 1\n",
            nth - nth % 5
        );
        text.push_str(&head);
        let at = text.lines().count() + 1;
        text.push_str(&format!("{line}\n"));
        expected.push((code, at));
    }
    let (config, findings, files) = check_text(&text);
    assert!(config.is_none());
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    let mut found: Vec<_> = errors.map(|f| (f.code, f.line)).collect();
    // An empty amendment lacks each of its six keys.
    found.dedup();
    assert_eq!(found, expected, "{}", render::text(&findings, &files));
    let lost = expected
        .iter()
        .filter(|(code, line)| !findings.iter().any(|f| f.code == *code && f.line == *line));
    assert_eq!(lost.count(), 0);
}

/// A hundred broken lines are a hundred findings, too: what cannot be parsed hides nothing that stands behind it.
#[test]
fn f52_a_hundred_broken_lines_are_a_hundred_findings() {
    let text: String = (0..100)
        .map(|n| format!("[objectives.o{n}]\ntitle = Ship it\n"))
        .collect();
    let (_, findings, _) = check_text(&text);
    let broken: Vec<usize> = findings
        .iter()
        .filter(|f| f.code == Code::CfgSyntax)
        .map(|f| f.line)
        .collect();
    assert_eq!(broken, (1..=100).map(|n| 2 * n).collect::<Vec<_>>());
}

/// A file that an editor or a copy was interrupted in: whatever is left of it is read, and nothing panics.
#[test]
fn f57_half_written_files_give_findings() {
    let whole = std::fs::read_to_string(root().join("config/okrs/content.toml")).unwrap();
    let main = std::fs::read_to_string(root().join("config/okrd.toml")).unwrap();
    let main = main.replace("include ", "# include ");
    for length in (0..whole.len())
        .step_by(37)
        .filter(|n| whole.is_char_boundary(*n))
    {
        let half = &whole[..length];
        let files = Files {
            files: vec![
                File::new("okrd.toml", "/etc/okrd", main.clone()),
                File::new("content.toml", "/etc/okrd", half.to_owned()),
            ],
            findings: Vec::new(),
        };
        let (_, findings) = check(&files, judge, today());
        well_formed(&findings, &files);
    }
    // Cut within a text, a list and a header.
    for (text, line) in [
        ("[company]\nname = \"Ac", 2),
        ("include = [\"a\",", 1),
        ("[objectives.a", 1),
    ] {
        let (config, findings, _) = check_text(text);
        assert!(config.is_none());
        assert!(
            findings
                .iter()
                .any(|f| f.code == Code::CfgSyntax && f.line == line),
            "{findings:?}"
        );
    }
    // A disk that was full left zeros.
    let (config, findings, _) = check_text(&format!("{SMALL}\0\0\0\0"));
    assert!(config.is_none() && findings.iter().any(|f| f.code == Code::CfgSyntax));
}

/// The gravest findings are not lost behind those that only warn.
#[test]
fn a_capped_list_keeps_its_errors() {
    let mut text =
        String::from("cycle = \"q\"\ncycles.q = { starts = 2026-10-01, ends = 2026-12-31 }\n");
    for nth in 0..1500 {
        text.push_str(&format!("[objectives.o{nth}.key_results.k]\ntitle = \"K\"\nunit = \"u\"\nat_most = 1\n[objectives.o{nth}]\ntitle = \"O\"\n"));
    }
    text.push_str("[server]\nlisten = \"x\"\n");
    let (config, findings, _) = check_text(&text);
    assert!(config.is_none());
    assert_eq!(findings.len(), 1001);
    assert!(
        findings
            .iter()
            .any(|f| f.code == Code::CfgValue && f.message.contains("listen"))
    );
}
