//! `okrd schema`: the JSON schema of the configuration.

use super::exit::{Failure, Verdict, say};
use crate::config::schema::schema;

/// Prints the schema.
///
/// # Errors
/// When stdout takes no more.
pub fn run() -> Result<Verdict, Failure> {
    say(&format!("{:#}\n", schema()))?;
    Ok(Verdict::Yes)
}
