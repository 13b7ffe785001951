//! Who Jira takes us for. A rejected login does not fail a search: Jira serves it as anonymous, with status 200 and fewer
//! issues or none. So every answer is looked at for signs of that, and `/myself` settles the doubt. Knows no query.

use crate::net::headers::HeaderMap;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

use crate::domain::fault::{Fault, FaultClass};

/// Why the login was refused: `OK` when it was not. Set by Jira's own login layer, not by every gateway before it.
const LOGIN_REASON: &str = "x-seraph-loginreason";
/// Who asked, on Data Center.
const USER_NAME: &str = "x-ausername";
/// Why a login was not even tried.
const DENIED_REASON: &str = "x-authentication-denied-reason";

/// What helps when a login is refused.
pub(super) const RENEW: &str =
    "the token has expired, was revoked or belongs to another user: renew the source's secret";

/// The account behind the credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The name it shows to people.
    pub name: String,
    /// The zone of its profile, in which Jira reads dates; `None` when it tells none that we know.
    pub zone: Option<TimeZone>,
}

/// An answer of `/rest/api/{2,3}/myself`, cut to what is needed here.
#[derive(Deserialize)]
pub(super) struct Myself {
    #[serde(rename = "accountId")]
    account_id: Option<String>,
    name: Option<String>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
    #[serde(rename = "timeZone")]
    time_zone: Option<String>,
}

impl Myself {
    /// The account, if the answer names one.
    pub(super) fn account(self) -> Option<Account> {
        let id = self.account_id.or(self.name)?;
        let zone = self
            .time_zone
            .and_then(|name| TimeZoneDatabase::bundled().get(&name).ok());
        Some(Account {
            name: self.display_name.unwrap_or(id),
            zone,
        })
    }
}

/// What the headers of an answer say of the credentials that it was asked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// They were accepted; with the user's name where it is told.
    Held(Option<String>),
    /// Nothing: a gateway took the headers away, or it is Cloud, which tells of refused credentials only.
    Untold,
}

/// What the headers of an answer to a request with credentials say of them.
///
/// # Errors
/// [`FaultClass::Auth`] when they were refused or ignored, whatever the status.
pub(super) fn told(headers: &HeaderMap) -> Result<Login, Fault> {
    if words(headers, DENIED_REASON).any(|word| word.starts_with("CAPTCHA_CHALLENGE")) {
        return Err(Fault::new(
            FaultClass::Auth,
            "Jira wants a CAPTCHA solved after too many failed logins of this account",
        )
        .help("correct the secret, log in once with a browser, or use a personal access token, which knows no CAPTCHA"));
    }
    let mut reasons = words(headers, LOGIN_REASON).peekable();
    let accepted = reasons.peek().is_some();
    if let Some(reason) = reasons.find(|reason| !reason.eq_ignore_ascii_case("OK")) {
        return Err(refused(&format!("login reason {}", printable(reason))));
    }
    let mut names = words(headers, USER_NAME);
    if names.any(|name| name.eq_ignore_ascii_case("anonymous")) {
        return Err(refused("the user name is anonymous"));
    }
    let name = words(headers, USER_NAME).next().map(printable);
    Ok(match accepted || name.is_some() {
        true => Login::Held(name),
        false => Login::Untold,
    })
}

fn refused(sign: &str) -> Fault {
    Fault::new(
        FaultClass::Auth,
        format!("Jira did not accept the credentials and answered as to anybody: {sign}"),
    )
    .help(RENEW)
}

/// Every value of a header, also of one sent twice or as a list.
fn words<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        // What is no text is no `OK` either.
        .flat_map(|value| value.to_str().unwrap_or("?").split([',', ';']))
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn printable(word: &str) -> String {
    word.chars()
        .take(40)
        .collect::<String>()
        .escape_debug()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(pairs: &[(&'static str, &str)]) -> Result<Login, Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        told(&headers)
    }

    #[test]
    fn f21_every_sign_of_a_refused_login_is_seen() {
        for signs in [
            vec![("x-seraph-loginreason", "AUTHENTICATED_FAILED")],
            vec![("X-Seraph-LoginReason", "OUT")],
            vec![
                ("x-seraph-loginreason", "OK"),
                ("x-seraph-loginreason", "AUTHORISATION_FAILED"),
            ],
            vec![("x-seraph-loginreason", "OK, AUTHENTICATED_FAILED")],
            vec![("x-ausername", "anonymous")],
            vec![("x-seraph-loginreason", "OK"), ("x-ausername", "Anonymous")],
        ] {
            let fault = judged(&signs).unwrap_err();
            assert_eq!(fault.class, FaultClass::Auth, "{signs:?}");
        }
        assert_eq!(judged(&[]), Ok(Login::Untold));
        assert_eq!(
            judged(&[("x-seraph-loginreason", "OK")]),
            Ok(Login::Held(None))
        );
        assert_eq!(
            judged(&[("x-ausername", "okrd-bot")]),
            Ok(Login::Held(Some("okrd-bot".into())))
        );
    }

    #[test]
    fn f18_a_captcha_is_told_from_a_wrong_password() {
        let fault = judged(&[
            ("x-seraph-loginreason", "AUTHENTICATION_DENIED"),
            (
                "x-authentication-denied-reason",
                "CAPTCHA_CHALLENGE; login-url=https://jira.acme.example/login.jsp",
            ),
        ])
        .unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth);
        assert!(
            fault.message.contains("CAPTCHA") && fault.help.contains("browser"),
            "{fault}"
        );
    }

    #[test]
    fn an_account_needs_an_identity_and_may_lack_a_zone() {
        let account = |value| serde_json::from_value::<Myself>(value).unwrap().account();
        let cloud =
            account(json!({"accountId":"5b1","displayName":"Ada","timeZone":"Europe/Berlin"}))
                .unwrap();
        assert_eq!(cloud.name, "Ada");
        assert_eq!(cloud.zone.unwrap().iana_name(), Some("Europe/Berlin"));
        let server = account(json!({"name":"okrd-bot","timeZone":"Atlantis/Centre"})).unwrap();
        assert_eq!((server.name.as_str(), server.zone), ("okrd-bot", None));
        assert_eq!(account(json!({"displayName":"Nobody"})), None);
    }
}
