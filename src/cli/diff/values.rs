//! Current values for who compares two states of the goals: from the store when there is one, or from a running daemon.
//! Makes no store and records nothing; what a daemon answers is bounded and checked before it is used. Without values
//! nothing fails: one line says why there are none. Prints nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use crate::domain::cycle::Cycle;
use crate::domain::effect::{Reach, Renamed, follow, only};
use crate::domain::epoch::{Epoch, Measured, Past};
use crate::domain::goals::{Feed, Goals, KeyResult};
use crate::domain::history::{History, Record};
use crate::domain::id::{CycleName, KeyResultId, Slug};
use crate::domain::quality::Quality;
use crate::domain::series::Point;
use crate::domain::target::{Aim, Baseline};
use crate::net::client::{Client, ClientOptions};
use crate::net::request::Request;
use crate::store::{Reader, StoreError};

/// The environment variable with the token that a daemon behind a login is asked with.
pub(super) const TOKEN: &str = "OKRD_VALUES_TOKEN";
/// The one with the user that makes of the token a password.
pub(super) const USER: &str = "OKRD_VALUES_USER";

/// How long a daemon may take for everything.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of so many key results the history is asked for; of others the newest value serves.
const MOST_HISTORIES: usize = 200;
/// So many questions at a time.
const AT_A_TIME: usize = 4;
/// The largest scorecard in bytes.
const LARGEST_SCORECARD: usize = 64 * 1024 * 1024;

/// What is known of both states of the goals.
#[derive(Clone, Debug)]
pub(super) struct Values {
    /// Where the values come from; or why there are none, as a sentence without its full stop.
    pub from: Result<String, String>,
    /// What should be known beside it, a line each.
    pub remarks: Vec<String>,
    /// What is known by the old definitions.
    pub before: History,
    /// What is known by the new ones.
    pub after: History,
}

/// Two states of the goals, what is called otherwise in them, and what of them is to be judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared<'g> {
    /// Before the change.
    pub old: &'g Goals,
    /// After it.
    pub new: &'g Goals,
    /// Names that changed.
    pub renamed: &'g Renamed,
    /// What is judged.
    pub reach: &'g Reach,
}

/// Reads the values from the store at this path. Never makes one.
pub(super) fn of_store(path: &Path, compared: Compared<'_>) -> Values {
    let Compared {
        old,
        new,
        renamed,
        reach,
    } = compared;
    let shown = path.display().to_string();
    let read = || {
        let reader = Reader::open(path)?;
        let (old, new) = (only(old, &reach.before), only(new, &reach.after));
        let known = reader.load(&old)?.history;
        let mut after = reader.load(&new)?.history;
        follow(&old, &new, renamed, &known, &mut after);
        Ok((known, after))
    };
    match read() {
        Ok((before, after)) => Values {
            from: Ok(format!("the store {shown}")),
            before,
            after,
            ..Values::default()
        },
        Err(StoreError::Missing { .. }) => Values::none(format!(
            "there is no store at {shown}; `--values URL` asks a running daemon"
        )),
        Err(error) => Values::none(error.to_string()),
    }
}

/// Asks the daemon at this address, with the login that the environment names.
pub(super) async fn of_daemon(address: &str, compared: Compared<'_>) -> Values {
    let login = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let daemon = Daemon::at(address, login(USER), login(TOKEN));
    let asked = async { daemon?.values(compared).await };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(values)) => values,
        Ok(Err(why)) => Values::none(why),
        Err(_) => Values::none(format!(
            "the daemon did not answer everything within {} s",
            PATIENCE.as_secs()
        )),
    }
}

impl Values {
    fn none(why: String) -> Self {
        Self {
            from: Err(why),
            ..Self::default()
        }
    }
}

impl Default for Values {
    fn default() -> Self {
        Self {
            from: Err("nothing was asked for".to_owned()),
            remarks: Vec::new(),
            before: History::default(),
            after: History::default(),
        }
    }
}

/// A running daemon's API.
struct Daemon {
    client: Client,
    base: Url,
    user: Option<String>,
    token: Option<String>,
}

/// What a daemon's scorecard says of a key result.
#[derive(Clone, Debug)]
struct Told {
    definition: String,
    newest: Option<Point>,
    baseline: Option<f64>,
}

impl Daemon {
    fn at(address: &str, user: Option<String>, token: Option<String>) -> Result<Self, String> {
        let expected = "expected the address of a running daemon, such as http://127.0.0.1:10650";
        // The address itself is not repeated: it may hold a password.
        let mut base = Url::parse(address).map_err(|why| format!("--values: {why}; {expected}"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(format!("--values is no http address; {expected}"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(format!(
                "--values holds a login, which every list of processes would show; set {USER} and {TOKEN} instead"
            ));
        }
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            client: Client::new(ClientOptions::default()),
            base,
            user,
            token,
        })
    }

    async fn values(&self, compared: Compared<'_>) -> Result<Values, String> {
        let told = scorecard(&self.ask("api/v1/scorecard", LARGEST_SCORECARD).await?)?;
        let sides = [
            only(compared.old, &compared.reach.before),
            only(compared.new, &compared.reach.after),
        ];
        let names = Names::of(compared);
        let known: BTreeSet<&KeyResultId> = sides
            .iter()
            .flat_map(Goals::key_results)
            .filter_map(|(_, kr)| names.told(&kr.id, &told))
            .collect();
        let wanted = sides.iter().flat_map(Goals::key_results).count();
        if known.is_empty() && wanted > 0 {
            return Err(format!(
                "the daemon at {} knows none of these key results: is it the one of this company?",
                self.base
            ));
        }
        let measured = sides
            .iter()
            .flat_map(|goals| goals.key_results().map(move |(_, kr)| (goals, kr)))
            .filter(|(_, kr)| !matches!(kr.feed, Feed::Computed(_) | Feed::Stated))
            .filter_map(|(goals, kr)| {
                let cycle = goals.cycles.get(&kr.id.cycle)?;
                Some((names.told(&kr.id, &told)?, since(kr, cycle)))
            });
        let mut asked: BTreeMap<&KeyResultId, Timestamp> = BTreeMap::new();
        for (id, since) in measured {
            let from = asked.entry(id).or_insert(since);
            *from = since.min(*from);
        }
        let skipped = asked.len().saturating_sub(MOST_HISTORIES);
        let questions = asked.into_iter().take(MOST_HISTORIES);
        let answers: Vec<_> = stream::iter(questions.map(|(id, since)| async move {
            let past = self.past(id, since).await;
            (id, past)
        }))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
        let mut remarks = Vec::new();
        let mut pasts = BTreeMap::new();
        for (id, past) in answers {
            match past {
                Ok(past) => {
                    pasts.insert(id, past);
                }
                Err(why) => {
                    remarks.push(format!("{id}: no history, its newest value serves: {why}"))
                }
            }
        }
        remarks.sort();
        if skipped > 0 {
            remarks.push(format!(
                "of {skipped} key results only the newest value was asked for, since there are so many"
            ));
        }
        let history = |goals: &Goals| {
            let mut history = History::default();
            for (_, kr) in goals.key_results() {
                let cycle = goals.cycles.get(&kr.id.cycle);
                let name = names.told(&kr.id, &told);
                if let (Some(cycle), Some(name)) = (cycle, name) {
                    let past = pasts.get(name);
                    *history.record(&kr.id) = record(kr, cycle, past, &told[name]);
                }
            }
            history
        };
        let [before, after] = sides.each_ref().map(history);
        Ok(Values {
            from: Ok(format!("the daemon at {}", self.base)),
            remarks,
            before,
            after,
        })
    }

    async fn past(&self, id: &KeyResultId, since: Timestamp) -> Result<Past, String> {
        let path = format!(
            "api/v1/key-results/{}:{}/{}/history?from={since}",
            id.cycle, id.objective, id.key_result
        );
        past(&self.ask(&path, Request::DEFAULT_MAX_BODY).await?)
    }

    async fn ask(&self, path: &str, largest: usize) -> Result<Value, String> {
        // The answer of `join` stays below the base: no path given here begins with a slash or names a scheme.
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let mut request = Request::get(url, PATIENCE).max_body(largest);
        request = match (&self.user, &self.token) {
            (Some(user), Some(token)) => request.basic(user, token),
            (None, Some(token)) => request.bearer(token).map_err(|fault| fault.to_string())?,
            (_, None) => request,
        };
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|fault| format!("the daemon does not answer: {fault}"))?;
        let sound = answer.fail_on_status().and_then(|answer| answer.json());
        sound.map_err(|fault| answer.guard(fault).to_string())
    }
}

/// What each key result is called in the other state of the goals.
struct Names {
    later: BTreeMap<KeyResultId, KeyResultId>,
    earlier: BTreeMap<KeyResultId, KeyResultId>,
}

impl Names {
    fn of(compared: Compared<'_>) -> Self {
        let old = compared.old.key_results();
        let pairs = old.map(|(_, kr)| (kr.id.clone(), compared.renamed.key_result(&kr.id)));
        let later: BTreeMap<_, _> = pairs.filter(|(old, new)| old != new).collect();
        Self {
            earlier: (later.iter())
                .map(|(old, new)| (new.clone(), old.clone()))
                .collect(),
            later,
        }
    }

    /// The name under which the daemon knows it: it may run either state.
    fn told<'t>(
        &self,
        id: &KeyResultId,
        told: &'t BTreeMap<KeyResultId, Told>,
    ) -> Option<&'t KeyResultId> {
        let all = [Some(id), self.later.get(id), self.earlier.get(id)];
        let mut known = all.into_iter().flatten();
        known.find_map(|name| told.get_key_value(name).map(|(name, _)| name))
    }
}

/// From when on its values matter: of a band also those that still hold when the cycle begins.
fn since(key_result: &KeyResult, cycle: &Cycle) -> Timestamp {
    let before = match key_result.aim {
        Aim::Hold(_) => SignedDuration::try_from(key_result.stale_after).unwrap_or_default(),
        _ => SignedDuration::ZERO,
    };
    cycle.start().checked_sub(before).unwrap_or(cycle.start())
}

/// What is known of a key result by its definition in these goals.
fn record(key_result: &KeyResult, cycle: &Cycle, past: Option<&Past>, told: &Told) -> Record {
    let mut record = Record::default();
    let daily = !key_result.aim.needs_every_value();
    if let Some(past) = past {
        let comparison = key_result.comparison(&past.epochs);
        for (measured, factor) in comparison.line(&past.values, &cycle.zone) {
            let point = Point {
                as_of: measured.as_of,
                value: measured.value * factor,
            };
            record.enter(point, cycle, daily);
        }
        record.unlike_until = key_result.unlike_until(&past.epochs, cycle.start());
    }
    if told.definition == key_result.definition {
        if record.series.points().is_empty()
            && let Some(newest) = told.newest
        {
            record.enter(newest, cycle, daily);
        }
        let frozen =
            matches!(&key_result.aim, Aim::Reach(reach) if reach.baseline == Baseline::First);
        if let Some(value) = told
            .baseline
            .filter(|_| frozen && key_result.rebases.is_empty())
        {
            record.frozen = Some(Point {
                as_of: cycle.start(),
                value,
            });
        }
    }
    record
}

/// The key results of a scorecard.
fn scorecard(document: &Value) -> Result<BTreeMap<KeyResultId, Told>, String> {
    let other =
        "the answer is no scorecard of okrd; expected `objectives` with their `key_results`";
    let objectives = document.get("objectives").and_then(Value::as_array);
    let mut told = BTreeMap::new();
    for objective in objectives.ok_or(other)? {
        let key_results = objective.get("key_results").and_then(Value::as_array);
        for key_result in key_results.ok_or(other)? {
            let text = |name: &str| key_result.get(name).and_then(Value::as_str);
            let number = |name: &str| finite(key_result.get(name));
            let slug = |name: &str| Slug::parse(text(name)?).ok();
            let named = || {
                Some((
                    KeyResultId {
                        cycle: CycleName::parse(text("cycle")?).ok()?,
                        objective: slug("objective")?,
                        key_result: slug("key_result")?,
                    },
                    text("definition").filter(|d| is_definition(d))?.to_owned(),
                ))
            };
            let (id, definition) = named().ok_or(other)?;
            let as_of = text("as_of").and_then(|text| text.parse().ok());
            let newest = number("value").zip(as_of);
            let newest = newest.map(|(value, as_of)| Point { as_of, value });
            let baseline = number("baseline");
            told.insert(
                id,
                Told {
                    definition,
                    newest,
                    baseline,
                },
            );
        }
    }
    Ok(told)
}

/// The values of a history, each as it was measured.
fn past(document: &Value) -> Result<Past, String> {
    let other = "the answer is no history of okrd; expected `measurements` with their `definition`";
    let list = |of: &Value| of.get("measurements").and_then(Value::as_array).cloned();
    let mut values = Vec::new();
    for measured in list(document).ok_or(other)? {
        let definition = measured.get("definition").and_then(Value::as_str);
        values.push(value(&measured, definition).ok_or(other)?);
    }
    let others = document.get("not_compared").and_then(Value::as_array);
    for epoch in others.into_iter().flatten() {
        let definition = epoch.get("definition").and_then(Value::as_str);
        for measured in list(epoch).ok_or(other)? {
            values.push(value(&measured, definition).ok_or(other)?);
        }
    }
    values.sort_by_key(|measured| measured.as_of);
    let mut epochs: Vec<Epoch> = Vec::new();
    for measured in &values {
        match epochs
            .iter_mut()
            .find(|e| *e.definition == *measured.definition)
        {
            Some(epoch) => epoch.last = measured.as_of,
            None => epochs.push(Epoch {
                definition: measured.definition.to_string(),
                first: measured.as_of,
                last: measured.as_of,
            }),
        }
    }
    Ok(Past { epochs, values })
}

fn value(told: &Value, definition: Option<&str>) -> Option<Measured> {
    let as_measured = finite(told.get("as_measured"));
    Some(Measured {
        definition: Arc::from(definition.filter(|d| is_definition(d))?),
        as_of: told.get("as_of")?.as_str()?.parse().ok()?,
        value: as_measured.or_else(|| finite(told.get("value")))?,
        origin: "polled",
        quality: Quality::default(),
    })
}

fn finite(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::as_f64).filter(|x| x.is_finite())
}

fn is_definition(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::configuration::check;
    use crate::config::files::{File, Files};
    use crate::config::spec::Config;
    use crate::domain::effect::reach;
    use axum::http::{HeaderMap, StatusCode, header};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;

    fn config(query: &str, target: u32, more: &str) -> Config {
        let text = format!(
            "cycle = \"now\"\n[cycles.now]\nstarts = 2026-10-01\nends = 2026-12-31\n\
             [sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n\
             [objectives.o]\ntitle = \"O\"\n[objectives.o.key_results.k]\ntitle = \"T\"\nunit = \"u\"\n\
             baseline = 0\ntarget = {target}\nmeasure = {{ source = \"shop\", query = \"SELECT {query}\" }}\n{more}\n\
             [objectives.o.key_results.other]\ntitle = \"T\"\nunit = \"u\"\nat_most = 3\n"
        );
        let files = Files {
            files: vec![File::new("okrd.toml", "/nowhere", text)],
            findings: Vec::new(),
        };
        let (config, findings) = check(&files);
        config.unwrap_or_else(|| panic!("{findings:?}"))
    }

    fn definition(config: &Config) -> String {
        config.goals.objectives[0].key_results[0].definition.clone()
    }

    async fn serve(app: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/okrs")
    }

    /// A daemon of the old configuration, behind a path and a login.
    fn daemon(config: &Config) -> Router {
        let of = definition(config);
        let card = json!({ "cycle": "now", "objective": "o", "key_result": "k", "definition": of,
            "value": 57.0, "as_of": "2026-11-14T06:00:00Z", "baseline": 0.0 });
        let scorecard = json!({ "objectives": [{ "key_results": [card] }] });
        let point = |day: u32, value: f64| json!({ "as_of": format!("2026-11-{day}T06:00:00Z"), "value": value, "definition": of });
        let history =
            json!({ "measurements": [point(12, 40.0), point(14, 57.0)], "not_compared": [] });
        let may = |headers: &HeaderMap| {
            headers
                .get(header::AUTHORIZATION)
                .is_some_and(|token| token == "Bearer s3cr3t-token")
        };
        let answer = move |headers: HeaderMap, body: serde_json::Value| async move {
            if may(&headers) {
                Json(body).into_response()
            } else {
                (StatusCode::UNAUTHORIZED, "who is there? s3cr3t").into_response()
            }
        };
        Router::new()
            .route(
                "/okrs/api/v1/scorecard",
                get(move |h: HeaderMap| answer(h, scorecard)),
            )
            .route(
                "/okrs/api/v1/key-results/now:o/k/history",
                get(move |h: HeaderMap| answer(h, history)),
            )
    }

    async fn values(
        app: Router,
        token: &str,
        old: &Config,
        new: &Config,
    ) -> Result<Values, String> {
        let renamed = Renamed::default();
        let reach = reach(&old.goals, &new.goals, &renamed);
        let compared = Compared {
            old: &old.goals,
            new: &new.goals,
            renamed: &renamed,
            reach: &reach,
        };
        let token = Some(token.to_owned()).filter(|token| !token.is_empty());
        Daemon::at(&serve(app).await, None, token)?
            .values(compared)
            .await
    }

    fn newest(history: &History, config: &Config) -> Option<f64> {
        let id = &config.goals.objectives[0].key_results[0].id;
        let points = history
            .get(id)
            .map(|record| record.series.points().to_vec());
        points.unwrap_or_default().last().map(|point| point.value)
    }

    const TOKEN: &str = "s3cr3t-token";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_daemon_tells_both_sides_as_far_as_they_compare() {
        let old = config("1", 100, "");
        let new = config("1", 80, "");
        let told = values(daemon(&old), TOKEN, &old, &new).await.unwrap();
        assert!(told.from.unwrap().ends_with("/okrs/"));
        assert_eq!(newest(&told.before, &old), Some(57.0));
        assert_eq!(newest(&told.after, &new), Some(57.0));
        assert_eq!(told.remarks, Vec::<String>::new());

        // Measured otherwise: only what a rebase carries over.
        let other = config("2", 100, "");
        let told = values(daemon(&old), TOKEN, &old, &other).await.unwrap();
        assert_eq!(newest(&told.before, &old), Some(57.0));
        assert_eq!(newest(&told.after, &other), None);
        let rebase = "[[objectives.o.key_results.k.rebases]]\ndate = 2026-11-14\nold = 57\nnew = 61\nreason = \"R\"\napproved_by = \"lead\"";
        let rebased = config("2", 100, rebase);
        let told = values(daemon(&old), TOKEN, &old, &rebased).await.unwrap();
        let carried = newest(&told.after, &rebased).unwrap();
        assert!((carried - 61.0).abs() < 1e-9, "{carried}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_answers_wrongly_leaves_no_values_and_says_why() {
        let (old, new) = (config("1", 100, ""), config("1", 80, ""));
        let refused = values(daemon(&old), "", &old, &new).await.unwrap_err();
        assert!(refused.contains("401"), "{refused}");
        let refused = values(daemon(&old), "wrong-token", &old, &new)
            .await
            .unwrap_err();
        assert!(!refused.contains("wrong-token"), "{refused}");

        let says = |body: serde_json::Value| {
            Router::new().route(
                "/okrs/api/v1/scorecard",
                get(move || async move { Json(body) }),
            )
        };
        for (body, expected) in [
            (json!({ "status": "ok" }), "no scorecard of okrd"),
            (
                json!({ "objectives": [{ "key_results": [{ "cycle": 5 }] }] }),
                "no scorecard of okrd",
            ),
            (json!({ "objectives": [] }), "none of these key results"),
        ] {
            let why = values(says(body), "", &old, &new).await.unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
        let page = Router::new().route("/okrs/api/v1/scorecard", get(|| async { "<html>" }));
        let why = values(page, "", &old, &new).await.unwrap_err();
        assert!(why.contains("expected JSON"), "{why}");
    }

    #[test]
    fn an_address_with_a_login_is_refused_without_repeating_it() {
        for (address, expected) in [
            ("http://ada:hunter22@127.0.0.1:1/", TOKEN_NAME),
            ("ftp://127.0.0.1/hunter22", "no http address"),
            ("hunter22", "relative URL"),
        ] {
            let why = Daemon::at(address, None, None).err().unwrap();
            assert!(why.contains(expected) && !why.contains("hunter22"), "{why}");
        }
    }

    const TOKEN_NAME: &str = super::TOKEN;
}
