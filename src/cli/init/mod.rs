//! `okrd init`: the first configuration, by the six steps of the method, asked for in a terminal or said in flags. Puts
//! the two ways together and writes the files; what they say is `plan`'s.

pub mod aim;
pub mod dialogue;
pub mod measure;
pub mod plan;
pub mod said;

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan as _};

use self::dialogue::{Talk, dialogue};
use self::plan::{MAIN, Plan, SCHEMA};
use super::args::InitArgs;
use super::exit::{Failure, Verdict, complain, say};
use super::{configuration, write};
use crate::config::finding::{Severity, quoted};
use crate::config::render;
use crate::domain::id::CycleName;
use crate::engine::clock::{Clock as _, SystemClock};

/// Asks or reads flags, then writes the files; with `--dry-run` it shows them.
///
/// # Errors
/// When something is missing or wrong, a file is there already, or the files cannot be written. Then nothing was written.
pub fn run(args: &InitArgs) -> Result<Verdict, Failure> {
    let mut plan = started(args, SystemClock.now()).map_err(refused)?;
    vacant(&args.dir, &[MAIN.into(), SCHEMA.into()])?;
    let asked = args.said.is_empty();
    let plan = if asked {
        talked(plan)?
    } else {
        if plan.company.is_empty() {
            return Err(refused(vec!["no --company NAME".into()]));
        }
        args.said.put(&mut plan).map_err(refused)?;
        sound(&plan)?;
        plan
    };
    let files = plan.files();
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    if args.dry_run {
        vacant(&args.dir, &names)?;
        say(&shown(&files))?;
        return Ok(Verdict::Yes);
    }
    let made = vacant(&args.dir, &names).and_then(|()| {
        write::create(&args.dir, &files)
            .map_err(|why| Failure::usage(format!("{why}; nothing was written")))
    });
    if let Err(why) = made {
        if asked {
            complain(
                "The files cannot be written. Nobody wants to answer all that again, so here they are:\n",
            );
            say(&shown(&files))?;
        }
        return Err(why);
    }
    say(&written(&args.dir, &names, &plan))?;
    Ok(Verdict::Yes)
}

/// What is wrong, a line each.
fn refused(faults: Vec<String>) -> Failure {
    let mut text = faults.join("\nerror: ");
    text.push_str("\nnothing was written; `okrd init --help` shows an example");
    Failure::usage(text)
}

/// The plan before the first question: what is told in flags and by today.
fn started(args: &InitArgs, now: Timestamp) -> Result<Plan, Vec<String>> {
    let mut faults = Vec::new();
    let timezone = args.timezone.clone().unwrap_or_else(here);
    let zone = TimeZoneDatabase::bundled()
        .get(&timezone)
        .unwrap_or_else(|_| {
            let found = quoted(&timezone);
            faults.push(format!(
                "--timezone {found}: expected an IANA name such as Europe/Amsterdam"
            ));
            TimeZone::UTC
        });
    let today = now.to_zoned(zone).date();
    let cycle = match &args.cycle {
        None => Ok(quarter(today)),
        Some(text) => cycle(text),
    };
    let cycle = cycle.unwrap_or_else(|why| {
        faults.push(why);
        quarter(today)
    });
    let mut plan = Plan {
        company: args.company.clone().unwrap_or_default(),
        vision: args.vision.clone(),
        strategy: args.strategy.clone(),
        cycle,
        timezone,
        teams: Vec::new(),
        objectives: Vec::new(),
        sources: Vec::new(),
    };
    for text in &args.team {
        if let Err(why) = said::team(&mut plan, text) {
            faults.push(why);
        }
    }
    if !args.source.is_empty() {
        match said::sources(&args.source) {
            Ok(lines) => plan.sources.push(lines),
            Err(why) => faults.push(why),
        }
    }
    if faults.is_empty() {
        Ok(plan)
    } else {
        Err(faults)
    }
}

/// The machine's time zone, where it has a name.
fn here() -> String {
    let zone = TimeZone::system();
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The quarter in which a day stands.
fn quarter(day: Date) -> (String, Date, Date) {
    let nth = (day.month() - 1) / 3;
    let first = date(day.year(), nth * 3 + 1, 1);
    (
        format!("{:04}-Q{}", day.year(), nth + 1),
        first,
        end(first, 3),
    )
}

/// The last day of so many months.
fn end(first: Date, months: i32) -> Date {
    first
        .saturating_add(months.months())
        .saturating_sub(1.day())
}

/// A cycle: `2026-Q4`, or `NAME=FIRST..LAST`.
fn cycle(text: &str) -> Result<(String, Date, Date), String> {
    let wrong = || {
        let found = quoted(text);
        format!(
            "--cycle {found}: expected a quarter such as 2026-Q4, or NAME=2026-10-01..2027-01-31"
        )
    };
    if let Some((name, days)) = text.split_once('=') {
        let (first, last) = days.split_once("..").ok_or_else(wrong)?;
        let name = CycleName::parse(name).map_err(|_| wrong())?;
        let days: (Date, Date) = (
            first.trim().parse().map_err(|_| wrong())?,
            last.trim().parse().map_err(|_| wrong())?,
        );
        return Ok((name.as_str().to_owned(), days.0, days.1));
    }
    let (year, nth) = text.split_once("-Q").ok_or_else(wrong)?;
    let year = year
        .parse::<i16>()
        .ok()
        .filter(|y| (1970..=9998).contains(y));
    let nth = nth.parse::<i8>().ok().filter(|nth| (1..=4).contains(nth));
    let (year, nth) = year.zip(nth).ok_or_else(wrong)?;
    Ok(quarter(date(year, nth * 3, 1)))
}

/// Refuses where a file is there already, or one that the new main file would include.
fn vacant(dir: &Path, names: &[String]) -> Result<(), Failure> {
    let mut there: Vec<String> = Vec::new();
    for name in names {
        if dir.join(name).symlink_metadata().is_ok() {
            there.push(within(dir, name));
        }
    }
    let okrs = std::fs::read_dir(dir.join("okrs"));
    for entry in okrs.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let shown = within(dir, &format!("okrs/{}", name.to_string_lossy()));
        if shown.ends_with(".toml") && !there.contains(&shown) {
            there.push(shown);
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    there.sort();
    let (are, they) = match there.len() {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    Err(Failure::usage(format!(
        "{} {are} there already; nothing was written: name another folder, or move {they} away",
        there.join(", ")
    )))
}

/// Refuses flags of which the check would find something wrong or doubtful.
fn sound(plan: &Plan) -> Result<(), Failure> {
    let files = plan.unwritten();
    let (_, mut findings) = configuration::check(&files);
    findings.retain(|finding| finding.severity != Severity::Info);
    if findings.is_empty() {
        return Ok(());
    }
    complain(&render::text(&findings, &files));
    Err(Failure::usage(
        "the files would not check clean, so nothing was written: change what the flags say",
    ))
}

/// The plan that comes of a conversation.
fn talked(plan: Plan) -> Result<Plan, Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let mut faults = Vec::new();
        if plan.company.is_empty() {
            faults.push("no --company NAME".to_owned());
        }
        faults.push(
            "no --objective TITLE, and behind it two --key-result TITLE with --aim and --why each"
                .into(),
        );
        faults.push("there is no terminal in which to ask".into());
        return Err(refused(faults));
    }
    dialogue(&mut Terminal, plan).ok_or_else(|| {
        complain("\n");
        Failure::usage("the conversation ended before its end; nothing was written")
    })
}

/// Whoever sits in front of the terminal. The conversation is no result: it goes to stderr.
struct Terminal;

impl Talk for Terminal {
    fn tell(&mut self, text: &str) {
        complain(text);
    }

    fn ask(&mut self, prompt: &str) -> Option<String> {
        complain(prompt);
        let mut line = Vec::new();
        let read = std::io::stdin().lock().read_until(b'\n', &mut line).ok()?;
        // A line without its end is one in the middle of which the terminal went away.
        (read > 0 && line.ends_with(b"\n")).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

/// The files of TOML for people; the schema is long and the same for everyone.
fn shown(files: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, content) in files {
        if name == SCHEMA {
            let _ = writeln!(text, "==> {name} <==\n(what `okrd schema` prints)\n");
        } else {
            let _ = writeln!(text, "==> {name} <==\n{content}");
        }
    }
    text
}

/// What was written and what to do next.
fn written(dir: &Path, names: &[String], plan: &Plan) -> String {
    let mut text = String::new();
    for name in names {
        let _ = writeln!(text, "wrote {}", within(dir, name));
    }
    let config = if dir == Path::new(".") {
        String::new()
    } else {
        format!(" --config {}", shell(&dir.display().to_string()))
    };
    let key_results = || {
        plan.objectives
            .iter()
            .flat_map(|o| o.key_results.iter().map(move |kr| (o, kr)))
    };
    let told = key_results().find(|(_, key_result)| key_result.measure.is_none());
    let second = match told {
        Some((objective, key_result)) if key_results().all(|(_, kr)| kr.measure.is_none()) => (
            format!(
                "okrd record{config} {}/{} VALUE",
                objective.id, key_result.id
            ),
            "keeps a value that people know",
        ),
        _ => (
            format!("okrd probe{config} --all"),
            "asks the sources once and records nothing",
        ),
    };
    let commands = [
        (
            format!("okrd check{config}"),
            "tells what is wrong with the files",
        ),
        second,
        (
            format!("okrd run{config}"),
            "polls, keeps and shows: http://127.0.0.1:10650",
        ),
    ];
    let width = commands
        .iter()
        .map(|(command, _)| command.chars().count())
        .max();
    text.push_str(
        "\nIds were made of titles and stay for ever, since values hang on them: look them over before the first run.\nNext:\n",
    );
    for (command, does) in &commands {
        let _ = writeln!(
            text,
            "  {command:width$}  # {does}",
            width = width.unwrap_or(0)
        );
    }
    text
}

/// A file in the folder, as people would type it.
fn within(dir: &Path, name: &str) -> String {
    let path = if dir == Path::new(".") {
        PathBuf::from(name)
    } else {
        dir.join(name)
    };
    path.display().to_string()
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_a_quarter_or_has_its_days() {
        let days = |text: &str| {
            let (name, first, last) = cycle(text).unwrap();
            format!("{name} {first} {last}")
        };
        assert_eq!(days("2026-Q4"), "2026-Q4 2026-10-01 2026-12-31");
        assert_eq!(days("2028-Q1"), "2028-Q1 2028-01-01 2028-03-31");
        assert_eq!(
            days("spring=2026-02-01..2026-05-31"),
            "spring 2026-02-01 2026-05-31"
        );
        for text in [
            "",
            "2026",
            "2026-Q5",
            "2026-Q0",
            "99999-Q1",
            "x=2026-01-01",
            "é=2026-01-01..2026-02-01",
            "-Q1",
        ] {
            let why = cycle(text).unwrap_err();
            assert!(why.contains("expected a quarter"), "{why}");
        }
        for (day, name) in [
            (date(2026, 1, 1), "2026-Q1"),
            (date(2026, 6, 30), "2026-Q2"),
            (date(2026, 12, 31), "2026-Q4"),
        ] {
            let (found, first, last) = quarter(day);
            assert!(
                found == name && first <= day && day <= last,
                "{day}: {found}"
            );
        }
    }

    #[test]
    fn a_folder_is_one_word_for_the_shell() {
        assert_eq!(shell("acme/okrs"), "acme/okrs");
        assert_eq!(shell("our okrs"), "'our okrs'");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }
}
