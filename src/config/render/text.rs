//! Findings as text for a terminal: message, file, line and column, the line itself with a mark, and the remedy.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::config::files::{File, Files};
use crate::config::finding::{Finding, Severity};
use crate::config::veil::Veil;

/// A line longer than this is not shown.
const LONGEST_LINE: usize = 2000;

/// The findings as plain text, one paragraph each and a count at the end; empty when there are none.
#[must_use]
pub fn text(findings: &[Finding], files: &Files) -> String {
    render(findings, files, &Renderer::plain())
}

/// The same in colour, for terminals.
#[must_use]
pub fn styled(findings: &[Finding], files: &Files) -> String {
    render(findings, files, &Renderer::styled())
}

fn render(findings: &[Finding], files: &Files, renderer: &Renderer) -> String {
    let pages = Lines::new(findings, files);
    let mut shown = String::new();
    for finding in findings {
        shown.push_str(&one(finding, &pages, renderer));
        shown.push_str("\n\n");
    }
    if !findings.is_empty() {
        shown.push_str(&count(findings));
        shown.push('\n');
    }
    shown
}

fn count(findings: &[Finding]) -> String {
    let of = |severity: Severity, one: &str, many: &str| match findings
        .iter()
        .filter(|f| f.severity == severity)
        .count()
    {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let counts = [
        of(Severity::Error, "error", "errors"),
        of(Severity::Warning, "warning", "warnings"),
        of(Severity::Info, "note", "notes"),
    ];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The files by their shown path, with what of them must not be seen.
pub(super) struct Lines<'f> {
    pages: BTreeMap<&'f str, Page<'f>>,
}

struct Page<'f> {
    file: &'f File,
    veil: Veil,
    hidden: Vec<Range<usize>>,
}

impl<'f> Lines<'f> {
    /// Takes the files that a finding speaks of.
    pub(super) fn new(findings: &'f [Finding], files: &'f Files) -> Self {
        let mut pages: BTreeMap<&str, Page<'f>> = BTreeMap::new();
        for finding in findings {
            let also = finding.also.as_ref().map(|also| also.file.as_str());
            for shown in std::iter::once(finding.file.as_str()).chain(also) {
                if let (false, Some(file)) = (pages.contains_key(shown), files.get(shown)) {
                    let (veil, hidden) = (Veil::over(file.text()), Vec::new());
                    pages.insert(shown, Page { file, veil, hidden });
                }
            }
            if let (true, Some(page)) = (finding.hidden, pages.get_mut(finding.file.as_str())) {
                page.hidden.push(finding.span.clone());
            }
        }
        Self { pages }
    }

    /// The line at an offset with its secrets hidden, and the bytes of it that a span covers.
    pub(super) fn at(&self, shown: &str, span: &Range<usize>) -> Option<(String, Range<usize>)> {
        let page = self.pages.get(shown)?;
        let line = page.file.line(span.start);
        let text = page.file.slice(&line);
        if text.len() > LONGEST_LINE {
            return None;
        }
        let within = |span: &Range<usize>| {
            let from = span.start.clamp(line.start, line.end) - line.start;
            let to = span.end.clamp(line.start, line.end) - line.start;
            from..to.max(from)
        };
        let masked = page.veil.line(page.file.text(), &line, &page.hidden);
        // Masking keeps characters and changes bytes: places are counted anew.
        let bytes = |offset: usize| {
            let characters = text
                .get(..offset)
                .map_or(0, |before| before.chars().count());
            masked
                .char_indices()
                .nth(characters)
                .map_or(masked.len(), |(at, _)| at)
        };
        let mark = within(span);
        let mark = bytes(mark.start)..bytes(mark.end);
        Some((masked, mark))
    }
}

fn one(finding: &Finding, pages: &Lines<'_>, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = level
        .primary_title(finding.message.as_str())
        .id(finding.code.as_str());
    let here = pages.at(&finding.file, &finding.span);
    let also = finding
        .also
        .as_ref()
        .and_then(|also| Some((also, pages.at(&also.file, &also.span)?)));
    let mut group = match &here {
        Some((line, mark)) => title.element(snippet(line, &finding.file, finding.line).annotation(
            label(AnnotationKind::Primary.span(mark.clone()), &finding.label),
        )),
        None => title.element(origin(&finding.file, finding.line, finding.column)),
    };
    if let Some((also, (line, mark))) = &also {
        group = group.element(snippet(line, &also.file, also.line).annotation(label(
            AnnotationKind::Context.span(mark.clone()),
            &also.label,
        )));
    }
    let groups = [with_help(group, &finding.help)];
    renderer.render(&groups)
}

fn snippet<'l>(line: &'l str, file: &'l str, number: usize) -> Snippet<'l, Annotation<'l>> {
    Snippet::source(line).path(file).line_start(number)
}

fn label<'l>(annotation: Annotation<'l>, label: &'l str) -> Annotation<'l> {
    if label.is_empty() {
        annotation
    } else {
        annotation.label(label)
    }
}

fn origin(file: &str, line: usize, column: usize) -> Origin<'_> {
    Origin::path(file).line(line).char_column(column)
}

fn with_help<'h>(group: Group<'h>, help: &'h str) -> Group<'h> {
    if help.is_empty() {
        group
    } else {
        group.element(Level::HELP.message(help))
    }
}
