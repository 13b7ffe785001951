//! The unit and its drop-ins, held against systemd's own judges. Knows no machine that runs them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::{path, run, said, text};

/// The exposure that the unit may have at most, in tenths of `systemd-analyze security`.
const EXPOSED: &str = "--threshold=12";

/// A folder with the unit that starts the program of this build, and this drop-in.
fn unit(folder: &Path, drop_in: Option<&str>) -> PathBuf {
    let unit = text("deploy/systemd/okrd.service");
    let unit = unit.replace("/usr/bin/okrd", env!("CARGO_BIN_EXE_okrd"));
    let file = folder.join("okrd.service");
    fs::write(&file, unit).unwrap();
    if let Some(name) = drop_in {
        let to = folder.join("okrd.service.d");
        fs::create_dir_all(&to).unwrap();
        fs::copy(path("deploy/systemd/drop-ins").join(name), to.join(name)).unwrap();
    }
    file
}

/// What systemd remarks of a unit. It ends well whatever it remarks, so any word counts.
fn remarks(file: &Path) -> String {
    let done = run("systemd-analyze", &["verify", file.to_str().unwrap()]);
    let told = [done.stdout, done.stderr].concat();
    String::from_utf8(told).unwrap()
}

#[test]
fn the_unit_is_hardened_and_understood() {
    let folder = tempfile::tempdir().unwrap();
    let file = unit(folder.path(), None);
    assert_eq!(remarks(&file), "");
    let file = file.to_str().unwrap();
    said(
        "systemd-analyze",
        &["security", "--offline=true", EXPOSED, file],
    );
    // The judge judges.
    let open = fs::read_to_string(file)
        .unwrap()
        .replace("ProtectSystem=strict", "ProtectSytem=strict");
    fs::write(file, open).unwrap();
    assert!(remarks(Path::new(file)).contains("ProtectSytem"));
    let strict = run(
        "systemd-analyze",
        &["security", "--offline=true", "--threshold=10", file],
    );
    assert!(!strict.status.success());
}

#[test]
fn every_drop_in_is_understood() {
    for entry in fs::read_dir(path("deploy/systemd/drop-ins")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(remarks(&unit(folder.path(), Some(&name))), "", "{name}");
    }
}

/// The user that stays, and what is made for it.
#[test]
fn a_user_that_stays_is_made_with_its_folders() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let at = format!("--root={}", root.path().display());
    let users = path("deploy/systemd/sysusers.d/okrd.conf");
    said("systemd-sysusers", &[&at, users.to_str().unwrap()]);
    let known = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(
        known.contains("okrd:x:") && known.contains(":/var/lib/okrd:"),
        "{known}"
    );
    let folders = path("deploy/systemd/tmpfiles.d/okrd.conf");
    said(
        "systemd-tmpfiles",
        &["--create", &at, folders.to_str().unwrap()],
    );
    assert!(root.path().join("var/lib/okrd").is_dir());
}

/// What only a person can mend is not tried again and again: the codes that okrd has for it.
#[test]
fn what_only_a_person_can_mend_is_not_tried_again() {
    let unit = text("deploy/systemd/okrd.service");
    assert!(unit.contains("\nRestartPreventExitStatus=2 3 4 USER STATE_DIRECTORY CREDENTIALS\n"));
    let home = crate::home::Home::new(&[("okrd.toml", "nonsense = [")]);
    home.ends(2, &["run"]);
    let daemon = crate::home::DAEMON;
    let home = crate::home::Home::new(&[("okrd.toml", daemon)]);
    let first = home.start();
    let why = home.refuses(4, &["run"]);
    assert_eq!(why.trim_end().lines().count(), 1, "{why}");
    first.end();
}
