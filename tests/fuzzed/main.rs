//! What the fuzzer found so far, again: every input of `tests/fuzzed/corpus/` against what must hold of its kind.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod holds;

use std::fs;
use std::path::Path;

use holds::TARGETS;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzed/corpus");
    let text = fs::read_to_string(folder.join(format!("{name}.hex"))).unwrap();
    text.lines().map(bytes).collect()
}

fn bytes(line: &str) -> Vec<u8> {
    let digits = line.as_bytes().chunks(2);
    let text = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    text.map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn what_fuzzing_found_holds() {
    for (name, holds) in TARGETS {
        let inputs = corpus(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            holds(&input);
        }
    }
}

/// As many kinds as the fuzzer has programs, under the same names.
#[test]
fn every_kind_has_its_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets");
    let mut programs: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    let mut kinds: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    kinds.sort_unstable();
    assert_eq!(programs, kinds);
}
