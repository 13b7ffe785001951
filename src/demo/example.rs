//! The example configuration, the very files of `config/`, made ready for today: the cycle is the running quarter and
//! the simulated endpoints stand where ports were free.

use std::net::SocketAddr;
use std::path::Path;

use jiff::ToSpan;
use jiff::civil::Date;

/// The files of the example by their path in the demo's folder.
pub const FILES: [(&str, &str); 3] = [
    ("okrd.toml", include_str!("../../config/okrd.toml")),
    (
        "okrs/company.toml",
        include_str!("../../config/okrs/company.toml"),
    ),
    (
        "okrs/content.toml",
        include_str!("../../config/okrs/content.toml"),
    ),
];

/// Where the demo's servers listen in the example.
pub const PAGE: &str = "127.0.0.1:10650";
/// Where the simulated Jira listens in the example.
pub const JIRA: &str = "127.0.0.1:10651";
/// Where the simulated Plausible listens in the example.
pub const PLAUSIBLE: &str = "127.0.0.1:10652";

/// The quarter a day lies in: its name, first and last day.
#[must_use]
pub fn quarter(day: Date) -> Option<(String, Date, Date)> {
    let number = (day.month() - 1) / 3;
    let first = Date::new(day.year(), number * 3 + 1, 1).ok()?;
    let last = first.checked_add(3.months()).ok()?.yesterday().ok()?;
    Some((format!("{}-Q{}", day.year(), number + 1), first, last))
}

/// One of [`FILES`] for a day and for the addresses in use.
#[must_use]
pub fn made_ready(text: &str, today: Date, addresses: [(&str, SocketAddr); 3]) -> String {
    let mut text = text.to_owned();
    if let Some((name, first, last)) = quarter(today) {
        text = text
            .replace("2026-Q4", &name)
            .replace("starts = 2026-10-01", &format!("starts = {first}"))
            .replace("ends   = 2026-12-31", &format!("ends   = {last}"))
            .replace("until = 2026-12-31", &format!("until = {last}"));
    }
    for (written, used) in addresses {
        text = text.replace(written, &used.to_string());
    }
    text
}

/// Writes the files that are not there yet; what someone edited stays, but for the addresses of our own servers, which
/// follow them from where they `stood` by these files. Files of the quarter that began on `of` that nobody edited move to
/// the running one, all or none. Returns whether all files are as written here.
///
/// # Errors
/// What the system says, with the path.
pub fn write(
    folder: &Path,
    today: Date,
    addresses: [(&str, SocketAddr); 3],
    stood: [Option<SocketAddr>; 3],
    of: Option<Date>,
) -> Result<bool, String> {
    let failed =
        |path: &Path, error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let found = FILES.map(|(name, _)| std::fs::read_to_string(folder.join(name)).ok());
    let followed = found
        .clone()
        .map(|text| text.map(|text| moved(&text, addresses, stood)));
    let as_of = |day| FILES.map(|(_, text)| made_ready(text, day, addresses));
    let are = |texts: &[String; 3]| {
        let mut pairs = followed.iter().zip(texts);
        pairs.all(|(found, text)| found.as_ref().is_none_or(|found| found == text))
    };
    let of = of.unwrap_or(today);
    let is_old = are(&as_of(of));
    let ready = as_of(if is_old { today } else { of });
    for (place, (name, _)) in FILES.into_iter().enumerate() {
        let text = followed[place].as_ref().filter(|_| !is_old);
        let text = text.unwrap_or(&ready[place]);
        if found[place].as_ref() == Some(text) {
            continue;
        }
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
    Ok(is_old)
}

/// The text with the addresses of our servers as they are now.
fn moved(text: &str, addresses: [(&str, SocketAddr); 3], stood: [Option<SocketAddr>; 3]) -> String {
    let mut text = text.to_owned();
    for ((_, used), stood) in addresses.into_iter().zip(stood) {
        if let Some(stood) = stood {
            // With the quote behind it, so that one port is not taken for the start of a longer one.
            text = text.replace(&format!("{stood}\""), &format!("{used}\""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn quarters_begin_and_end_with_their_months() {
        let cases = [
            (
                date(2026, 11, 24),
                "2026-Q4",
                date(2026, 10, 1),
                date(2026, 12, 31),
            ),
            (
                date(2027, 1, 1),
                "2027-Q1",
                date(2027, 1, 1),
                date(2027, 3, 31),
            ),
            (
                date(2028, 6, 30),
                "2028-Q2",
                date(2028, 4, 1),
                date(2028, 6, 30),
            ),
        ];
        for (day, name, first, last) in cases {
            assert_eq!(quarter(day), Some((name.into(), first, last)));
        }
    }

    #[test]
    fn another_day_and_other_ports_reach_every_file() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = [
            (PAGE, address(1)),
            (JIRA, address(2)),
            (PLAUSIBLE, address(3)),
        ];
        let all: String = FILES
            .iter()
            .map(|(_, text)| made_ready(text, date(2027, 5, 1), addresses))
            .collect();
        assert!(!all.contains("2026"), "{all}");
        assert!(!all.contains("10651"), "{all}");
        for expected in [
            "2027-Q2",
            "starts = 2027-04-01",
            "ends   = 2027-06-30",
            "127.0.0.1:2\"",
        ] {
            assert!(all.contains(expected), "{expected}");
        }
    }

    #[test]
    fn what_someone_edited_stays() {
        let folder = tempfile::tempdir().unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = [
            (PAGE, address(1)),
            (JIRA, address(2)),
            (PLAUSIBLE, address(3)),
        ];
        assert_eq!(
            write(
                folder.path(),
                date(2026, 11, 24),
                addresses,
                [None; 3],
                None
            ),
            Ok(true)
        );
        assert_eq!(
            write(
                folder.path(),
                date(2026, 11, 24),
                addresses,
                [None; 3],
                None
            ),
            Ok(true)
        );
        let file = folder.path().join("okrd.toml");
        std::fs::write(&file, "# mine").unwrap();
        assert_eq!(
            write(
                folder.path(),
                date(2026, 11, 24),
                addresses,
                [None; 3],
                None
            ),
            Ok(false)
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine");
    }

    /// The folder of an earlier quarter: untouched it moves as a whole, edited it stays as a whole.
    #[test]
    fn an_earlier_quarter_moves_unless_someone_edited_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (then, now) = (date(2026, 8, 1), date(2026, 11, 24));
        let of = Some(date(2026, 7, 1));
        let named = [(PAGE, at(1)), (JIRA, at(2)), (PLAUSIBLE, at(3))];
        let stood = [Some(at(1)), Some(at(2)), Some(at(3))];
        let text = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
        assert_eq!(write(path, then, named, [None; 3], None), Ok(true));
        assert!(text("okrs/content.toml").contains("2026-Q3"));
        assert_eq!(write(path, now, named, stood, of), Ok(true));
        for (name, _) in FILES {
            assert!(text(name).contains("2026-Q4") && !text(name).contains("2026-Q3"));
        }
        assert_eq!(
            write(path, then, named, stood, Some(date(2026, 10, 1))),
            Ok(true)
        );
        let edited = text("okrd.toml") + "# mine\n";
        std::fs::write(path.join("okrd.toml"), &edited).unwrap();
        std::fs::remove_file(path.join("okrs/company.toml")).unwrap();
        assert_eq!(write(path, now, named, stood, of), Ok(false));
        assert_eq!(text("okrd.toml"), edited);
        for name in ["okrs/content.toml", "okrs/company.toml"] {
            assert!(text(name).contains("2026-Q3") && !text(name).contains("2026-Q4"));
        }
    }

    #[test]
    fn addresses_follow_the_servers_through_what_someone_edited() {
        let folder = tempfile::tempdir().unwrap();
        let at = |ports: [u16; 3]| ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let named = |[page, jira, plausible]: [SocketAddr; 3]| {
            [(PAGE, page), (JIRA, jira), (PLAUSIBLE, plausible)]
        };
        let (before, now) = (at([4000, 4001, 4002]), at([40_000, 4001, 40_002]));
        let day = date(2026, 11, 24);
        let path = folder.path();
        assert_eq!(write(path, day, named(before), [None; 3], None), Ok(true));
        assert_eq!(
            write(path, day, named(now), before.map(Some), None),
            Ok(true)
        );
        let file = path.join("okrd.toml");
        let edited = std::fs::read_to_string(&file).unwrap() + "# mine\n";
        std::fs::write(&file, &edited).unwrap();
        assert_eq!(
            write(path, day, named(before), now.map(Some), None),
            Ok(false)
        );
        let found = std::fs::read_to_string(&file).unwrap();
        assert!(found.ends_with("# mine\n") && found.contains("\"127.0.0.1:4000\""));
        assert!(!found.contains("40000") && found.contains("127.0.0.1:4002\""));
    }
}
