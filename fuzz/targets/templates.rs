//! The fuzzer's way to `templates`.
#![no_main]

#[path = "../../tests/fuzzed/holds.rs"]
#[allow(dead_code, reason = "the other targets are other programs")]
mod holds;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds::templates(bytes));
