//! What went wrong on the way, in our own classes: connection errors and status codes become faults here and nowhere
//! else. A URL is shown without user, query and fragment; a body only as a short, cleaned snippet.

use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use url::Url;

use crate::domain::fault::{Fault, FaultClass};

/// A URL as people may see it: `scheme://host[:port]/path`.
#[must_use]
pub fn shown_url(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// A time limit as people write it: `30 s`, `2.5 s`, `50 ms`.
#[must_use]
pub fn shown_time(limit: Duration) -> String {
    match limit.as_millis() {
        ms if ms < 100 => format!("{ms} ms"),
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        _ => format!("{:.1} s", limit.as_secs_f64()),
    }
}

/// The fault of a process that may open no more files: ours, and none of whoever should have been asked.
#[must_use]
pub fn of_shortage(error: &io::Error) -> Option<Fault> {
    // ENFILE and EMFILE, as Linux numbers them on the machines we are built for.
    let short = matches!(error.raw_os_error(), Some(23 | 24));
    short.then(|| {
        Fault::new(
            FaultClass::Internal,
            format!("okrd may open no more files, nothing was asked: {error}"),
        )
        .help("let okrd open more files (`ulimit -n`, `LimitNOFILE=`)")
    })
}

/// The fault behind an error of the HTTP stack. `asked` is the method and the shown URL.
pub(super) fn of_transport(asked: &str, error: &reqwest::Error) -> Fault {
    let causes: Vec<&(dyn Error + 'static)> = causes(error).collect();
    if let Some(tls) = causes
        .iter()
        .find_map(|e| e.downcast_ref::<rustls::Error>())
    {
        return of_tls(asked, tls);
    }
    let io = causes.iter().find_map(|e| e.downcast_ref::<io::Error>());
    if let Some(shortage) = io.and_then(of_shortage) {
        return shortage;
    }
    let why = match (io, causes.last()) {
        (Some(io), _) => io.to_string(),
        (None, Some(last)) => last.to_string(),
        (None, None) => "no reason given".into(),
    };
    if error.is_dns() {
        return Fault::new(
            FaultClass::Dns,
            format!("{asked}: no address for the host: {why}"),
        )
        .help("check the host name in the source's url and the resolver of this machine");
    }
    if error.is_connect() && error.is_timeout() {
        return Fault::new(
            FaultClass::Timeout,
            format!("{asked}: no connection in time"),
        )
        .help("check that the host is up and that no firewall drops the packets");
    }
    if error.is_timeout() {
        return Fault::new(FaultClass::Timeout, format!("{asked}: {why}"));
    }
    if error.is_connect() {
        return Fault::new(FaultClass::Net, format!("{asked}: no connection: {why}"))
            .help("check that the host is up and listens on this port");
    }
    if error.is_builder() {
        return Fault::new(
            FaultClass::Config,
            format!("{asked}: cannot be sent: {why}"),
        );
    }
    let unreadable = |kind| {
        matches!(
            kind,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        )
    };
    if io.is_some_and(|io| unreadable(io.kind())) {
        return Fault::new(
            FaultClass::BadBody,
            format!("{asked}: the answer cannot be decoded: {why}"),
        );
    }
    Fault::new(
        FaultClass::Net,
        format!("{asked}: the connection broke: {why}"),
    )
}

/// Whether the connection was there and broke before an answer began.
pub(super) fn broke_before_answer(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

fn of_tls(asked: &str, error: &rustls::Error) -> Fault {
    let help = match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "give the source the ca_file of its private authority, or install the authority on this machine"
        }
        rustls::Error::InvalidCertificate(_) => {
            "the certificate is the server's to mend; check this machine's clock too"
        }
        _ => "the server must speak TLS 1.2 or 1.3; check the port and the scheme of the url",
    };
    Fault::new(
        FaultClass::Tls,
        format!("{asked}: no safe connection: {error}"),
    )
    .help(help)
}

/// The error, what caused it, and so on; an [`io::Error`] is followed by the error it wraps, which
/// [`Error::source`] would skip.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| {
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped
            .map(|inner| inner as &(dyn Error + 'static))
            .or_else(|| e.source())
    })
}

/// The fault behind a status of 400 and above. A rate limit is recognised by 429, by 5xx with `Retry-After`, and by 403
/// with `Retry-After` or an emptied `X-RateLimit-Remaining`.
pub(super) fn of_status(asked: &str, status: u16, headers: &HeaderMap, snippet: &str) -> Fault {
    let wait = retry_after(headers);
    let emptied = text(headers, "x-ratelimit-remaining") == Some("0");
    let limited = match status {
        429 => true,
        500.. => headers.contains_key(RETRY_AFTER),
        403 => headers.contains_key(RETRY_AFTER) || emptied,
        _ => false,
    };
    let (class, help) = match status {
        _ if limited => (
            FaultClass::RateLimited,
            "poll less often, or share one account among fewer programs",
        ),
        401 | 403 => (
            FaultClass::Auth,
            "check the source's auth: is the secret right, not expired, and allowed to read this",
        ),
        402 => (
            FaultClass::Http4xx,
            "the plan of this account does not include the request",
        ),
        404 | 410 => (
            FaultClass::Http4xx,
            "check the source's url and the measure's path",
        ),
        408 => (FaultClass::Timeout, ""),
        500.. => (FaultClass::Http5xx, ""),
        _ => (FaultClass::Http4xx, ""),
    };
    let reason = reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .map_or_else(String::new, |r| format!(" {r}"));
    let said = if snippet.is_empty() {
        String::new()
    } else {
        format!(": {snippet}")
    };
    Fault::new(class, format!("{asked} answered {status}{reason}{said}"))
        .help(help)
        .after(wait)
        .perhaps_this_alone(status == 403 && !limited)
}

/// How long the server asks us to stay away: `Retry-After` in seconds or as a date, the latter read against the server's
/// own `Date` so that no clock has to agree; else `X-RateLimit-Reset`. Of several the longest holds; past and garbled
/// ones say nothing. Not capped but for ten years, which keeps later sums in range.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
    let date = headers.get(DATE).and_then(|v| http_date(v.to_str().ok()?));
    let until = |then: Timestamp| Duration::try_from(then.duration_since(date?)).ok();
    let asked = headers.get_all(RETRY_AFTER).iter().filter_map(|value| {
        let value = value.to_str().ok()?.trim();
        if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
            return Some(value.parse().map_or(LONGEST, Duration::from_secs));
        }
        until(http_date(value)?)
    });
    let reset = || {
        if text(headers, "x-ratelimit-remaining") != Some("0") {
            return None;
        }
        let seconds: i64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
        until(Timestamp::from_second(seconds).ok()?)
    };
    asked
        .max()
        .or_else(reset)
        .filter(|wait| !wait.is_zero())
        .map(|wait| wait.min(LONGEST))
}

/// An IMF-fixdate (RFC 9110 section 5.6.7); its two obsolete forms count as garbled.
fn http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    text.trim().ends_with(" GMT").then(|| zoned.timestamp())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn f3_a_time_limit_is_shown_as_it_was_written() {
        for (ms, shown) in [
            (30_000, "30 s"),
            (2500, "2.5 s"),
            (342, "0.3 s"),
            (50, "50 ms"),
            (90_000, "90 s"),
        ] {
            assert_eq!(shown_time(Duration::from_millis(ms)), shown);
        }
    }

    const DATE_NOW: (&str, &str) = ("date", "Tue, 24 Nov 2026 12:00:00 GMT");

    #[test]
    fn f14_retry_after_in_every_form() {
        let ten_years = Some(10 * 366 * 86_400);
        for (pairs, seconds) in [
            (vec![("retry-after", "120")], Some(120)),
            (vec![("retry-after", " 7 ")], Some(7)),
            (
                vec![DATE_NOW, ("retry-after", "Tue, 24 Nov 2026 12:01:30 GMT")],
                Some(90),
            ),
            // The server's clock is years off: only the distance between its two dates counts.
            (
                vec![
                    ("date", "Thu, 01 Jan 2004 00:00:00 GMT"),
                    ("retry-after", "Thu, 01 Jan 2004 00:05:00 GMT"),
                ],
                Some(300),
            ),
            (
                vec![DATE_NOW, ("retry-after", "Tue, 24 Nov 2026 11:00:00 GMT")],
                None,
            ),
            (vec![("retry-after", "Tue, 24 Nov 2026 12:01:30 GMT")], None),
            (vec![("retry-after", "0")], None),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "")], None),
            (vec![("retry-after", "1.5")], None),
            (vec![("retry-after", "99999999999999999999999")], ten_years),
            (vec![("retry-after", "9999999999")], ten_years),
            (vec![("retry-after", "30"), ("retry-after", "60")], Some(60)),
            (
                vec![("retry-after", "soon"), ("retry-after", "60")],
                Some(60),
            ),
            // GitHub's primary limit: Unix seconds, here one minute on.
            (
                vec![
                    DATE_NOW,
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1795521660"),
                ],
                Some(60),
            ),
            (
                vec![
                    DATE_NOW,
                    ("x-ratelimit-remaining", "9"),
                    ("x-ratelimit-reset", "1795521660"),
                ],
                None,
            ),
        ] {
            let found = retry_after(&headers(&pairs)).map(|d| d.as_secs());
            assert_eq!(found, seconds, "{pairs:?}");
        }
    }

    #[test]
    fn every_status_has_its_class() {
        use FaultClass::{Auth, Http4xx, Http5xx, RateLimited, Timeout};
        let wait = ("retry-after", "5");
        for (status, pairs, class) in [
            (400, vec![], Http4xx),
            (401, vec![], Auth),
            (401, vec![wait], Auth),
            (402, vec![], Http4xx),
            (403, vec![], Auth),
            (403, vec![wait], RateLimited),
            (403, vec![("x-ratelimit-remaining", "0")], RateLimited),
            (403, vec![("x-ratelimit-remaining", "12")], Auth),
            (404, vec![], Http4xx),
            (408, vec![], Timeout),
            (422, vec![], Http4xx),
            (429, vec![], RateLimited),
            (429, vec![wait], RateLimited),
            (500, vec![], Http5xx),
            (500, vec![wait], RateLimited),
            (502, vec![wait], RateLimited),
            (503, vec![], Http5xx),
            (503, vec![wait], RateLimited),
            (599, vec![], Http5xx),
            (999, vec![], Http5xx),
        ] {
            let fault = of_status("GET http://h/", status, &headers(&pairs), "");
            assert_eq!(fault.class, class, "{status} {pairs:?}");
            let waits = pairs.contains(&wait).then(|| Duration::from_secs(5));
            assert_eq!(fault.retry_after, waits, "{status}");
            assert!(fault.message.contains(&status.to_string()));
        }
    }
}
