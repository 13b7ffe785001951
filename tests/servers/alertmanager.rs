//! A real Alertmanager on a free port of 127.0.0.1, alone. It is gone with the value or with the test binary, however that
//! ends. Knows nothing of okrd.

use std::path::Path;

use serde_json::Value;

use super::program;
use super::web::{Web, http};

/// A running Alertmanager.
pub struct Alertmanager {
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    web: Web,
}

impl Alertmanager {
    /// Starts it and waits until it takes alerts.
    pub fn start(config: &Path) -> Self {
        let web = Web::new("Alertmanager");
        let command = [
            program("prometheus-alertmanager").display().to_string(),
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", web.dir.join("data").display()),
            format!("--web.listen-address={}", web.address),
            "--cluster.listen-address=".into(),
        ];
        Self {
            address: web.address.clone(),
            web: web.start(&command),
        }
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.web.log()
    }

    /// All alerts that it holds, as its API tells them.
    pub fn alerts(&self) -> Vec<Value> {
        let (status, body) = http(&self.address, "GET", "/api/v2/alerts", "").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}
