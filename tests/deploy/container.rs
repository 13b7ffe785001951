//! The image. The ordinary run builds the Containerfile's last stage, word for word, around the program under test and the
//! libraries it needs, since linking it statically means compiling everything anew; `tests/run --long` does that too. No
//! registry is asked for anything.

use std::path::Path;

use tempfile::TempDir;

use crate::home::{PATIENT, within};
use crate::tools::{path, run, said, text, tools};

const CONTAINERFILE: &str = "deploy/container/Containerfile";

/// The port that the image's own health check asks.
const DAEMON: &str = r#"include = ["okrs/*.toml"]
[cycles.life]
starts = 2020-01-01
ends = 2099-12-31
[server]
listen = "0.0.0.0:10650"
[store]
path = "/var/lib/okrd/okrd.db"
"#;

const OKRS: &str = r#"cycle = "life"
[objectives.growth]
title = "Grow"
[objectives.growth.key_results.talks]
title = "Talks held"
unit = "talks"
baseline = 0
target = 10
"#;

/// The Containerfile from its last stage on.
fn last_stage() -> String {
    let whole = text(CONTAINERFILE);
    let (before, last) = whole.split_once("\nFROM scratch\n").unwrap();
    assert!(!last.contains("\nFROM ") && before.contains(" AS build\n"));
    format!("FROM scratch\n{last}")
}

/// Images and containers in a folder of their own, gone with it.
struct Engine {
    folder: TempDir,
}

impl Engine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("config/okrs")).unwrap();
        std::fs::write(folder.path().join("config/okrd.toml"), DAEMON).unwrap();
        std::fs::write(folder.path().join("config/okrs/team.toml"), OKRS).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn words(&self, more: &[&str], args: &[&str]) -> Vec<String> {
        let (root, runroot) = (self.at("storage"), self.at("run"));
        let place = ["--root", &root, "--runroot", &runroot];
        let words = [&place[..], more, args].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    /// What podman says; without systemd it says on stderr that it cannot set a timer for health checks.
    fn podman(&self, args: &[&str]) -> (bool, String) {
        let words = self.words(&["--runtime", "runc", "--cgroup-manager", "cgroupfs"], args);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let done = run("podman", &words);
        let told = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(told).unwrap())
    }

    fn must(&self, args: &[&str]) -> String {
        let (fine, told) = self.podman(args);
        assert!(fine, "podman {args:?}: {told}");
        told
    }

    /// Builds the image around a program; `libraries` are laid where it looks for them.
    fn build(&self, program: &Path, libraries: &[String]) {
        let image = self.at("build/image");
        let program = program.display().to_string();
        said(path("deploy/container/root"), &[&program, &image]);
        for library in libraries {
            let to = format!("{image}/root{library}");
            std::fs::create_dir_all(Path::new(&to).parent().unwrap()).unwrap();
            std::fs::copy(library, to).unwrap();
        }
        std::fs::write(self.at("Containerfile"), last_stage()).unwrap();
        let (file, stage) = (
            self.at("Containerfile"),
            format!("build={}", self.at("build")),
        );
        let args = [
            "build",
            "--isolation",
            "chroot",
            "--format",
            "docker",
            "--pull-never",
            "--build-context",
            &stage,
            "-f",
            &file,
            "-t",
            "okrd:test",
            &self.at("config"),
        ];
        let words = self.words(&[], &args);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        said("buildah", &words);
    }

    /// Starts the image as its head says, without any network but its own, and waits until it is healthy by its own word.
    fn start(&self) {
        let config = format!("{}:/etc/okrd:ro", self.at("config"));
        self.must(&[
            "run",
            "--detach",
            "--name=okrd",
            "--network=none",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--ulimit=nofile=1024:1024",
            "--ulimit=nproc=512:512",
            "--volume=okrd-data:/var/lib/okrd",
            "--volume",
            &config,
            "okrd:test",
        ]);
        within(PATIENT, "the container is healthy", || {
            self.podman(&["healthcheck", "run", "okrd"]).0.then_some(())
        });
    }

    fn okrd(&self, args: &[&str]) -> String {
        let head = ["exec", "okrd", "/usr/bin/okrd", "--config", "/etc/okrd"];
        self.must(&[&head, args].concat())
    }

    /// Ends it as an orchestrator does; its log.
    fn stop(&self) -> String {
        self.must(&["stop", "--time=20", "okrd"]);
        let code = self.must(&["inspect", "--format={{.State.ExitCode}}", "okrd"]);
        assert_eq!(code.trim(), "0");
        let log = self.must(&["logs", "okrd"]);
        self.must(&["rm", "okrd"]);
        log
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Lets go of what is mounted in the folder; there may be nothing.
        let _ = self.podman(&["rm", "--all", "--force", "--time=0"]);
    }
}

/// Runs it, records, looks what it may do, ends it, and finds the value again in the next container.
fn works(engine: &Engine) {
    engine.start();
    engine.okrd(&["record", "growth/talks", "3"]);
    let inspected = engine.must(&[
        "inspect",
        "--format={{.Config.User}} {{.EffectiveCaps}}",
        "okrd",
    ]);
    assert_eq!(inspected.trim(), "65532:65532 []");
    let processes = engine.must(&["top", "okrd", "huser", "capeff", "seccomp"]);
    assert!(
        processes.contains("65532") && processes.contains("none"),
        "{processes}"
    );
    // Nothing but mount points was made outside the volume.
    for line in engine.must(&["diff", "okrd"]).lines() {
        let allowed = [
            "C /etc",
            "A /etc/okrd",
            "C /var",
            "A /tmp",
            "A /var/tmp",
            "A /run",
        ];
        assert!(allowed.contains(&line), "{line}");
    }
    // The program is all that there is: nobody gets a shell.
    let (shell, told) = engine.podman(&["exec", "okrd", "/bin/sh"]);
    assert!(!shell && told.contains("no such file"), "{told}");
    let log = engine.stop();
    assert!(log.contains("ended"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");

    engine.start();
    let status = engine.okrd(&["status"]).replace('\u{a0}', " ");
    assert!(status.contains("3 talks"), "{status}");
    engine.stop();
}

#[test]
fn the_containerfile_is_one_that_hadolint_accepts() {
    let hadolint = tools().join("bin/hadolint");
    let file = path(CONTAINERFILE).display().to_string();
    assert_eq!(said(&hadolint, &["--no-color", &file]), "");
    // It does see what is wrong.
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("Containerfile");
    std::fs::write(
        &wrong,
        text(CONTAINERFILE).replace("1.94-slim-bookworm", "latest"),
    )
    .unwrap();
    let done = run(&hadolint, &["--no-color", &wrong.display().to_string()]);
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stdout).contains("DL3007"));
}

/// What the image is built with is the oldest compiler that is promised, so that the promise is kept by every build.
#[test]
fn the_image_is_built_with_the_promised_compiler() {
    let promised = text("Cargo.toml");
    let (_, promised) = promised.split_once("\nrust-version = \"").unwrap();
    let (promised, _) = promised.split_once('"').unwrap();
    assert!(text(CONTAINERFILE).contains(&format!("/rust:{promised}-slim-bookworm AS build")));
}

#[test]
fn the_image_runs_without_any_right_and_keeps_its_values() {
    let engine = Engine::new();
    let program = engine.at("okrd");
    said("strip", &["-o", &program, env!("CARGO_BIN_EXE_okrd")]);
    let needs = said("ldd", &[&program]);
    let libraries = needs
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    let libraries: Vec<_> = libraries.map(str::to_owned).collect();
    engine.build(Path::new(&program), &libraries);
    works(&engine);
}

/// Minutes, since every library is compiled anew.
#[test]
#[ignore = "compiles everything anew"]
fn long_the_static_program_makes_an_image_below_30_mb() {
    let program = path(said(path("deploy/container/static"), &[]).trim());
    let head = said("file", &["--brief", &program.display().to_string()]);
    assert!(head.contains("static-pie linked"), "{head}");
    let engine = Engine::new();
    engine.build(&program, &[]);
    let size = engine.must(&["inspect", "--format={{.Size}}", "okrd:test"]);
    let size: u64 = size.trim().parse().unwrap();
    assert!(size < 30_000_000, "the image has {size} bytes");
    works(&engine);
}
