//! The Prometheus that the tests start does what it says.

use crate::servers::prometheus::{Prometheus, promtool};

#[test]
fn a_prometheus_is_started_asked_over_old_blocks_too_and_says_what_it_does_not_like() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("data");
    let series = folder.path().join("series.om");
    let told = "# TYPE apples gauge\napples{tree=\"1\"} 3 1700000000\napples{tree=\"1\"} 4 1700000060\n# EOF\n";
    std::fs::write(&series, told).unwrap();
    let [series, blocks] = [&series, &storage].map(|path| path.display().to_string());
    promtool(&[
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        &series,
        &blocks,
    ]);
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "global: { scrape_interval: 1s }\n").unwrap();

    let prometheus = Prometheus::start(&config, &storage);
    let apples = prometheus.query_at("apples", 1_700_000_070.0);
    assert_eq!(apples[0].value, 4.0);
    assert_eq!(apples[0].labels["tree"], "1");
    let range = prometheus.query_range("apples", 1_700_000_000.0, 1_700_000_060.0, 60.0);
    assert_eq!(
        range[0].points,
        [(1_700_000_000.0, 3.0), (1_700_000_060.0, 4.0)]
    );
    assert_eq!(prometheus.query("1 + 1")[0].value, 2.0);
    let error = prometheus.try_query("apples{").unwrap_err();
    assert!(error.contains("parse error"), "{error}");
    assert_eq!(
        prometheus.api("/api/v1/alerts")["alerts"][0],
        serde_json::Value::Null
    );

    let scraped = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs: [{{ job_name: itself, static_configs: [{{ targets: ['{}'] }}] }}]\n",
        prometheus.address
    );
    std::fs::write(&config, scraped).unwrap();
    prometheus.reload();
    let up = prometheus.wait_for("up{job=\"itself\"} == 1");
    assert_eq!(up[0].labels["instance"], prometheus.address);
}
