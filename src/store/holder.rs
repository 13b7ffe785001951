//! Which process has a store, noted in the store itself: a second line behind the lock, whose file somebody may remove
//! while a daemon runs. Knows no lock and no file of the store.

use std::fs;

/// A process, told apart from all that had its number before: number, start, boot, and the space that its number is of.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    started: String,
    boot: String,
    space: String,
}

/// This process as text; `None` where the system does not tell.
pub(super) fn me() -> Option<String> {
    let pid = std::process::id();
    let Process {
        started,
        boot,
        space,
        ..
    } = Process::running(pid)?;
    Some(format!("{pid} {started} {boot} {space}"))
}

/// The number of the process behind such a text when it still runs and is another one than this. One that runs where we
/// cannot see it, as in another container, is not known to run.
pub(super) fn lives(noted: &str) -> Option<u32> {
    let mut words = noted.split(' ').map(str::to_owned);
    let noted = Process {
        pid: words.next()?.parse().ok()?,
        started: words.next()?,
        boot: words.next()?,
        space: words.next()?,
    };
    let runs = Process::running(noted.pid).is_some_and(|found| found == noted);
    (runs && noted.pid != std::process::id()).then_some(noted.pid)
}

impl Process {
    fn running(pid: u32) -> Option<Self> {
        // The name in brackets may hold anything, brackets too. <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        // A process that ended and was not waited for has let go of everything.
        fields.next().filter(|state| !matches!(*state, "Z" | "X"))?;
        Some(Self {
            pid,
            started: fields.nth(18)?.to_owned(),
            boot: (fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?)
                .trim()
                .to_owned(),
            space: fs::read_link("/proc/self/ns/pid")
                .ok()?
                .display()
                .to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f48_a_process_is_known_by_more_than_its_number() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process::running(child.id()).unwrap();
        let noted = |p: &Process| format!("{} {} {} {}", p.pid, p.started, p.boot, p.space);
        assert_eq!(lives(&noted(&process)), Some(child.id()));
        let later = Process {
            started: format!("{}1", process.started),
            ..Process::running(child.id()).unwrap()
        };
        assert_eq!(
            lives(&noted(&later)),
            None,
            "another one has its number by now"
        );
        let earlier_boot = Process {
            boot: "0".into(),
            ..Process::running(child.id()).unwrap()
        };
        assert_eq!(lives(&noted(&earlier_boot)), None);
        child.kill().unwrap();
        // Not waited for yet: it is there, but it is dead.
        while lives(&noted(&process)).is_some() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(lives(&noted(&process)), None);
        assert_eq!(
            lives(&me().unwrap()),
            None,
            "we do not stand in our own way"
        );
        for odd in ["", "7", "x y z", "1 2 3 4 5"] {
            assert_eq!(lives(odd), None);
        }
    }
}
