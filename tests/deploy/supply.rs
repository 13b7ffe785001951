//! What okrd is built of, and how a release comes about: nothing from a branch of somebody's repository, nothing unsafe but
//! where it says so, every exception with its reason and day, and workflows that the tools for them accept.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::tools::{path, run, said, text, tools};

/// The one place with unsafe code; it is built for tests only.
const SHIM: &str = "tests/faulty-disk/src/vfs.rs";

/// The files of the repository that git knows, or would take, with this ending.
fn files(ending: &str) -> Vec<String> {
    let root = path("").display().to_string();
    let list = [
        "-C",
        &root,
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let names = said("git", &list);
    let found: Vec<_> = names
        .lines()
        .filter(|name| name.ends_with(ending) && path(name).exists())
        .map(str::to_owned)
        .collect();
    assert!(!found.is_empty(), "nothing ends with {ending}");
    found
}

fn toml(name: &str) -> toml::Table {
    text(name).parse().unwrap()
}

#[test]
fn every_library_comes_from_the_registry_with_a_checksum() {
    for lock in files("Cargo.lock") {
        let packages = toml(&lock);
        let packages = packages["package"].as_array().unwrap();
        assert!(packages.len() > 10, "{lock}");
        for package in packages {
            let name = &package["name"];
            // Without a source it stands in this repository.
            let Some(source) = package.get("source") else {
                continue;
            };
            let registry = "registry+https://github.com/rust-lang/crates.io-index";
            assert_eq!(source.as_str(), Some(registry), "{lock}: {name}");
            assert!(package.get("checksum").is_some(), "{lock}: {name}");
        }
    }
    for manifest in files("Cargo.toml") {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let manifest = toml(&manifest);
            let Some(all) = manifest.get(kind).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, how) in all {
                assert!(how.get("git").is_none(), "{name} is taken from git");
            }
        }
    }
}

/// The lines of code that name the word, comments and words that only contain it left out.
fn unsafe_lines(code: &str) -> Vec<&str> {
    let word = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let mut words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| word == "unsafe")
    };
    code.lines().filter(|line| word(line)).collect()
}

#[test]
fn nothing_is_unsafe_but_where_it_says_so() {
    assert_eq!(
        toml("Cargo.toml")["lints"]["rust"]["unsafe_code"].as_str(),
        Some("forbid")
    );
    // The look does see it.
    assert!(!unsafe_lines(&text(SHIM)).is_empty());
    for file in files(".rs") {
        // This file speaks of it.
        if file == SHIM || file == "tests/deploy/supply.rs" {
            continue;
        }
        let found = unsafe_lines(&text(&file)).join("\n");
        assert!(found.is_empty(), "{file}: {found}");
    }
    // Nobody but tests is built with the shim.
    assert!(
        toml("Cargo.toml")["dependencies"]
            .get("faulty-disk")
            .is_none()
    );
}

#[test]
fn each_exception_has_its_reason_and_its_day() {
    let deny = toml("deny.toml");
    let list = |part: &str, key: &str| -> Vec<toml::Value> {
        let list = deny[part].get(key).and_then(toml::Value::as_array);
        list.cloned().unwrap_or_default()
    };
    assert!(list("sources", "allow-git").is_empty());
    assert_eq!(deny["sources"]["unknown-git"].as_str(), Some("deny"));
    assert_eq!(deny["advisories"]["yanked"].as_str(), Some("deny"));
    let exceptions = [
        ("advisories", "ignore"),
        ("licenses", "exceptions"),
        ("bans", "deny"),
        ("bans", "skip"),
    ];
    for (part, key) in exceptions {
        for exception in list(part, key) {
            let reason = exception
                .get("reason")
                .and_then(toml::Value::as_str)
                .unwrap_or_default();
            let day = reason
                .rsplit_once(" (")
                .and_then(|(_, day)| day.strip_suffix(')'));
            let day = day.and_then(|day| day.parse::<jiff::civil::Date>().ok());
            assert!(
                day.is_some() && reason.len() > 30,
                "[{part}] {key}: {exception}"
            );
        }
    }
}

fn workflows() -> Vec<PathBuf> {
    let names = files(".yml")
        .into_iter()
        .filter(|name| name.starts_with(".github/workflows/"));
    let found: Vec<_> = names.map(|name| path(&name)).collect();
    assert_eq!(found.len(), 2);
    found
}

fn yaml(file: &Path) -> Value {
    let program =
        "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    serde_json::from_str(&said(
        "python3",
        &["-c", program, &file.display().to_string()],
    ))
    .unwrap()
}

#[test]
fn the_workflows_are_accepted_by_the_tools_that_judge_them() {
    for file in workflows() {
        let name = file.display().to_string();
        said(
            "python3",
            &[
                "-m",
                "check_jsonschema",
                "--builtin-schema",
                "vendor.github-workflows",
                &name,
            ],
        );
        said(
            tools().join("bin/zizmor"),
            &["--offline", "--no-progress", "--quiet", &name],
        );
    }
    // Both do see what is wrong.
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yml");
    let name = wrong.display().to_string();
    let release = text(".github/workflows/release.yml");
    std::fs::write(&wrong, release.replace("runs-on:", "run-on:")).unwrap();
    let schema = run(
        "python3",
        &[
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.github-workflows",
            &name,
        ],
    );
    assert!(!schema.status.success());
    std::fs::write(
        &wrong,
        release.replace(
            "@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
            "@main",
        ),
    )
    .unwrap();
    assert!(
        !run(
            tools().join("bin/zizmor"),
            &["--offline", "--no-progress", "--quiet", &name]
        )
        .status
        .success()
    );
}

/// What a workflow runs is here, and each of its rights is asked for where it is needed.
#[test]
fn the_workflows_run_what_is_in_the_repository() {
    let mut ran = String::new();
    for file in workflows() {
        let workflow = yaml(&file);
        assert_eq!(
            workflow["permissions"],
            serde_json::json!({}),
            "{}",
            file.display()
        );
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            assert!(job["permissions"].is_object(), "{name} says what it may");
            assert!(job["timeout-minutes"].is_u64(), "{name}");
            for step in job["steps"].as_array().unwrap() {
                ran += step["run"].as_str().unwrap_or_default();
                ran += "\n";
            }
        }
    }
    let ours = [
        ".ci/run",
        "tests/oldest-compiler",
        "deploy/container/static",
        "deploy/container/Containerfile",
        "deploy/release/archive",
        "deploy/release/bill",
    ];
    for program in ours {
        assert!(
            ran.contains(program) && path(program).is_file(),
            "{program}"
        );
    }
    for word in ["cargo deny", "sha256sum", "gh release create"] {
        assert!(ran.contains(word), "{word}");
    }
}

/// The same program gives the same archive, with everything that belongs to it; a tag of another version gives none.
#[test]
fn an_archive_holds_everything_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    // It stands for the program, which would take seconds to compress.
    let program = folder.path().join("okrd");
    let script = concat!("#!/bin/sh\nexec ", env!("CARGO_BIN_EXE_okrd"), " \"$@\"\n");
    std::fs::write(&program, script).unwrap();
    let may_run = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, may_run).unwrap();
    let program = program.display().to_string();
    let archive = |name: &str, tag: &str| {
        let to = folder.path().join(name).display().to_string();
        run(path("deploy/release/archive"), &[&program, &to, tag])
    };
    let tag = concat!("v", env!("CARGO_PKG_VERSION"));
    let bytes = ["first", "second"].map(|name| {
        let done = archive(name, tag);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let file = String::from_utf8(done.stdout).unwrap();
        (std::fs::read(file.trim()).unwrap(), file)
    });
    assert!(
        bytes[0].0 == bytes[1].0,
        "two archives of one program differ"
    );
    let listed = said("tar", &["-tzf", bytes[0].1.trim()]);
    for file in [
        "bin/okrd",
        "share/man/man1/okrd-report.1",
        "share/bash-completion/completions/okrd",
        "share/zsh/site-functions/_okrd",
        "share/fish/vendor_completions.d/okrd.fish",
        "share/doc/okrd/LICENSE",
        "share/doc/okrd/deploy/prometheus/okrd.alerts.yml",
    ] {
        assert!(
            listed
                .lines()
                .any(|line| line.ends_with(&format!("/{file}"))),
            "{file} in {listed}"
        );
    }
    let other = archive("third", "v9.9.9");
    let told = String::from_utf8(other.stderr).unwrap();
    assert!(!other.status.success() && told.contains("v9.9.9"), "{told}");
}
