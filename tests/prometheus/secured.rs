//! Prometheus scrapes okrd through TLS and with a password, as any exporter of its kind.

use crate::fakes::tls::Authority;
use crate::home::{Home, SHOP, counted, every_second, growth};
use crate::servers::prometheus::{Prometheus, promtool};

/// `bcrypt("open sesame")` at a cost that is usual.
const HASH: &str = "$2b$10$edUVRYb3wUgiXMhPcnA7POLenqkYJ5ILBxzQYvlhgNAFOCyj5XWX2";

#[test]
fn a_real_prometheus_scrapes_through_tls_with_a_password_or_a_token() {
    let authority = Authority::new("Acme");
    let server = "[server]\nweb_config = \"web.yml\"\ntokens.scraper = { token = { file = \"scraper.token\" }, scopes = [\"read\"] }\n";
    let config = every_second().replace("[server]\n", server);
    let web = format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\nbasic_auth_users:\n  prometheus: {HASH}\n"
    );
    let home = Home::new(&[
        ("okrd.toml", &format!("{config}{SHOP}")),
        ("okrs/team.toml", &growth(&[&counted("file", 7)])),
        ("web.yml", &web),
        ("scraper.token", "of the scraper\n"),
        ("password", "open sesame"),
    ]);
    home.make_shop();
    let (cert, key) = authority.issue("localhost");
    home.write("server.crt", &cert);
    home.write("server.key", &key);
    let ca = authority.write(&home.path("."));
    promtool(&[
        "check",
        "web-config",
        &home.path("web.yml").display().to_string(),
    ]);
    let okrd = home.start();

    let folder = tempfile::tempdir().unwrap();
    let job = |name: &str, login: &str| {
        format!(
            "- job_name: {name}\n  scheme: https\n  tls_config: {{ ca_file: {}, server_name: localhost }}\n{login}  \
             static_configs: [{{ targets: ['{}'] }}]\n",
            ca.display(),
            okrd.address
        )
    };
    let file = |name: &str| home.path(name).display().to_string();
    let jobs = [
        job(
            "user",
            &format!(
                "  basic_auth: {{ username: prometheus, password_file: {} }}\n",
                file("password")
            ),
        ),
        job(
            "token",
            &format!(
                "  authorization: {{ credentials_file: {} }}\n",
                file("scraper.token")
            ),
        ),
        job("nobody", ""),
    ];
    let text = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n{}",
        jobs.concat()
    );
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, text).unwrap();
    let prometheus = Prometheus::start(&config, &folder.path().join("data"));
    for job in ["user", "token"] {
        let value = prometheus.wait_for(&format!("okrd_key_result_value{{job=\"{job}\"}} == 7"));
        assert_eq!(value[0].labels["key_result"], "file");
        assert_eq!(
            prometheus.wait_for(&format!("up{{job=\"{job}\"}}"))[0].value,
            1.0
        );
    }
    assert_eq!(prometheus.wait_for("up{job=\"nobody\"}")[0].value, 0.0);
    assert!(
        prometheus
            .query("okrd_build_info{job=\"nobody\"}")
            .is_empty()
    );
    // A password that is worked out once costs nothing afterwards: scrapes stay short.
    let took = prometheus.wait_for("scrape_duration_seconds{job=\"user\"} < 0.25");
    assert_eq!(took.len(), 1);
    okrd.end();
}
