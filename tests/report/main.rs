//! Reports and slides of one company, as texts that people read (`UPDATE_GOLDEN=1` writes them anew), with hostile and
//! with endless texts, and in a real Chromium: on a phone, on a desk, on paper.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]

mod chromium;
mod sample;

use std::collections::BTreeSet;
use std::path::Path;

use okrd::domain::language::Language;
use okrd::report::deck::deck;
use okrd::report::html::html;
use okrd::report::json::json;
use okrd::report::markdown::markdown;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};
use sample::{last, material, of_cycles, report, with_text};

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} differs; see the difference after UPDATE_GOLDEN=1",
        path.display()
    );
}

/// HTML with an element a line, so that a difference can be read.
fn in_lines(html: &str) -> String {
    html.replace("><", ">\n<")
}

#[test]
fn a_report_is_read_as_markdown() {
    golden(
        "report.md",
        &markdown(&report(&material(Language::English), None)),
    );
    golden(
        "report.nl.md",
        &markdown(&report(&material(Language::Dutch), None)),
    );
    golden(
        "report.team.md",
        &markdown(&report(&material(Language::English), Some("content"))),
    );
}

#[test]
fn programs_read_the_same_whatever_the_language() {
    let english = json(&report(&material(Language::English), None));
    golden("report.json", &english);
    assert_eq!(english, json(&report(&material(Language::Dutch), None)));
}

/// Whoever reads the JSON by its page finds each field there.
#[test]
fn every_field_is_described() {
    fn names(value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    found.insert(name.clone());
                    names(value, found);
                }
            }
            serde_json::Value::Array(values) => values.iter().for_each(|v| names(v, found)),
            _ => {}
        }
    }
    let material = material(Language::English);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reports.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut found = BTreeSet::new();
    for cycle in ["2026-Q3", "2026-Q4"] {
        let told = json(&of_cycles(&material, &[cycle], None));
        names(&serde_json::from_str(&told).unwrap(), &mut found);
    }
    assert!(found.len() > 60, "{found:?}");
    let missing = found.iter().filter(|name| {
        !page.contains(&format!("`{name}`")) && !page.contains(&format!("`{name}[]`"))
    });
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_report_is_one_page() {
    let page = html(&report(&material(Language::English), None));
    golden("report.html", &in_lines(&page));
}

#[test]
fn slides_are_one_file() {
    for (name, language) in [
        ("deck.html", Language::English),
        ("deck.nl.html", Language::Dutch),
    ] {
        let material = material(language);
        let slides = deck(&report(&material, None), Some(&last(&material)));
        golden(name, &in_lines(&slides));
    }
}

#[test]
fn vision_and_objectives_come_before_any_figure() {
    let material = material(Language::English);
    let report = report(&material, None);
    for text in [
        markdown(&report),
        html(&report),
        deck(&report, Some(&last(&material))),
    ] {
        let body = text.split("</head>").last().unwrap();
        let at = |what: &str| body.find(what).unwrap_or_else(|| panic!("{what}: {body}"));
        assert!(at("is a reflex for everyone") < at("Be the first answer"));
        assert!(at("Be the first answer") < at("Looking it up with us becomes a reflex"));
        assert!(at("becomes a reflex") < at("Half as many visitors again"));
        assert!(at("Half as many visitors again") < at("What changed"));
    }
}

/// What nobody measured or what is too old stands there as that, without progress.
#[test]
fn what_is_not_known_is_no_figure() {
    let material = material(Language::English);
    let told: serde_json::Value = serde_json::from_str(&json(&report(&material, None))).unwrap();
    let all = told["cycles"][0]["objectives"].as_array().unwrap();
    let of = |objective: &str, id: &str| {
        let objective = all.iter().find(|o| o["id"] == objective).unwrap();
        let mut all = objective["key_results"].as_array().unwrap().iter();
        all.find(|kr| kr["id"] == id).unwrap().clone()
    };
    let never = of("reflex", "recommend");
    assert!(
        never["value"].is_null() && never["progress"].is_null(),
        "{never}"
    );
    assert_eq!(never["status"], "no_data");
    let stale = of("dependable", "answered");
    assert!(
        stale["value"].is_number() && stale["progress"].is_null(),
        "{stale}"
    );
    assert_eq!(
        (&stale["stale"], &stale["status"]),
        (&true.into(), &"stale".into())
    );
    let text = markdown(&report(&material, None));
    assert!(
        text.contains("| Readers recommend us | – | from 31 to 40 | – |"),
        "{text}"
    );
    assert!(
        text.contains("dates from 2026-11-19 06:00, and a value counts for 2 days"),
        "{text}"
    );
}

/// What was measured otherwise at the beginning, or of which another part was known, is not set beside what is now.
#[test]
fn what_cannot_be_compared_is_not() {
    let text = markdown(&report(&material(Language::English), None));
    assert!(
        text.contains("  - Value: 9.7 hours, measured otherwise than at the beginning"),
        "{text}"
    );
    assert!(text.contains("\n- Off track → Stale\n"), "{text}");
    let told = json(&report(&material(Language::English), Some("care")));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let kr = &told["cycles"][0]["objectives"][0]["key_results"][0];
    assert_eq!(kr["at_start"]["comparable"], false, "{kr}");
}

/// F73: text that wants to be markup, a link, a heading or a formula.
const HOSTILE: &str = "\"><script>alert(1)</script>\\ \n\r\u{2028}<img src=http://outside.example/x onerror=alert(2)>' \
    | a | `b` **c** [d](javascript:alert(3)) @everyone #1 $x$ </style><style>@import 'http://outside.example/y'\n# E\n- F\u{202e}";

#[test]
fn f73_hostile_text_stays_text() {
    let material = with_text(HOSTILE);
    let report = report(&material, None);
    for page in [html(&report), deck(&report, Some(&last(&material)))] {
        let body = page.split("</head>").nth(1).unwrap();
        for tag in ["<img", "<style", "<iframe", "<link", "href=\"javascript"] {
            assert!(!body.contains(tag), "{tag}");
        }
        let scripts = body.matches("<script").count();
        assert_eq!(scripts, usize::from(body.contains("scrollIntoView")));
        assert!(page.contains("&lt;script&gt;"), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
    }
    let text = markdown(&report);
    for line in text.lines() {
        for markup in [
            "<script",
            "<img",
            " [d](",
            "**c**",
            "@everyone",
            "$x$",
            "\u{202e}",
        ] {
            assert!(!line.contains(markup), "{markup}: {line}");
        }
        assert!(
            !line.starts_with("# E") && !line.starts_with("- F"),
            "{line}"
        );
    }
    as_its_readers_see_it(&text);
    // Each row of a table has the columns of its head.
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows = text.lines().filter(|line| line.starts_with('|'));
    assert!(rows.clone().count() > 10);
    assert!(rows.clone().all(|row| bars(row) == 8), "{text}");
}

/// What a parser makes of it: headings, lists, tables and our own emphasis, and of what was written nothing but text.
fn as_its_readers_see_it(text: &str) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
    let mut headings = 0;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(
                    dest_url.starts_with("https://wiki.acme.example/"),
                    "{dest_url}"
                );
            }
            Event::Start(Tag::Heading { level, .. }) => {
                headings += 1;
                assert!(level <= HeadingLevel::H3, "{level}");
            }
            Event::Start(
                Tag::Paragraph
                | Tag::List(None)
                | Tag::Item
                | Tag::Strong
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell,
            )
            | Event::End(_)
            | Event::Text(_)
            | Event::SoftBreak => {}
            other => panic!("{other:?} in {text}"),
        }
    }
    // Vision, a cycle, its objectives, what changed, what was learned.
    let objectives = text.matches("\n### ").count();
    assert_eq!(headings, 1 + 1 + objectives + 2);
}

#[test]
fn without_goals_there_is_a_report_all_the_same() {
    let mut material = material(Language::English);
    material.before.objectives.clear();
    material.after.objectives.clear();
    material.said.clear();
    let report = report(&material, None);
    for text in [markdown(&report), html(&report), deck(&report, None)] {
        assert!(text.contains("No objectives yet"), "{text}");
        assert!(text.contains("is a reflex for everyone online"), "{text}");
    }
    let team = markdown(&sample::report(
        &sample::material(Language::English),
        Some("quiet"),
    ));
    assert!(team.contains("No objectives yet"), "{team}");
}
