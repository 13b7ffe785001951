//! A dashboard as somebody sees it: their choices and range, and what Prometheus answers to its panels, asked as Grafana
//! would ask. Judges nothing.

use serde_json::Value;

use crate::dashboards::{Dashboard, find, list, text};
use crate::servers::prometheus::{Prometheus, Sample, Series};
use crate::variables::Choices;
use crate::world::{now, seconds};

/// A dashboard with somebody's choices.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) uid: &'a str,
    /// For the name of its picture.
    pub(crate) name: &'a str,
    pub(crate) chosen: &'a [(&'a str, &'a str)],
    /// Seconds that are looked at in place of the dashboard's own range: of okrd itself only the scrapes of this test
    /// are known.
    pub(crate) last: Option<f64>,
}

/// A dashboard, its choices and its range.
pub(crate) struct Seen {
    pub(crate) board: Dashboard,
    pub(crate) choices: Choices,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) now: f64,
}

/// What came back for a query.
pub(crate) struct Answer {
    pub(crate) reference: String,
    /// Of instant queries.
    pub(crate) samples: Vec<Sample>,
    /// Of range queries, with the name that the legend shows.
    pub(crate) series: Vec<(String, Series)>,
    pub(crate) names: Vec<String>,
}

impl<'a> Look<'a> {
    pub(crate) const fn at(uid: &'a str, chosen: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            uid,
            name: uid,
            chosen,
            last: None,
        }
    }

    pub(crate) const fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn take(&self, prometheus: &Prometheus) -> Seen {
        let board = find(self.uid);
        let now = seconds(now());
        let from = moment(text(&board.json["time"]["from"]), now);
        let from = self.last.map_or(from, |seconds| now - seconds);
        let to = moment(text(&board.json["time"]["to"]), now);
        let choices = Choices::ask(&board, prometheus, (from, to), self.chosen);
        Seen {
            board,
            choices,
            from,
            to,
            now,
        }
    }
}

/// `now-45d` in Unix seconds.
pub(crate) fn moment(text: &str, now: f64) -> f64 {
    let rest = text.strip_prefix("now").unwrap();
    if rest.is_empty() {
        return now;
    }
    let (number, unit) = rest.split_at(rest.len() - 1);
    let size = match unit {
        "d" => 86_400.0,
        "h" => 3600.0,
        _ => panic!("{text}"),
    };
    now + number.parse::<f64>().unwrap() * size
}

impl Seen {
    /// Seconds between two points of a panel: about one a pixel on a screen of 1400.
    pub(crate) fn step(&self, panel: &Value) -> f64 {
        let pixels = panel["gridPos"]["w"].as_f64().unwrap() / 24.0 * 1400.0;
        let least = if self.to - self.from < 3600.0 {
            1.0
        } else {
            60.0
        };
        ((self.to - self.from) / pixels / least).ceil() * least
    }

    /// Asks all queries of a panel.
    pub(crate) fn ask(&self, prometheus: &Prometheus, panel: &Value) -> Vec<Answer> {
        let step = self.step(panel);
        let place = self.board.place(panel);
        let ask = |target: &Value| {
            let expr = self.choices.fill(text(&target["expr"]), step);
            let reference = text(&target["refId"]).to_owned();
            let legend = text(&target["legendFormat"]);
            let mut answer = Answer {
                reference,
                samples: Vec::new(),
                series: Vec::new(),
                names: Vec::new(),
            };
            if target["instant"] == true {
                answer.samples = prometheus.query_at(&expr, self.now);
                answer.names = answer
                    .samples
                    .iter()
                    .map(|s| name(legend, &s.labels))
                    .collect();
            } else {
                let (from, to) = (
                    (self.from / step).floor() * step,
                    (self.to / step).floor() * step,
                );
                let found = prometheus.try_query_range(&expr, from, to, step);
                let found = found.unwrap_or_else(|error| panic!("{place}: {error}\n{expr}"));
                answer.series = found
                    .into_iter()
                    .map(|s| (name(legend, &s.labels), s))
                    .collect();
            }
            answer
        };
        list(&panel["targets"]).iter().map(ask).collect()
    }
}

fn name(legend: &str, labels: &std::collections::BTreeMap<String, String>) -> String {
    let mut name = legend.to_owned();
    for (label, value) in labels {
        name = name.replace(&format!("{{{{{label}}}}}"), value);
    }
    name
}
