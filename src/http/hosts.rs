//! Which names a server on loopback answers to. A page of another site that lets its own name point at this machine
//! would otherwise be let in by the browser of whoever looks at it (DNS rebinding). Knows no route.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};

use super::problem::Problem;

/// The address that a loopback server listens on; `None` when it listens for others and any name may lead to it.
#[derive(Clone, Copy, Debug)]
pub struct Loopback(Option<IpAddr>);

impl Loopback {
    /// Names are looked at only where nobody but this machine is meant.
    #[must_use]
    pub fn of(listen: SocketAddr) -> Self {
        let ip = listen.ip();
        Self(ip.is_loopback().then_some(ip))
    }

    /// That a request names us, in its head and in its target if that is a whole URL. One that names nobody comes from no
    /// browser.
    pub(super) fn admit(self, request: &Request) -> Result<(), Problem> {
        let Some(own) = self.0 else {
            return Ok(());
        };
        let of_target = request.uri().authority().cloned().map(Some);
        let of_head = request
            .headers()
            .get(header::HOST)
            .map(|value| value.to_str().ok()?.parse::<Authority>().ok());
        for named in of_target.into_iter().chain(of_head) {
            if !named.is_some_and(|named| is_us(named.host(), own)) {
                let detail = format!(
                    "this server is for this machine only and answers to localhost, 127.0.0.1, [::1] and {own}; open it \
                     under one of them, let a proxy send such a `Host`, or set server.listen to another address"
                );
                return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
            }
        }
        Ok(())
    }
}

fn is_us(host: &str, own: IpAddr) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let plain = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let usual = [
        IpAddr::from([127, 0, 0, 1]),
        std::net::Ipv6Addr::LOCALHOST.into(),
    ];
    plain
        .unwrap_or(host)
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip == own || usual.contains(&ip))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn f76_a_loopback_server_answers_to_its_own_names_only() {
        let of = |listen: &str| Loopback::of(listen.parse().unwrap());
        let asked = |uri: &str, host: Option<&str>| {
            let request = Request::builder().uri(uri);
            let request = host
                .into_iter()
                .fold(request, |r, host| r.header(header::HOST, host));
            request.body(Body::empty()).unwrap()
        };
        let names = [
            ("localhost", true),
            ("LocalHost:10650", true),
            ("localhost.:10650", true),
            ("127.0.0.1", true),
            ("[::1]:80", true),
            ("127.0.0.9:1", false),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:10650", false),
            ("localhost@evil.example", false),
            ("", false),
        ];
        for (host, admitted) in names {
            let found = of("127.0.0.1:10650").admit(&asked("/", Some(host)));
            assert_eq!(found.is_ok(), admitted, "{host:?}");
            assert!(of("0.0.0.0:10650").admit(&asked("/", Some(host))).is_ok());
        }
        let ours = of("127.0.0.9:10650");
        assert!(ours.admit(&asked("/", Some("127.0.0.9:10650"))).is_ok());
        assert!(ours.admit(&asked("/", None)).is_ok(), "no browser");
        let whole = "http://evil.example/";
        assert!(ours.admit(&asked(whole, Some("localhost"))).is_err());
    }
}
