//! Floor 5: the command line. Reads arguments, composes the floors below, prints results to stdout and ends with the
//! contract's exit codes. Knows everything; nothing knows it.

pub mod annotate;
pub mod args;
pub mod author;
pub mod backfill;
pub mod backup;
pub mod check;
pub mod checkin;
pub mod close;
pub mod completions;
pub mod configuration;
pub mod demo;
pub mod diff;
pub mod door;
pub mod exit;
pub mod export;
pub mod exposition;
pub mod extract;
pub mod faces;
pub mod filters;
pub mod fmt;
pub mod healthcheck;
pub mod hindsight;
pub mod history;
pub mod init;
pub mod key_results;
pub mod keys;
pub mod knock;
pub mod log;
pub mod lore;
pub mod man;
pub mod markdown;
pub mod notify;
pub mod online;
pub mod period;
pub mod present;
pub mod probe;
pub mod rebase;
pub mod record;
pub mod reload;
pub mod report;
pub mod resume;
pub mod run;
pub mod runtime;
pub mod schema;
pub mod series;
pub mod status;
pub mod supervisor;
pub mod table;
pub mod telling;
pub mod watch;
pub mod web;
pub mod when;
mod why;
pub mod write;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Failure, Verdict};

/// Runs the command on the command line and tells how it ended: 0 done, 1 the answer is no, 2 usage or configuration,
/// 3 store, 4 another process holds the store.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(verdict) => verdict.into(),
        Err(failure) => failure.report(),
    }
}

fn run(args: Args) -> Result<Verdict, Failure> {
    let config = args.config.as_deref();
    match args.command {
        Command::Run(args) => run::run(config, &args),
        Command::Reload(args) => knock::run(config, &args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Check(args) => check::run(config, &args),
        Command::Probe(args) => probe::run(config, &args),
        Command::Extract(args) => extract::run(&args),
        Command::Status(args) => status::run(config, &args),
        Command::History(args) => history::run(config, &args),
        Command::Record(args) => record::run(config, &args),
        Command::Resume(args) => resume::run(config, &args),
        Command::Notify(command) => notify::run(config, &command),
        Command::Backfill(args) => backfill::run(config, &args),
        Command::Rebase(args) => rebase::run(config, &args),
        Command::Checkin(args) => checkin::run(config, &args),
        Command::Annotate(args) => annotate::run(config, &args),
        Command::Report(args) => report::run(config, &args),
        Command::Present(args) => present::run(config, &args),
        Command::Close(args) => close::run(config, &args),
        Command::Export(args) => export::run(config, &args),
        Command::Backup(args) => backup::run(config, &args),
        Command::Store(command) => backup::store(config, &command),
        Command::Diff(args) => diff::run(config, &args),
        Command::Schema => schema::run(),
        Command::Init(args) => init::run(&args),
        Command::Fmt(args) => fmt::run(config, &args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Demo(args) => demo::run(config, &args),
        Command::JqWorker => filters::serve(),
    }
}
