//! From text to a valid configuration: every fault of every file in one run, and the configuration only when none is
//! an error. Pure: files come from `load`; nothing is opened, asked or run.

mod aim;
mod amendments;
pub(super) mod braces;
mod daemon;
mod edition;
mod faults;
mod formula;
mod goals;
mod guard;
pub mod levels;
mod links;
pub(super) mod measure;
mod method;
mod notify;
mod overlap;
mod people;
pub mod places;
mod points;
mod preset;
mod push;
mod rebases;
mod records;
mod review;
mod rules;
mod shape;
mod source;
mod statement;
pub(super) mod suggest;
mod syntax;
mod table;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeTable;

pub(super) use self::measure::canonical;

use self::daemon::{Schedules, named};
use self::faults::Faults;
use self::goals::{Draft, Reader, Shared};
use self::levels::Levels;
use self::review::Review;
use self::shape::Shapes;
use self::suggest::did_you_mean;
use self::table::Table;
use super::files::{File, Files};
use super::finding::{Code, Finding, Needs, Rests, Severity, quoted};
use super::keys::ROOT;
use super::spec::{Config, Limits};
use crate::domain::cycle::Cycle;
use crate::domain::goals::{Goals, Team};
use crate::domain::id::{CycleName, Slug};

/// More findings than this help nobody.
const MOST_FINDINGS: usize = 1000;

/// Says in one line what is wrong with a jq filter's text. Filters run in the sources, one floor up, and only those know
/// what a filter may hold; so whoever checks brings their word along.
pub type FilterJudge = fn(&str) -> Result<(), String>;

/// Checks all files as of an instant, which tells what is still allowed. Never aborts: the configuration comes with all
/// findings, or all findings without it. A finding that `[lints]` raised to an error takes no configuration away.
#[must_use]
pub fn check(
    files: &Files,
    filters: FilterJudge,
    now: Timestamp,
) -> (Option<Config>, Vec<Finding>) {
    let (config, findings) = check_all(files, filters, now);
    let refused = findings.iter().any(Finding::refuses);
    ((!refused).then_some(config), findings)
}

/// The same, with what could be read where there are errors: enough to compare it with another, and never to be run.
#[must_use]
pub fn check_all(files: &Files, filters: FilterJudge, now: Timestamp) -> (Config, Vec<Finding>) {
    let mut out = files.findings.clone();
    let parsed: Vec<(Spanned<DeTable<'_>>, bool)> = files
        .files
        .iter()
        .map(|file| {
            let (table, findings) = syntax::parse(file);
            let broken = !findings.is_empty();
            out.extend(findings);
            (table, broken)
        })
        .collect();
    let roots: Vec<Table<'_>> = files
        .files
        .iter()
        .zip(&parsed)
        .map(|(file, (table, _))| Table::root(file, table.get_ref()))
        .collect();
    let mut judged = Vec::new();
    let config = read(files, &roots, filters, &mut judged);
    let mut levels = Levels::read(&roots, now, &mut judged);
    let faults = Faults::of(&out, files);
    judged.retain(|finding| !faults.explain(finding));
    out.extend(judged);
    for (file, (table, broken)) in files.files.iter().zip(&parsed) {
        if !broken {
            out.extend(edition::newer(file, table.get_ref()));
        }
    }
    if !out.iter().any(Finding::refuses) {
        out.extend(nothing_to_do(&roots));
    }
    levels.settle(files, &mut out, &[Needs::Files]);
    let config = finish(files, &mut out, config);
    (config, out)
}

/// Why a file is not TOML: every fault, none when it is.
#[must_use]
pub fn syntax_faults(file: &File) -> Vec<Finding> {
    syntax::parse(file).1
}

/// Puts findings in order and counts the warnings.
fn finish(files: &Files, out: &mut Vec<Finding>, config: Config) -> Config {
    let order: BTreeMap<&str, usize> = files
        .files
        .iter()
        .enumerate()
        .map(|(n, file)| (file.shown(), n))
        .collect();
    let in_order = |f: &Finding| {
        let nth = order.get(f.file.as_str()).copied();
        (nth, f.line, f.column, f.code)
    };
    out.sort_by_key(in_order);
    out.dedup();
    let errors = out.iter().any(|f| f.severity == Severity::Error);
    let refused = out.iter().any(Finding::refuses);
    let warnings = out
        .iter()
        .filter(|f| f.severity == Severity::Warning)
        .count();
    // Whoever looks stops there, too, so that of more nobody knows how many.
    if out.len() >= MOST_FINDINGS {
        // What refuses the configuration, and then the gravest, is not to be lost behind the others.
        out.sort_by_key(|f| (!f.refuses(), f.severity));
        out.truncate(MOST_FINDINGS);
        out.sort_by_key(in_order);
        if let Some(last) = out.last().cloned() {
            let note = Finding {
                severity: if errors {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                raised: !refused,
                label: String::new(),
                also: None,
                message: format!("only {MOST_FINDINGS} findings are shown, there may be more"),
                help: "mend those above first".into(),
                ..last
            };
            out.push(note);
        }
    }
    Config { warnings, ..config }
}

/// Every id that stands in the files, sound or not: objectives, and objective/key_result.
#[must_use]
pub fn ids(files: &Files) -> BTreeSet<(CycleName, String)> {
    let parsed: Vec<Spanned<DeTable<'_>>> = files
        .files
        .iter()
        .map(|file| syntax::parse(file).0)
        .collect();
    let roots: Vec<Table<'_>> = (files.files.iter().zip(&parsed))
        .map(|(file, table)| Table::root(file, table.get_ref()))
        .collect();
    let living = records::living(&roots).into_iter();
    living
        .flat_map(|(cycle, ids)| ids.into_iter().map(move |id| (cycle.clone(), id)))
        .collect()
}

/// The type of every source of all files; `None` where it has no usable one.
type SourceTypes<'a> = BTreeMap<&'a str, Option<&'a str>>;

fn source_types<'a>(roots: &[Table<'a>]) -> SourceTypes<'a> {
    let entries = roots.iter().flat_map(|root| {
        root.table("sources")
            .map(|t| t.entries())
            .unwrap_or_default()
    });
    let usable = |word: &&str| super::keys::source::of_type(word).is_some();
    entries
        .map(|(name, at)| {
            let word = at.table().and_then(|t| t.text("type")).map(|at| at.value);
            (name.value, word.filter(usable))
        })
        .collect()
}

/// Reads everything; what has an error is left out, so the result is whole only when no finding is one.
fn read(
    files: &Files,
    roots: &[Table<'_>],
    filters: FilterJudge,
    out: &mut Vec<Finding>,
) -> Config {
    let types = source_types(roots);
    let mut shapes = Shapes {
        sources: &types,
        out: std::mem::take(out),
    };
    for root in roots {
        shapes.table(&ROOT, *root);
    }
    *out = shapes.out;

    let zone = daemon::zone(roots, out);
    let (cycles, cycle_names) = daemon::cycles(roots, &zone, out);
    let teams = daemon::teams(roots, out);
    let store = daemon::store(roots, out);
    let (mut sources, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut source_tables = BTreeMap::new();
    for (name, table) in named(roots, "sources", "source", out) {
        let spec = source::source(table, &store.path, out);
        let said = source::limits(table, out);
        source_tables.insert(name.value, table);
        if let (Ok(name), Some(spec)) = (Slug::parse(name.value), spec) {
            limits.extend((said != Limits::default()).then(|| (name.clone(), said)));
            sources.insert(name, spec);
        }
    }
    let mut schedules = Schedules::new(zone.clone());
    let polling = daemon::polling(roots, &mut schedules, out);
    let reader = Reader {
        cycles: &cycles,
        sources: &types,
        specs: &sources,
        polling: &polling,
        schedules: &mut schedules,
        filters,
        out,
    };
    let drafts = drafts(roots, reader, &cycle_names, &teams);
    tree::tree(&drafts, out);
    overlap::overlap(roots, &cycles, &drafts, out);
    let review = Review {
        roots,
        drafts: &drafts,
        cycles: &cycles,
        sources: &sources,
        source_tables,
        utc: zone.zone == TimeZone::UTC,
    };
    review.all(out);
    let polls = drafts
        .iter()
        .flat_map(|draft| draft.polls.iter().cloned())
        .collect();
    let server = daemon::server(roots, out);
    let notify = notify::channels(roots, &zone, &teams, out);
    Config {
        revision: revision(files),
        zone_name: zone.name,
        zone: zone.zone,
        goals: goals(roots, cycles, teams, drafts, out),
        pushes: push::pushes(roots, server.listen, out),
        notify,
        server,
        reload: daemon::reload(roots, out),
        store,
        sources,
        polls,
        catch_up: polling.catch_up,
        limits,
        max_retry_after: polling.max_retry_after,
        records: records::records(roots, out),
        warnings: 0,
    }
}

fn goals(
    roots: &[Table<'_>],
    cycles: BTreeMap<CycleName, Cycle>,
    teams: BTreeMap<Slug, Team>,
    drafts: Vec<Draft<'_>>,
    out: &mut Vec<Finding>,
) -> Goals {
    Goals {
        company: daemon::company(roots, out),
        method: daemon::method(roots, out),
        cycles,
        teams,
        objectives: drafts
            .into_iter()
            .map(|draft| Arc::new(draft.objective))
            .collect(),
    }
}

/// Reads the objectives of all files.
fn drafts<'a>(
    roots: &[Table<'a>],
    mut reader: Reader<'a, '_>,
    cycles: &[&str],
    teams: &BTreeMap<Slug, Team>,
) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    for (n, root) in roots.iter().enumerate() {
        let objectives = root.tables("objectives");
        let Some(shared) = shared(*root, n, !objectives.is_empty(), cycles, teams, reader.out)
        else {
            continue;
        };
        for (name, table) in objectives {
            drafts.extend(reader.objective(&shared, &name, table));
        }
    }
    drafts
}

/// The cycle and the team of a file.
fn shared(
    root: Table<'_>,
    nth: usize,
    has_objectives: bool,
    cycles: &[&str],
    teams: &BTreeMap<Slug, Team>,
    out: &mut Vec<Finding>,
) -> Option<Shared> {
    let cycle = root.text("cycle");
    if let Some(at) = cycle.as_ref().filter(|at| !cycles.contains(&at.value)) {
        let message = format!("no cycle is called {}", quoted(at.value));
        let help = did_you_mean(at.value, cycles.iter().copied(), "cycles");
        out.push(
            at.finding(Code::CfgRef, message)
                .label("unknown cycle")
                .rests_on(Rests::AllFiles)
                .help(help),
        );
    }
    let team = root.text("team");
    if let Some(at) = team.as_ref()
        && Slug::parse(at.value).is_ok()
        && !teams.keys().any(|team| team.as_str() == at.value)
    {
        let message = format!("no team is called {}", quoted(at.value));
        let help = did_you_mean(at.value, teams.keys().map(Slug::as_str), "teams");
        out.push(
            at.finding(Code::CfgRef, message)
                .label("unknown team")
                .rests_on(Rests::AllFiles)
                .help(help),
        );
    }
    if cycle.is_none()
        && has_objectives
        && !root.has("cycle")
        && let Some(at) = root.key("objectives")
    {
        let finding = at.finding(
            Code::CfgMissing,
            "the file has objectives but lacks the key `cycle`",
        );
        out.push(
            finding
                .rests_on(Rests::Top)
                .help("add for example cycle = \"2026-Q4\" at the top of the file"),
        );
    }
    let written = cycle.and_then(|at| CycleName::parse(at.value).ok());
    // A stand-in of the file's own, so that its other faults are found and its ids collide with no other file's.
    let cycle = written.or_else(|| CycleName::parse(&format!("cycle-of-file-{nth}")).ok())?;
    Some(Shared {
        nth,
        cycle,
        team: team.and_then(|at| Slug::parse(at.value).ok()),
    })
}

/// A configuration without any objective is sound and useless. Told only when nothing worse is.
fn nothing_to_do(roots: &[Table<'_>]) -> Option<Finding> {
    let main = roots
        .first()
        .filter(|_| !roots.iter().any(|root| root.has("objectives")))?;
    let message = "no file has objectives, so there is nothing to measure";
    let finding = main
        .finding(Code::CfgMissing, message)
        .severity(Severity::Warning);
    Some(finding.help("add an [objectives.…] table, or `include` the files that hold them"))
}

/// The SHA-256 over the texts of all files in their order, each with its length before it.
#[must_use]
pub fn revision(files: &Files) -> String {
    let mut hash = Sha256::new();
    for file in &files.files {
        hash.update((file.text().len() as u64).to_le_bytes());
        hash.update(file.text());
    }
    format!("{:x}", hash.finalize())
}
