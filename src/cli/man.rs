//! `okrd man`: the manual pages, one a command, made from the definition of the command line and so never behind it.
//! They carry no date, so that the same source makes the same pages.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::{Args, ManArgs};
use super::exit::{Failure, Verdict};
use super::runtime::VERSION;

/// Writes the pages: `okrd.1`, `okrd-run.1` and so on, each in the place of an earlier one.
///
/// # Errors
/// When the folder cannot be made or written to.
pub fn run(args: &ManArgs) -> Result<Verdict, Failure> {
    let folder = &args.dir;
    let mut all = Args::command().disable_help_subcommand(true);
    // Gives each command its full name, such as okrd-store-verify.
    all.build();
    fs::create_dir_all(folder)
        .and_then(|()| write(all, folder))
        .map_err(|error| {
            Failure::usage(format!(
                "cannot write the manual pages to {}: {error}; name a folder that may be written to",
                folder.display()
            ))
        })?;
    Ok(Verdict::Yes)
}

/// Writes the page of a command and those of the commands below it that are people's.
fn write(command: Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        write(below.clone(), folder)?;
    }
    let man = Man::new(command).source(format!("okrd {VERSION}"));
    let mut page = Vec::new();
    man.render(&mut page)?;
    fs::write(
        folder.join(man.get_filename()),
        examples(&String::from_utf8_lossy(&page)),
    )
}

/// The page with its examples as they are typed: line by line, not filled like sentences.
fn examples(page: &str) -> String {
    let Some((before, rest)) = page.split_once("\n.SH EXTRA\n") else {
        return page.to_owned();
    };
    let (examples, after) = rest.split_at(rest.find("\n.SH ").unwrap_or(rest.len()));
    format!("{before}\n.SH NOTES\n.nf\n{examples}\n.fi{after}")
}
