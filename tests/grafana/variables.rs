//! Variables as Grafana fills them in: asked one after the other, each with those before it, then put into expressions and
//! titles. Knows no panel.

use std::collections::BTreeMap;

use crate::dashboards::{Dashboard, call, list, text};
use crate::servers::prometheus::Prometheus;

/// The scrape interval that the provisioned data source tells Grafana, in seconds.
const SCRAPE: f64 = 60.0;

/// What each variable stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    /// As it is written into an expression.
    values: BTreeMap<String, String>,
    /// As people read it.
    words: BTreeMap<String, String>,
    /// What could be chosen.
    pub(crate) options: BTreeMap<String, Vec<String>>,
}

impl Choices {
    /// Asks for all variables of a dashboard, over a range in Unix seconds. What is `chosen` must be among the options;
    /// everything else is All where there is such a thing, and the first option otherwise.
    pub(crate) fn ask(
        board: &Dashboard,
        prometheus: &Prometheus,
        (from, to): (f64, f64),
        chosen: &[(&str, &str)],
    ) -> Self {
        let mut this = Self::default();
        for variable in board.variables() {
            let name = text(&variable["name"]);
            if variable["type"] == "datasource" {
                this.set(name, "okrd-prometheus", "okrd-prometheus");
                continue;
            }
            let query = this.fill(text(&variable["query"]), 0.0);
            let mut options = options(prometheus, &query, (from, to));
            options = pick(options, text(&variable["regex"]));
            if variable["sort"] == 1 {
                options.sort();
            }
            let wanted = chosen.iter().find(|(key, _)| *key == name);
            if let Some((_, wanted)) = wanted {
                let known = options.iter().any(|option| option == wanted);
                assert!(known, "{}: {name} is one of {options:?}", board.uid());
                this.set(name, wanted, wanted);
            } else if variable["includeAll"] == true {
                let all = format!("({})", options.join("|"));
                let all = variable["allValue"].as_str().map_or(all, str::to_owned);
                this.set(name, &all, "All");
            } else {
                let first = options.first().cloned().unwrap_or_default();
                this.set(name, &first, &first);
            }
            this.options.insert(name.to_owned(), options);
        }
        this
    }

    fn set(&mut self, name: &str, value: &str, words: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
        self.words.insert(name.to_owned(), words.to_owned());
    }

    /// What a variable stands for in an expression.
    pub(crate) fn value(&self, name: &str) -> &str {
        &self.values[name]
    }

    /// An expression, for points so many seconds apart.
    pub(crate) fn fill(&self, expr: &str, step: f64) -> String {
        let rate = (step + SCRAPE).max(4.0 * SCRAPE);
        let expr = expr.replace("$__rate_interval", &format!("{rate:.0}s"));
        let expr = expr.replace("$__interval", &format!("{:.0}s", step.max(1.0)));
        replace(&expr, &self.values)
    }

    /// A title.
    pub(crate) fn title(&self, title: &str) -> String {
        replace(title, &self.words)
    }
}

/// Longer names first: `$key_result` is not `$key` and some letters.
fn replace(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut names: Vec<_> = values.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut text = text.to_owned();
    for name in names {
        for form in [format!("${{{name}}}"), format!("${name}")] {
            text = text.replace(&form, &values[name]);
        }
    }
    text
}

fn options(prometheus: &Prometheus, query: &str, (from, to): (f64, f64)) -> Vec<String> {
    let (function, expr) = call(query);
    if function == "query_result" {
        // Grafana asks at the end of the range, whatever lies there.
        let found = prometheus.query_at(&expr, to);
        let line = |sample: &crate::servers::prometheus::Sample| {
            let labels = sample.labels.iter().filter(|(name, _)| *name != "__name__");
            let labels: Vec<_> = labels.map(|(n, v)| format!("{n}=\"{v}\"")).collect();
            format!(
                "{{{}}} {} {}",
                labels.join(","),
                sample.value,
                sample.at * 1000.0
            )
        };
        return found.iter().map(line).collect();
    }
    let label = query
        .rsplit([' ', '('])
        .next()
        .unwrap()
        .trim_end_matches(')');
    let ask = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("match[]", &expr)
        .append_pair("start", &from.to_string())
        .append_pair("end", &to.to_string())
        .finish();
    let found = prometheus.api(&format!("/api/v1/label/{label}/values?{ask}"));
    list(&found).iter().map(|v| text(v).to_owned()).collect()
}

/// The part of each option that a regular expression of the form `/name="([^"]+)"/` takes out of it.
fn pick(options: Vec<String>, regex: &str) -> Vec<String> {
    if regex.is_empty() {
        return options;
    }
    let name = regex
        .strip_prefix('/')
        .and_then(|r| r.strip_suffix("\"([^\"]+)\"/"))
        .unwrap_or_else(|| panic!("this test knows no regex of the form {regex}"));
    let part = |option: &String| {
        let (_, rest) = option.split_once(&format!("{name}\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    options.iter().filter_map(part).collect()
}

#[test]
fn longer_names_are_not_cut() {
    let mut choices = Choices::default();
    choices.set("cycle", "autumn", "autumn");
    choices.set("cycle_to", "now+3d", "now+3d");
    let filled = choices.fill(
        "$cycle ${cycle_to} $cycle_to ${1}d [$__interval] [$__rate_interval]",
        300.0,
    );
    assert_eq!(filled, "autumn now+3d now+3d ${1}d [300s] [360s]");
}
