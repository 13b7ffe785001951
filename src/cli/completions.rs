//! `okrd completions`: what a shell needs to complete okrd's commands and options, made from the definition of the
//! command line and so never behind it.

use clap::{Command, CommandFactory};

use super::args::{Args, CompletionsArgs};
use super::exit::{Failure, Verdict, say};
use super::runtime::VERSION;

/// Prints the script for a shell.
///
/// # Errors
/// When stdout takes no more.
pub fn run(args: &CompletionsArgs) -> Result<Verdict, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut for_people(), "okrd", &mut script);
    say(&String::from_utf8_lossy(&script))?;
    Ok(Verdict::Yes)
}

/// The command line without what okrd starts by itself: scripts name hidden commands too.
fn for_people() -> Command {
    let all = Args::command();
    let commands = all
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    Command::new("okrd")
        .version(VERSION)
        .propagate_version(true)
        .args(all.get_arguments().cloned())
        .subcommands(commands.cloned())
}
