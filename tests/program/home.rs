//! One okrd in a folder of its own: its files, its commands, its daemon. Every wait has a deadline.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Long enough for a busy machine, never waited for in a test that passes.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);

/// A folder with a configuration.
pub(crate) struct Home {
    folder: TempDir,
    program: PathBuf,
    prefix: Vec<String>,
    environment: Vec<(String, String)>,
    daemons: AtomicUsize,
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit code; a signal is minus its number.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A cycle that holds today, whatever today is, and nothing polled but at the start.
pub(crate) const DAEMON: &str = r#"lints.KR-WHY = "off"
include = ["okrs/*.toml"]
[cycles.life]
starts = 2020-01-01
ends = 2099-12-31
[server]
listen = "127.0.0.1:0"
[reload]
watch = false
[polling]
schedule = "every 12h"
jitter = "0s"
timeout = "10s"
"#;

/// [`DAEMON`] with polls each second.
pub(crate) fn every_second() -> String {
    DAEMON.replace("every 12h", "every 1s")
}

/// A source of type sqlite with [`Home::shop`]'s database.
pub(crate) const SHOP: &str = "[sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n";

/// An OKR file with the objective `growth` and these key results.
pub(crate) fn growth(key_results: &[&str]) -> String {
    let head = "cycle = \"life\"\n[objectives.growth]\ntitle = \"Grow\"\n";
    format!("{head}{}", key_results.concat())
}

/// A key result of `growth`; `rest` holds further lines such as its measure.
pub(crate) fn key_result(id: &str, rest: &str) -> String {
    format!(
        "[objectives.growth.key_results.{id}]\ntitle = \"Title of {id}\"\nunit = \"things\"\nbaseline = 0\n\
         target = 1000\n{rest}\n"
    )
}

/// A key result of `growth` that reads a number from the shop.
pub(crate) fn counted(id: &str, value: u32) -> String {
    key_result(
        id,
        &format!("measure = {{ source = \"shop\", query = \"SELECT {value}\" }}"),
    )
}

impl Home {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
            program: env!("CARGO_BIN_EXE_okrd").into(),
            prefix: Vec::new(),
            environment: Vec::new(),
            daemons: AtomicUsize::new(0),
        };
        for (name, text) in files {
            home.write(name, text);
        }
        home
    }

    /// A shop with seven subscribers that okrd counts, and a key result that people record.
    pub(crate) fn shop() -> Self {
        let count = "measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }";
        let okrs = growth(&[
            &key_result("subscribers", count),
            &key_result("recommend", ""),
        ]);
        let daemon = format!("{DAEMON}{SHOP}");
        let home = Self::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
        home.make_shop();
        home
    }

    pub(crate) fn make_shop(&self) {
        let shop = rusqlite::Connection::open(self.path("shop.db")).unwrap();
        shop.execute_batch(
            "CREATE TABLE subscribers (id INTEGER PRIMARY KEY);
             INSERT INTO subscribers VALUES (1), (2), (3), (4), (5), (6), (7);",
        )
        .unwrap();
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// From now on the program runs as somebody without rights, who may read the folder.
    pub(crate) fn run_as_nobody(&mut self) {
        use std::os::unix::fs::PermissionsExt;
        let may_enter = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.folder.path(), may_enter).unwrap();
        if !rustix::process::geteuid().is_root() {
            return;
        }
        // Nobody may be kept out of where the program was built.
        std::fs::copy(&self.program, self.path("okrd-copy")).unwrap();
        self.program = self.path("okrd-copy");
        let words = "setpriv --reuid=65534 --regid=65534 --clear-groups";
        self.prefix = words.split(' ').map(str::to_owned).collect();
    }

    /// From now on the program may make no file larger than so many bytes.
    pub(crate) fn limit_files(&mut self, bytes: u64) {
        let words = format!("prlimit --fsize={bytes}:unlimited");
        self.prefix = words.split(' ').map(str::to_owned).collect();
    }

    /// From now on the program may have no more files open at a time than these.
    pub(crate) fn limit_open_files(&mut self, most: u64) {
        let words = format!("prlimit --nofile={most}");
        self.prefix = words.split(' ').map(str::to_owned).collect();
    }

    /// From now on the program sees a small disk of its own in this folder, of so many KiB; nobody else sees it. `then` is
    /// done there before the program begins.
    pub(crate) fn on_small_disk(&mut self, folder: &str, kib: u32, then: &str) {
        let folder = self.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mount = format!("mount -t tmpfs -o size={kib}k tmpfs \"$0\" && {then} exec \"$@\"");
        self.prefix = ["unshare", "-rm", "sh", "-c", &mount]
            .map(str::to_owned)
            .to_vec();
        self.prefix.push(folder.display().to_string());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Made whole elsewhere first: the daemon must not meet half a file.
        let unfinished = self.path("unfinished");
        std::fs::write(&unfinished, text).unwrap();
        std::fs::rename(&unfinished, path).unwrap();
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        let before = std::fs::read_to_string(self.path(name)).unwrap();
        self.write(name, &format!("{before}{text}"));
    }

    /// The program with these arguments, in the folder, with no environment that could change what it does.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut words: Vec<String> = self.prefix.clone();
        words.push(self.program.display().to_string());
        words.extend(args.iter().map(|arg| (*arg).to_owned()));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.folder.path());
        for name in [
            "OKRD_AUTHOR",
            "OKRD_CONFIG",
            "OKRD_LOG",
            "OKRD_LOG_FORMAT",
            "CREDENTIALS_DIRECTORY",
        ] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn okrd(&self, args: &[&str]) -> Done {
        finish(self.command(args), &format!("okrd {args:?}"))
    }

    /// Runs a command that must end with this code.
    pub(crate) fn ends(&self, code: i32, args: &[&str]) -> Done {
        let done = self.okrd(args);
        assert_eq!(done.code, code, "okrd {args:?}: {done:#?}");
        assert!(!done.err.contains("panicked"), "okrd {args:?}: {done:#?}");
        done
    }

    /// Runs a command that must end with this code and nothing on stdout but one error of few lines. Gives the error.
    pub(crate) fn refuses(&self, code: i32, args: &[&str]) -> String {
        let done = self.ends(code, args);
        let lines = done.err.lines().count();
        assert!(done.out.is_empty(), "okrd {args:?}: {done:#?}");
        assert!((1..=3).contains(&lines), "okrd {args:?}: {done:#?}");
        assert!(done.err.starts_with("error: "), "okrd {args:?}: {done:#?}");
        done.err
    }

    /// The values that `history` knows of a key result, oldest first.
    pub(crate) fn history(&self, key_result: &str) -> Vec<f64> {
        let done = self.ends(0, &["history", key_result, "--format", "csv"]);
        let value = |line: &str| line.split(',').nth(1).unwrap().parse().unwrap();
        done.out.lines().skip(1).map(value).collect()
    }

    /// Starts the daemon and waits until it serves.
    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&["run"])
    }

    pub(crate) fn start_with(&self, args: &[&str]) -> Daemon {
        let mut daemon = self.spawn(args);
        daemon.address = within(PATIENT, "the daemon serves", || {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}:\n{}", daemon.log());
            }
            let log = daemon.log();
            let (_, rest) = log.split_once("serving the page and /metrics on http")?;
            let (_, rest) = rest.split_once("://")?;
            rest.split_once('/').map(|(address, _)| address.to_owned())
        });
        daemon
    }

    /// Starts it and does not wait for anything; it has no address yet.
    pub(crate) fn spawn(&self, args: &[&str]) -> Daemon {
        let number = self.daemons.fetch_add(1, Ordering::Relaxed);
        let log = self.path(&format!("daemon-{number}.log"));
        let out = self.path(&format!("daemon-{number}.out"));
        let mut command = self.command(args);
        command.stdout(File::create(&out).unwrap());
        command.stderr(File::create(&log).unwrap());
        Daemon {
            child: command.spawn().unwrap(),
            address: String::new(),
            log,
            out,
        }
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, what: &str) -> Done {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let status = wait_for(&mut child, what);
    Done {
        code: code(status),
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    })
}

fn wait_for(child: &mut Child, what: &str) -> ExitStatus {
    let end = Instant::now() + PATIENT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("{what} did not end within {PATIENT:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| -status.signal().unwrap())
}

/// A running daemon; killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: String,
    log: PathBuf,
    out: PathBuf,
}

impl Drop for Daemon {
    #[expect(
        clippy::print_stderr,
        reason = "a failing test tells what the daemon said"
    )]
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

/// An answer of the daemon.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn out(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: the exit code and the log.
    pub(crate) fn wait(mut self) -> (i32, String) {
        let status = wait_for(&mut self.child, "the daemon");
        (code(status), self.log())
    }

    /// Asks it to end, which it must do well.
    pub(crate) fn end(self) -> String {
        self.signal(Signal::TERM);
        let (code, log) = self.wait();
        assert_eq!(code, 0, "{log}");
        log
    }

    /// Waits until it ends without being asked, as after damage of its store. Gives the exit code and the log.
    pub(crate) fn ends_by_itself(mut self) -> (i32, String) {
        let status = within(3 * PATIENT, "the daemon ends by itself", || {
            self.child.try_wait().unwrap()
        });
        (code(status), self.log())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").unwrap()
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, "Content-Length: 0\r\n").unwrap()
    }

    /// One request; `None` when the daemon is not there or goes away in the middle.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str) -> Option<Answer> {
        self.send(method, path, headers, "")
    }

    /// The same with a body, whose length stands in the headers.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENT)).unwrap();
        let host = &self.address;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length?.parse() != Ok(body.len()) {
            return None;
        }
        Some(Answer {
            status: head.split(' ').nth(1)?.parse().ok()?,
            body: body.to_owned(),
            head,
        })
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200);
        Metrics(answer.body)
    }

    /// Waits until a key result has a value on /metrics.
    pub(crate) fn value(&self, key_result: &str) -> f64 {
        within(PATIENT, &format!("{key_result} has a value"), || {
            self.metrics().value(key_result)
        })
    }

    /// Waits until /metrics look as wanted.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Metrics) -> bool) -> Metrics {
        within(PATIENT, what, || Some(self.metrics()).filter(&holds))
    }
}

/// What Prometheus would see.
pub(crate) struct Metrics(pub(crate) String);

impl Metrics {
    /// The one sample of this name with these labels among its own.
    pub(crate) fn sample(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |line: &&str| {
            let named = line
                .strip_prefix(name)
                .is_some_and(|r| r.starts_with([' ', '{']));
            named
                && labels
                    .iter()
                    .all(|(n, v)| line.contains(&format!("{n}=\"{v}\"")))
        };
        let mut found = self.0.lines().filter(fits);
        let line = found.next()?;
        assert_eq!(found.next(), None, "{name} {labels:?} is not one sample");
        line.rsplit_once(' ')?.1.parse().ok()
    }

    pub(crate) fn of(&self, name: &str, key_result: &str) -> Option<f64> {
        let (objective, key_result) = key_result.split_once('/').unwrap();
        self.sample(
            name,
            &[("objective", objective), ("key_result", key_result)],
        )
    }

    pub(crate) fn value(&self, key_result: &str) -> Option<f64> {
        self.of("okrd_key_result_value", key_result)
    }

    pub(crate) fn status(&self, key_result: &str) -> String {
        let (objective, key_result) = key_result.split_once('/').unwrap();
        let ends = format!("objective=\"{objective}\",key_result=\"{key_result}\",status=\"");
        let mut lines = self
            .0
            .lines()
            .filter(|l| l.starts_with("okrd_key_result_status{"));
        let line = lines.find(|l| l.contains(&ends)).unwrap_or_default();
        let rest = line.split_once("status=\"").map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

/// Looks again and again until there is something, or fails at the deadline.
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The kubelet's dance: a new folder, a new link, a rename over the old link, the old folder removed.
pub(crate) fn swap(volume: &Path, number: u32, files: &[(&str, String)]) {
    let folder = volume.join(format!("..2026_{number}"));
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let data = volume.join("..data");
    let before = std::fs::read_link(&data).ok();
    symlink(folder.file_name().unwrap(), volume.join("..data_tmp")).unwrap();
    std::fs::rename(volume.join("..data_tmp"), &data).unwrap();
    for (name, _) in files {
        let link = volume.join(name);
        if link.symlink_metadata().is_err() {
            symlink(format!("..data/{name}"), link).unwrap();
        }
    }
    if let Some(before) = before {
        std::fs::remove_dir_all(volume.join(before)).unwrap();
    }
}

/// Runs what the fakes need; they live as long as the test program.
pub(crate) fn on_air<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    });
    runtime.block_on(future)
}

/// All bytes of every file under a folder, by name; sockets hold none.
pub(crate) fn everything_under(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything_under(&path));
        } else if path.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}
