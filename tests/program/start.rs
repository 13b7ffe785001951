//! Starts that must fail: each with its exit code and one message that says what to do.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::home::{DAEMON, Home, SHOP};

#[test]
fn without_a_configuration_the_usual_places_are_named() {
    let home = Home::new(&[]);
    for args in [
        vec!["run"],
        vec!["check"],
        vec!["status"],
        vec!["probe", "--all"],
    ] {
        let error = home.refuses(2, &args);
        assert!(
            error.contains("./okrd.toml") && error.contains("/etc/okrd/okrd.toml"),
            "{error}"
        );
        assert!(
            error.contains("--config") && error.contains("okrd demo"),
            "{error}"
        );
    }
    let error = home.refuses(2, &["--config", "gone/okrd.toml", "run"]);
    assert!(
        error.contains("gone/okrd.toml") && error.contains("does not exist"),
        "{error}"
    );
}

#[test]
fn the_configuration_is_found_where_it_is_named() {
    let mut home = Home::shop();
    let id = "growth/subscribers";
    let sees = |home: &Home, args: &[&str]| home.ends(0, args).out.contains("subscribers");
    assert!(sees(&home, &["status"]), "./okrd.toml");
    std::fs::create_dir(home.path("elsewhere")).unwrap();
    for name in ["okrd.toml", "okrs", "shop.db"] {
        std::fs::rename(home.path(name), home.path(&format!("elsewhere/{name}"))).unwrap();
    }
    assert!(
        sees(&home, &["--config", "elsewhere/okrd.toml", "status"]),
        "a file"
    );
    assert!(
        sees(&home, &["--config", "elsewhere/", "status"]),
        "a folder"
    );
    assert!(
        sees(&home, &["status", "--config", "elsewhere"]),
        "after the command"
    );
    home.set("OKRD_CONFIG", "elsewhere/okrd.toml");
    assert!(sees(&home, &["status"]), "OKRD_CONFIG");
    // Paths are relative to the file that names them, not to where one stands.
    assert!(home.ends(0, &["probe", id]).out.contains(" 7 "));
    home.ends(0, &["run", "--once"]);
    assert!(home.path("elsewhere/okrd.db").exists());
    // The command line wins over the environment.
    let error = home.refuses(2, &["--config", "gone.toml", "status"]);
    assert!(error.contains("gone.toml"), "{error}");
}

#[test]
fn f52_a_configuration_with_errors_does_not_start_and_each_is_shown_in_its_place() {
    let home = Home::shop();
    home.append("okrs/team.toml", "weigth = 2\n[objectives.empty]\n");
    for args in [
        vec!["run"],
        vec!["run", "--once"],
        vec!["status"],
        vec!["record", "growth/recommend", "1"],
    ] {
        let done = home.ends(2, &args);
        assert!(
            done.err.contains("okrs/team.toml:") && done.err.contains("weight"),
            "{}",
            done.err
        );
        assert!(done.err.contains("objectives.empty"), "{}", done.err);
    }
    assert!(!home.path("okrd.db").exists());
}

#[test]
fn a_taken_port_ends_with_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let daemon = format!("{DAEMON}{SHOP}").replace("127.0.0.1:0", &address);
    let home = Home::new(&[("okrd.toml", &daemon)]);
    let error = home.refuses(2, &["run"]);
    assert!(
        error.contains(&address) && error.contains("server.listen"),
        "{error}"
    );
}

/// A store with one measurement, and every command that opens it with the code it must end with.
fn commands_that_open_the_store() -> [Vec<&'static str>; 8] {
    [
        vec!["backup", "okrd-copy.db"],
        vec!["run"],
        vec!["run", "--once"],
        vec!["status"],
        vec!["report"],
        vec!["present"],
        vec!["history", "growth/recommend"],
        vec!["record", "growth/recommend", "1"],
    ]
}

#[test]
fn f46_a_store_of_zero_length_is_no_empty_store() {
    let home = Home::shop();
    home.ends(0, &["run", "--once"]);
    home.write("okrd.db", "");
    for args in commands_that_open_the_store() {
        let error = home.refuses(3, &args);
        assert!(
            error.contains("okrd.db") && error.contains("backup"),
            "{args:?}: {error}"
        );
    }
    assert_eq!(std::fs::read(home.path("okrd.db")).unwrap(), b"");
}

#[test]
fn f46_a_store_that_is_gone_is_not_begun_anew() {
    let home = Home::shop();
    home.ends(0, &["run", "--once"]);
    std::fs::remove_file(home.path("okrd.db")).unwrap();
    for args in [
        vec!["run"],
        vec!["run", "--once"],
        vec!["record", "growth/recommend", "1"],
    ] {
        let error = home.refuses(3, &args);
        assert!(
            error.contains("okrd.db") && error.contains("okrd.db.id"),
            "{args:?}: {error}"
        );
    }
    assert!(!home.path("okrd.db").exists());
    // The message says how to go on; it is so.
    std::fs::remove_file(home.path("okrd.db.id")).unwrap();
    home.ends(0, &["run", "--once"]);
}

#[test]
fn f45_garbage_is_no_store() {
    let home = Home::shop();
    let garbage = "Dear diary, ".repeat(1000);
    home.write("okrd.db", &garbage);
    for args in commands_that_open_the_store() {
        let error = home.refuses(3, &args);
        assert!(
            error.contains("okrd.db") && error.contains("no SQLite database"),
            "{error}"
        );
    }
    assert_eq!(
        std::fs::read_to_string(home.path("okrd.db")).unwrap(),
        garbage
    );
    std::fs::remove_file(home.path("okrd.db")).unwrap();
    // Where a store was, it is damage.
    home.ends(0, &["run", "--once"]);
    home.write("okrd.db", &garbage);
    for args in commands_that_open_the_store() {
        let error = home.refuses(3, &args);
        assert!(
            error.contains("damage") && error.contains("backup"),
            "{error}"
        );
    }
}

#[test]
fn f49_a_store_of_a_newer_okrd_is_left_alone() {
    let home = Home::shop();
    home.ends(0, &["run", "--once"]);
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    store.pragma_update(None, "user_version", 999).unwrap();
    drop(store);
    for args in commands_that_open_the_store() {
        let error = home.refuses(3, &args);
        assert!(error.contains("999") && error.contains("newer"), "{error}");
    }
}

#[test]
fn f45_the_database_of_another_program_is_left_alone() {
    let home = Home::shop();
    std::fs::copy(home.path("shop.db"), home.path("okrd.db")).unwrap();
    for args in commands_that_open_the_store() {
        let error = home.refuses(3, &args);
        assert!(error.contains("another program"), "{error}");
    }
    let before = std::fs::read(home.path("shop.db")).unwrap();
    assert_eq!(std::fs::read(home.path("okrd.db")).unwrap(), before);
}

#[test]
fn f43_a_folder_without_write_permission_ends_with_3() {
    let mut home = Home::shop();
    home.run_as_nobody();
    let folder = home.path(".");
    let allow = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode));
    allow(0o555).unwrap();
    for args in [
        vec!["run"],
        vec!["run", "--once"],
        vec!["record", "growth/recommend", "1"],
    ] {
        let error = home.refuses(3, &args);
        assert!(
            error.contains("okrd.db") && error.contains("permission"),
            "{error}"
        );
    }
    // Looking is no writing.
    home.ends(0, &["check"]);
    home.ends(0, &["status"]);
    home.ends(0, &["probe", "growth/subscribers"]);
    allow(0o755).unwrap();
}

#[test]
fn a_store_path_into_nowhere_ends_with_3() {
    let daemon = format!("{DAEMON}{SHOP}[store]\npath = \"no/such/folder/okrd.db\"\n");
    let home = Home::new(&[("okrd.toml", &daemon)]);
    let error = home.refuses(3, &["run"]);
    assert!(
        error.contains("no/such/folder/okrd.db") && error.contains("folder exists"),
        "{error}"
    );
}

#[test]
fn every_command_explains_itself_and_tells_its_version() {
    let home = Home::new(&[]);
    let commands = [
        "run",
        "check",
        "probe",
        "status",
        "history",
        "record",
        "backfill",
        "schema",
        "demo",
        "report",
        "present",
        "completions",
        "man",
    ];
    let help = home.ends(0, &["--help"]).out;
    for command in commands {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} in {help}"
        );
        let own = home.ends(0, &[command, "--help"]);
        assert!(
            own.out.contains(&format!("Usage: okrd {command}")),
            "{}",
            own.out
        );
        assert!(own.err.is_empty());
        let version = home.ends(0, &[command, "--version"]).out;
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    }
    assert!(help.contains("Exit codes: 0 "), "{help}");
    let short = format!("okrd {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(home.ends(0, &["-V"]).out, format!("{short}\n"));
    // The long one tells the build too, as `okrd_build_info` does.
    let long = home.ends(0, &["--version"]).out;
    let build = long.strip_prefix(&format!("{short} (")).unwrap();
    let parts: Vec<&str> = build.split(", ").collect();
    let number = |part: &str, before: &str| {
        let rest = part.strip_prefix(before).unwrap_or_default();
        rest.starts_with(|c: char| c.is_ascii_digit())
    };
    let commit = parts[0].strip_prefix("commit ").unwrap_or_default();
    assert!(parts[0] == "unknown commit" || commit.len() >= 12, "{long}");
    assert!(number(parts[1], "SQLite 3."), "{long}");
    assert!(number(parts[2], "rustc "), "{long}");
    for args in [
        vec![],
        vec!["runn"],
        vec!["run", "--twice"],
        vec!["check", "--format", "xml"],
    ] {
        let done = home.ends(2, &args);
        assert!(!done.err.is_empty(), "{done:?}");
    }
}
