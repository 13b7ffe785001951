//! The fuzzer's way to `values`.
#![no_main]

#[path = "../../tests/fuzzed/holds.rs"]
#[allow(dead_code, reason = "the other targets are other programs")]
mod holds;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds::values(bytes));
