//! `okrd man`: the manual pages, one a command, made from the definition of the command line and so never behind it.
//! They carry no date, so that the same source makes the same pages.

use std::fs;

use clap::CommandFactory;

use super::args::{Args, ManArgs};
use super::exit::{Failure, Verdict};

/// Writes the pages: `okrd.1`, `okrd-run.1` and so on, each in the place of an earlier one.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn run(args: &ManArgs) -> Result<Verdict, Failure> {
    let folder = &args.dir;
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Args::command(), folder))
        .map_err(|error| {
            Failure::usage(format!(
                "cannot write the manual pages to {}: {error}; name a folder that may be written to",
                folder.display()
            ))
        })?;
    Ok(Verdict::Yes)
}
