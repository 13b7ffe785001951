//! Manual pages and completions: made from the command line definition, whole, the same each time, and understood by
//! the programs that read them.

use std::collections::BTreeMap;
use std::process::Command;

use crate::home::{Home, finish};

/// Every command that the help lists, also those of `notify` and `store`, as `okrd-store-verify`.
fn commands(home: &Home) -> Vec<String> {
    fn below(home: &Home, path: &[&str], found: &mut Vec<String>) {
        found.push([&["okrd"], path].concat().join("-"));
        let help = home.ends(0, &[path, &["--help"]].concat()).out;
        let Some((_, list)) = help.split_once("\nCommands:\n") else {
            return;
        };
        // A name stands two columns in, what it does further in or on a line of its own.
        let names = list.lines().take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for name in names.filter(|name| !name.is_empty() && *name != "help") {
            below(home, &[path, &[name]].concat(), found);
        }
    }
    let mut found = Vec::new();
    below(home, &[], &mut found);
    assert!(found.len() > 30, "{found:?}");
    found
}

fn pages(home: &Home, folder: &str) -> BTreeMap<String, String> {
    home.ends(0, &["man", folder]);
    let entries = std::fs::read_dir(home.path(folder)).unwrap();
    let page = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), text)
    };
    entries.map(page).collect()
}

#[test]
fn each_command_has_a_page_and_no_page_carries_a_date() {
    let home = Home::new(&[]);
    let pages = pages(&home, "share/man/man1");
    let mut expected: Vec<_> = commands(&home).iter().map(|c| format!("{c}.1")).collect();
    expected.sort();
    assert_eq!(pages.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, page) in &pages {
        // What okrd starts by itself is nobody's command.
        assert!(
            !page.contains("jq-worker") && !page.contains("jq\\-worker"),
            "{name}"
        );
        let head = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
        let title = name.trim_end_matches(".1");
        assert!(head.starts_with(&format!(".TH {title} 1 ")), "{head}");
        assert!(!head.contains("20"), "a date: {head}");
    }
    // An example is one line, as it is typed, and the page is okrd's.
    let notes = pages["okrd-completions.1"].split("\n.SH NOTES\n.nf\n");
    let notes = notes.last().unwrap().split("\n.fi\n").next().unwrap();
    assert_eq!(notes.matches("  okrd completions ").count(), 3, "{notes}");
    assert!(pages["okrd-export.1"].contains(concat!("\"okrd ", env!("CARGO_PKG_VERSION"))));
    // The exit codes that the contract fixes stand on the first page.
    assert!(pages["okrd.1"].contains("4 another process holds the store"));
    assert_eq!(pages, self::pages(&home, "share/man/man1"), "made again");
}

#[test]
fn pages_that_cannot_be_written_are_told_with_the_folder() {
    let home = Home::new(&[("file", "no folder")]);
    let error = home.refuses(2, &["man", "file/man1"]);
    assert!(error.contains("file/man1"), "{error}");
}

#[test]
fn a_shell_completes_commands_and_options() {
    let home = Home::new(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = home.ends(0, &["completions", shell]).out;
        assert!(
            !script.contains("jq-worker"),
            "{shell} offers what is nobody's command"
        );
        for word in ["probe", "allow-mass-removal", "quarantine"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let refused = home.ends(2, &["completions", "csh"]);
    assert!(
        refused.err.contains("csh") && refused.err.contains("zsh"),
        "{refused:?}"
    );

    let script = home.ends(0, &["completions", "bash"]).out;
    home.write("okrd.bash", &script);
    let completed = |words: &[&str]| {
        let line = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={}; \"$(complete -p okrd | grep -o '_[a-z]*')\" okrd \"${{COMP_WORDS[COMP_CWORD]}}\" \
             \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            home.path("okrd.bash").display(),
            words.join(" "),
            words.len() - 1,
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &line]);
        let done = finish(bash, "bash completes");
        assert_eq!(done.code, 0, "{done:?}");
        done.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(completed(&["okrd", "back"]), ["backfill", "backup"]);
    assert_eq!(
        completed(&["okrd", "reload", "--allow"]),
        ["--allow-mass-removal"]
    );
    assert_eq!(completed(&["okrd", "check", "--format", "s"]), ["sarif"]);
}
