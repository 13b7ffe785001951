//! Where the newest values come from: the store that the configuration names, a running daemon, or nowhere. Without values
//! every change is told all the same.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Both;
use crate::cli::runtime;
use crate::config::diff::Diff;
use crate::config::spec::Config;
use crate::domain::goals::{Goals, KeyResult};
use crate::domain::history::{History, Point, Record};
use crate::domain::id::KeyResultId;
use crate::net::client::{Client, ClientOptions};
use crate::net::request::Request;
use crate::store::Reader;

/// How long a daemon may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of so many key results at most the whole series is asked for; of all others the newest value.
const MOST_SERIES: usize = 50;

/// What is known of both sides, and where from or why not, for people.
pub(super) struct Told {
    /// Before and after.
    pub histories: Option<(History, History)>,
    /// `with the values of …`, or why there are none.
    pub words: String,
}

/// Looks for values.
pub(super) fn histories(url: Option<&str>, old: &Config, new: &Config, diff: &Diff) -> Told {
    let found = match url {
        Some(url) => of_daemon(url, (old, new), diff),
        None => of_store((old, new), diff),
    };
    match found {
        Ok((histories, words)) => Told {
            histories: Some(histories),
            words,
        },
        Err(why) => Told {
            histories: None,
            words: format!("not known, {why}; the changes are classed all the same"),
        },
    }
}

type Found = Result<((History, History), String), String>;

fn of_store((old, new): Both<'_>, diff: &Diff) -> Found {
    let path = &new.store.path;
    let reader = Reader::open(path).map_err(|error| match error {
        crate::store::StoreError::Missing { .. } => {
            "since there is no store here (name a running daemon with --values URL)".to_owned()
        }
        error => format!("since the store cannot be read ({error})"),
    })?;
    let load = |goals: &Goals| reader.load(goals).map(|loaded| loaded.history);
    let failed =
        |error: crate::store::StoreError| format!("since the store cannot be read ({error})");
    let before = load(&old.goals).map_err(failed)?;
    let mut after = load(&new.goals).map_err(failed)?;
    renamed(diff, (old, new), &before, &mut after);
    let words = format!("with the values in {}", path.display());
    Ok(((before, after), words))
}

/// What was measured under an earlier id of the same definition stays with a key result.
fn renamed(diff: &Diff, (old, new): Both<'_>, before: &History, after: &mut History) {
    for (was, is) in diff.key_results.iter().filter(|(was, is)| was != is) {
        let definition =
            |goals: &Goals, id: &KeyResultId| goals.key_result(id).map(|kr| kr.definition.clone());
        let same = definition(&old.goals, was) == definition(&new.goals, is);
        if let Some(record) = before.get(was).filter(|_| same) {
            *after.record(is) = record.clone();
        }
    }
}

fn of_daemon(url: &str, (old, new): Both<'_>, diff: &Diff) -> Found {
    let runtime = runtime::small().map_err(|_| "since no connection can be made".to_owned())?;
    runtime.block_on(ask(url, (old, new), diff))
}

async fn ask(url: &str, (old, new): Both<'_>, diff: &Diff) -> Found {
    let daemon = Daemon::at(url)?;
    let scorecard = daemon.get("scorecard").await?;
    let cards = cards(&scorecard).ok_or_else(|| {
        format!(
            "since what answers at {} is no scorecard of okrd",
            daemon.shown
        )
    })?;
    let mut before = History::default();
    for (_, key_result) in old.goals.key_results() {
        if let Some(card) = cards.get(&key_result.id.full()) {
            *before.record(&key_result.id) = card.record(key_result);
        }
    }
    if cards
        .keys()
        .all(|id| before_is_empty(&before, &old.goals, id))
        && !cards.is_empty()
    {
        return Err(format!(
            "since the daemon at {} measures none of these key results",
            daemon.shown
        ));
    }
    let touched = diff
        .changes
        .iter()
        .filter_map(|change| match &change.subject {
            crate::config::diff::Subject::KeyResult(id) => Some(id),
            _ => None,
        });
    let mut touched: Vec<&KeyResultId> = touched.collect();
    touched.dedup();
    for id in touched.into_iter().take(MOST_SERIES) {
        let was = diff.key_results.iter().find(|(_, is)| is == id);
        let Some((was, _)) = was else { continue };
        let path = format!("key-results/{was}/history?cycle={}", was.cycle);
        let Ok(answer) = daemon.get(&path).await else {
            continue;
        };
        let points = points(&answer);
        if !points.is_empty() {
            before.record(was).series = points.into_iter().collect();
        }
    }
    let mut after = History::default();
    for (was, is) in &diff.key_results {
        let (Some(earlier), Some(key_result), Some(record)) = (
            old.goals.key_result(was),
            new.goals.key_result(is),
            before.get(was),
        ) else {
            continue;
        };
        if let Some(record) = carried(earlier, key_result, record) {
            *after.record(is) = record;
        }
    }
    let words = format!("with the values of the daemon at {}", daemon.shown);
    Ok(((before, after), words))
}

fn before_is_empty(before: &History, goals: &Goals, id: &str) -> bool {
    let known = goals.key_results().find(|(_, kr)| kr.id.full() == id);
    known.is_none_or(|(_, kr)| before.get(&kr.id).is_none())
}

/// What the values of before are under the new definition: the same, multiplied, or nothing that compares.
fn carried(old: &KeyResult, new: &KeyResult, record: &Record) -> Option<Record> {
    if old.definition == new.definition {
        return Some(record.clone());
    }
    let k = new.factor() / old.factor();
    let leads_over = new.rebases.len() > old.rebases.len() && k.is_finite();
    leads_over.then(|| {
        let times = |point: &Point| Point {
            value: point.value * k,
            ..*point
        };
        Record {
            series: record.series.points().iter().map(times).collect(),
            frozen: record.frozen.as_ref().map(times),
            ..record.clone()
        }
    })
}

/// A daemon's API.
struct Daemon {
    client: Client,
    base: url::Url,
    /// Its address without anything secret.
    shown: String,
}

impl Daemon {
    fn at(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("since --values is {why}, expected an address such as http://127.0.0.1:10650")
        };
        let mut base = url::Url::parse(text).map_err(|_| wrong("no address"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("no http address"));
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = format!("{}/api/v1/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        Ok(Self {
            client: Client::new(ClientOptions::default()),
            shown: crate::net::fault::shown_url(&base),
            base,
        })
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let failed = |what: String| format!("since the daemon at {} {what}", self.shown);
        let url = self
            .base
            .join(path)
            .map_err(|_| failed("has no such address".to_owned()))?;
        let answer = self
            .client
            .send(Request::get(url, PATIENCE))
            .await
            .map_err(|fault| failed(format!("does not answer ({fault})")))?;
        answer
            .fail_on_status()
            .and_then(|answer| answer.json())
            .map_err(|fault| failed(format!("answers something else ({fault})")))
    }
}

/// What a scorecard says of one key result.
struct Card {
    definition: String,
    value: Option<Point>,
    baseline: Option<f64>,
}

impl Card {
    /// What of it is known of a key result that is measured by the same definition.
    fn record(&self, key_result: &KeyResult) -> Record {
        let mut record = Record::default();
        if self.definition != key_result.definition {
            return record;
        }
        record.series = self.value.into_iter().collect();
        if let (Some(value), Some(baseline)) = (self.value, self.baseline) {
            record.frozen = Some(Point {
                as_of: value.as_of,
                value: baseline,
            });
        }
        record
    }
}

fn cards(scorecard: &Value) -> Option<HashMap<String, Card>> {
    let mut cards = HashMap::new();
    for objective in scorecard.get("objectives")?.as_array()? {
        for card in objective.get("key_results")?.as_array()? {
            let text = |key: &str| card.get(key).and_then(Value::as_str);
            let number = |key: &str| card.get(key).and_then(Value::as_f64);
            let as_of = text("as_of").and_then(|at| at.parse::<Timestamp>().ok());
            let value = as_of
                .zip(number("value"))
                .map(|(as_of, value)| Point { as_of, value });
            let id = format!("{}:{}", text("cycle")?, text("id")?);
            cards.insert(
                id,
                Card {
                    definition: text("definition").unwrap_or_default().to_owned(),
                    value,
                    baseline: number("baseline"),
                },
            );
        }
    }
    Some(cards)
}

fn points(history: &Value) -> Vec<Point> {
    let rows = history.get("measurements").and_then(Value::as_array);
    let point = |row: &Value| {
        Some(Point {
            as_of: row.get("as_of")?.as_str()?.parse().ok()?,
            value: row.get("value")?.as_f64()?,
        })
    };
    rows.into_iter().flatten().filter_map(point).collect()
}
