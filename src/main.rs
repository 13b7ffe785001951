//! The program: parses arguments, calls the library, maps the answer to an exit code.

fn main() {}
