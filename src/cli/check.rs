//! `okrd check`: every finding of the configuration; with `--online` also what the sources say to each question, and what
//! the store tells of the goals. Without it nothing but the files is read, so that it works where neither can be reached.

use std::path::Path;

use super::args::{CheckArgs, CheckFormat};
use super::exit::{Failure, Verdict, complain, say};
use super::web::Web;
use super::{configuration, hindsight, online, runtime};
use crate::config::check::levels::Levels;
use crate::config::check::places::Places;
use crate::config::files::Files;
use crate::config::finding::{Code, Finding, Needs, Severity};
use crate::config::render;
use crate::config::spec::Config;
use crate::engine::clock::{Clock, SystemClock};

/// Prints every finding, or the page of one code.
///
/// # Errors
/// When the main file cannot be read, or with `--online` the store.
pub fn run(config: Option<&Path>, args: &CheckArgs) -> Result<Verdict, Failure> {
    let explained = args.explain.as_deref();
    if let Some(code) = explained.and_then(|word| Code::parse(&word.to_ascii_uppercase())) {
        say(code.page())?;
        return Ok(Verdict::Yes);
    }
    let path = configuration::locate(config)?;
    let files = configuration::read(&path)?;
    let (config, mut findings) = configuration::check(&files);
    if let Some(config) = config.as_ref().filter(|_| args.online) {
        let now = SystemClock.now();
        let past = hindsight::Past::read(config, now)?;
        let answers = runtime::small()?.block_on(online::ask(config, &files, now));
        let mut more = hindsight::remarks(config, &files, past.as_ref(), &answers.numbers, now);
        more.extend(answers.findings);
        put_in_order(&files, &mut more);
        let seen = [Needs::Sources, Needs::History];
        let seen = if past.is_some() {
            &seen[..]
        } else {
            &seen[..1]
        };
        Levels::of(&files, now).settle(&files, &mut more, seen);
        findings.extend(more);
        findings.extend(web(config, &files));
    }
    say(&render(args.format, &findings, &files))?;
    if findings.is_empty() {
        let files = files.files.len();
        let s = if files == 1 { "" } else { "s" };
        complain(&format!("no findings in {files} file{s}\n"));
    }
    let fails = |severity| match severity {
        Severity::Error => true,
        Severity::Warning => args.deny_warnings,
        Severity::Info => false,
    };
    Ok(Verdict::of(!findings.iter().any(|f| fails(f.severity))))
}

/// That the file with TLS and passwords, and what it names, would let the daemon start. It stands outside the configuration
/// and changes without it, so a check of the files alone does not read it.
fn web(config: &Config, files: &Files) -> Option<Finding> {
    let error = Web::open(config.server.web_config.as_deref()?).err()?;
    let finding = Finding::new(Code::CfgFile, error);
    let finding = finding.help("without it the daemon does not start; docs/api.md shows one");
    Some(Places::of(files).at_web_config(finding))
}

/// By file, line and column; what stands at one place keeps its order.
pub(super) fn put_in_order(files: &Files, found: &mut [Finding]) {
    let nth = |file: &str| files.files.iter().position(|f| f.shown() == file);
    found.sort_by_key(|f| (nth(&f.file), f.line, f.column));
}

/// Where the text for people ends.
const MORE: &str = "`okrd check --explain CODE` tells more of a code, and how to silence it\n";

fn render(format: CheckFormat, findings: &[Finding], files: &Files) -> String {
    match format {
        CheckFormat::Text if findings.is_empty() => String::new(),
        CheckFormat::Text => render::text(findings, files) + MORE,
        CheckFormat::Json => render::json(findings, files),
        CheckFormat::Github => render::github(findings, files),
        CheckFormat::Sarif => render::sarif(findings, files),
    }
}
