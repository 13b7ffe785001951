//! Where values come from: `history --why` tells the question, the instant, the time it took and the configuration of a
//! value, after the files have changed as well, and never a secret.

use serde_json::Value;

use crate::fakes::wire::{self, Wire};
use crate::home::{DAEMON, Home, SHOP, everything_under, growth, key_result, on_air};

const ID: &str = "growth/orders";
const ONCE: &str = "SELECT count(*)\n  FROM subscribers\n  WHERE id <= 100";
const TWICE: &str = "SELECT 2 * count(*) FROM subscribers";
const NEEDLE: &str = "c4n4ry-5a17";

fn measure(home: &Home, query: &str, more: &str) {
    let measure = format!("measure = {{ source = \"shop\", query = \"\"\"{query}\"\"\" }}\n{more}");
    let okrs = growth(&[&key_result("told", ""), &key_result("orders", &measure)]);
    home.write("okrs/team.toml", &okrs);
}

fn shop() -> Home {
    let home = Home::new(&[("okrd.toml", &format!("{DAEMON}{SHOP}"))]);
    home.make_shop();
    measure(&home, ONCE, "");
    home
}

fn why(home: &Home, id: &str, more: &[&str]) -> Value {
    let args = [&["history", id, "--why", "--format", "json"], more].concat();
    serde_json::from_str(&home.ends(0, &args).out).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The text with everything that changes from run to run as a word: instants, digits of hashes, milliseconds.
fn steady(told: &str, names: &[(&str, &str)]) -> String {
    let mut told = told.to_owned();
    for (found, name) in names {
        assert_eq!(found.len(), name.len(), "columns stay where they are");
        told = told.replace(found, name);
    }
    let mut out = String::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let mut shown: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for (n, word) in words.iter().enumerate() {
            let digits = |text: &str, shape: &str| {
                let bytes = shape.bytes().zip(text.bytes());
                text.len() == shape.len()
                    && bytes.into_iter().all(|(s, b)| match s {
                        b'9' => b.is_ascii_digit(),
                        s => s == b,
                    })
            };
            if digits(word, "9999-99-99") && !word.starts_with("2020-01-01") {
                "YYYY-MM-DD".clone_into(&mut shown[n]);
                if let Some(time) = words.get(n + 1).filter(|time| digits(time, "99:99:99")) {
                    shown[n + 1] = time.replace(|c: char| c.is_ascii_digit(), "0");
                }
            }
            if words.get(n + 1) == Some(&"ms") {
                "N".clone_into(&mut shown[n]);
            }
        }
        out += shown.join(" ").trim_end();
        out.push('\n');
    }
    out
}

fn golden(name: &str, told: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("OKRD_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&path, told).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        told, expected,
        "{path} differs; OKRD_GOLDEN=write writes it anew"
    );
}

#[test]
fn each_value_names_the_query_and_the_configuration_it_was_measured_under() {
    let home = shop();
    home.ends(0, &["run", "--once"]);
    let first = why(&home, ID, &[]);
    let value = &first["value"];
    assert_eq!(value["question"]["query"], ONCE);
    assert_eq!(
        value["question"]["compared_as"],
        "SELECT count(*) FROM subscribers WHERE id <= 100"
    );
    assert_eq!(value["question"]["source"], "shop");
    assert_eq!(value["question"]["type"], "sqlite");
    assert_eq!(value["revision"], first["revision"]);
    assert_eq!(value["window"]["start"], "2020-01-01T00:00:00Z");
    assert!(value["milliseconds"].is_u64() && value["revision_since"].is_string());
    let (old, was) = (first["revision"].clone(), value["definition"].clone());

    // The files change, and what the first value was asked is told all the same.
    measure(&home, TWICE, "");
    home.ends(0, &["run", "--once"]);
    let second = why(&home, ID, &[]);
    let value = &second["value"];
    assert_eq!(
        (&value["value"], &value["question"]["query"]),
        (&14.0.into(), &TWICE.into())
    );
    assert_eq!(value["revision"], second["revision"]);
    assert_ne!(value["revision"], old);
    let epochs = second["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 2, "{epochs:?}");
    assert_eq!(
        (&epochs[0]["definition"], &epochs[0]["revision"]),
        (&was, &old)
    );
    assert_eq!(epochs[0]["question"]["query"], ONCE);
    assert_eq!(
        (&epochs[1]["first"], &epochs[1]["revision"]),
        (&value["as_of"], &second["revision"])
    );
    let then = text(&epochs[0]["last"]);
    let earlier = why(&home, ID, &["--at", then]);
    assert_eq!(earlier["value"]["question"]["query"], ONCE);
    assert_eq!(earlier["value"]["revision"], old);

    let told = home.ends(0, &["history", ID, "--why", "--at", then]).out;
    let now = &second["value"];
    let names = [
        (text(&was), "DEFINITION-FIRST"),
        (text(&now["definition"]), "DEFINITION-AFTER"),
        (&text(&old)[..12], "REVISION-OLD"),
        (&text(&now["revision"])[..12], "REVISION-NEW"),
    ];
    golden("why.txt", &steady(&told, &names));
    let csv = home.refuses(2, &["history", ID, "--why", "--format", "csv"]);
    assert!(csv.contains("text or JSON"), "{csv}");
    home.ends(2, &["history", ID, "--at", then]);
}

#[test]
fn backfilled_and_recorded_values_and_failures_since_say_how_they_came_about() {
    let home = shop();
    let now = "SELECT count(*) FROM subscribers WHERE :now > ''";
    measure(&home, now, "schedule = \"0 0 * * *\"");
    home.ends(0, &["backfill", ID, "--from", "2d"]);
    let filled = why(&home, ID, &[]);
    let value = &filled["value"];
    assert_eq!(value["origin"], "backfilled");
    assert_eq!(value["question"]["query"], now);
    assert_eq!(value["revision"], filled["revision"]);
    // It was asked as of its slot.
    assert_eq!(value["window"]["end"], value["slot"]);
    // No daemon had this configuration in force.
    assert_eq!(value["revision_since"], Value::Null);
    let told = home.ends(0, &["history", ID, "--why"]).out;
    assert!(told.contains("read by the command"), "{told}");

    let record = ["record", "growth/told", "5", "--author", "ada", "--note"];
    home.ends(0, &[&record[..], &["by hand"]].concat());
    let told = why(&home, "growth/told", &[]);
    let value = &told["value"];
    assert_eq!(
        (&value["origin"], &value["author"], &value["note"]),
        (&"recorded".into(), &"ada".into(), &"by hand".into())
    );
    assert_eq!(value["question"], Value::Null);
    assert_eq!(value["revision"], told["revision"]);
    let told = home.ends(0, &["history", "growth/told", "--why"]).out;
    assert!(told.contains("recorded    by ada"), "{told}");

    // What fails afterwards is told with its class.
    std::fs::remove_file(home.path("shop.db")).unwrap();
    home.okrd(&["run", "--once"]);
    let failed = why(&home, ID, &[]);
    assert_eq!(failed["failed_since"]["attempts"], 1, "{failed}");
    assert!(failed["failed_since"]["class"].is_string());
    let told = home.ends(0, &["history", ID, "--why"]).out;
    assert!(
        told.contains("\n1 attempt failed since. The newest, "),
        "{told}"
    );
}

#[test]
fn what_is_computed_names_what_it_was_computed_from() {
    let home = shop();
    let count = "measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }";
    let double = "measure = { formula = \"orders * 2\" }";
    let all = [
        &key_result("orders", count)[..],
        &key_result("double", double),
    ];
    home.write("okrs/team.toml", &growth(&all));
    home.ends(0, &["run", "--once"]);
    let computed = why(&home, "growth/double", &[]);
    assert_eq!(computed["value"]["origin"], "computed");
    assert_eq!(computed["computed_from"][0]["key_result"], ID);
    assert_eq!(computed["computed_from"][0]["value"], 7.0);
    let told = home.ends(0, &["history", "growth/double", "--why"]).out;
    assert!(
        told.contains("from        growth/orders: 7 as of "),
        "{told}"
    );
}

#[test]
fn f71_no_secret_is_kept_with_a_question() {
    let site = on_air(Wire::plain(|_| wire::json(200, "{\"n\": 4}")));
    let mut home = Home::new(&[]);
    home.set("HIDDEN", NEEDLE);
    let source = format!(
        "[sources.web]\ntype = \"http\"\nurl = \"{}\"\nheaders = {{ \"X-Api-Key\" = {{ env = \"HIDDEN\" }} }}\n\
         auth = {{ token = {{ env = \"HIDDEN\" }} }}\n",
        site.url()
    );
    home.write("okrd.toml", &format!("{DAEMON}{source}"));
    let asked = "measure = { source = \"web\", path = \"/n\", method = \"POST\", value = \"/n\", \
                 query = { token = { env = \"HIDDEN\" }, days = \"7\" }, form = { pw = { env = \"HIDDEN\" } } }";
    home.write(
        "okrs/team.toml",
        &growth(&[&key_result("told", ""), &key_result("orders", asked)]),
    );
    home.ends(0, &["run", "--once"]);
    let told = why(&home, ID, &[]);
    let question = &told["value"]["question"];
    assert_eq!(question["query"]["days"], "7", "{told}");
    assert_eq!(question["query"]["token"], "***");
    assert_eq!(question["form"]["pw"], "***");
    let text = home.ends(0, &["history", ID, "--why"]).out;
    assert!(!format!("{told}{text}").contains(NEEDLE), "{text}");
    for (path, bytes) in everything_under(&home.path("")) {
        let found = bytes.windows(NEEDLE.len()).any(|w| w == NEEDLE.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[test]
fn a_store_of_an_earlier_build_says_what_it_does_not_know() {
    let home = shop();
    home.ends(0, &["run", "--once"]);
    let before = why(&home, ID, &[]);
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    store
        .execute_batch(
            "DROP TABLE outbox; DROP TABLE told; DROP TABLE thread; DROP TABLE channel_state;
             ALTER TABLE measurement DROP COLUMN flags; ALTER TABLE last_miss DROP COLUMN doubted_slot;
             ALTER TABLE last_miss DROP COLUMN doubted_value; DROP TABLE source_state;
             CREATE TABLE source_state (source TEXT PRIMARY KEY, not_before INTEGER NOT NULL) STRICT, WITHOUT ROWID;
             DROP TABLE incident; DROP INDEX measurement_day_sealed;
             ALTER TABLE measurement_day DROP COLUMN n; ALTER TABLE measurement_day DROP COLUMN low_value;
             ALTER TABLE measurement_day DROP COLUMN high_value; ALTER TABLE measurement_day DROP COLUMN sum;
             ALTER TABLE measurement_day DROP COLUMN high_slot; ALTER TABLE measurement_day DROP COLUMN sealed;
             DROP TABLE asked; DROP TABLE question; DROP TABLE in_force; PRAGMA user_version = 6;",
        )
        .unwrap();
    drop(store);
    // A command that writes brings the store to this version.
    home.ends(0, &["record", "growth/told", "5"]);
    let left = std::fs::read_dir(home.path("")).unwrap();
    let mut left = left.map(|entry| entry.unwrap().file_name());
    let copy = left.find(|name| name.to_string_lossy().starts_with("okrd.db.before-"));
    assert!(copy.is_some(), "what there was is left beside it");
    let after = why(&home, ID, &[]);
    assert_eq!(after["value"]["question"], Value::Null);
    for kept in [
        "value",
        "revision",
        "definition",
        "asked_at",
        "milliseconds",
    ] {
        assert_eq!(after["value"][kept], before["value"][kept], "{kept}");
    }
    let told = home.ends(0, &["history", ID, "--why"]).out;
    assert!(told.contains("query       not known"), "{told}");
}
