//! The unit in a machine that boots: a Debian in a folder, begun by systemd-nspawn, in which `machine/check.sh` does with the
//! service what admins do. Made once and kept under `target/`; what a run changes is gone with it. Needs root.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::home::{DAEMON, SHOP, counted, growth};
use crate::tools::{path, said, text};

/// Begins the steps, and keeps what they say.
const CHECK: &str = "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/bash /srv/check.sh\n\
                     StandardOutput=file:/out/said\nStandardError=file:/out/errors\n";

/// The machine's root, made when it is not there.
fn root() -> PathBuf {
    let root = path("target/machine/root");
    if !root.exists() {
        // Made whole elsewhere first: what is broken off leaves nothing that looks complete.
        let unfinished = root.with_extension(std::process::id().to_string());
        fs::create_dir_all(&unfinished).unwrap();
        let to = unfinished.to_str().unwrap();
        let packages = "--include=systemd,systemd-sysv,dbus";
        said(
            "mmdebstrap",
            &["--quiet", "--variant=minbase", packages, "bookworm", to],
        );
        let wants = unfinished.join("etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink("../check.service", wants.join("check.service")).unwrap();
        fs::rename(&unfinished, &root).unwrap();
    }
    root
}

/// Where the library that sets a program's clock lies.
fn faketime() -> PathBuf {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|arch| Path::new("/usr/lib").join(arch).join("faketime"));
    let found = places.into_iter().find(|place| place.exists());
    found.unwrap_or_else(|| panic!("libfaketime is missing: run tests/install-servers"))
}

/// What the machine is given: configuration, shop and steps.
fn furnish(folder: &Path) {
    for name in ["etc/okrs", "srv/other", "out"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let daemon = DAEMON
        .replace("every 12h", "every 1s")
        .replace("127.0.0.1:0", "127.0.0.1:10650");
    let shop = SHOP.replace("shop.db", "/srv/shop.db");
    let config = |store: &str| format!("{daemon}{shop}[store]\npath = \"{store}\"\n");
    write("etc/okrd.toml", &config("/var/lib/okrd/okrd.db"));
    write("srv/other/okrd.toml", &config("/srv/other/okrd.db"));
    write("etc/okrs/team.toml", &growth(&[&counted("up", 7)]));
    write("srv/check.sh", &text("tests/deploy/machine/check.sh"));
    write(
        "srv/fixed-user.conf",
        &text("deploy/systemd/drop-ins/fixed-user.conf"),
    );
    write("check.service", CHECK);
    let shop = rusqlite::Connection::open(folder.join("srv/shop.db")).unwrap();
    shop.execute_batch("CREATE TABLE seen (id INTEGER)")
        .unwrap();
    said("chmod", &["-R", "a+rX", folder.to_str().unwrap()]);
}

#[test]
#[ignore = "boots a machine, for which the default run has neither the time nor always the rights"]
fn long_the_unit_does_its_work_in_a_machine_that_boots() {
    let folder = tempfile::tempdir().unwrap();
    furnish(folder.path());
    let given = |name: &str| folder.path().join(name).display().to_string();
    let ours = |name: &str| path(name).display().to_string();
    let binds = [
        format!("--bind-ro={}:/usr/bin/okrd", env!("CARGO_BIN_EXE_okrd")),
        format!(
            "--bind-ro={}:/etc/systemd/system/okrd.service",
            ours("deploy/systemd/okrd.service")
        ),
        format!(
            "--bind-ro={}:/etc/systemd/system/check.service",
            given("check.service")
        ),
        format!("--bind-ro={}:/faketime", faketime().display()),
        format!(
            "--bind-ro={}:/usr/lib/sysusers.d/okrd.conf",
            ours("deploy/systemd/sysusers.d/okrd.conf")
        ),
        format!("--bind={}:/etc/okrd", given("etc")),
        format!("--bind={}:/srv", given("srv")),
        format!("--bind={}:/out", given("out")),
    ];
    let mut machine = Command::new("timeout");
    machine.args([
        "180",
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
    ]);
    machine.args(["--private-network", "--console=pipe", "--volatile=overlay"]);
    machine.arg("-D").arg(root()).args(binds);
    let console = machine.output().unwrap();
    let said = fs::read_to_string(folder.path().join("out/said")).unwrap_or_default();
    let failed = said.contains("FAILED") || !said.ends_with("done\n");
    assert!(!failed, "{said}\n{console:?}");
    assert!(
        said.lines().filter(|line| line.starts_with("ok ")).count() > 30,
        "{said}"
    );
}
