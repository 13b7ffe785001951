//! The whole way, once: okrd, Prometheus and Alertmanager as they are, the shipped files with shorter waits, and a webhook
//! that hears what a person would.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::fakes::wire::{self, Wire};
use crate::home::{Home, SHOP, counted, every_second, growth, key_result, on_air, within};
use crate::rules::runbook_queries;
use crate::servers::alertmanager::Alertmanager;
use crate::servers::prometheus::Prometheus;
use crate::shipped::{alerts, figures, text};

const SOON: Duration = Duration::from_secs(60);

/// A shipped file whose waits are a second each, with other addresses.
fn quick(name: &str, addresses: &[(&str, &str)]) -> String {
    let waits = [
        "scrape_interval: ",
        "evaluation_interval: ",
        "for: ",
        "group_wait: ",
        "group_interval: ",
    ];
    let mut file = String::new();
    for line in text(name).lines() {
        let wait = waits
            .iter()
            .find(|wait| line.trim_start().starts_with(**wait));
        file += &wait.map_or_else(
            || format!("{line}\n"),
            |wait| {
                format!(
                    "{}{wait}1s\n",
                    &line[..line.len() - line.trim_start().len()]
                )
            },
        );
    }
    for (shipped, here) in addresses {
        assert!(file.contains(shipped), "{name} has no {shipped}");
        file = file.replace(shipped, here);
    }
    file
}

/// One alert as a receiver heard of it: whom it was for, firing or resolved, and all of it.
struct Heard {
    receiver: String,
    status: String,
    alert: Value,
}

fn heard(webhook: &Wire) -> Vec<Heard> {
    let asked = webhook.asked().into_iter();
    asked
        .flat_map(|asked| {
            let told: Value = serde_json::from_slice(&asked.body).unwrap();
            let alerts = told["alerts"].as_array().unwrap().clone();
            let receiver = told["receiver"].as_str().unwrap().to_owned();
            assert!(asked.target.ends_with(&receiver), "{}", asked.target);
            alerts.into_iter().map(move |alert| Heard {
                receiver: receiver.clone(),
                status: alert["status"].as_str().unwrap().to_owned(),
                alert,
            })
        })
        .collect()
}

/// Waits until a receiver has heard of an alert.
fn arrives(webhook: &Wire, prometheus: &Prometheus, name: &str, status: &str) -> Heard {
    within(SOON, &format!("{name} arrives, {status}"), || {
        let found = heard(webhook)
            .into_iter()
            .find(|h| h.alert["labels"]["alertname"] == name && h.status == status);
        if found.is_none() && prometheus.log().contains("level=error") {
            panic!("{}", prometheus.log());
        }
        found
    })
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn an_alert_goes_from_okrd_to_a_person_and_back() {
    // A source that takes one token, and a okrd that has another.
    let api = on_air(Wire::plain(|asked| {
        if asked.header("authorization") == Some("Bearer the-right-one") {
            wire::json(200, "{\"n\": 5}")
        } else {
            wire::json(401, "{}")
        }
    }));
    let source = format!(
        "[sources.api]\ntype = \"http\"\nurl = \"{}\"\nauth = {{ token = {{ file = \"api.token\" }} }}\n",
        api.url()
    );
    let measure = "measure = { source = \"api\", value = \"/n\" }";
    let config = format!("{}{SHOP}{source}", every_second());
    let okrs = growth(&[&counted("file", 7), &key_result("api", measure)]);
    let home = Home::new(&[
        ("okrd.toml", &config),
        ("okrs/team.toml", &okrs),
        ("api.token", "expired"),
    ]);
    home.make_shop();
    let okrd = home.start();

    let webhook = on_air(Wire::plain(|_| wire::json(200, "{}")));
    let folder = tempfile::tempdir().unwrap();
    let deploy = |name: &str| format!("deploy/prometheus/{name}");
    let hooks = [("https://hooks.acme.example", webhook.url())];
    let hooks = hooks
        .each_ref()
        .map(|(shipped, here)| (*shipped, here.as_str()));
    let alertmanager = Alertmanager::start(&write(
        folder.path(),
        "alertmanager.yml",
        &quick(&deploy("alertmanager.yml"), &hooks),
    ));
    for rules in ["okrd.rules.yml", "okrd.alerts.yml"] {
        write(folder.path(), rules, &quick(&deploy(rules), &[]));
    }
    let addresses = [
        ("127.0.0.1:10650", okrd.address.as_str()),
        ("127.0.0.1:9093", &alertmanager.address),
    ];
    let config = write(
        folder.path(),
        "prometheus.yml",
        &quick(&deploy("prometheus.yml"), &addresses),
    );
    let prometheus = Prometheus::start(&config, &folder.path().join("data"));

    // It fires, and says what, where and what to do.
    let fired = arrives(&webhook, &prometheus, "OkrdSourceSuspended", "firing");
    assert_eq!(fired.receiver, "operators");
    let labels = &fired.alert["labels"];
    assert_eq!(labels["instance"], okrd.address.as_str());
    assert_eq!(labels["source"], "api");
    let annotations = &fired.alert["annotations"];
    let description = annotations["description"].as_str().unwrap();
    assert!(
        description.contains("somebody runs `okrd resume api`"),
        "{description}"
    );
    assert_eq!(
        annotations["runbook_url"],
        "docs/runbooks/OkrdSourceSuspended.md"
    );

    // All rules are computed, and nothing else fires.
    for group in prometheus.api("/api/v1/rules")["groups"]
        .as_array()
        .unwrap()
    {
        for rule in group["rules"].as_array().unwrap() {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }
    let firing = prometheus.query("count by (alertname) (ALERTS{alertstate=\"firing\"})");
    let firing: Vec<_> = firing.iter().map(|a| &a.labels["alertname"]).collect();
    assert_eq!(firing, ["OkrdSourceSuspended"]);
    // Of the pace there is nothing yet: of the cycle no tenth is over.
    for figure in figures() {
        if figure.name != "key_result:okrd_key_result_pace:ratio" {
            prometheus.wait_for(&figure.name);
        }
    }
    // What is exposed is alive although no figure of it changes.
    prometheus.wait_for("time() - okrd_scheduler_last_tick_timestamp_seconds < 10");
    for (page, query) in runbook_queries() {
        if let Err(error) = prometheus.try_query(&query) {
            panic!("{page}: {query}: {error}");
        }
    }
    let affected = runbook_queries().into_iter();
    let mut affected = affected.filter(|(page, _)| page == "OkrdSourceSuspended.md");
    let found = prometheus.query(&affected.next().unwrap().1);
    assert_eq!(found[0].labels["source"], "api", "{found:?}");

    // It resolves by itself once the secret is the right one.
    home.write("api.token", "the-right-one");
    let mended = arrives(&webhook, &prometheus, "OkrdSourceSuspended", "resolved");
    assert_eq!(mended.receiver, "operators");
    assert_eq!(okrd.value("growth/api"), 5.0);

    // Something else is wrong when okrd falls silent; that is told, and what was wrong before is not told as mended.
    home.append("okrd.toml", "nonsense = 1\n");
    assert_ne!(home.okrd(&["reload"]).code, 0);
    arrives(&webhook, &prometheus, "OkrdConfigReloadFailed", "firing");
    let address = okrd.address.clone();
    okrd.kill();
    let down = arrives(&webhook, &prometheus, "OkrdDown", "firing");
    assert_eq!(down.receiver, "on-call");
    assert_eq!(down.alert["labels"]["instance"], address.as_str());
    within(SOON, "the other alert is inhibited", || {
        let alerts = alertmanager.alerts();
        let refused = alerts
            .iter()
            .find(|alert| alert["labels"]["alertname"] == "OkrdConfigReloadFailed")?;
        let by = refused["status"]["inhibitedBy"].as_array().unwrap();
        (!by.is_empty()).then_some(())
    });
    let told_as_mended = heard(&webhook).iter().any(|h| {
        h.alert["labels"]["alertname"] == "OkrdConfigReloadFailed" && h.status == "resolved"
    });
    assert!(!told_as_mended);
    // Whoever was told of something was told of an alert that is shipped.
    let shipped: Vec<_> = alerts().into_iter().map(|alert| alert.name).collect();
    for told in heard(&webhook) {
        let name = told.alert["labels"]["alertname"].as_str().unwrap();
        assert!(shipped.iter().any(|shipped| shipped == name), "{name}");
    }
}
