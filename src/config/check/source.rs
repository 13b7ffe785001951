//! Sources: from their tables to `SourceSpec`s, and what must not stand in them. Reaches no source.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use url::Url;

use super::daemon::twice;
use super::preset;
use super::rules::parse_size;
use super::shape::{literal_secret, speakable};
use super::table::{At, Table};
use crate::config::finding::{Code, Finding};
use crate::config::keys;
use crate::config::keys::source::LATER;
use crate::config::login::{is_credential, is_login};
use crate::config::secret::{SecretRef, Setting};
use crate::config::spec::{Auth, Deployment, HttpSpec, Limits, SourceSpec};

/// Reads one source; `None` when something essential is missing.
pub(super) fn source(table: Table<'_>, store: &Path, out: &mut Vec<Finding>) -> Option<SourceSpec> {
    let kind = table.text("type").map_or("", |at| at.value);
    Some(match kind {
        "sqlite" => sqlite(table, store, out)?,
        "postgres" => SourceSpec::Postgres {
            url: database_url(table, &["postgres", "postgresql"], out)?,
        },
        "mysql" => SourceSpec::Mysql {
            url: database_url(table, &["mysql", "mariadb"], out)?,
        },
        "jira" => SourceSpec::Jira {
            http: http(table, out)?,
            deployment: match table.text("deployment").map(|at| at.value) {
                Some("cloud") => Deployment::Cloud,
                Some("data_center") => Deployment::DataCenter,
                _ => Deployment::Auto,
            },
        },
        "http" => SourceSpec::Http(http(table, out)?),
        _ if keys::source::of_type(kind).is_some() => SourceSpec::Preset {
            http: http(table, out)?,
            preset: preset::preset(table, kind, out)?,
        },
        _ => {
            if !LATER.contains(&kind) {
                untyped(table, out);
            }
            return None;
        }
    })
}

/// How often a source may be asked, as far as its table says so.
pub(super) fn limits(table: Table<'_>, out: &mut Vec<Finding>) -> Limits {
    Limits {
        max_in_flight: whole(table, "max_in_flight", 64, "4", out).map(|n| n as usize),
        per_minute: whole(table, "per_minute", 60_000, "60", out),
    }
}

/// A whole number from 1 up.
fn whole(
    table: Table<'_>,
    key: &'static str,
    most: u32,
    such_as: &str,
    out: &mut Vec<Finding>,
) -> Option<u32> {
    let at = table.number(key)?;
    let found = (1..=most).contains(&(at.value as u32)) && at.value.fract() == 0.0;
    if !found || at.value > f64::from(most) {
        let message = format!(
            "`{key}` is {}, expected a whole number from 1 to {most}",
            at.value
        );
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help(format!("write for example {such_as}")));
        return None;
    }
    Some(at.value as u32)
}

/// What can be said of a source all the same whose type has its finding.
fn untyped(table: Table<'_>, out: &mut Vec<Finding>) {
    const SCHEMES: [&str; 6] = [
        "https",
        "http",
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
    ];
    settings(table, "headers", out);
    let Some(at) = table.text("url") else { return };
    if parse_url(&at, &SCHEMES, out).is_some_and(|url| logs_in(&url)) {
        out.push(literal_secret(&at, "url"));
    }
}

/// Whether a URL holds a password or its like.
fn logs_in(url: &Url) -> bool {
    url.password().is_some() || url.query_pairs().any(|(name, _)| is_login(&name))
}

fn sqlite(table: Table<'_>, store: &Path, out: &mut Vec<Finding>) -> Option<SourceSpec> {
    let at = table.text("path")?;
    let path = resolve(&at);
    if plain(&path) == plain(store) {
        let finding = at.finding(
            Code::CfgValue,
            "the source is the file that okrd keeps its own measurements in",
        );
        out.push(
            finding
                .label("okrd's own store")
                .help("name the database of the system that is measured"),
        );
    }
    Some(SourceSpec::Sqlite { path })
}

/// A path as it was written, made absolute from the folder of the file that names it.
pub(super) fn resolve(at: &At<'_, &str>) -> PathBuf {
    at.file.folder().join(at.value)
}

/// The path without `.` and `..`, to compare by.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// A place where a secret is kept, from its table.
pub(super) fn secret(table: Table<'_>) -> Option<SecretRef> {
    if let Some(name) = table.owned("env") {
        return Some(SecretRef::Env(name));
    }
    if let Some(at) = table.text("file") {
        return Some(SecretRef::File(resolve(&at)));
    }
    table.owned("credential").map(SecretRef::Credential)
}

/// A database's URL: kept elsewhere, or plain without a password.
fn database_url(table: Table<'_>, schemes: &[&str], out: &mut Vec<Finding>) -> Option<Setting> {
    if let Some(kept) = table.table("url") {
        return secret(kept).map(Setting::Secret);
    }
    let at = table.text("url")?;
    let url = parse_url(&at, schemes, out)?;
    if logs_in(&url) {
        out.push(literal_secret(&at, "url"));
    }
    Some(Setting::Plain(at.value.to_owned()))
}

/// Parses a literal URL of one of these schemes.
fn parse_url(at: &At<'_, &str>, schemes: &[&str], out: &mut Vec<Finding>) -> Option<Url> {
    // Whatever is wrong with it, a URL may hold a password: it is never quoted.
    let mut wrong = |why: String| {
        let finding = at.finding(Code::CfgValue, format!("`url` {why}")).hidden();
        out.push(finding.help(format!(
            "write it as {}://host/…",
            schemes.first().unwrap_or(&"https")
        )));
    };
    let url = match Url::parse(at.value) {
        Ok(url) => url,
        Err(e) => {
            wrong(format!("is not a URL: {e}"));
            return None;
        }
    };
    if !schemes.contains(&url.scheme()) {
        // A password with a colon in front of it is a scheme, too.
        wrong(format!(
            "has another scheme, expected {}",
            schemes.join(" or ")
        ));
        return None;
    }
    // PostgreSQL's socket is named by a parameter: `postgres:///crm?host=/var/run/postgresql`.
    let socket = |(name, value): (Cow<'_, str>, Cow<'_, str>)| name == "host" && !value.is_empty();
    let has_socket = url.scheme().starts_with("postgres") && url.query_pairs().any(socket);
    if url.host_str().is_none_or(str::is_empty) && !has_socket {
        wrong("names no host".into());
        return None;
    }
    Some(url)
}

/// How to reach whoever speaks HTTP.
pub(super) fn http(table: Table<'_>, out: &mut Vec<Finding>) -> Option<HttpSpec> {
    let auth = table.table("auth").and_then(auth);
    let headers = settings(table, "headers", out);
    one_login(table, out);
    let ca_file = table.text("ca_file").map(|at| resolve(&at));
    let max_body = table.text("max_body").and_then(|at| parse_size(at.value));
    Some(HttpSpec {
        url: http_url(table, out)?,
        auth,
        headers,
        ca_file,
        max_body: max_body.unwrap_or(HttpSpec::DEFAULT_MAX_BODY),
    })
}

/// A login that is set twice: servers take either, or refuse both.
fn one_login(table: Table<'_>, out: &mut Vec<Finding>) {
    let entries = table.table("headers").map(|t| t.entries());
    for (name, _) in entries.unwrap_or_default() {
        if table.has("auth") && name.value.eq_ignore_ascii_case("authorization") {
            let message = format!("header `{}` is set by `auth` too", speakable(name.value));
            out.push(
                name.finding(Code::CfgValue, message)
                    .help("keep one of them"),
            );
        }
    }
}

fn http_url(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Setting> {
    if let Some(kept) = table.table("url") {
        return secret(kept).map(Setting::Secret);
    }
    let at = table.text("url")?;
    let url = parse_url(&at, &["https", "http"], out)?;
    if logs_in(&url) {
        out.push(literal_secret(&at, "url"));
        return None;
    }
    let extra = [
        (!url.username().is_empty(), "a user", "use `auth`"),
        (
            url.query().is_some(),
            "a query",
            "use `query` of the measure",
        ),
        (
            url.fragment().is_some(),
            "a fragment",
            "remove what follows `#`",
        ),
    ];
    for (_, what, help) in extra.into_iter().filter(|(there, ..)| *there) {
        let finding = at.finding(
            Code::CfgValue,
            format!("`url` holds {what}, expected only the base of the address"),
        );
        out.push(finding.hidden().help(help));
    }
    Some(Setting::Plain(at.value.trim_end_matches('/').to_owned()))
}

/// How to log in.
pub(super) fn auth(table: Table<'_>) -> Option<Auth> {
    let token = table.table("token").and_then(secret)?;
    Some(match table.owned("user") {
        Some(user) => Auth::Basic { user, token },
        None => Auth::Bearer { token },
    })
}

/// A table of settings; those whose name says that they log in must be kept elsewhere.
pub(super) fn settings(
    table: Table<'_>,
    key: &str,
    out: &mut Vec<Finding>,
) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let entries = table.table(key).map(|t| t.entries()).unwrap_or_default();
    if key == "headers" {
        headers(&entries, out);
    }
    for (name, at) in entries {
        let setting = match at.table() {
            Some(kept) => secret(kept).map(Setting::Secret),
            None => plain_text(&at).map(Setting::Plain),
        };
        let Some(setting) = setting else { continue };
        if let Setting::Plain(text) = &setting {
            if is_login(name.value) || is_credential(text) {
                out.push(literal_secret(&at, speakable(name.value)));
            } else if key == "headers" && text.contains(|c: char| c.is_control() && c != '\t') {
                let finding = at.finding(
                    Code::CfgValue,
                    format!("header `{}` holds a line break", speakable(name.value)),
                );
                out.push(finding.help("write the value on one line"));
            }
        }
        settings.insert(name.value.to_owned(), setting);
    }
    settings
}

/// Headers that okrd sets itself, and names that are one for HTTP, which knows no case.
fn headers(entries: &[(At<'_, &str>, At<'_, &toml::de::DeValue<'_>>)], out: &mut Vec<Finding>) {
    const OWN: [&str; 7] = [
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "transfer-encoding",
        "upgrade",
    ];
    let mut first: BTreeMap<String, &At<'_, &str>> = BTreeMap::new();
    for (name, _) in entries {
        let plain = name.value.to_ascii_lowercase();
        if OWN.contains(&plain.as_str()) {
            let message = format!("header `{plain}` is okrd's own affair");
            out.push(
                name.finding(Code::CfgValue, message)
                    .help("remove it; it follows from the request"),
            );
        }
        if let Some(first) = first.get(&plain) {
            let what = format!("header `{}`", speakable(name.value));
            out.push(twice(name, first, &what));
        } else {
            first.insert(plain, name);
        }
    }
}

fn plain_text(at: &At<'_, &toml::de::DeValue<'_>>) -> Option<String> {
    if let Some(text) = at.value.as_str() {
        return Some(text.to_owned());
    }
    if let Some(flag) = at.value.as_bool() {
        return Some(flag.to_string());
    }
    super::table::number(at.value)
        .filter(|n| n.is_finite())
        .map(|n| n.to_string())
}
