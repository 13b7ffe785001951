//! Throw-away servers for tests: a PostgreSQL cluster and a MariaDB, each started at its first use, once in a test binary,
//! and gone with it however it ends; a Prometheus for each test that asks for one. `install-servers` installs them. Knows
//! nothing of okrd.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test binary uses the part it needs, and a test may fail loudly"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

pub mod alertmanager;
pub mod prometheus;
pub mod web;

/// The password of the accounts that may do everything.
pub const PASSWORD: &str = "canary-s3cret";

/// A server.
pub struct Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its folder: data, log, Unix socket, and `ca.pem`, which signed its certificate for `localhost`.
    pub dir: PathBuf,
    scheme: &'static str,
    root: &'static str,
    command: Vec<String>,
    ready: fn(&Server) -> bool,
    running: Mutex<Option<Child>>,
}

/// The PostgreSQL of this test binary: superuser `postgres`, database `postgres`.
pub fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let bin = newest_postgres();
        let (dir, user) = folder("postgres");
        std::fs::write(dir.join("password"), PASSWORD).unwrap();
        give(&dir, user);
        let at = |name: &str| dir.join(name).display().to_string();
        must(
            &as_user(user, &bin.join("initdb")),
            &[
                "--no-sync",
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                &format!("--pwfile={}", at("password")),
                &at("data"),
            ],
        );
        let port = free_port();
        let mut command = as_user(user, &bin.join("postgres"));
        command
            .extend(["-D", &at("data"), "-p", &port.to_string(), "-k", &at("")].map(String::from));
        for setting in [
            "listen_addresses=127.0.0.1".into(),
            "fsync=off".into(),
            "max_connections=20".into(),
            "ssl=on".into(),
            format!("ssl_cert_file={}", at("server.pem")),
            format!("ssl_key_file={}", at("server.key")),
        ] {
            command.extend(["-c".into(), setting]);
        }
        Server::start(port, dir, "postgres", "postgres", command, |server| {
            let bin = newest_postgres();
            let mut ask = Command::new(bin.join("pg_isready"));
            ask.args(["-q", "-h", "127.0.0.1", "-p", &server.port.to_string()]);
            ask.status().is_ok_and(|status| status.success())
        })
    })
}

/// The MariaDB of this test binary: account `root` with everything, database `shop`.
pub fn mariadb() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let install = program("mariadb-install-db");
        let daemon = program("mariadbd");
        let (dir, user) = folder("mysql");
        let accounts = format!(
            "CREATE DATABASE IF NOT EXISTS shop;\n\
             CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
        );
        std::fs::write(dir.join("init.sql"), accounts).unwrap();
        give(&dir, user);
        let at = |name: &str| dir.join(name).display().to_string();
        let data = format!("--datadir={}", at("data"));
        must(
            &as_user(user, &install),
            &[
                "--no-defaults",
                &data,
                "--auth-root-authentication-method=normal",
                "--skip-name-resolve",
            ],
        );
        let port = free_port();
        let mut command = as_user(user, &daemon);
        command.extend([
            "--no-defaults".into(),
            data,
            format!("--socket={}", at("s.sock")),
            format!("--pid-file={}", at("pid")),
            format!("--init-file={}", at("init.sql")),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".into(),
            "--skip-name-resolve".into(),
            "--max-connections=20".into(),
            "--secure-file-priv=".into(),
            "--innodb-buffer-pool-size=16M".into(),
            "--innodb-flush-log-at-trx-commit=0".into(),
            format!("--ssl-cert={}", at("server.pem")),
            format!("--ssl-key={}", at("server.key")),
        ]);
        Server::start(port, dir, "mysql", "root", command, |server| {
            // A server that is ready greets first.
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", server.port)) else {
                return false;
            };
            stream
                .set_read_timeout(Some(Duration::from_secs(1)))
                .is_ok()
                && stream.read_exact(&mut [0; 5]).is_ok()
        })
    })
}

impl Server {
    /// The URL of an account and a database, over TCP without TLS.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        let Self { scheme, port, .. } = self;
        format!("{scheme}://{user}:{password}@127.0.0.1:{port}/{database}")
    }

    /// The URL of the account that may do everything.
    pub fn root_url(&self, database: &str) -> String {
        self.url(self.root, PASSWORD, database)
    }

    /// Takes it down at once.
    pub fn down(&self) {
        if let Some(mut child) = self.running.lock().unwrap().take() {
            // The word tells the shell to leave the folder.
            child.stdin.take().unwrap().write_all(b"keep").unwrap();
            child.wait().unwrap();
        }
    }

    /// Brings it up again, on the same port with the same data.
    pub fn up(&self) {
        let mut running = self.running.lock().unwrap();
        if running.is_none() {
            *running = Some(supervise(&self.dir, &self.command));
            self.wait();
        }
    }

    fn start(
        port: u16,
        dir: PathBuf,
        scheme: &'static str,
        root: &'static str,
        command: Vec<String>,
        ready: fn(&Server) -> bool,
    ) -> Self {
        let server = Self {
            port,
            running: Mutex::new(Some(supervise(&dir, &command))),
            dir,
            scheme,
            root,
            command,
            ready,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !(self.ready)(self) {
            if Instant::now() > end {
                let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                panic!("{} is not ready after 60 s; its log:\n{log}", self.scheme);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Runs a server under a shell that waits for the end of its input. The end comes when this process is gone, whatever
/// took it; the shell then takes the server down and removes its folder.
pub fn supervise(dir: &Path, command: &[String]) -> Child {
    // QUIT stops PostgreSQL at once and lets it free its shared memory, and the servers in Go too; what does not obey
    // is killed.
    let script = r#"
        exec 3<&0 </dev/null
        dir=$1; shift
        "$@" >>"$dir/log" 2>&1 3<&- &
        server=$!
        word=$(cat <&3)
        kill -QUIT $server
        for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $server 2>/dev/null || break; sleep 0.1; done
        kill -KILL $server 2>/dev/null
        wait
        [ "$word" = keep ] || rm -rf "$dir"
    "#;
    Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(dir)
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own: an interrupt at the terminal must not take the shell before it has tidied up.
        .process_group(0)
        .spawn()
        .unwrap()
}

/// A new folder with a certificate, and the account the server should run as.
fn folder(user: &'static str) -> (PathBuf, Option<&'static str>) {
    let dir = tempfile::Builder::new()
        .prefix("okrd-test-")
        .tempdir()
        .unwrap()
        .keep();
    certify(&dir);
    (dir, is_root().then_some(user))
}

/// Writes `server.pem` and `server.key` for `localhost`, and `ca.pem`, which signed it.
fn certify(dir: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let server_pem = server.signed_by(&key, &issuer).unwrap().pem();
    std::fs::write(dir.join("ca.pem"), ca_pem).unwrap();
    std::fs::write(dir.join("server.pem"), server_pem).unwrap();
    let key_file = dir.join("server.key");
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Hands a folder to the account that runs the server; `ca.pem` stays readable through it.
fn give(dir: &Path, user: Option<&str>) {
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    if let Some(user) = user {
        let mut chown = Command::new("chown");
        assert!(
            chown
                .args(["-R", user])
                .arg(dir)
                .status()
                .unwrap()
                .success()
        );
    }
}

/// Neither server runs as root.
fn as_user(user: Option<&str>, program: &Path) -> Vec<String> {
    let mut command = Vec::new();
    if let Some(user) = user {
        command.extend([
            "setpriv".into(),
            format!("--reuid={user}"),
            format!("--regid={user}"),
        ]);
        command.push("--clear-groups".into());
    }
    command.push(program.display().to_string());
    command
}

fn must(command: &[String], args: &[&str]) {
    let mut all = command
        .iter()
        .map(String::as_str)
        .chain(args.iter().copied());
    let done = Command::new(all.next().unwrap())
        .args(all)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn newest_postgres() -> PathBuf {
    let version = |path: &PathBuf| -> u32 {
        let name = path.parent().and_then(Path::file_name);
        name.and_then(|n| n.to_str()?.parse().ok()).unwrap_or(0)
    };
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let bins = versions.map(|entry| entry.unwrap().path().join("bin"));
    bins.filter(|bin| bin.join("initdb").exists())
        .max_by_key(version)
        .or_else(|| find("initdb").and_then(|p| p.parent().map(Path::to_owned)))
        .unwrap_or_else(|| missing("initdb"))
}

fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| missing(name))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path
        .split(':')
        .chain(["/usr/sbin", "/usr/bin", "/usr/local/bin"]);
    dirs.map(|dir| Path::new(dir).join(name))
        .find(|file| file.is_file())
}

fn missing(name: &str) -> ! {
    panic!(
        "{name} is not installed: run tests/install-servers, or apt-get install postgresql mariadb-server prometheus prometheus-alertmanager"
    );
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
