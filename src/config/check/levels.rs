//! How bad findings are taken here: the levels that `[lints]` sets, and what is allowed for a while by an `allow` in the
//! table where it is found, or above. Pure: the instant comes along. Works for every code, also for findings that come
//! after the check; knows no lint.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use toml::de::DeValue;

use super::table::{At, Table};
use super::{daemon, syntax};
use crate::config::files::Files;
use crate::config::finding::{Bend, Code, Finding, Needs, Severity};

/// The levels and allowances of one reading of the files.
#[derive(Debug, Default)]
pub struct Levels {
    /// `None` is "off".
    set: BTreeMap<Code, Option<Severity>>,
    /// The files that hold allowances, by their shown path.
    grounds: BTreeMap<String, Ground>,
    allows: Vec<Allow>,
}

/// One entry of an `allow`.
#[derive(Debug)]
struct Allow {
    code: Code,
    until: Date,
    /// Whether its last day has passed.
    over: bool,
    used: bool,
    /// Which of the files, and where.
    file: usize,
    span: Range<usize>,
}

/// Which allowances hold where in a file.
#[derive(Debug, Default)]
struct Ground {
    holders: Vec<Holder>,
    /// From which byte on which of the holders is meant, in order.
    marks: Vec<(usize, usize)>,
}

/// A table with an `allow`; the first of a file is its top, with or without one.
#[derive(Debug, Default)]
struct Holder {
    /// The nearest one around it.
    around: Option<usize>,
    allows: Vec<usize>,
}

/// What a table is, as far as it matters for what may stand in it.
#[derive(Clone, Copy)]
enum Site {
    Top,
    /// Entries with free names, each such a table.
    Names(&'static Site),
    Objective,
    /// Anything else that may hold an `allow`.
    Holder,
    Plain,
}

impl Site {
    fn under(self, key: &str) -> Self {
        match (self, key) {
            (Self::Top, "objectives") => Self::Names(&Self::Objective),
            (Self::Top, "cycles" | "teams" | "sources" | "push" | "notify")
            | (Self::Objective, "key_results" | "initiatives") => Self::Names(&Self::Holder),
            (Self::Names(each), _) => *each,
            _ => Self::Plain,
        }
    }

    fn may_hold(self) -> bool {
        matches!(self, Self::Objective | Self::Holder)
    }
}

impl Levels {
    /// The levels and allowances of these files, for findings that come after the check.
    #[must_use]
    pub fn of(files: &Files, now: Timestamp) -> Self {
        let parsed: Vec<_> = files.files.iter().map(|f| syntax::parse(f).0).collect();
        let roots = files.files.iter().zip(&parsed);
        let roots: Vec<Table<'_>> = roots
            .map(|(file, table)| Table::root(file, table.get_ref()))
            .collect();
        Self::read(&roots, now, &mut Vec::new())
    }

    /// The same from tables that were read already; what cannot be meant is a finding.
    pub(super) fn read(roots: &[Table<'_>], now: Timestamp, out: &mut Vec<Finding>) -> Self {
        let zone = daemon::zone(roots, &mut Vec::new()).zone;
        let mut levels = Self {
            set: set(roots, out),
            ..Self::default()
        };
        let mut reader = Reader {
            today: now.to_zoned(zone).date(),
            file: 0,
            allows: &mut levels.allows,
            out,
        };
        for (nth, root) in roots.iter().enumerate() {
            // A file without the word has none: most files.
            if root.file.text().contains("allow") {
                reader.file = nth;
                let ground = reader.ground(*root);
                let shown = root.file.shown().to_owned();
                levels.grounds.entry(shown).or_insert(ground);
            }
        }
        levels
    }

    /// Takes away what is allowed or off and gives what is left its level. Then tells of allowances that are over or
    /// allow nothing, if such findings could be seen. What refuses the configuration stays as it is.
    pub fn settle(&mut self, files: &Files, found: &mut Vec<Finding>, seen: &[Needs]) {
        found.retain_mut(|finding| {
            finding.refuses() || (!self.allowed(finding) && self.level(finding))
        });
        if found.iter().any(Finding::refuses) {
            // What was left out because of an error may have been what is allowed.
            return self.tell(files, found, seen, false);
        }
        self.tell(files, found, seen, true);
    }

    /// Whether the finding is allowed where it stands.
    fn allowed(&mut self, finding: &Finding) -> bool {
        let Some(ground) = self.grounds.get(&finding.file) else {
            return false;
        };
        let mut allowed = false;
        let mut next = Some(ground.holder(finding.span.start));
        while let Some(holder) = next.and_then(|nth| ground.holders.get(nth)) {
            for nth in &holder.allows {
                if let Some(allow) = self.allows.get_mut(*nth)
                    && allow.code == finding.code
                {
                    allow.used = true;
                    allowed |= !allow.over;
                }
            }
            next = holder.around;
        }
        allowed
    }

    /// Gives the finding its level; `false` when it is off. A note beside findings of a graver code stays one.
    fn level(&self, finding: &mut Finding) -> bool {
        let note = finding.severity == Severity::Info && finding.code.severity() != Severity::Info;
        match self.set.get(&finding.code) {
            None => true,
            Some(None) => false,
            Some(Some(_)) if note => true,
            Some(Some(level)) => {
                finding.severity = *level;
                finding.raised = *level == Severity::Error;
                true
            }
        }
    }

    fn tell(&self, files: &Files, found: &mut Vec<Finding>, seen: &[Needs], idle: bool) {
        for allow in &self.allows {
            let Some(file) = files.files.get(allow.file) else {
                continue;
            };
            let (code, until) = (allow.code, allow.until);
            let mut finding = if allow.over && seen.contains(&Needs::Files) {
                let message = format!("{code} is no longer allowed: the last day was {until}");
                file.finding(&allow.span, Code::LintExpired, message)
                    .label("over")
                    .help("mend what it allowed and remove the entry, or agree on another last day")
            } else if idle && !allow.over && !allow.used && seen.contains(&code.needs()) {
                let message = format!("{code} is allowed here and not found");
                file.finding(&allow.span, Code::LintAllow, message)
                    .label("allows nothing")
                    .help("remove the entry, or move it to the table that has the finding")
            } else {
                continue;
            };
            if self.level(&mut finding) {
                found.push(finding);
            }
        }
    }
}

impl Ground {
    /// The holder that a byte belongs to.
    fn holder(&self, at: usize) -> usize {
        let nth = self.marks.partition_point(|(start, _)| *start <= at);
        let mark = nth.checked_sub(1).and_then(|nth| self.marks.get(nth));
        mark.map_or(0, |(_, holder)| *holder)
    }
}

/// Reads the allowances of all files.
struct Reader<'o> {
    today: Date,
    file: usize,
    allows: &'o mut Vec<Allow>,
    out: &'o mut Vec<Finding>,
}

impl Reader<'_> {
    fn ground(&mut self, root: Table<'_>) -> Ground {
        let mut ground = Ground::default();
        let allows = self.entries(root);
        ground.holders.push(Holder {
            around: None,
            allows,
        });
        self.walk(root, Site::Top, (0, 0), &mut ground);
        // Where one part ends and the next begins, the next one is meant.
        ground.marks.sort_by_key(|(at, _)| *at);
        ground
    }

    /// Marks all that stands in a table. The table belongs to the first holder; what follows a part of it to the
    /// second.
    fn walk(
        &mut self,
        table: Table<'_>,
        site: Site,
        (own, after): (usize, usize),
        ground: &mut Ground,
    ) {
        for (name, at) in table.entries() {
            let site = site.under(name.value);
            let mut holder = own;
            if let Some(table) = at.table().filter(|_| site.may_hold()) {
                let allows = self.entries(table);
                if !allows.is_empty() {
                    holder = ground.holders.len();
                    ground.holders.push(Holder {
                        around: Some(own),
                        allows,
                    });
                }
            }
            ground.part(&name.span, holder, after);
            self.part(&at, site, (holder, after), ground);
        }
    }

    /// Marks a value. What stands in brackets is one part; tables under headers stand anywhere in the file.
    fn part(
        &mut self,
        at: &At<'_, &DeValue<'_>>,
        site: Site,
        (holder, after): (usize, usize),
        ground: &mut Ground,
    ) {
        ground.part(&at.span, holder, after);
        let inline = at.file.slice(&at.span).starts_with('{');
        let after = if inline { holder } else { after };
        if let Some(table) = at.table() {
            self.walk(table, site, (holder, after), ground);
        }
        for each in at.value.as_array().into_iter().flatten() {
            let each = At {
                value: each.get_ref(),
                file: at.file,
                span: each.span(),
            };
            if each.value.is_table() && !at.span.contains(&each.span.start) {
                self.part(&each, Site::Plain, (holder, after), ground);
            }
        }
    }

    /// The sound entries of a table's `allow`.
    fn entries(&mut self, table: Table<'_>) -> Vec<usize> {
        let mut entries = Vec::new();
        for entry in table.list("allow") {
            let Some(entry) = entry.table() else { continue };
            let (Some(word), Some(until)) = (entry.text("code"), entry.date("until")) else {
                continue;
            };
            let Some(code) = Code::parse(word.value) else {
                continue;
            };
            if let Some(why) = unyielding(code) {
                let finding =
                    word.finding(Code::CfgValue, format!("{code} cannot be allowed: {why}"));
                self.out.push(
                    finding
                        .label("not to be allowed")
                        .help("mend what it finds and remove this entry"),
                );
                continue;
            }
            entries.push(self.allows.len());
            self.allows.push(Allow {
                code,
                until: until.value,
                over: self.today > until.value,
                used: false,
                file: self.file,
                span: if self.today > until.value {
                    until.span
                } else {
                    word.span
                },
            });
        }
        entries
    }
}

impl Ground {
    fn part(&mut self, span: &Range<usize>, holder: usize, after: usize) {
        self.marks.push((span.start, holder));
        self.marks.push((span.end, after));
    }
}

/// Why findings of a code cannot be allowed.
fn unyielding(code: Code) -> Option<&'static str> {
    match (code.bend(), code) {
        (Bend::Firm, _) => Some("a configuration with such an error cannot be used"),
        (_, Code::LintAllow | Code::LintExpired) => {
            Some("it speaks of another entry, which can be changed")
        }
        _ => None,
    }
}

/// The levels that `[lints]` sets.
fn set(roots: &[Table<'_>], out: &mut Vec<Finding>) -> BTreeMap<Code, Option<Severity>> {
    let mut set = BTreeMap::new();
    let tables = daemon::every(roots, "lints", |root| root.table("lints"), out);
    for (name, at) in tables.into_iter().flat_map(|table| table.entries()) {
        let Some(code) = Code::parse(name.value) else {
            continue;
        };
        let level = match at.value.as_str() {
            Some("error") => Some(Severity::Error),
            Some("warning") => Some(Severity::Warning),
            Some("info") => Some(Severity::Info),
            Some("off") => None,
            _ => continue,
        };
        if code.bend() == Bend::Firm {
            if level != Some(Severity::Error) {
                let message = format!(
                    "{code} is always an error: a configuration with such an error cannot be used"
                );
                let finding = at.finding(Code::CfgValue, message);
                out.push(
                    finding
                        .label("cannot be lowered")
                        .help("remove this line and mend what the check finds"),
                );
            }
            continue;
        }
        set.entry(code).or_insert(level);
    }
    set
}
