//! A real Prometheus on a free port of 127.0.0.1, with a configuration and a storage folder of the caller's, asked through
//! its HTTP API. It is gone with the value or with the test binary, however that ends. Knows nothing of okrd.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::web::{PATIENT, Web, http};
use super::{must, program};

/// A running Prometheus.
pub struct Prometheus {
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    web: Web,
}

/// One series at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// All labels, the name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Unix seconds.
    pub at: f64,
    /// May be NaN or infinite.
    pub value: f64,
}

/// One series over a stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// All labels, the name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Unix seconds and value, oldest first; a step without a value is left out.
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Starts it and waits until it answers queries. Blocks that promtool wrote into `storage` are there from the start.
    pub fn start(config: &Path, storage: &Path) -> Self {
        Self::start_with(config, storage, &[])
    }

    /// The same with further flags, such as `--web.enable-remote-write-receiver`.
    pub fn start_with(config: &Path, storage: &Path, flags: &[&str]) -> Self {
        // A faulty configuration is told at once and by name.
        must(
            &[program("promtool").display().to_string()],
            &["check", "config", &config.display().to_string()],
        );
        let web = Web::new("Prometheus");
        let mut command = vec![
            program("prometheus").display().to_string(),
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", storage.display()),
            // What a test brings along may be as old as it likes.
            "--storage.tsdb.retention.time=100y".into(),
            format!("--web.listen-address={}", web.address),
            "--web.enable-lifecycle".into(),
        ];
        command.extend(flags.iter().map(|flag| (*flag).to_owned()));
        Self {
            address: web.address.clone(),
            web: web.start(&command),
        }
    }

    /// Where a browser or another program finds it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.web.log()
    }

    /// Asks for an instant vector, or a scalar as one sample without labels, as of now.
    pub fn query(&self, expr: &str) -> Vec<Sample> {
        self.instant(&[("query", expr)])
            .unwrap_or_else(|error| panic!("{expr}: {error}"))
    }

    /// The same as of an instant in Unix seconds.
    pub fn query_at(&self, expr: &str, at: f64) -> Vec<Sample> {
        self.instant(&[("query", expr), ("time", &at.to_string())])
            .unwrap_or_else(|error| panic!("{expr}: {error}"))
    }

    /// The same as [`Self::query`], or what Prometheus has against the expression.
    pub fn try_query(&self, expr: &str) -> Result<Vec<Sample>, String> {
        self.instant(&[("query", expr)])
    }

    /// Asks for series from `start` to `end`, both included, in Unix seconds, a point each `step` seconds.
    pub fn query_range(&self, expr: &str, start: f64, end: f64, step: f64) -> Vec<Series> {
        self.try_query_range(expr, start, end, step)
            .unwrap_or_else(|error| panic!("{expr}: {error}"))
    }

    /// The same, or what Prometheus has against it.
    pub fn try_query_range(
        &self,
        expr: &str,
        start: f64,
        end: f64,
        step: f64,
    ) -> Result<Vec<Series>, String> {
        let [start, end, step] = [start, end, step].map(|number| number.to_string());
        let form = [
            ("query", expr),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        let data = self.data("/api/v1/query_range", &form)?;
        Ok(rows(&data)
            .map(|row| Series {
                labels: labels(row),
                points: row["values"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(point)
                    .collect(),
            })
            .collect())
    }

    /// Waits until an expression has a result that is not empty, and gives it. A comparison such as `up == 0` has one
    /// only while it holds.
    pub fn wait_for(&self, expr: &str) -> Vec<Sample> {
        self.wait_until(expr, |found| !found.is_empty())
    }

    /// Waits until the result of an expression is as wanted, and gives it.
    pub fn wait_until(&self, expr: &str, wanted: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
        let end = Instant::now() + PATIENT;
        loop {
            let found = self.query(expr);
            if wanted(&found) {
                return found;
            }
            assert!(
                Instant::now() < end,
                "not within {PATIENT:?}: {expr} is {found:?}; the log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The `data` of any answer of its API, such as that of `/api/v1/alerts`.
    pub fn api(&self, path: &str) -> Value {
        let answer = http(&self.address, "GET", path, "");
        data(answer).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Has it read its configuration and rules again.
    pub fn reload(&self) {
        let answer = http(&self.address, "POST", "/-/reload", "");
        assert!(
            answer.as_ref().is_some_and(|(status, _)| *status == 200),
            "{answer:?}"
        );
    }

    fn instant(&self, form: &[(&str, &str)]) -> Result<Vec<Sample>, String> {
        let data = self.data("/api/v1/query", form)?;
        if data["resultType"] == "scalar" {
            let (at, value) = point(&data["result"]);
            let labels = BTreeMap::new();
            return Ok(vec![Sample { labels, at, value }]);
        }
        Ok(rows(&data)
            .map(|row| {
                let (at, value) = point(&row["value"]);
                let labels = labels(row);
                Sample { labels, at, value }
            })
            .collect())
    }

    fn data(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, String> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        data(http(&self.address, "POST", path, &body))
    }
}

/// Runs promtool with these arguments, which must be content. Gives what it said.
pub fn promtool(args: &[&str]) -> String {
    let done = Command::new(program("promtool"))
        .args(args)
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(done.status.success(), "promtool {args:?}:\n{said}");
    said
}

/// What `promtool check metrics` ends with and says of an exposition in the text format.
pub fn check_metrics(metrics: &str) -> String {
    let mut child = Command::new(program("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(metrics.as_bytes()).unwrap();
    drop(input);
    let out = child.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    format!("{}{}", out.status, String::from_utf8_lossy(&said))
}

fn data(answer: Option<(u16, String)>) -> Result<Value, String> {
    let (status, body) = answer.ok_or("Prometheus does not answer")?;
    let mut answer: Value =
        serde_json::from_str(&body).map_err(|error| format!("{status} {error}: {body}"))?;
    if answer["status"] == "success" {
        return Ok(answer["data"].take());
    }
    Err(answer["error"].as_str().unwrap_or(&body).to_owned())
}

fn rows(data: &Value) -> impl Iterator<Item = &Value> {
    data["result"].as_array().into_iter().flatten()
}

fn labels(row: &Value) -> BTreeMap<String, String> {
    let labels = row["metric"].as_object().into_iter().flatten();
    labels
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

/// `[1435781451.781, "1"]`
fn point(pair: &Value) -> (f64, f64) {
    let value = pair[1].as_str().unwrap().parse().unwrap();
    (pair[0].as_f64().unwrap(), value)
}
