//! The operations guide: what it tells to type is typed, and what it names is there.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::home::{DAEMON, Done, Home, PATIENT, finish, growth, key_result, within};
use crate::tools::{path, text};

const GUIDE: &str = "docs/operations.md";

/// The lines of the block with this name.
fn block(name: &str) -> String {
    let guide = text(GUIDE);
    let (_, rest) = guide.split_once(&format!("\n```sh {name}\n")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// A machine on which okrd is a service: `systemctl` starts and ends the real program, `okrd` is it.
struct Machine {
    home: Home,
    address: String,
}

impl Machine {
    fn new() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let daemon = DAEMON.replace("127.0.0.1:0", &address);
        let okrs = growth(&[&key_result("recommend", "")]);
        let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
        let program = env!("CARGO_BIN_EXE_okrd");
        // The guide speaks of the usual port, which another test may have.
        let okrd = format!(
            "#!/bin/sh\ncase $1 in healthcheck) exec {program} healthcheck {address} ;; *) exec {program} \"$@\" ;; esac\n"
        );
        let systemctl = format!(
            "#!/bin/sh\nset -eu\n[ \"$2\" = okrd ]\ncd {}\n\
             case $1 in stop|restart) kill -TERM \"$(cat pid)\"; while kill -0 \"$(cat pid)\" 2>&-; do sleep 0.05; done ;; esac\n\
             case $1 in start|restart) setsid {program} run >>service.log 2>&1 & echo $! >pid; \
             until {program} healthcheck {address} >&- 2>&-; do sleep 0.05; done ;; esac\n",
            home.path("").display()
        );
        for (name, script) in [("bin/okrd", okrd), ("bin/systemctl", systemctl)] {
            home.write(name, &script);
            let may_run = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(home.path(name), may_run).unwrap();
        }
        std::fs::create_dir(home.path("backups")).unwrap();
        Self { home, address }
    }

    /// Types a block of the guide.
    fn types(&self, script: &str) -> Done {
        let backups = self.home.path("backups").display().to_string();
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &script.replace("/backups", &backups)]);
        let bin = self.home.path("bin").display().to_string();
        let usual = std::env::var("PATH").unwrap();
        shell
            .env("PATH", format!("{bin}:{usual}"))
            .env_remove("OKRD_CONFIG");
        shell.current_dir(self.home.path(""));
        let done = finish(shell, script);
        assert_eq!(done.code, 0, "{script}\n{done:#?}");
        done
    }

    fn metric(&self, name: &str) -> Option<String> {
        let metrics = Command::new("curl")
            .args(["-sf", &format!("http://{}/metrics", self.address)])
            .output()
            .unwrap();
        let metrics = String::from_utf8(metrics.stdout).unwrap();
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.map(|line| line.rsplit_once(' ').unwrap().1.to_owned())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(self.home.path("pid")) {
            let _ = Command::new("kill").args(["-KILL", pid.trim()]).output();
        }
    }
}

#[test]
fn the_drill_brings_back_what_was_backed_up() {
    let machine = Machine::new();
    machine.types("systemctl start okrd");
    machine.types("okrd record growth/recommend 31");
    machine.types(&block("backup"));
    machine.types("okrd record growth/recommend 32");

    // A bad disk under the stopped service.
    machine.types("systemctl stop okrd");
    let store = machine.home.path("okrd.db");
    let mut bytes = std::fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0xA5);
    std::fs::write(&store, bytes).unwrap();
    let error = machine.home.refuses(3, &["run"]);
    assert!(error.contains("okrd store restore"), "{error}");

    // The service is down already, which `systemctl stop` takes well.
    let restore = block("restore");
    let restore = restore.strip_prefix("systemctl stop okrd\n").unwrap();
    let (before, last) = restore.rsplit_once('\n').unwrap();
    let status = machine.types(before);
    assert!(
        status.out.replace('\u{a0}', " ").contains("31 things"),
        "{status:?}"
    );
    assert_eq!(machine.metric("okrd_store_incident").as_deref(), Some("1"));
    assert!(last.starts_with("okrd store acknowledge"), "{last}");
    machine.types(last);
    within(PATIENT, "the incident is over", || {
        (machine.metric("okrd_store_incident").as_deref() == Some("0")).then_some(())
    });
    assert_eq!(machine.home.history("growth/recommend"), [31.0]);

    let upgraded = machine.types(&block("upgrade"));
    assert!(
        upgraded
            .out
            .contains(concat!("okrd ", env!("CARGO_PKG_VERSION")))
    );
    assert!(machine.home.path("backups/before-upgrade.db").exists());
    assert_eq!(machine.home.history("growth/recommend"), [31.0]);
}

/// Runs a script in a network of its own, which has nothing but loopback.
fn alone(home: &Home, script: &str) -> String {
    const UP: &str = "import fcntl, os, socket, struct, sys\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        fcntl.ioctl(s, 0x8914, struct.pack('16sh14x', b'lo', 0x41))\n\
        os.execvp('sh', ['sh', '-eu', '-c', sys.argv[1]])";
    let mut command = Command::new("unshare");
    command
        .args(["-rn", "python3", "-c", UP, script])
        .current_dir(home.path(""));
    let done = finish(command, script);
    assert_eq!(done.code, 0, "{done:#?}");
    done.out
}

#[test]
fn what_nobody_configured_is_closed() {
    let okrs = growth(&[&key_result("recommend", "")]);
    let daemon = DAEMON.replace("[server]\nlisten = \"127.0.0.1:0\"\n", "");
    assert!(!daemon.contains("listen"));
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
    let program = env!("CARGO_BIN_EXE_okrd");
    let value = "api/v1/key-results/growth/recommend/measurements";
    let told = alone(
        &home,
        &format!(
            "{program} run 2>log & trap 'kill $!' EXIT\n\
             until {program} healthcheck >&- 2>&-; do sleep 0.05; done\n\
             ask() {{ curl -so answer -w '%{{http_code}}\\n' \"$@\"; }}\n\
             ask http://127.0.0.1:10650/\n\
             ask -X POST http://127.0.0.1:10650/-/reload\n\
             ask -H 'Content-Type: application/json' -d '{{\"value\": 3}}' http://127.0.0.1:10650/{value}\n\
             ask -H 'Host: okrd.example.com' http://127.0.0.1:10650/\n\
             cat /proc/net/tcp /proc/net/tcp6"
        ),
    );
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "200");
    for refused in &lines[1..4] {
        assert!(refused.starts_with('4'), "{told}");
    }
    // Sockets that listen (state 0A): loopback alone, in the order of the machine's bytes.
    let listens = lines[4..]
        .iter()
        .filter(|line| line.split_whitespace().nth(3) == Some("0A"));
    let listens: Vec<_> = listens
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(listens, ["0100007F:299A"], "{told}");
}

/// What the kernel is asked for: files to write are those of the store, and the only host that is connected to is the source's.
#[test]
fn the_system_sees_no_write_outside_the_store_and_no_connection_but_to_sources() {
    let daemon = format!(
        "{DAEMON}[store]\npath = \"state/okrd.db\"\n[sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n\
         [sources.site]\ntype = \"http\"\nurl = \"http://127.0.0.1:1\"\n"
    );
    let okrs = growth(&[
        &key_result(
            "counted",
            "measure = { source = \"shop\", query = \"SELECT 7\" }",
        ),
        &key_result(
            "asked",
            "measure = { source = \"site\", path = \"/\", value = \"/n\" }",
        ),
    ]);
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
    home.make_shop();
    std::fs::create_dir(home.path("state")).unwrap();
    let trace = home.path("trace").display().to_string();
    let calls = "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,truncate,connect";
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-qq",
        "-y",
        "-e",
        calls,
        "-o",
        &trace,
        env!("CARGO_BIN_EXE_okrd"),
        "run",
        "--once",
    ]);
    command.current_dir(home.path(""));
    let done = finish(command, "okrd run --once under strace");
    assert_eq!(done.code, 1, "the site is not there: {done:?}");

    let state = home.path("state").canonicalize().unwrap();
    let state = state.display().to_string();
    let (mut written, mut connected) = (0, 0);
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        if line.contains("connect(") {
            let port = line.contains("htons(1)") && line.contains("127.0.0.1");
            // The name service's cache, which glibc asks and which is none of ours.
            assert!(port || line.contains("nscd"), "{line}");
            connected += usize::from(port);
            continue;
        }
        let reads = line.contains("open")
            && !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
                .iter()
                .any(|flag| line.contains(flag));
        if reads || !line.contains('"') {
            continue;
        }
        let inside = line.contains(&format!("\"{state}/"))
            || line.contains("\"state/")
            || line.contains("\"/dev/null\"");
        assert!(inside, "{line}");
        written += 1;
    }
    assert!(
        written > 0 && connected > 0,
        "strace saw {written} writes and {connected} connections"
    );
}

/// The functions of a test program, or of the library's tests.
fn functions(folder: &Path) -> String {
    let mut found = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += &functions(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found += &std::fs::read_to_string(path).unwrap();
        }
    }
    found
}

#[test]
fn each_command_of_the_list_runs_tests_that_are_there() {
    let guide = text(GUIDE);
    let commands: Vec<_> = guide
        .split('`')
        .filter(|part| part.starts_with("cargo test "))
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let mut words = command
            .strip_prefix("cargo test --locked --test ")
            .unwrap()
            .split(' ');
        let program = words.next().unwrap();
        // One file, a folder, or a file that takes its parts from a folder.
        let (file, folder) = (
            path(&format!("tests/{program}.rs")),
            path(&format!("tests/{program}")),
        );
        let mut code = std::fs::read_to_string(&file).unwrap_or_default();
        if folder.is_dir() {
            code += &functions(&folder);
        }
        for filter in words.filter(|word| *word != "--") {
            // `module::` runs a whole file, anything else functions whose names contain it.
            let (module, name) = filter.rsplit_once("::").unwrap_or(("", filter));
            let here = module.is_empty() || path(&format!("tests/{program}/{module}.rs")).exists();
            let named = code
                .lines()
                .any(|line| line.contains("fn ") && line.contains(name));
            assert!(here && named, "{command}: no test is named {filter}");
        }
    }
    // Each of the fourteen points has its row, and a way to see it.
    let (_, list) = guide.split_once("\n### The list").unwrap();
    for point in 1..=14 {
        let head = format!("| {point} | ");
        let row = list.lines().find(|line| line.starts_with(&head));
        let (_, shown) = row.unwrap_or_default().rsplit_once(" | ").unwrap();
        assert!(shown.contains('`') || shown.contains(']'), "point {point}");
    }
}

/// Links between the guides lead somewhere.
#[test]
fn what_the_guides_link_to_is_there() {
    for guide in [
        GUIDE,
        "SECURITY.md",
        "README.md",
        "deploy/kubernetes/README.md",
        "deploy/compose/README.md",
    ] {
        let text = text(guide);
        let folder = path(guide);
        let folder = folder.parent().unwrap();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            let file = link.split('#').next().unwrap();
            let here = link.starts_with("http") || folder.join(file).exists();
            assert!(here, "{guide}: {link}");
        }
    }
}
