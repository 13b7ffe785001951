//! What is shipped to run okrd for real: the image and the manifests, held against the tools that read them, and okrd itself
//! run in them. Knows nothing of how okrd is built.
#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod container;
mod kubernetes;
mod machine;
mod operations;
mod supply;
mod systemd;
mod tools;

#[allow(
    dead_code,
    reason = "not all that one can do with an okrd is done here"
)]
#[path = "../program/home.rs"]
mod home;
