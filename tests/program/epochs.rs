//! A measure that changes: what it gave before is on no line with what it gives now, until a rebase through a slot that
//! both measured carries it over. Then progress goes on where it was.

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;

use crate::home::{DAEMON, Daemon, Home, PATIENT, SHOP, growth, key_result, within};

const ID: &str = "growth/orders";
const ONCE: &str = "SELECT count(*) FROM orders WHERE at <= :now";
const TWICE: &str = "SELECT 2 * count(*) FROM orders WHERE at <= :now";

/// Midnight in UTC, so many days ago.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn midnight(days: i64) -> Timestamp {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let midnight = (today - days.days()).to_zoned(jiff::tz::TimeZone::UTC);
    midnight.unwrap().timestamp()
}

/// One order at noon of each of the last ten days, counted each midnight.
fn shop() -> Home {
    let home = Home::new(&[("okrd.toml", &format!("{DAEMON}{SHOP}"))]);
    let shop = rusqlite::Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch("CREATE TABLE orders (at TEXT NOT NULL)")
        .unwrap();
    for days in 1..=10 {
        let noon = midnight(days) + SignedDuration::from_hours(12);
        let noon = noon.strftime("%Y-%m-%d %H:%M:%S").to_string();
        shop.execute("INSERT INTO orders VALUES (?1)", [noon])
            .unwrap();
    }
    home
}

fn measure(home: &Home, query: &str, rebase: &str) {
    let measure = format!(
        "measure = {{ source = \"shop\", query = \"{query}\" }}\nschedule = \"0 0 * * *\"\n{rebase}"
    );
    let okrs = growth(&[&key_result("told", ""), &key_result("orders", &measure)]);
    home.write("okrs/team.toml", &okrs);
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn card(home: &Home) -> Value {
    let status = json(&home.ends(0, &["status", "--format", "json"]).out);
    let cards = status["objectives"][0]["key_results"].as_array().unwrap();
    cards.iter().find(|card| card["id"] == ID).unwrap().clone()
}

fn rows(home: &Home) -> Vec<Value> {
    let history = json(&home.ends(0, &["history", ID, "--format", "json"]).out);
    history["measurements"].as_array().unwrap().clone()
}

fn numbers(rows: &Value, key: &str) -> Vec<Option<f64>> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[key].as_f64()).collect()
}

/// What the pages of a history give together, of any length, is what it gives at once.
fn pages_add_up(daemon: &Daemon, path: &str, count: usize) {
    let whole = json(&daemon.get(path).body);
    let given = |history: &Value| {
        let mut all: Vec<_> = history["measurements"].as_array().unwrap().clone();
        for other in history["not_compared"].as_array().unwrap() {
            all.extend(other["measurements"].as_array().unwrap().clone());
        }
        all
    };
    let by_time = |mut all: Vec<Value>| {
        all.sort_by_key(|row| (row["as_of"].to_string(), row.to_string()));
        all
    };
    let whole = by_time(given(&whole));
    assert_eq!(whole.len(), count, "{whole:?}");
    for limit in [1, 2, 3, 5, count, 100] {
        let mut next = Some(format!("{path}&limit={limit}"));
        let (mut all, mut pages) = (Vec::new(), 0);
        while let Some(path) = next {
            let page = json(&daemon.get(&path).body);
            assert!(given(&page).len() <= limit, "{page}");
            all.extend(given(&page));
            next = page["next"].as_str().map(str::to_owned);
            pages += 1;
        }
        assert_eq!(by_time(all), whole, "{limit}");
        assert!(
            pages >= count.div_ceil(limit) && pages <= 13,
            "{limit}: {pages}"
        );
    }
}

#[test]
fn a_changed_measure_starts_anew_until_a_rebase_carries_the_past_over() {
    let home = shop();
    measure(&home, ONCE, "");
    let from = |days: i64| midnight(days).to_string();
    home.ends(0, &["backfill", ID, "--from", &from(10)]);
    assert_eq!(card(&home)["progress"], 0.01);
    let first = card(&home)["definition"].as_str().unwrap().to_owned();
    assert!(
        home.ends(0, &["rebase", ID])
            .out
            .contains("Nothing is to be spliced")
    );

    // The definition changed and nothing is measured by it yet: no value, no progress, and one sentence says why.
    measure(&home, TWICE, "");
    let fresh = card(&home);
    assert_eq!(
        (&fresh["value"], &fresh["progress"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(fresh["status"], "no_data");
    let reason = fresh["reason"].as_str().unwrap();
    assert!(
        reason.contains("what was measured before is not compared"),
        "{reason}"
    );
    let told = home.ends(1, &["rebase", ID]).out;
    assert!(
        told.contains(&format!("`okrd backfill {ID} --from ")),
        "{told}"
    );

    // Progress begins anew with what the new one gives.
    home.ends(0, &["backfill", ID, "--from", &from(1)]);
    assert_eq!(card(&home)["progress"], 0.02);
    for row in rows(&home) {
        let old = row["definition"] == *first;
        assert_eq!(row["comparable"], !old, "{row}");
        assert_eq!(row["carried_over"], Value::Null, "{row}");
    }
    let table = home.ends(0, &["history", ID]).out;
    assert_eq!(table.matches(&first).count(), 11, "{table}");
    let csv = home.ends(0, &["history", ID, "--format", "csv"]).out;
    assert_eq!(
        csv.matches(&format!("{first},false,,")).count(),
        11,
        "{csv}"
    );

    // On no face does one line hold both.
    let daemon = home.start();
    let path = format!("/api/v1/key-results/{ID}/history");
    let history = json(&daemon.get(&format!("{path}?from={}", from(11))).body);
    let line = numbers(&history["measurements"], "value");
    assert!(line.iter().all(|v| *v >= Some(18.0)), "{history}");
    let other = &history["not_compared"][0];
    assert_eq!(other["definition"], *first);
    assert_eq!(other["measurements"].as_array().unwrap().len(), 11);
    let ranged = format!("{path}?from={}", from(11));
    let count = line.len() + 11;
    pages_add_up(&daemon, &ranged, count);
    assert_eq!(daemon.metrics().value(ID), Some(20.0));
    let page = daemon.get("/").body;
    assert!(
        page.contains("what was measured before is not compared"),
        "{page}"
    );

    // The lines that the command prints are pasted, with the words that only people know.
    let told = home.ends(0, &["rebase", ID]).out;
    let (_, block) = told.split_once("\n\n[[").unwrap();
    let block = format!("[[{block}")
        .replace("reason = \"\"", "reason = \"An order counts twice.\"")
        .replace("approved_by = \"\"", "approved_by = \"team lead\"");
    assert!(block.contains("old = 10\nnew = 20\n"), "{block}");
    measure(&home, TWICE, &block);
    home.ends(0, &["check", "--deny-warnings"]);
    let carried = card(&home);
    assert_eq!(carried["progress"], 0.01, "{carried}");
    assert_eq!(
        (&carried["target"], &carried["carried_over_by"]),
        (&2000.0.into(), &2.0.into())
    );
    let reason = carried["reason"].as_str().unwrap();
    assert!(reason.contains("carried over by ×2."), "{reason}");
    for row in rows(&home).iter().filter(|row| row["definition"] == *first) {
        let twice = row["value"].as_f64().map(|value| 2.0 * value);
        assert_eq!(
            (row["carried_over"].as_f64(), &row["comparable"]),
            (twice, &true.into())
        );
    }
    assert!(
        home.ends(0, &["rebase", ID])
            .out
            .contains("carried over ×2")
    );

    // A running daemon takes it in with its files, and its one line begins where it was first measured.
    daemon.signal(rustix::process::Signal::HUP);
    within(PATIENT, "the past is on the line", || {
        let history = json(&daemon.get(&format!("{path}?from={}", from(11))).body);
        let (line, told) = (
            &history["measurements"],
            numbers(&history["measurements"], "as_measured"),
        );
        let begun = numbers(line, "value").starts_with(&[0.0, 2.0, 4.0, 6.0].map(Some));
        let measured = told.starts_with(&[0.0, 1.0, 2.0, 3.0].map(Some)) && told.ends_with(&[None]);
        (begun && measured && history["not_compared"] == Value::Array(Vec::new())).then_some(())
    });
    // On a day that both measured the newer counts, on whichever page it stands.
    let history = json(&daemon.get(&ranged).body);
    let count = numbers(&history["measurements"], "value").len();
    pages_add_up(&daemon, &ranged, count);
    daemon.end();
}

/// A measure that cannot be asked for the past leaves two definitions apart, and says what to do.
#[test]
fn what_cannot_be_measured_twice_is_left_apart() {
    let home = Home::shop();
    home.ends(0, &["run", "--once"]);
    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    home.write("okrs/team.toml", &okrs.replace("count(*)", "2 * count(*)"));
    home.ends(0, &["run", "--once"]);
    let told = home.ends(1, &["rebase", "growth/subscribers"]).out;
    assert!(
        told.contains("does not say of which instant it asks"),
        "{told}"
    );
    assert!(told.contains("by amendments"), "{told}");
    let told = json(
        &home
            .ends(1, &["rebase", "growth/subscribers", "--format", "json"])
            .out,
    );
    assert_eq!(told["rebase"]["overlap"], Value::Null);
    assert_eq!(told["epochs"].as_array().unwrap().len(), 2);
    let told = home.ends(0, &["rebase", "growth/recommend"]).out;
    assert!(told.contains("nothing recorded"), "{told}");
}
