//! okrd's own server behind TLS, passwords and tokens, in the format that Prometheus and its exporters share.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::fakes::tls::Authority;
use crate::home::{DAEMON, Daemon, Home, PATIENT, SHOP, within};
use crate::servers::prometheus::promtool;

/// `bcrypt("open sesame")` at the lowest cost.
const HASH: &str = "$2b$04$SwKmdE2KR4T50TukescHD.eynP0/Tym4eSgRRXTgvlisdlYMxVO.i";
const KR: &str = "/api/v1/key-results/growth/recommend";

/// A home whose server has these keys, with web.yml and a certificate for localhost.
fn home(server: &str, web: &str, authority: &Authority) -> Home {
    let home = Home::shop();
    let config = DAEMON.replace("[server]\n", &format!("[server]\n{server}\n"));
    home.write("okrd.toml", &format!("{config}{SHOP}"));
    home.write("web.yml", web);
    certify(&home, authority);
    home
}

fn certify(home: &Home, authority: &Authority) {
    let (cert, key) = authority.issue("localhost");
    home.write("server.crt", &cert);
    home.write("server.key", &key);
}

const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// Somebody who trusts one authority, perhaps with a certificate of their own.
fn client(ca: &Path, own: Option<(String, String)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
    })
}

/// One question over TLS: the status and the whole answer.
fn ask(
    daemon: &Daemon,
    tls: &Arc<ClientConfig>,
    head: &str,
    body: &str,
) -> io::Result<(u16, String)> {
    let stream = TcpStream::connect(&daemon.address)?;
    stream.set_read_timeout(Some(PATIENT))?;
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (line, more) = head.split_once('\n').unwrap_or((head, ""));
    let more = more.replace('\n', "\r\n");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, answer))
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let both = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {both}\n")
}

fn status(daemon: &Daemon, tls: &Arc<ClientConfig>, head: &str) -> u16 {
    ask(daemon, tls, head, "").unwrap().0
}

/// F77: what a stranger is told is the same whether the user exists, and healthy and ready are open to those who restart it.
#[test]
fn f77_behind_tls_and_passwords_everything_needs_a_user_but_health() {
    let authority = Authority::new("Acme");
    let home = home(
        "web_config = \"web.yml\"\nlifecycle = true",
        &format!("{TLS}basic_auth_users:\n  prometheus: {}\n", HASH),
        &authority,
    );
    // Prometheus' own tool finds nothing in it.
    promtool(&[
        "check",
        "web-config",
        &home.path("web.yml").display().to_string(),
    ]);
    let daemon = home.start();
    assert!(daemon.log().contains("on https://"), "{}", daemon.log());
    let tls = client(&authority.write(&home.path(".")), None);
    let right = basic("prometheus", "open sesame");
    for path in [
        "/",
        "/metrics",
        "/api/v1/scorecard",
        "/api/v1/none",
        "/style.css",
        KR,
    ] {
        let (code, answer) = ask(&daemon, &tls, &format!("GET {path}\n"), "").unwrap();
        assert_eq!(code, 401, "{path}");
        assert!(
            answer.contains("www-authenticate: Basic realm=\"okrd\""),
            "{answer}"
        );
        let expected = if path.ends_with("none") { 404 } else { 200 };
        let (code, answer) = ask(&daemon, &tls, &format!("GET {path}\n{right}"), "").unwrap();
        assert_eq!(code, expected, "{path}: {answer}");
        assert!(
            path.starts_with("/style") || answer.contains("cache-control: private"),
            "{answer}"
        );
    }
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(status(&daemon, &tls, &format!("GET {path}\n")), 200);
    }
    // A user that does not exist is told what one with another password is told.
    let told = |user: &str, password: &str| {
        let (code, answer) = ask(
            &daemon,
            &tls,
            &format!("GET /metrics\n{}", basic(user, password)),
            "",
        )
        .unwrap();
        assert_eq!(code, 401);
        let lines = answer.lines().filter(|line| !line.starts_with("date:"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        told("prometheus", "open sesam"),
        told("nobody", "open sesame")
    );
    // Users reload, and cannot record: a browser would lend their password to a page elsewhere.
    assert_eq!(status(&daemon, &tls, "POST /-/reload\n"), 401);
    assert_eq!(
        status(&daemon, &tls, &format!("POST /-/reload\n{right}")),
        200
    );
    let foreign = format!("POST /-/reload\n{right}Origin: https://evil.example\n");
    assert_eq!(status(&daemon, &tls, &foreign), 403);
    // Who speaks no TLS is told nothing.
    assert!(
        daemon
            .ask("GET", "/metrics", "")
            .is_none_or(|answer| answer.body.is_empty())
    );
    // Clients of the same machine know how to ask.
    let ca = home.path("ca.pem").display().to_string();
    let address = daemon.address.clone();
    let well = home.ends(
        0,
        &[
            "healthcheck",
            &address,
            "--tls-name",
            "localhost",
            "--ca",
            &ca,
        ],
    );
    assert!(well.out.contains("Healthy"), "{well:?}");
    let plain = home.ends(1, &["healthcheck", &address]);
    assert!(plain.err.contains("--tls-name"), "{plain:?}");
    let other = home.ends(
        1,
        &[
            "healthcheck",
            &address,
            "--tls-name",
            "other.example",
            "--ca",
            &ca,
        ],
    );
    assert!(other.err.contains("not healthy"), "{other:?}");
    home.ends(0, &["reload"]);
    let log = daemon.end();
    assert!(!log.contains("sesame") && !log.contains("$2b$"), "{log}");
}

/// What changes counts without a restart; what is broken, or would open the server, does not.
#[test]
fn certificates_and_users_are_renewed_while_it_runs() {
    let (old, new) = (Authority::new("Old"), Authority::new("New"));
    let web = |users: &str| format!("{TLS}basic_auth_users:\n{users}");
    let alice = format!("  alice: {}\n", HASH);
    let home = home("web_config = \"web.yml\"", &web(&alice), &old);
    let daemon = home.start();
    let by_old = client(&old.write(&home.path(".")), None);
    let by_new = client(&new.write(&home.path(".")), None);
    let asks = |tls: &Arc<ClientConfig>, user: &str| {
        let head = format!("GET /metrics\n{}", basic(user, "open sesame"));
        ask(&daemon, tls, &head, "").map(|(code, _)| code).ok()
    };
    assert_eq!(
        (asks(&by_old, "alice"), asks(&by_new, "alice")),
        (Some(200), None)
    );
    certify(&home, &new);
    within(PATIENT, "the new certificate is shown", || {
        (asks(&by_new, "alice") == Some(200)).then_some(())
    });
    assert_eq!(asks(&by_old, "alice"), None);
    let bob = format!("  bob: {}\n", HASH);
    home.write("web.yml", &web(&bob));
    within(PATIENT, "the new user is known", || {
        (asks(&by_new, "bob") == Some(200)).then_some(())
    });
    assert_eq!(asks(&by_new, "alice"), Some(401));
    for (broken, said) in [
        ("basic_auth_user:\n", "unknown field"),
        (TLS, "gives up all users"),
        (&*format!("basic_auth_users:\n{bob}"), "gives up TLS"),
        (&*web("  bob: sesame\n"), "no bcrypt hash"),
        ("", "web.yml"),
    ] {
        home.write("web.yml", broken);
        let before = daemon.log().len();
        within(PATIENT, said, || {
            daemon.log()[before..].contains(said).then_some(())
        });
        assert_eq!(asks(&by_new, "bob"), Some(200), "{said}");
        assert_eq!(asks(&by_new, "alice"), Some(401), "{said}");
    }
    home.write("web.yml", &web(&bob));
    let log = within(PATIENT, "all is well again", || {
        let log = daemon.log();
        log.contains("sound again").then_some(log)
    });
    assert!(!log.contains("sesame") && !log.contains("$2b$"), "{log}");
    daemon.end();
}

#[test]
fn clients_must_show_a_certificate_where_that_is_asked_for() {
    let authority = Authority::new("Acme");
    let web = format!(
        "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  min_version: TLS13\n\
         http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n"
    );
    let home = home("web_config = \"web.yml\"", &web, &authority);
    let ca = authority.write(&home.path("."));
    let daemon = home.start();
    let known = client(&ca, Some(authority.issue("prometheus")));
    let (code, answer) = ask(&daemon, &known, "GET /metrics\n", "").unwrap();
    assert_eq!(code, 200);
    assert!(
        answer.contains("strict-transport-security: max-age=60"),
        "{answer}"
    );
    let stranger = client(&ca, Some(Authority::new("Other").issue("prometheus")));
    for tls in [client(&ca, None), stranger] {
        assert!(ask(&daemon, &tls, "GET /metrics\n", "").is_err());
    }
    daemon.end();
}

/// Each token may what it is for, and nothing is open any more once one may read.
#[test]
fn tokens_have_scopes() {
    let authority = Authority::new("Acme");
    let server = "lifecycle = true\n\
        tokens.grafana = { token = { file = \"grafana.token\" }, scopes = [\"read\"] }\n\
        tokens.survey = { token = { file = \"survey.token\" }, scopes = [\"write\"] }\n\
        tokens.deploy = { token = { file = \"deploy.token\" }, scopes = [\"reload\", \"read\"] }\n\
        write_token = { file = \"old.token\" }";
    let home = home(server, "", &authority);
    for name in ["grafana", "survey", "deploy", "old"] {
        home.write(&format!("{name}.token"), &format!("secret-of-{name}\n"));
    }
    let daemon = home.start();
    let told = |method: &str, path: &str, token: &str| {
        let body = if path.ends_with("measurements") {
            "{\"value\": 3}"
        } else {
            ""
        };
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n{}",
            body.len(),
            if token.is_empty() {
                String::new()
            } else {
                format!("Authorization: Bearer {token}\r\n")
            }
        );
        let answer = daemon.send(method, path, &headers, body).unwrap();
        assert!(!answer.body.contains("secret-of"), "{answer:?}");
        answer.status
    };
    let record = format!("{KR}/measurements");
    for (token, read, write, reload) in [
        ("", 401, 401, 401),
        ("secret-of-grafana", 200, 403, 403),
        ("secret-of-survey", 403, 201, 403),
        ("secret-of-deploy", 200, 403, 200),
        ("secret-of-old", 403, 201, 403),
        ("secret-of-nobody", 401, 401, 401),
    ] {
        assert_eq!(told("GET", "/api/v1/scorecard", token), read, "{token}");
        assert_eq!(told("POST", &record, token), write, "{token}");
        assert_eq!(told("POST", "/-/reload", token), reload, "{token}");
    }
    assert_eq!(told("GET", "/-/healthy", ""), 200);
    // Read at each use, as every secret is.
    home.write("grafana.token", "secret-of-tomorrow");
    assert_eq!(told("GET", "/metrics", "secret-of-grafana"), 401);
    assert_eq!(told("GET", "/metrics", "secret-of-tomorrow"), 200);
    // No guess is answered with what is missing for it to be right.
    let log = daemon.end();
    assert!(!log.contains("secret-of"), "{log}");
}

/// What cannot be served is said before anything is polled.
#[test]
fn a_daemon_without_a_usable_web_config_does_not_start() {
    let authority = Authority::new("Acme");
    let home = home("web_config = \"web.yml\"", TLS, &authority);
    let (_, other) = authority.issue("localhost");
    for (file, text, said) in [
        ("server.key", other.as_str(), "do not go together"),
        ("server.crt", "nothing", "no certificate in PEM"),
        ("web.yml", "tls_config: {}", "unknown field"),
    ] {
        home.write(file, text);
        home.ends(0, &["check"]);
        let found = home.ends(1, &["check", "--online"]).out;
        assert!(
            found.contains("CFG-FILE") && found.contains("web_config = "),
            "{found}"
        );
        assert!(found.contains(said), "{found}");
        let error = home.refuses(2, &["run"]);
        assert!(error.contains(said) && error.contains("web.yml"), "{error}");
    }
}

#[test]
fn a_token_that_could_do_nothing_is_a_finding() {
    let home = Home::shop();
    let token = "token = { file = \"x.token\" }";
    for (keys, said) in [
        ("tokens.x = { scopes = [\"read\"] }".to_owned(), "token"),
        (format!("tokens.x = {{ {token} }}"), "scopes"),
        (
            format!("tokens.x = {{ {token}, scopes = [\"all\"] }}"),
            "\"reload\"",
        ),
        (
            format!("tokens.x = {{ {token}, scopes = [] }}"),
            "allows nothing",
        ),
        (
            format!("tokens.x = {{ {token}, scopes = [\"reload\"] }}"),
            "lifecycle = true",
        ),
        (
            "tokens.x = { token = \"sesame\", scopes = [\"read\"] }".to_owned(),
            "env",
        ),
    ] {
        let broken = DAEMON.replace("[server]\n", &format!("[server]\n{keys}\n"));
        home.write("okrd.toml", &format!("{broken}{SHOP}"));
        let found = home.ends(1, &["check"]);
        assert!(found.out.contains(said), "{keys}: {found:?}");
        assert!(!found.out.contains("sesame"), "{found:?}");
    }
}

/// F67: who only begins to shake hands is not waited for longer than who only begins a request.
#[test]
fn f67_half_a_handshake_is_given_up() {
    let authority = Authority::new("Acme");
    let home = home("web_config = \"web.yml\"", TLS, &authority);
    let daemon = home.start();
    let mut stream = TcpStream::connect(&daemon.address).unwrap();
    // The head of a TLS record that never comes.
    stream
        .write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
        .unwrap();
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    let began = Instant::now();
    let _ = stream.read_to_end(&mut Vec::new());
    let waited = began.elapsed();
    let limits = Duration::from_secs(9)..Duration::from_secs(20);
    assert!(limits.contains(&waited), "{waited:?}");
    daemon.end();
}
