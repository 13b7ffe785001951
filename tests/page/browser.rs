//! A Chromium driven over WebDriver (w3.org/TR/webdriver2): just the commands that the tests need. A client of a few
//! requests, since those that there are bring a second TLS and cookies along for a server on the same machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// A browser with one window, gone when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
    _home: tempfile::TempDir,
}

/// A driver that has a port; `None` when it ended without one.
fn drive(home: &Path) -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env("HOME", home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("chromedriver is not there ({error}): tests/install-servers")
        });
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = said.find_map(|line| {
        let line = line.unwrap();
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    let Some(port) = port else {
        driver.wait().unwrap();
        return None;
    };
    // It stops where nobody hears it.
    std::thread::spawn(move || said.for_each(drop));
    Some((driver, port))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is the session's, which has to be ended; nothing can be awaited here.
        if let Some((address, path)) = self.session.trim_start_matches("http://").split_once('/')
            && let Ok(mut line) = TcpStream::connect(address)
        {
            let end =
                format!("DELETE /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            let _ = line.write_all(end.as_bytes());
            // The answer comes when the browser has ended; the connection may stay.
            let _ = line.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = line.read(&mut [0; 512]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let home = tempfile::tempdir().unwrap();
        // It takes a free port of one protocol and wants the same of the other, which another driver may have by then.
        let (driver, port) = (0..5)
            .find_map(|_| drive(home.path()))
            .expect("chromedriver says its port");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut browser = Self {
            driver,
            client,
            session: format!("http://127.0.0.1:{port}/session"),
            _home: home,
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let begun = browser.post("", wanted).await;
        browser.session += &format!("/{}", begun["sessionId"].as_str().unwrap());
        browser
    }

    async fn post(&self, what: &str, body: Value) -> Value {
        let url = format!("{}{what}", self.session);
        let answer = self.client.post(&url).json(&body).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{what} {body}: {value}");
        value
    }

    /// Loads a page.
    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    /// What a function's body returns when it is run in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// What the page and the browser complained of since it was last asked.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().clone()
    }

    /// A command of the browser's own (chromedevtools.github.io/devtools-protocol).
    pub(crate) async fn tell(&self, command: &str, what: Value) {
        let body = json!({"cmd": command, "params": what});
        self.post("/goog/cdp/execute", body).await;
    }

    /// Shows the page in a window so wide.
    pub(crate) async fn width(&self, pixels: u32) {
        let size = json!({"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Shows it on this medium, to somebody who prefers this.
    pub(crate) async fn medium(&self, medium: &str, prefers: &[(&str, &str)]) {
        let features = prefers.iter();
        let features: Vec<_> = features
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let what = json!({"media": medium, "features": features});
        self.tell("Emulation.setEmulatedMedia", what).await;
    }

    /// Presses the key that leads on.
    pub(crate) async fn tab(&self) {
        let key = |kind: &str| json!({"type": kind, "value": "\u{E004}"});
        let keys = json!({"type": "key", "id": "keys", "actions": [key("keyDown"), key("keyUp")]});
        self.post("/actions", json!({ "actions": [keys] })).await;
    }
}
