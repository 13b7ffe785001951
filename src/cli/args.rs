//! What may be typed: commands, options and their help. Knows no command's work.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand, ValueEnum};

use super::init::said::Said;
use super::runtime::{RUSTC, VERSION, commit, zone_data};
use crate::config::finding::Code;
use crate::source::worker::COMMAND;
use crate::store::sqlite_version;

/// Measures OKRs: polls the sources behind key results, keeps every value, exports progress to Prometheus.
#[derive(Debug, Parser)]
#[command(name = "okrd", version, long_version = LONG_VERSION.as_str(), propagate_version = true, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Args {
    /// Configuration file, or a directory that holds an okrd.toml [default: ./okrd.toml, then /etc/okrd/okrd.toml]
    #[arg(
        long,
        global = true,
        env = "OKRD_CONFIG",
        value_name = "PATH",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The version with what it was built from.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let (commit, sqlite, zones) = (commit(), sqlite_version(), zone_data());
    format!("{VERSION} ({commit}, SQLite {sqlite}, rustc {RUSTC}, time zones {zones})")
});

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the answer is no, 2 usage or configuration, 3 store, 4 another process holds the store.
Results go to stdout, logs to stderr; OKRD_LOG sets what is logged (error, warn, info, debug).

New here? `okrd demo` shows everything at work, without account and network; `okrd init` writes a configuration of your own.";

const INIT_EXAMPLE: &str = "\
In a terminal `okrd init` asks; nothing else is needed. Flags follow the steps in their order, as here:

  okrd init --company Acme --team content=Content --source 'shop={ type = \"sqlite\", path = \"shop.db\" }' \\
    --objective 'reflex=Looking it up with us becomes a reflex' --why 'Who comes back costs nothing' \\
      --key-result 'More visitors' --aim '48000 -> +50% visitors' --why 'A reflex shows in visits' \\
      --key-result 'Fewer corrections' --aim 'at most 9 corrections' --why 'Nobody looks up what is wrong' \\
    --objective 'More people find us' --owner content --parent reflex \\
      --key-result 'Pass 1,000 subscribers' --aim '640 -> 1000 subscribers' --why 'They decided to come back' \\
        --measure '{ source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }' \\
      --key-result 'Readers recommend us' --aim '31 -> 40 points' --why 'Nobody recommends what is not theirs'";

const EXPORT_EXAMPLE: &str = "\
So a new Prometheus gets the whole cycle; --label must say what its scrape will say:

  okrd export --openmetrics --label instance=okrd.example.com:10650 -o cycle.om
  promtool tsdb create-blocks-from openmetrics --max-block-duration=744h cycle.om /var/lib/prometheus";

const REPORT_EXAMPLE: &str = "\
A document tells of all that runs now and of the last 7 days; of a named cycle that is over, of the whole cycle:

  okrd report                                                  all of it as Markdown
  okrd report --team content --since 2026-11-01 --until 2026-11-30 --format html -o november.html
  okrd report --cycle 2026-Q3 --format json";

const PRESENT_EXAMPLE: &str = "\
  okrd present -o meeting.html                                 open it in a browser: arrow keys, or print to PDF";

const COMPLETIONS_EXAMPLE: &str = "\
Where shells look for it:

  okrd completions bash > ~/.local/share/bash-completion/completions/okrd
  okrd completions zsh > ~/.zfunc/_okrd
  okrd completions fish > ~/.config/fish/completions/okrd.fish";

const MAN_EXAMPLE: &str = "\
Where man looks for them:

  okrd man ~/.local/share/man/man1 && man okrd-report";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first configuration: ask the six steps of the method in a terminal, or take them from flags
    #[command(after_help = INIT_EXAMPLE)]
    Init(Box<InitArgs>),
    /// Run the daemon: poll on schedule, record, serve the page and /metrics
    Run(RunArgs),
    /// Have the running daemon take in its changed configuration, all of it or nothing, and tell what changed
    Reload(ReloadArgs),
    /// Ask a running okrd whether it is healthy, as containers do; exit code 1 if it is not
    Healthcheck(HealthcheckArgs),
    /// Check the configuration and tell every finding
    Check(CheckArgs),
    /// Ask sources now and show what they answer; records nothing
    Probe(ProbeArgs),
    /// Try an expression on an answer from a file or stdin, as a source of type http would read it; asks nobody
    Extract(ExtractArgs),
    /// Show the scorecard from the recorded values
    Status(StatusArgs),
    /// Show the recorded values of a key result
    History(HistoryArgs),
    /// Record a value that people know
    Record(RecordArgs),
    /// Ask a source again that refused the login, or failed, or send through a channel again that refused messages, with or
    /// without a daemon running
    Resume(ResumeArgs),
    /// Show what a channel would be sent, or try whether messages come through
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Fill the past of a key result: ask its source again for each slot without a value
    Backfill(BackfillArgs),
    /// Show by which definitions a key result was measured, and how to carry the earlier figures over
    Rebase(RebaseArgs),
    /// Tell how likely a key result is to be met, with a few words
    Checkin(CheckinArgs),
    /// Keep a few words about a key result, or about everything, at an instant or over a stretch of time
    Annotate(AnnotateArgs),
    /// Tell of a period as a document: vision, strategy, objectives and their key results, what changed, what was learned
    #[command(after_help = REPORT_EXAMPLE)]
    Report(ReportArgs),
    /// Make the slides of a strategy meeting: one HTML file that needs nothing else and prints one slide a page
    #[command(after_help = PRESENT_EXAMPLE)]
    Present(PresentArgs),
    /// Keep for good how a cycle ended, seven days after its end, and show scores and verdicts
    Close(CloseArgs),
    /// Write the past as /metrics would have shown it, for a Prometheus that did not scrape it
    #[command(after_help = EXPORT_EXAMPLE)]
    Export(ExportArgs),
    /// Copy the store into a new file, checked, beside a running daemon
    Backup(BackupArgs),
    /// Check the store, put a damaged one aside, put a backup in its place
    #[command(subcommand)]
    Store(StoreCommand),
    /// Tell what a change of the configuration means, against a revision in git or another folder
    Diff(DiffArgs),
    /// Print the JSON schema of the configuration, for editors
    Schema,
    /// Put the white space of configuration files in order; changes no key, value, comment or order
    Fmt(FmtArgs),
    /// Print what a shell needs to complete commands and options
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions(CompletionsArgs),
    /// Write the manual pages, one a command
    #[command(after_help = MAN_EXAMPLE)]
    Man(ManArgs),
    /// Show okrd at work: example configuration, simulated sources, the real daemon
    Demo(DemoArgs),
    /// What okrd starts by itself to run filters; ends with its input
    #[command(name = COMMAND, hide = true)]
    JqWorker,
}

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The folder to write to, made where it is not there; pages of that name are overwritten
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Folder to write to, made where it is not there; --config is not used
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The company's name
    #[arg(long, value_name = "NAME")]
    pub company: Option<String>,
    /// What it wants to be
    #[arg(long, value_name = "TEXT")]
    pub vision: Option<String>,
    /// How it wants to get there, one thought a flag (repeat)
    #[arg(long, value_name = "TEXT")]
    pub strategy: Vec<String>,
    /// The cycle: a quarter such as 2026-Q4, or NAME=FIRST..LAST with two days [default: this quarter]
    #[arg(long, value_name = "CYCLE")]
    pub cycle: Option<String>,
    /// IANA time zone of cycle days and schedules [default: the machine's]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// A team (repeat)
    #[arg(long, value_name = "[ID=]NAME")]
    pub team: Vec<String>,
    /// A source as in the file: ID={ type = "sqlite", path = "shop.db" } (repeat)
    #[arg(long, value_name = "ID=TOML")]
    pub source: Vec<String>,
    /// Objectives and key results, in their order.
    #[command(flatten)]
    pub said: Said,
    /// Show the files; write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Poll every key result once, record, print a table and end; exit code 1 if any poll failed
    #[arg(long)]
    pub once: bool,
    /// Format of what --once prints
    #[arg(long, value_enum, default_value_t, requires = "once")]
    pub format: Format,
    /// Take the clock as right although the store has seen a later time, as after it stood ahead
    #[arg(long)]
    pub trust_clock: bool,
}

/// Formats of `check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people, with the line at fault
    #[default]
    Text,
    /// For programs
    Json,
    /// Annotations of a GitHub workflow
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: CheckFormat,
    /// Let warnings fail too
    #[arg(long)]
    pub deny_warnings: bool,
    /// Also ask each source who okrd is to it and for each number, and judge what the store holds; records nothing
    #[arg(long)]
    pub online: bool,
    /// Tell what a code means, why it matters, what to write instead and how to silence it; checks nothing
    #[arg(
        long,
        value_name = "CODE",
        value_parser = PossibleValuesParser::new(Code::WORDS),
        hide_possible_values = true,
        ignore_case = true,
        exclusive = true
    )]
    pub explain: Option<String>,
}

/// Options of `probe`.
#[derive(Debug, clap::Args)]
pub struct ProbeArgs {
    /// Key results, as objective/key_result or cycle:objective/key_result
    #[arg(
        value_name = "KR",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub key_results: Vec<String>,
    /// Ask for every key result of the open cycles that has a source
    #[arg(long)]
    pub all: bool,
    /// Also show what went over the wire: requests without their secrets, statuses, and how the answers begin
    #[arg(long)]
    pub explain: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Options of `extract`.
#[derive(Debug, clap::Args)]
pub struct ExtractArgs {
    /// A JSON Pointer when it starts with `/`, otherwise a jq filter; its variables are those of this calendar quarter in UTC
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub expression: String,
    /// The answer; stdin when absent
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A jq filter; when it yields true the answer is an error
    #[arg(long, value_name = "FILTER")]
    pub fail_if: Option<String>,
    /// A jq filter that must yield true, or the answer is an error
    #[arg(long, value_name = "FILTER")]
    pub require: Option<String>,
    /// Where it stands of which instant the data are, as EXPR
    #[arg(long, value_name = "EXPR")]
    pub as_of: Option<String>,
    /// What the answer is: json, csv or text
    #[arg(long, value_enum, default_value_t)]
    pub input: Input,
}

/// Formats of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Input {
    /// One JSON document
    #[default]
    Json,
    /// Rows with a header, separated by commas
    Csv,
    /// Rows with a header, separated by semicolons
    CsvSemicolon,
    /// Rows with a header, separated by tabs
    Tsv,
    /// Plain text
    Text,
}

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Formats of `history`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// For people
    #[default]
    Table,
    /// Comma-separated values
    Csv,
    /// For programs
    Json,
}

/// Options of `history`.
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// Key result, as objective/key_result or cycle:objective/key_result
    #[arg(value_name = "KR")]
    pub key_result: String,
    /// Only values since then: a day (2026-11-01, in the configuration's `timezone`), an instant (2026-11-01T06:00:00Z) or an age (7d)
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// The forecasts that were kept, one a day, instead of the values (JSON has both)
    #[arg(long, conflicts_with = "format")]
    pub forecasts: bool,
    /// Where the newest value comes from: what was asked, when and how long, under which configuration; where definitions
    /// begin and end, and what failed since
    #[arg(long, conflicts_with_all = ["since", "forecasts"])]
    pub why: bool,
    /// With --why: the newest value that describes this instant or an earlier one; written as for --since
    #[arg(long, value_name = "T", requires = "why")]
    pub at: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: HistoryFormat,
}

/// Options of `record`.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Key result, as objective/key_result or cycle:objective/key_result
    #[arg(value_name = "KR")]
    pub key_result: String,
    /// The value, a plain decimal number
    #[arg(allow_negative_numbers = true)]
    pub value: String,
    /// The instant it describes: a day (its midnight in the configuration's `timezone`), an instant (2026-11-01T06:00:00Z)
    /// or an age (7d) [default: now]
    #[arg(long, value_name = "T")]
    pub at: Option<String>,
    /// A few words kept beside it
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who says it; kept beside it and shown only with it [default: the system's user]
    #[arg(long, env = "OKRD_AUTHOR", value_name = "NAME", hide_env_values = true)]
    pub author: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Options of `resume`.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The source, by its name under `sources`, or the channel, by its name under `notify`
    #[arg(value_name = "NAME")]
    pub source: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What `notify` does.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Show what waits to be sent, and the digest as it would be now; sends and changes nothing
    Preview(PreviewArgs),
    /// Send a message that says it is a test; exit code 1 if a receiver does not take it
    Test(TestArgs),
}

/// Options of `notify preview`.
#[derive(Debug, clap::Args)]
pub struct PreviewArgs {
    /// The channel, by its name under `notify`
    #[arg(value_name = "NAME")]
    pub channel: String,
    /// Show what is sent in place of what people read
    #[arg(long)]
    pub payload: bool,
}

/// Options of `notify test`.
#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// The channel, by its name under `notify`
    #[arg(value_name = "NAME")]
    pub channel: String,
}

/// Options of `checkin`.
#[derive(Debug, clap::Args)]
pub struct CheckinArgs {
    /// Key result, as objective/key_result or cycle:objective/key_result
    #[arg(value_name = "KR")]
    pub key_result: String,
    /// How likely it is to be met by the end of the cycle, from 0 to 1
    #[arg(
        long,
        value_name = "SHARE",
        allow_negative_numbers = true,
        required_unless_present = "note"
    )]
    pub confidence: Option<String>,
    /// A few words: what changed, what is in the way
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who says it; kept beside it and shown only with it [default: the system's user]
    #[arg(long, env = "OKRD_AUTHOR", value_name = "NAME", hide_env_values = true)]
    pub author: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Formats of `diff`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people
    #[default]
    Text,
    /// For a comment of a pull request
    Markdown,
    /// For programs
    Json,
}

/// Options of `diff`.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// The other side: a folder or file that holds a configuration, else a branch, tag or commit of the repository around the configuration
    #[arg(long, value_name = "REF|PATH")]
    pub base: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: DiffFormat,
    /// Take current values from the running daemon at this address, such as http://127.0.0.1:10650; behind a login
    /// OKRD_VALUES_TOKEN is its token, with OKRD_VALUES_USER the password of that user [default: from the store, if there
    /// is one]
    #[arg(long, value_name = "URL")]
    pub values: Option<String>,
    /// Ask the old and the new measure of what is measured otherwise, side by side; records nothing
    #[arg(long)]
    pub probe: bool,
}

/// Options of `export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// As OpenMetrics text with timestamps, the only format there is
    #[arg(long, required = true)]
    pub openmetrics: bool,
    /// A cycle [default: those that are open]
    #[arg(long, value_name = "CYCLE")]
    pub cycle: Option<String>,
    /// The first instant: a day (2026-11-01, in the configuration's `timezone`), an instant (2026-11-01T06:00:00Z) or an
    /// age (7d) [default: the start of the cycle]
    #[arg(long, value_name = "T")]
    pub from: Option<String>,
    /// The last instant, likewise [default: when the cycle has closed, or now]
    #[arg(long, value_name = "T")]
    pub to: Option<String>,
    /// How far the samples are apart; Prometheus draws a gap where more than 5m lie between two
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub step: String,
    /// A label of every series, as a scrape adds them (repeat); an empty value leaves one out [default: job=okrd and
    /// instance=, with the address that okrd listens on]
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// The new file; an existing one is not overwritten [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The new file; an existing one is not overwritten
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What `store` does.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read every page of the store, or of a backup, and tell what is there; exit code 1 if it is damaged
    Verify(VerifyArgs),
    /// Put the store aside, renamed with its write-ahead log; the daemon must not run
    Quarantine,
    /// Put a backup where the store belongs; the daemon must not run, and no store may be there
    Restore(RestoreArgs),
    /// Say that you know of a store that was put aside or restored: until then okrd_store_incident is 1
    Acknowledge(AcknowledgeArgs),
}

/// Options of `store acknowledge`.
#[derive(Debug, clap::Args)]
pub struct AcknowledgeArgs {
    /// Who says it; kept in the store [default: the system's user]
    #[arg(long, env = "OKRD_AUTHOR", value_name = "NAME", hide_env_values = true)]
    pub author: Option<String>,
}

/// Options of `store verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// A backup [default: the store that the configuration names]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Options of `store restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup; it stays as it is
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Options of `annotate`.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct AnnotateArgs {
    /// Key result, as objective/key_result or cycle:objective/key_result; without it the text is about everything
    #[arg(value_name = "KR")]
    pub key_result: Option<String>,
    /// The words
    #[arg(required = true)]
    pub text: String,
    /// The instant it is about, or where the stretch begins: a day (2026-11-01, in the configuration's `timezone`), an
    /// instant (2026-11-01T06:00:00Z) or an age (7d) [default: now]
    #[arg(long, value_name = "T")]
    pub from: Option<String>,
    /// Where the stretch ends
    #[arg(long, value_name = "T")]
    pub to: Option<String>,
    /// Who says it; kept beside it and shown only with it [default: the system's user]
    #[arg(long, env = "OKRD_AUTHOR", value_name = "NAME", hide_env_values = true)]
    pub author: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Formats of `report`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For wikis, tickets and mail
    #[default]
    Markdown,
    /// One page that needs nothing else, to read or print
    Html,
    /// For programs
    Json,
}

/// Options of `report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Only the objectives of this team, by its id under `teams` [default: the company and all teams]
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// Name of the cycle, such as 2026-Q4 [default: all that run; if none does, the one that ended last]
    #[arg(long, value_name = "CYCLE")]
    pub cycle: Option<String>,
    /// Tell what changed since then: a day (2026-11-01, in the configuration's `timezone`), an instant
    /// (2026-11-01T06:00:00Z) or an age (7d) [default: 7d, but not before the cycle begins; of a cycle that is over, its
    /// first day]
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Tell how everything stood then, written likewise; a day is included [default: now]
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// The file to write, in the place of an earlier one [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `present`.
#[derive(Debug, clap::Args)]
pub struct PresentArgs {
    /// Name of the cycle, such as 2026-Q4 [default: all that run; if none does, the one that ended last]
    #[arg(long, value_name = "CYCLE")]
    pub cycle: Option<String>,
    /// When you last met: what changed is told since then. A day (2026-11-01, in the configuration's `timezone`), an
    /// instant (2026-11-01T06:00:00Z) or an age (7d) [default: 30d, but not before the cycle begins; of a cycle that is
    /// over, its first day]
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Show how everything stood then, written likewise; a day is included [default: now]
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// The file to write, in the place of an earlier one [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `close`.
#[derive(Debug, clap::Args)]
pub struct CloseArgs {
    /// Name of the cycle, such as 2026-Q3
    #[arg(value_name = "CYCLE")]
    pub cycle: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Formats of `backfill`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BackfillFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Options of `reload`.
#[derive(Debug, clap::Args)]
pub struct ReloadArgs {
    /// Take it even if more than half of the key results whose cycle has not ended are gone
    #[arg(long)]
    pub allow_mass_removal: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Options of `healthcheck`.
#[derive(Debug, clap::Args)]
pub struct HealthcheckArgs {
    /// Where it listens; no configuration is read for it
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:10650")]
    pub address: SocketAddr,
    /// Ask over TLS; the server must show a certificate for this name
    #[arg(long, value_name = "NAME")]
    pub tls_name: Option<String>,
    /// Authorities to trust in place of the system's, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_name")]
    pub ca: Option<PathBuf>,
}

/// Options of `backfill`.
#[derive(Debug, clap::Args)]
pub struct BackfillArgs {
    /// Key result, as objective/key_result or cycle:objective/key_result
    #[arg(value_name = "KR")]
    pub key_result: String,
    /// The first instant: a day (2026-11-01, in the configuration's `timezone`), an instant (2026-11-01T06:00:00Z) or an
    /// age (7d)
    #[arg(long, value_name = "T")]
    pub from: String,
    /// The last instant, likewise [default: now]
    #[arg(long, value_name = "T")]
    pub to: Option<String>,
    /// Tell which slots would be asked for; asks and records nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: BackfillFormat,
}

/// Options of `fmt`.
#[derive(Debug, clap::Args)]
pub struct FmtArgs {
    /// Files; `-` reads stdin and writes stdout [default: the configuration and every file it includes]
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,
    /// Write nothing; list the files that would change, and on stderr their lines; exit code 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// Options of `rebase`.
#[derive(Debug, clap::Args)]
pub struct RebaseArgs {
    /// Key result, as objective/key_result or cycle:objective/key_result
    #[arg(value_name = "KR")]
    pub key_result: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Where to write the example configuration, the shop and the store; that configuration is used, --config is not
    #[arg(long, value_name = "DIR", default_value = "okrd-demo")]
    pub dir: PathBuf,
    /// Where the page and /metrics are served; another free port is taken when this one is in use
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10650")]
    pub listen: SocketAddr,
}
