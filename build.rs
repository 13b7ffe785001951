//! Tells the program what it was built from: the revision in git, where there is one, the compiler, and when.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=OKRD_REVISION");
    let given = std::env::var("OKRD_REVISION").ok();
    let revision = given
        .filter(|revision| !revision.is_empty())
        .or_else(revision)
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=OKRD_REVISION={revision}");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("--version"));
    // `rustc 1.94.0 (hash date)`: the number is enough.
    let version = version.and_then(|text| Some(text.split(' ').nth(1)?.to_owned()));
    let version = version.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=OKRD_RUSTC={version}");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rustc-env=OKRD_BUILT={}", built());
}

#[expect(
    clippy::disallowed_methods,
    reason = "when it is built is what it tells"
)]
/// Seconds since 1970: that of the source, so that the same source builds the same program, where it tells; but never
/// later than this machine's clock, by which the program may run.
fn built() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let commit = || here(&["log", "-1", "--format=%ct"]);
    let source = given.or_else(commit);
    let source = source.and_then(|seconds| seconds.trim().parse::<u64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    source.map_or(now, |source| source.min(now))
}

/// What git says of this repository; none outside git.
fn here(args: &[&str]) -> Option<String> {
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    let git = |args: &[&str]| output(Command::new("git").arg("-C").arg(&here).args(args));
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    git(args)
}

/// The commit that is checked out here; none outside git, or when these files only lie inside another repository.
fn revision() -> Option<String> {
    let root = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    let revision = here(&["rev-parse", "--short=12", "HEAD"])?;
    // A commit moves the branch that HEAD names, or HEAD itself, and is noted in the log of HEAD.
    let branch = here(&["symbolic-ref", "-q", "HEAD"]);
    let names = ["HEAD", "logs/HEAD", "packed-refs"].map(str::to_owned);
    for name in names.into_iter().chain(branch) {
        let path = here(&["rev-parse", "--git-path", &name]);
        let path = path.map(|path| Path::new(&root).join(path));
        // A file that is not there would have cargo build anew each time.
        if let Some(path) = path.filter(|path| path.exists()) {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    Some(revision)
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
