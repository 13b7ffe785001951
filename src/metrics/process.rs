//! What the kernel tells of this process, read from `/proc/self` (proc(5)) at each scrape. Where there is no such
//! directory the metrics are absent. Knows nothing of okrd.

use std::fs;

use jiff::Timestamp;

use super::names;
use super::scorecard::{plain, seconds, whole};
use super::writer::Family;

/// Clock ticks a second in `/proc/self/stat`: USER_HZ, 100 on every Linux that okrd is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process metrics now; `started` is when the process began.
#[must_use]
pub fn families(started: Timestamp) -> Vec<Family> {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let status = read("status");
    vec![
        plain(&names::PROCESS_CPU, cpu_seconds(&read("stat"))),
        plain(&names::PROCESS_RESIDENT, kibibytes(&status, "VmRSS:")),
        plain(&names::PROCESS_VIRTUAL, kibibytes(&status, "VmSize:")),
        plain(&names::PROCESS_OPEN_FDS, open_fds()),
        plain(&names::PROCESS_MAX_FDS, max_fds(&read("limits"))),
        plain(&names::PROCESS_START, seconds(started)),
    ]
}

/// Fields 14 and 15 of `stat`, counted after the command's closing parenthesis, which may itself hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn kibibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let size: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(size * 1024.0)
}

/// The directory being read is open itself and does not count.
fn open_fds() -> Option<f64> {
    Some(whole(
        fs::read_dir("/proc/self/fd").ok()?.count().checked_sub(1)?,
    ))
}

/// How many files this process may open; without an end when the kernel sets none, or does not say.
#[must_use]
pub fn open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // The kernel tells a whole number.
    max_fds(&limits).map_or(u64::MAX, |most| most as u64)
}

/// The soft limit; absent when there is none.
fn max_fds(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read_by_their_format() {
        let stat =
            "4242 (a) b) c) S 1 4242 4242 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 3 0 1000 1 1";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(
            kibibytes("VmSize:\t    8 kB\nVmRSS:\t    4 kB\n", "VmRSS:"),
            Some(4096.0)
        );
        let limits = "Max processes  10 20 processes\nMax open files            1024                 4096                 files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(
            max_fds("Max open files            unlimited            unlimited            files"),
            None
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_of_them() {
        let started = Timestamp::from_second(1_764_000_000).unwrap_or_default();
        for family in families(started) {
            assert_eq!(family.samples().len(), 1, "{}", family.metric().name);
        }
    }
}
