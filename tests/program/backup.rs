//! Copies of the store: made beside the daemon, checked, and put back after damage, as a drill from the first word of the
//! error message to the same history as before.

use std::fs;

use serde_json::Value;

use crate::home::{Home, PATIENT, within};

const ID: &str = "growth/recommend";

fn copied(home: &Home, name: &str) -> String {
    let path = home.path(name).display().to_string();
    home.ends(0, &["backup", &path]);
    path
}

#[test]
fn f45_a_damaged_store_is_put_aside_and_a_backup_put_back() {
    let home = Home::shop();
    let daemon = home.start();
    for value in ["31.5", "32"] {
        home.ends(0, &["record", ID, value]);
    }
    within(PATIENT, "the daemon has taken it in", || {
        (daemon.metrics().value(ID) == Some(32.0)).then_some(())
    });
    let backup = copied(&home, "monday.db");
    let before = home.history(ID);
    assert_eq!(before.len(), 2);
    home.ends(0, &["record", ID, "33"]);
    daemon.end();

    // Damage in the middle of the file, as a bad disk makes it.
    let store = home.path("okrd.db");
    let mut bytes = fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0xA5);
    fs::write(&store, &bytes).unwrap();
    let error = home.refuses(3, &["run"]);
    for words in [
        "damage",
        "okrd store quarantine",
        "okrd store restore",
        "okrd.db",
        "monday.db",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let verified = home.ends(1, &["store", "verify"]);
    assert!(verified.out.contains("damaged"), "{}", verified.out);
    let document = home.ends(1, &["store", "verify", "--format", "json"]).out;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["sound"], false);
    assert!(!document["damage"].as_array().unwrap().is_empty());

    // A store that is there is not overwritten, damaged or not.
    let error = home.refuses(3, &["store", "restore", &backup]);
    assert!(error.contains("okrd store quarantine"), "{error}");
    assert_eq!(fs::read(&store).unwrap(), bytes);

    let aside = home.ends(0, &["store", "quarantine"]).out;
    let aside = aside.trim();
    assert!(aside.contains("okrd.db.corrupt-"), "{aside}");
    assert_eq!(fs::read(aside).unwrap(), bytes, "as it was");
    assert!(!store.exists() && !home.path("okrd.db.id").exists());
    let error = home.refuses(3, &["store", "quarantine"]);
    assert!(error.contains("found no file"), "{error}");

    let restored = home.ends(0, &["store", "restore", &backup]).out;
    assert!(restored.contains("measurements of"), "{restored}");
    assert_eq!(home.history(ID), before);
    home.ends(0, &["store", "verify"]);
    home.ends(0, &["store", "verify", &backup]);
    let daemon = home.start();
    assert_eq!(daemon.value(ID), 32.0);
    home.ends(0, &["record", ID, "34"]);
    daemon.end();
    assert_eq!(home.history(ID), [31.5, 32.0, 34.0]);
}

/// Nothing of what was acknowledged is lost by putting a store aside and back, its log included.
#[test]
fn what_was_put_aside_can_be_put_back() {
    let home = Home::shop();
    let daemon = home.start();
    home.ends(0, &["record", ID, "31.5"]);
    daemon.kill();
    let aside = home.ends(0, &["store", "quarantine"]).out;
    home.ends(0, &["store", "restore", aside.trim()]);
    assert_eq!(home.history(ID), [31.5]);
}

#[test]
fn neither_is_done_under_a_running_daemon() {
    let home = Home::shop();
    let daemon = home.start();
    home.ends(0, &["record", ID, "31.5"]);
    let backup = copied(&home, "monday.db");
    for args in [&["store", "quarantine"][..], &["store", "restore", &backup]] {
        let error = home.refuses(4, args);
        assert!(error.contains(&daemon.id().to_string()), "{error}");
    }
    daemon.end();
    assert_eq!(home.history(ID), [31.5]);
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_unfinished() {
    let home = Home::shop();
    home.ends(0, &["record", ID, "31.5"]);
    home.write("taken.db", "a diary");
    let taken = home.path("taken.db").display().to_string();
    let error = home.refuses(2, &["backup", &taken]);
    assert!(
        error.contains("taken.db") && error.contains("nothing is overwritten"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&taken).unwrap(), "a diary");
    let nowhere = home.path("no/such/folder.db").display().to_string();
    home.refuses(3, &["backup", &nowhere]);
    // What is no store is not restored.
    fs::remove_file(home.path("okrd.db")).unwrap();
    let error = home.refuses(3, &["store", "restore", &taken]);
    assert!(error.contains("no SQLite database"), "{error}");
    assert!(!home.path("okrd.db").exists());
    let leftovers = fs::read_dir(home.path("")).unwrap();
    let names = leftovers.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unfinished: Vec<String> = names
        .filter(|name| name.contains("unfinished") || name.ends_with(".new"))
        .collect();
    assert_eq!(unfinished, [""; 0]);
}
