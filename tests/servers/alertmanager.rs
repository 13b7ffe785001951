//! A real Alertmanager on a free port of 127.0.0.1, alone. It is gone with the value or with the test binary, however that
//! ends. Knows nothing of okrd.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::prometheus::http;
use super::{free_port, program, supervise};

/// Long enough for a busy machine, never waited for in a test that passes.
const PATIENT: Duration = Duration::from_secs(60);

/// A running Alertmanager.
pub struct Alertmanager {
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    dir: PathBuf,
    running: Option<Child>,
}

impl Alertmanager {
    /// Starts it and waits until it takes alerts.
    pub fn start(config: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let dir = tempfile::Builder::new()
            .prefix("okrd-test-alertmanager-")
            .tempdir()
            .unwrap()
            .keep();
        let command = [
            program("prometheus-alertmanager").display().to_string(),
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", dir.join("data").display()),
            format!("--web.listen-address={address}"),
            "--cluster.listen-address=".into(),
        ];
        let server = Self {
            running: Some(supervise(&dir, &command)),
            address,
            dir,
        };
        let end = Instant::now() + PATIENT;
        while http(&server.address, "GET", "/-/ready", "").is_none_or(|answer| answer.0 != 200) {
            assert!(
                Instant::now() < end,
                "Alertmanager is not ready after {PATIENT:?}; its log:\n{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// All alerts that it holds, as its API tells them.
    pub fn alerts(&self) -> Vec<Value> {
        let (status, body) = http(&self.address, "GET", "/api/v2/alerts", "").unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // The end of its input tells the shell to tidy up.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
