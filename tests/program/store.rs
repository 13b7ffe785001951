//! The store of a running daemon in trouble: a full disk, damage, a long read, a lock that somebody removed. The daemon stays
//! up or ends with 3, never half.

use std::fs;
use std::io::Write;

use crate::home::{Daemon, Home, Metrics, PATIENT, SHOP, counted, every_second, growth, within};

fn polled(store: &str) -> Home {
    let daemon = format!("{}{SHOP}{store}", every_second());
    let home = Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/team.toml", &growth(&[&counted("shop", 7)])),
    ]);
    home.make_shop();
    home
}

fn up(m: &Metrics) -> Option<f64> {
    m.sample("okrd_store_up", &[])
}

fn polls(m: &Metrics) -> Option<f64> {
    m.sample("okrd_source_polls_total", &[("source", "shop")])
}

fn failures(m: &Metrics) -> Option<f64> {
    m.sample("okrd_store_write_failures_total", &[])
}

fn polls_on(daemon: &Daemon) {
    let before = polls(&daemon.metrics());
    daemon.until("it polls", |m| polls(m) > before);
}

#[test]
fn f41_a_full_disk_pauses_polls_and_nothing_else_and_heals_once_there_is_room() {
    let mut home = polled("[store]\npath = \"data/okrd.db\"\n");
    home.on_small_disk("data", 1024, "");
    let daemon = home.start();
    assert_eq!(daemon.value("growth/shop"), 7.0);
    // The daemon's disk, as seen from here.
    let data = format!("/proc/{}/root{}", daemon.id(), home.path("data").display());
    assert!(fs::metadata(format!("{data}/okrd.db")).is_ok());
    let filler = format!("{data}/filler");
    // Full to the last byte, again and again: what the store frees is filled, too.
    let fill = || {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&filler)
            .unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    };
    let metrics = daemon.until("the store takes no writes", |m| {
        fill();
        up(m) == Some(0.0)
    });
    assert_eq!(metrics.value("growth/shop"), Some(7.0));
    let asked = polls(&metrics);
    let failed = failures(&metrics);
    let metrics = daemon.until("it tries to write again", |m| {
        failures(m) >= failed.map(|n| n + 3.0)
    });
    assert!(
        polls(&metrics) <= asked.map(|n| n + 1.0),
        "nothing is asked whose answer cannot be kept"
    );
    for path in [
        "/",
        "/metrics",
        "/-/healthy",
        "/api/v1/key-results/growth/shop",
    ] {
        assert_eq!(daemon.get(path).status, 200, "{path}");
    }
    fs::remove_file(&filler).unwrap();
    daemon.until("the store takes writes", |m| up(m) == Some(1.0));
    polls_on(&daemon);
    let log = daemon.end();
    assert!(
        log.contains("disk full") && log.contains("takes writes again"),
        "{log}"
    );
}

#[test]
fn f43_a_read_only_disk_is_refused_at_the_start_in_words() {
    let mut home = polled("[store]\npath = \"data/okrd.db\"\n");
    home.on_small_disk("data", 1024, "mount -o remount,ro \"$0\" &&");
    for args in [&["run"][..], &["run", "--once"]] {
        let error = home.refuses(3, args);
        assert!(
            error.contains("okrd.db")
                && error.contains("found it read-only")
                && error.contains("writable"),
            "{args:?}: {error}"
        );
    }
}

/// Bytes change on a bad disk while the daemon runs: it stops writing, shows what it knows for a while, and ends with 3 and
/// the two commands that help.
#[test]
fn f45_damage_found_while_it_runs_ends_the_daemon_with_3_and_the_way_out() {
    let home = polled("");
    let daemon = home.start();
    assert_eq!(daemon.value("growth/shop"), 7.0);
    let backup = home.path("monday.db").display().to_string();
    home.ends(0, &["backup", &backup]);
    let other = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    within(PATIENT, "all is in the file and nobody writes", || {
        other
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .ok()?;
        other.execute_batch("BEGIN IMMEDIATE").ok()?;
        let log = fs::metadata(home.path("okrd.db-wal")).map_or(0, |m| m.len());
        if log > 0 {
            other.execute_batch("ROLLBACK").unwrap();
        }
        (log == 0).then_some(())
    });
    other
        .execute("UPDATE meta SET v = v WHERE k = 'day_zone'", [])
        .unwrap();
    {
        use std::os::unix::fs::FileExt;
        let file = fs::OpenOptions::new()
            .write(true)
            .open(home.path("okrd.db"))
            .unwrap();
        let size = file.metadata().unwrap().len();
        file.write_all_at(&vec![0xA5; usize::try_from(size - 4096).unwrap()], 4096)
            .unwrap();
        // Closing any descriptor of the file would drop the locks that the connection here holds.
        std::mem::forget(file);
    }
    other.execute_batch("COMMIT").unwrap();
    let metrics = daemon.until("the damage is found", |m| up(m) == Some(0.0));
    assert_eq!(
        metrics.value("growth/shop"),
        Some(7.0),
        "what is known is still shown"
    );
    assert_eq!(daemon.get("/").status, 200);
    let ready = daemon.get("/-/ready");
    assert_eq!(ready.status, 503);
    let damaged = fs::read(home.path("okrd.db")).unwrap();
    let asked = polls(&metrics);
    let (code, log) = daemon.ends_by_itself();
    assert_eq!(code, 3, "{log}");
    for words in [
        "found damage",
        "okrd store quarantine",
        "okrd store restore",
        "monday.db",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(asked.is_some());
    assert_eq!(fs::read(home.path("okrd.db")).unwrap().len(), damaged.len());
    drop(other);
    // And that is the way out.
    home.ends(0, &["store", "quarantine"]);
    home.ends(0, &["store", "restore", &backup]);
    let daemon = home.start();
    let incident = |m: &Metrics| m.sample("okrd_store_incident", &[]);
    daemon.until("the incident is told", |m| incident(m) == Some(1.0));
    let told = home
        .ends(0, &["store", "acknowledge", "--author", "ann"])
        .out;
    assert!(
        told.contains("quarantined") && told.contains("okrd.db.corrupt-"),
        "{told}"
    );
    assert!(
        told.contains("restored") && told.contains("monday.db"),
        "{told}"
    );
    daemon.until("it is acknowledged", |m| incident(m) == Some(0.0));
    polls_on(&daemon);
    daemon.end();
}

/// The lock is a file, and files are removed by people who tidy up.
#[test]
fn f48_without_its_lock_file_a_running_daemon_still_keeps_others_out() {
    let home = polled("");
    let daemon = home.start();
    fs::remove_file(home.path("okrd.db.lock")).unwrap();
    for args in [&["run"][..], &["run", "--once"], &["store", "quarantine"]] {
        let error = home.refuses(4, args);
        assert!(
            error.contains(&daemon.id().to_string()),
            "{args:?}: {error}"
        );
    }
    polls_on(&daemon);
    daemon.kill();
    // One that was killed keeps nobody out.
    home.ends(0, &["run", "--once"]);
}

/// Somebody looks at the database with another program and leaves it open over lunch.
#[test]
fn f50_a_long_read_of_another_process_stops_no_poll() {
    let home = polled("");
    let daemon = home.start();
    assert_eq!(daemon.value("growth/shop"), 7.0);
    let other = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    let count = "SELECT count(*) FROM measurement";
    other.execute_batch("BEGIN").unwrap();
    let before: i64 = other.query_row(count, [], |r| r.get(0)).unwrap();
    let log = |m: &Metrics| m.sample("okrd_store_wal_size_bytes", &[]);
    let at_first = log(&daemon.metrics());
    let metrics = daemon.until("the log grows", |m| log(m) > at_first.map(|n| n + 50_000.0));
    assert_eq!(up(&metrics), Some(1.0));
    polls_on(&daemon);
    let still: i64 = other.query_row(count, [], |r| r.get(0)).unwrap();
    assert_eq!(still, before);
    drop(other);
    daemon.end();
}
