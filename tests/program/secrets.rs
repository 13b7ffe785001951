//! Secrets, in every place where one can stand, repeated by whoever was told them: none comes out of okrd.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::fakes::wire::{self, Act, Asked, Wire, respond};
use crate::home::{
    Daemon, Home, PATIENT, SHOP, counted, every_second, everything_under, growth, key_result,
    on_air, within,
};
use crate::jira::base64;
use crate::servers;

const CANARY: &str = "c4n4ry-7f3a-91be-d0c5";
/// Even this much of it gives it away.
const NEEDLE: &str = "c4n4ry-7";
const USER: &str = "ada";

/// What an unkind server makes of a request: every way of saying a secret back, and of failing.
const TWISTS: [&str; 19] = [
    "echo400",
    "echo500",
    "html",
    "redirect",
    "value",
    "keys",
    "type",
    "cut",
    "jq",
    "login",
    "reset",
    "stall",
    "flood",
    "bomb",
    "short",
    "torn",
    "patience",
    "denied",
    "forbidden",
];

/// Where a secret can stand in a configuration, by the schema: the key, or for a table with free names that of the table.
/// [`unkind_world`] puts the canary into each of them.
const PLACES: [&str; 8] = [
    "form",
    "headers",
    "query",
    "secret",
    "token",
    "url",
    "webhook",
    "write_token",
];

/// The twists that a channel is answered with: those that end at once.
const ANSWERS: [&str; 9] = [
    "echo400",
    "echo500",
    "html",
    "redirect",
    "cut",
    "login",
    "patience",
    "denied",
    "forbidden",
];

/// A server that repeats whatever it is told.
fn mirror(asked: &Asked) -> Vec<Act> {
    let raw = String::from_utf8_lossy(&asked.raw).into_owned();
    let quoted = serde_json::to_string(&raw).unwrap();
    let is = |twist: &str| asked.target.contains(twist);
    let echo =
        format!("{{\"errorMessages\": [{quoted}], \"error\": {quoted}, \"message\": {quoted}}}");
    match () {
        () if is("/denied") => wire::json(401, &echo),
        () if is("/forbidden") => wire::json(403, &echo),
        () if is("/patience") => respond(
            429,
            &[
                ("Content-Type", "application/json"),
                ("Retry-After", CANARY),
                (CANARY, CANARY),
            ],
            echo.as_bytes(),
        ),
        () if is("/reset") => vec![
            wire::head("Content-Length: 4096\r\n"),
            Act::Send(echo.into_bytes()),
            Act::Reset,
        ],
        () if is("/short") => vec![
            wire::head("Content-Length: 1048576\r\n"),
            Act::Send(echo.into_bytes()),
        ],
        () if is("/torn") => wire::json(200, &echo[..echo.len() - 2]),
        () if is("/stall") => vec![
            wire::head("Content-Length: 1048576\r\n"),
            Act::Send(echo.into_bytes()),
            Act::Stall,
        ],
        () if is("/flood") => vec![wire::head(""), Act::Flood(echo.into_bytes())],
        () if is("/bomb") => vec![
            wire::head("Content-Encoding: gzip\r\n"),
            Act::Send(wire::gzip_bomb(64 << 20)),
        ],
        () if is("/echo500") => wire::json(500, &echo),
        () if is("/html") => respond(
            400,
            &[("Content-Type", "text/html")],
            format!("<p>{raw}</p>").as_bytes(),
        ),
        () if is("/redirect") => {
            let to = format!("http://127.0.0.1:1/{CANARY}?token={CANARY}");
            respond(302, &[("Location", &to)], b"")
        }
        () if is("/value") => wire::json(200, &format!("{{\"n\": {quoted}}}")),
        () if is("/keys") => wire::json(200, &format!("{{{quoted}: 1}}")),
        () if is("/jq") => wire::json(200, &format!("{{\"n\": {quoted}}}")),
        () if is("/type") => respond(
            200,
            &[("Content-Type", &format!("text/{CANARY}"))],
            raw.as_bytes(),
        ),
        () if is("/login") => {
            let login = asked.header("authorization").unwrap_or(CANARY);
            wire::json(400, &format!("{{\"error\": \"{login}\"}}"))
        }
        () if is("/cut") => {
            let text = format!("{} {CANARY}", "x".repeat(69));
            respond(400, &[("Content-Type", "text/plain")], text.as_bytes())
        }
        () => wire::json(400, &echo),
    }
}

/// One source for each place a secret can stand in, and key results that make each of them fail in every way.
fn unkind_world(mirror: &Wire) -> (String, String, Vec<(&'static str, String)>) {
    let url = mirror.url();
    let login = "token = { file = \"../secrets/canary\" }";
    // Where the secret stands in a source, the rest of its table.
    let http = [
        ("bearer", format!("auth = {{ {login} }}")),
        (
            "basic",
            format!("auth = {{ user = \"{USER}\", token = {{ env = \"CANARY\" }} }}"),
        ),
        (
            "header",
            "headers = { \"X-Api-Key\" = { credential = \"canary\" } }".into(),
        ),
        ("hidden", String::new()),
        ("query", String::new()),
        ("form", String::new()),
    ];
    let mut sources = format!(
        r#"{}{SHOP}
        [sources.cloud]
        type = "jira"
        url = "{url}"
        deployment = "cloud"
        auth = {{ user = "{USER}", {login} }}
        [sources.desk]
        type = "jira"
        url = "{url}"
        auth = {{ {login} }}
        [sources.site]
        type = "plausible"
        url = "{url}"
        site = "acme.example"
        auth = {{ {login} }}
        "#,
        every_second().replace("10s", "2s")
    );
    let mut okrs = vec![counted("shop", 7)];
    let mut ids = 0;
    let mut measure = |what: &str| {
        ids += 1;
        okrs.push(key_result(
            &format!("kr{ids}"),
            &format!("measure = {{ {what} }}"),
        ));
    };
    // A source for each of them: one that is left alone for its troubles keeps no other from being asked.
    for twist in TWISTS {
        let value = if twist == "jq" { ".n | tonumber" } else { "/n" };
        for (place, rest) in &http {
            let source = format!("{place}-{twist}");
            let at = match *place {
                "hidden" => "{ env = \"HIDDEN_URL\" }".to_owned(),
                _ => format!("\"{url}\""),
            };
            sources.push_str(&format!(
                "[sources.{source}]\ntype = \"http\"\nurl = {at}\n{rest}\n"
            ));
            let sent = match *place {
                "query" | "form" => format!("{place} = {{ token = {{ env = \"CANARY\" }} }}, "),
                _ => String::new(),
            };
            measure(&format!(
                "source = \"{source}\", {sent}path = \"/{twist}\", value = \"{value}\""
            ));
        }
    }
    measure("source = \"cloud\", jql = \"project = SHOP\"");
    measure("source = \"desk\", jql = \"project = SHOP\"");
    measure("source = \"site\", metric = \"visitors\"");
    let mut environment = vec![
        ("CANARY", CANARY.to_owned()),
        ("HIDDEN_URL", format!("{url}/{CANARY}")),
    ];
    // Servers that refuse the password, are not there, have no address; a URL that is none.
    for (kind, name, at) in [
        (
            "postgres",
            "PG_REFUSES",
            format!("127.0.0.1:{}", servers::postgres().port),
        ),
        ("postgres", "PG_GONE", "127.0.0.1:1".into()),
        ("postgres", "PG_NOWHERE", "nowhere.invalid".into()),
        ("postgres", "PG_ODD", "[::1".into()),
        (
            "mysql",
            "MY_REFUSES",
            format!("127.0.0.1:{}", servers::mariadb().port),
        ),
        ("mysql", "MY_GONE", "127.0.0.1:1".into()),
        ("mysql", "MY_NOWHERE", "nowhere.invalid".into()),
        ("mysql", "MY_ODD", "[::1".into()),
    ] {
        let source = name.to_lowercase();
        sources.push_str(&format!(
            "[sources.{source}]\ntype = \"{kind}\"\nurl = {{ env = \"{name}\" }}\n"
        ));
        measure(&format!("source = \"{source}\", query = \"SELECT 1\""));
        environment.push((name, format!("{kind}://{USER}:{CANARY}@{at}/{CANARY}")));
    }
    let okrs: Vec<&str> = okrs.iter().map(String::as_str).collect();
    (sources, growth(&okrs), environment)
}

/// Channels that send the secret along, to somebody who repeats it: their names, tables and environment.
fn unkind_channels(mirror: &Wire) -> (Vec<String>, String, Vec<(String, String)>) {
    let url = mirror.url();
    let login = "token = { file = \"../secrets/canary\" }";
    let (mut names, mut tables, mut environment) = (Vec::new(), String::new(), Vec::new());
    let mut channel = |name: String, rest: String| {
        tables.push_str(&format!("[notify.{name}]\n{rest}\n"));
        names.push(name);
    };
    for twist in ANSWERS {
        let variable = format!("HOOK_{}", twist.to_uppercase());
        environment.push((variable.clone(), format!("{url}/{twist}/{CANARY}")));
        channel(
            format!("hook-{twist}"),
            format!("type = \"slack\"\nwebhook = {{ env = \"{variable}\" }}"),
        );
        channel(
            format!("program-{twist}"),
            format!(
                "type = \"webhook\"\nurl = {{ env = \"{variable}\" }}\nsecret = {{ env = \"CANARY\" }}"
            ),
        );
        channel(
            format!("bot-{twist}"),
            format!("type = \"slack\"\n{login}\nchannel = \"#okrs\"\napi = \"{url}/{twist}\""),
        );
    }
    (names, tables, environment)
}

/// Texts and bytes in which the secret must not be, each with where it came from.
#[derive(Default)]
struct Evidence(Vec<(String, Vec<u8>)>);

impl Evidence {
    fn take(&mut self, from: impl Into<String>, text: &str) {
        self.0.push((from.into(), text.as_bytes().to_vec()));
    }

    fn run(&mut self, home: &Home, args: &[&str]) -> i32 {
        let done = home.okrd(args);
        self.take(format!("stdout of {args:?}"), &done.out);
        self.take(format!("stderr of {args:?}"), &done.err);
        done.code
    }

    fn scrape(&mut self, daemon: &Daemon) {
        let open = "Accept: application/openmetrics-text;version=1.0.0\r\n";
        for (path, headers) in [
            ("/metrics", ""),
            ("/metrics", open),
            ("/", ""),
            ("/api/v1/scorecard", ""),
            ("/api/v1/key-results/growth/kr1", ""),
            ("/api/v1/key-results/growth/kr1/history", ""),
            ("/api/v1/openapi.json", ""),
        ] {
            let answer = daemon.ask("GET", path, headers).unwrap();
            assert_eq!(answer.status, 200, "{path}");
            self.take(path, &format!("{}\n{}", answer.head, answer.body));
        }
    }

    /// Nowhere is the secret: not as it is, not in base64 behind the user's name, not with its letters' case changed.
    fn assert_innocent(&self) {
        let login = base64(&format!("{USER}:{CANARY}"));
        let upper = NEEDLE.to_uppercase();
        let needles = [NEEDLE, &login[6..18], upper.as_str()];
        let mut leaks = Vec::new();
        for (from, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes);
            let found = needles.iter().find_map(|needle| text.find(needle));
            leaks.extend(found.map(|at| {
                let before: Vec<char> = text[..at].chars().rev().take(200).collect();
                let before: String = before.into_iter().rev().collect();
                format!(
                    "{from}: …{before}{}",
                    text[at..].chars().take(20).collect::<String>()
                )
            }));
        }
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}

/// The keys below which the schema lets a secret stand.
fn places(schema: &serde_json::Value, key: &str, found: &mut BTreeSet<String>) {
    if let Some(fields) = schema.get("properties").and_then(|p| p.as_object())
        && fields.contains_key("credential")
    {
        found.insert(key.to_owned());
        return;
    }
    match schema {
        serde_json::Value::Object(fields) => {
            for (name, below) in fields {
                if name == "properties" {
                    for (key, below) in below.as_object().unwrap() {
                        places(below, key, found);
                    }
                } else {
                    places(below, key, found);
                }
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|below| places(below, key, found)),
        _ => {}
    }
}

#[test]
fn f71_the_canary_stands_wherever_a_secret_can_stand() {
    let home = Home::new(&[]);
    let schema = serde_json::from_str(&home.okrd(&["schema"]).out).unwrap();
    let mut found = BTreeSet::new();
    places(&schema, "", &mut found);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, PLACES, "put the canary there too");
}

#[test]
fn f71_no_secret_comes_out_anywhere_whatever_fails() {
    let mirror = on_air(Wire::plain(mirror));
    let (sources, okrs, environment) = unkind_world(&mirror);
    let lifecycle = "listen = \"127.0.0.1:0\"\nlifecycle = true\nwrite_token = { env = \"CANARY\" }\ntokens.own = { token = { env = \"CANARY\" }, scopes = [\"write\"] }";
    let sources = sources.replace("listen = \"127.0.0.1:0\"", lifecycle);
    // The secrets stand beside the home, so that all in it must be innocent.
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("canary"), format!("{CANARY}\n")).unwrap();
    let place = outside.path().join("canary").display().to_string();
    let (channels, tables, hooks) = unkind_channels(&mirror);
    let sources = format!("{sources}{tables}").replace("../secrets/canary", &place);
    let mut home = Home::new(&[("okrd.toml", &sources), ("okrs/team.toml", &okrs)]);
    home.make_shop();
    home.set(
        "CREDENTIALS_DIRECTORY",
        &outside.path().display().to_string(),
    );
    home.set("OKRD_LOG", "trace");
    for (name, value) in &environment {
        home.set(name, value);
    }
    for (name, value) in &hooks {
        home.set(name, value);
    }
    let mut evidence = Evidence::default();
    let failing = okrs.matches("key_results.kr").count();

    let daemon = home.start();
    daemon.until("everything was asked and failed but the shop", |m| {
        let lines =
            m.0.lines()
                .filter(|l| l.starts_with("okrd_key_result_last_measurement_successful{"));
        let failed = lines.filter(|l| l.ends_with(" 0")).count();
        failed == failing && m.value("growth/shop") == Some(7.0)
    });
    evidence.scrape(&daemon);
    for token in [CANARY, "c4n4ry-7f3a-of-somebody-else"] {
        let head = format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n");
        let at = "/api/v1/key-results/growth/kr1/measurements";
        let answer = daemon.ask("POST", at, &head).unwrap();
        assert!(answer.status >= 400, "{}", answer.body);
        evidence.take(at, &format!("{}\n{}", answer.head, answer.body));
    }
    for format in ["text", "json"] {
        assert_eq!(evidence.run(&home, &["status", "--format", format]), 0);
        assert_eq!(
            evidence.run(&home, &["probe", "--all", "--format", format]),
            1
        );
    }
    for format in ["markdown", "html", "json"] {
        assert_eq!(evidence.run(&home, &["report", "--format", format]), 0);
    }
    assert_eq!(evidence.run(&home, &["present"]), 0);
    for channel in &channels {
        let sent = evidence.run(&home, &["notify", "test", channel]);
        assert_eq!(sent, 1, "nobody took it: {channel}");
        evidence.run(&home, &["notify", "preview", channel, "--payload"]);
    }
    for format in ["table", "csv", "json"] {
        for id in ["growth/shop", "growth/kr1"] {
            for more in [&[][..], &["--why"]] {
                let args = [&["history", id, "--format", format], more].concat();
                // What cannot be told in a format is refused; that must be innocent too.
                evidence.run(&home, &args);
            }
        }
    }
    let before = home.path("before").display().to_string();
    home.write("before/okrd.toml", &sources.replace("timeout", "jitter"));
    home.write(
        "before/okrs/team.toml",
        &okrs.replace("SELECT 7", "SELECT 8"),
    );
    for format in ["text", "markdown", "json"] {
        evidence.run(&home, &["diff", "--base", &before, "--format", format]);
    }
    for args in [
        &["schema"][..],
        &["backup", "copy.db"],
        &["store", "verify"],
        &["--help"],
    ] {
        evidence.run(&home, args);
    }
    for format in ["text", "json", "github", "sarif"] {
        assert_eq!(evidence.run(&home, &["check", "--format", format]), 0);
        assert_eq!(
            evidence.run(&home, &["check", "--online", "--format", format]),
            1
        );
    }
    // Everyone was told the secret: the test would not pass for silence.
    let asked = mirror.asked();
    let told = |text: &str| {
        asked
            .iter()
            .filter(|a| String::from_utf8_lossy(&a.raw).contains(text))
            .count()
    };
    assert!(told(&format!("Bearer {CANARY}")) > TWISTS.len());
    assert!(told(&base64(&format!("{USER}:{CANARY}"))) > TWISTS.len());
    assert!(told(&format!("token={CANARY}")) >= 2 * TWISTS.len());
    assert!(told(&format!("x-api-key: {CANARY}")) >= TWISTS.len());

    // Written where it must not be, it is an error that does not repeat it; so are errors on the same line.
    for line in [
        format!(
            "[sources.a]\ntype = \"http\"\nurl = \"http://h\"\nauth = {{ token = \"{CANARY}\" }}"
        ),
        format!(
            "[sources.a]\ntype = \"http\"\nurl = \"http://h\"\nauth = {{ tokn = \"{CANARY}\" }}"
        ),
        format!(
            "[sources.a]\ntype = \"http\"\nurl = \"http://h\"\nauth = {{ token = {{ env = \"{CANARY}\" }} }}"
        ),
        format!("[sources.a]\ntype = \"http\"\nurl = \"http://h/?key={CANARY}\""),
        format!(
            "[sources.a]\ntype = \"http\"\nurl = \"http://h\"\nheaders = {{ Authorization = \"{CANARY}\" }}"
        ),
        format!("[sources.a.auth]\ntoken = {CANARY}"),
        format!("[sources.a.auth]\ntoken: \"{CANARY}\""),
        format!("[sources.a]\ntype = \"postgres\"\nurl = \"postgres://u:{CANARY}@h/d\""),
        format!("[sources.a]\ntype = \"postgres\"\nurl = \"postgres://u:{CANARY}@h/d"),
        format!(
            "[sources.a]\ntype = \"mysql\"\nurl = \"postgres://u:{CANARY}@h/d\"\npassword = \"{CANARY}\""
        ),
    ] {
        home.write("okrd.toml", &format!("{sources}{line}\n"));
        for format in ["text", "json", "github", "sarif"] {
            assert_eq!(
                evidence.run(&home, &["check", "--format", format]),
                1,
                "{line}"
            );
        }
        assert_eq!(evidence.run(&home, &["status"]), 2);
        let refused = daemon.post("/-/reload");
        assert_eq!(refused.status, 500, "{line}");
        evidence.take("/-/reload", &refused.body);
    }
    let log = daemon.log();
    daemon.signal(Signal::HUP);
    within(PATIENT, "the reload was refused", || {
        (daemon.log().len() > log.len()).then_some(())
    });
    home.write("okrd.toml", &sources);
    daemon.end();
    assert_eq!(evidence.run(&home, &["run", "--once"]), 1);
    for (path, bytes) in everything_under(&home.path(".")) {
        evidence.0.push((path.display().to_string(), bytes));
    }
    let names: Vec<_> = evidence.0.iter().map(|(from, _)| from.as_str()).collect();
    for part in ["okrd.db", "daemon-0.log", "/metrics", "stderr of"] {
        assert!(names.iter().any(|name| name.contains(part)), "{part}");
    }
    evidence.assert_innocent();
}
