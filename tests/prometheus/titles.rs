//! Titles that people may write and that a careless exposition breaks on: Prometheus reads them as they were written. Those
//! that nobody can see are refused before.

use crate::home::{DAEMON, Home, SHOP};
use crate::servers::prometheus::{Prometheus, check_metrics};

/// Everything that one of the two formats escapes, and letters of more than one byte, unit or direction.
const TITLES: [(&str, &str); 8] = [
    ("quotes", r#"Say "yes", not 'maybe'"#),
    ("slashes", r"C:\new\table \\ \n is no new line \"),
    ("labels", r#"x"} 1 # {a="b"} NaN"#),
    ("markup", "<script>alert(1)</script> & {{ $labels.title }}"),
    ("emoji", "Readers 👩‍👩‍👧‍👦 feel at home 🏳️‍🌈"),
    ("arabic", "المزيد من الزوار"),
    ("accents", "Zoë e\u{301}crit à Ǆungla"),
    ("spaces", "two  spaces\u{a0}and a wide\u{3000}one"),
];

fn configuration(titles: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let mut okrs = "cycle = \"life\"\n[objectives.growth]\ntitle = \"Grow\"\n".to_owned();
    for (id, title) in titles {
        let title = toml::Value::String((*title).to_owned());
        okrs += &format!(
            "[objectives.growth.key_results.{id}]\ntitle = {title}\nunit = \"things\"\nbaseline = 0\ntarget = 10\n\
             measure = {{ source = \"shop\", query = \"SELECT 3\" }}\n"
        );
    }
    vec![
        ("okrd.toml", format!("{DAEMON}{SHOP}")),
        ("okrs/team.toml", okrs),
    ]
}

fn home(titles: &[(&str, &str)]) -> Home {
    let files = configuration(titles);
    let files: Vec<_> = files.iter().map(|(n, text)| (*n, text.as_str())).collect();
    let home = Home::new(&files);
    home.make_shop();
    home
}

#[test]
fn titles_are_read_by_prometheus_as_they_were_written() {
    let long = "ü".repeat(300);
    let mut titles = TITLES.to_vec();
    titles.push(("long", &long));
    let home = home(&titles);
    let okrd = home.start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let scraped = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs: [{{ job_name: okrd, static_configs: [{{ targets: ['{}'] }}] }}]\n",
        okrd.address
    );
    std::fs::write(&config, scraped).unwrap();
    let prometheus = Prometheus::start(&config, &folder.path().join("data"));
    prometheus.wait_for("count(okrd_key_result_value) == 9");
    for (id, title) in &titles {
        let found = prometheus.query(&format!("okrd_key_result_info{{key_result=\"{id}\"}}"));
        assert_eq!(found.len(), 1, "{id}");
        let shown = &found[0].labels["title"];
        match *id {
            "long" => assert_eq!(*shown, format!("{}…", "ü".repeat(119))),
            _ => assert_eq!(shown, title, "{id}"),
        }
    }
    // The older format, by the tool that is strict about it.
    let said = check_metrics(&okrd.get("/metrics").body);
    assert_eq!(said, "exit status: 0");
}

#[test]
fn what_nobody_can_see_in_a_title_is_refused_with_its_place() {
    let long = "x".repeat(10_000);
    for (what, title) in [
        ("newline", "Grow\nokrd_up 0"),
        ("mark", "Grow \u{202e}yltsaf"),
        ("isolate", "Grow \u{2066}fast\u{2069}"),
        ("escape", "Grow \u{1b}[31mred"),
        ("long", long.as_str()),
    ] {
        let done = home(&[(what, title)]).ends(1, &["check"]);
        let said = format!("{}{}", done.out, done.err);
        assert!(said.contains("okrs/team.toml:5:9"), "{what}: {said}");
        assert!(said.len() < 4000, "{what}: {} bytes", said.len());
    }
}
