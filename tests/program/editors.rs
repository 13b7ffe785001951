//! What stands between people and their files: `okrd fmt`, `okrd init`, `okrd schema`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::home::{Done, Home, finish};

const UNTIDY: &str = "cycle=\"life\"   # one\n[objectives.growth]\ntitle = \"Grow\"\n\n\n[objectives.growth.key_results.a]\n\
                      title=\"A\"\nunit = \"u\"\nat_most = 3\n[objectives.growth.key_results.b]\ntitle=\"B\"\nunit = \"u\"\nat_most = 3";
const TIDY: &str = "cycle = \"life\" # one\n\n[objectives.growth]\ntitle = \"Grow\"\n\n[objectives.growth.key_results.a]\n\
                    title = \"A\"\nunit = \"u\"\nat_most = 3\n\n[objectives.growth.key_results.b]\ntitle = \"B\"\nunit = \"u\"\nat_most = 3\n";
const MAIN: &str =
    "include = [\"okrs/*.toml\"]\n\n[cycles.life]\nstarts = 2020-01-01\nends = 2099-12-31\n";

/// Runs a command with this on its stdin.
fn with(home: &Home, args: &[&str], input: &str) -> Done {
    home.write("input", input);
    let mut command = home.command(args);
    command.stdin(std::fs::File::open(home.path("input")).unwrap());
    finish(command, &format!("okrd {args:?}"))
}

fn written(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path(name)).unwrap()
}

#[test]
fn fmt_puts_every_file_of_the_configuration_in_order() {
    let home = Home::new(&[("okrd.toml", MAIN), ("okrs/team.toml", UNTIDY)]);
    let team = home.path("okrs/team.toml");
    std::fs::set_permissions(&team, std::fs::Permissions::from_mode(0o640)).unwrap();

    let check = home.okrd(&["fmt", "--check"]);
    assert_eq!(check.code, 1);
    assert!(
        check.out.ends_with("okrs/team.toml\n") && check.out.lines().count() == 1,
        "{check:?}"
    );
    let lines =
        "okrs/team.toml: lines 1, 2, 6, 7, 10, 11, 13\n1 file would change; run `okrd fmt`\n";
    assert!(check.err.ends_with(lines), "{check:?}");
    assert_eq!(
        written(&home, "okrs/team.toml"),
        UNTIDY,
        "--check writes nothing"
    );

    let done = home.okrd(&["fmt"]);
    assert_eq!((done.code, done.out.as_str()), (0, ""), "{done:?}");
    assert!(
        done.err.starts_with("formatted ") && done.err.ends_with("okrs/team.toml\n"),
        "{done:?}"
    );
    assert_eq!(written(&home, "okrs/team.toml"), TIDY);
    assert_eq!(written(&home, "okrd.toml"), MAIN);
    assert_eq!(team.metadata().unwrap().mode() & 0o7777, 0o640);

    let again = home.okrd(&["fmt", "--check"]);
    assert_eq!(
        (again.code, again.out.as_str(), again.err.as_str()),
        (0, "", "")
    );
}

#[test]
fn fmt_tells_a_file_at_fault_and_leaves_it_alone() {
    let broken = "a = \n";
    let home = Home::new(&[("broken.toml", broken), ("team.toml", UNTIDY)]);
    let paths = ["broken.toml", "team.toml", "absent.toml"].map(|name| home.path(name));
    let [broken_path, team, absent] = paths.each_ref().map(|path| path.to_str().unwrap());
    let done = home.okrd(&["fmt", broken_path, team, absent]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.err.contains("error[CFG-SYNTAX]") && done.err.contains("broken.toml:1:5"),
        "{done:?}"
    );
    assert!(
        done.err.contains("absent.toml: the file does not exist"),
        "{done:?}"
    );
    assert_eq!(written(&home, "broken.toml"), broken);
    assert_eq!(
        written(&home, "team.toml"),
        TIDY,
        "the others are formatted"
    );
}

#[test]
fn fmt_reads_stdin_for_editors() {
    let home = Home::new(&[]);
    let with = |args: &[&str], input: &str| with(&home, args, input);
    let done = with(&["fmt", "-"], UNTIDY);
    assert_eq!(
        (done.code, done.out.as_str(), done.err.as_str()),
        (0, TIDY, "")
    );
    let done = with(&["fmt", "--check", "-"], UNTIDY);
    assert_eq!((done.code, done.out.as_str()), (1, "-\n"));
    assert_eq!(with(&["fmt", "--check", "-"], TIDY).code, 0);
    let done = with(&["fmt", "-"], "a = \n");
    assert_eq!(
        (done.code, done.out.as_str()),
        (2, ""),
        "an editor must not empty its buffer"
    );
    assert!(done.err.contains("stdin:1:5"), "{done:?}");
    assert_eq!(with(&["fmt", "-", "x.toml"], TIDY).code, 2);
}

/// The examples that people copy are written the way `fmt` writes.
#[test]
fn the_examples_are_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = Home::new(&[]);
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["config", "config/okrs", "tests/scorecards"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "toml")));
    }
    assert!(files.len() > 20);
    let mut args = vec!["fmt", "--check"];
    args.extend(files.iter().map(|path| path.to_str().unwrap()));
    let done = home.okrd(&args);
    assert_eq!((done.code, done.out.as_str()), (0, ""), "{done:?}");
}
