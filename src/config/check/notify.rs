//! Channels through which people are told: from their tables to `NotifySpec`s, and what cannot work. Reaches none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use url::Url;

use super::daemon::{Zone, duration, named};
use super::source::{http, resolve, secret};
use super::suggest::nearest;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, quoted};
use crate::config::notify::{EmailSpec, NotifySpec, Security, Way};
use crate::config::quiet::Quiet;
use crate::config::schedule::{Schedule, show_duration};
use crate::config::secret::Setting;
use crate::config::spec::{Auth, Deployment, HttpSpec};
use crate::domain::goals::Team;
use crate::domain::id::Slug;

/// What a receiver answers is a few words.
const LONGEST_ANSWER: usize = 64 * 1024;
const USUAL_HOLD: Duration = Duration::from_secs(6 * 3600);
const LONGEST_HOLD: Duration = Duration::from_secs(7 * 86_400);

/// All of them.
pub(super) fn channels(
    roots: &[Table<'_>],
    zone: &Zone,
    teams: &BTreeMap<Slug, Team>,
    out: &mut Vec<Finding>,
) -> BTreeMap<Slug, NotifySpec> {
    let mut channels = BTreeMap::new();
    for (name, table) in named(roots, "notify", "channel", out) {
        let spec = channel(table, zone, teams, out);
        if let (Ok(name), Some(spec)) = (Slug::parse(name.value), spec) {
            channels.insert(name, spec);
        }
    }
    channels
}

fn channel(
    table: Table<'_>,
    zone: &Zone,
    teams: &BTreeMap<Slug, Team>,
    out: &mut Vec<Finding>,
) -> Option<NotifySpec> {
    let page = plain_url(table, "page", out);
    let only = only(table, teams, out);
    let company = table.flag("company").unwrap_or(only.is_none());
    let hold = hold(table, out);
    let quiet = quiet(table, zone, out);
    let (usual, kind) = match table.text("type")?.value {
        "email" => (&["digest"][..], "email"),
        "jira" => (&["status"][..], "jira"),
        other => (&["status", "digest"][..], other),
    };
    let what: Vec<&str> = table.texts("what").iter().map(|at| at.value).collect();
    let tells = |word| {
        let said = if table.has("what") { &what[..] } else { usual };
        said.contains(&word)
    };
    let digest = digest(table, zone, out);
    let way = match kind {
        "slack" => slack(table, out),
        "webhook" => webhook(table, out),
        "email" => email(table, out),
        "jira" => jira(table, page.as_deref(), out),
        _ => None,
    };
    Some(NotifySpec {
        way: way?,
        status: tells("status"),
        digest: digest.filter(|_| tells("digest")),
        teams: only,
        company,
        hold,
        quiet,
        page,
    })
}

/// The teams that are named, if any are.
fn only(
    table: Table<'_>,
    teams: &BTreeMap<Slug, Team>,
    out: &mut Vec<Finding>,
) -> Option<BTreeSet<Slug>> {
    if !table.has("teams") {
        return None;
    }
    let mut only = BTreeSet::new();
    for at in table.texts("teams") {
        let Ok(team) = Slug::parse(at.value) else {
            continue;
        };
        if !teams.contains_key(&team) {
            let finding = at.finding(
                Code::CfgRef,
                format!("no team is called {}", quoted(at.value)),
            );
            let known = teams.keys().map(Slug::as_str);
            let help = nearest(at.value, known).map_or_else(
                || format!("add [teams.{}], or name another", at.value),
                |near| format!("did you mean `{near}`?"),
            );
            out.push(finding.help(help));
        }
        only.insert(team);
    }
    Some(only)
}

fn hold(table: Table<'_>, out: &mut Vec<Finding>) -> Duration {
    let hold = duration(table, "hold").unwrap_or(USUAL_HOLD);
    if hold > LONGEST_HOLD
        && let Some(at) = table.get("hold")
    {
        let message = format!("`hold` is {}, expected at most 7d", show_duration(hold));
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write for example \"6h\""));
    }
    hold
}

fn quiet(table: Table<'_>, zone: &Zone, out: &mut Vec<Finding>) -> Quiet {
    let mut quiet = Quiet::never(zone.zone.clone());
    for at in table.texts("quiet") {
        if let Err(why) = quiet.add(at.value) {
            let finding = at.finding(Code::CfgValue, format!("{} {why}", quoted(at.value)));
            out.push(finding.help(
                "write hours such as \"20:00-07:00\", a day such as \"fri\", or \"weekends\"",
            ));
        }
    }
    // One week stands for all.
    if quiet.open_from(jiff::Timestamp::UNIX_EPOCH).is_none()
        && let Some(at) = table.get("quiet")
    {
        let finding = at.finding(
            Code::CfgValue,
            "it is always quiet: nothing would ever be sent",
        );
        out.push(finding.help("leave some hours of some day"));
    }
    quiet
}

fn digest(table: Table<'_>, zone: &Zone, out: &mut Vec<Finding>) -> Option<Schedule> {
    let usual = || Schedule::parse("0 9 * * 1", &zone.zone, &zone.name).ok();
    let Some(at) = table.text("digest") else {
        return usual();
    };
    let wrong = match Schedule::parse(at.value, &zone.zone, &zone.name) {
        Ok(cron @ Schedule::Cron(_)) => return Some(cron),
        Ok(Schedule::Every(_)) => "a digest comes at an hour, not at an interval".to_owned(),
        Err(error) => error.to_string(),
    };
    let finding = at.finding(Code::CfgValue, wrong);
    out.push(finding.help("write for example \"0 9 * * 1\": Mondays at nine"));
    usual()
}

/// An address that people or programs find something at.
fn plain_url(table: Table<'_>, key: &str, out: &mut Vec<Finding>) -> Option<String> {
    let at = table.text(key)?;
    let sound = Url::parse(at.value).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        let whole = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && whole
    });
    if sound.is_none() {
        let message = format!("`{key}` is no plain address");
        let finding = at.finding(Code::CfgValue, message).hidden();
        out.push(finding.help("write it as https://host/…, without user, query and fragment"));
        return None;
    }
    Some(at.value.trim_end_matches('/').to_owned())
}

fn slack(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Way> {
    let plain = |url: Setting, auth: Option<Auth>| HttpSpec {
        url,
        auth,
        headers: BTreeMap::new(),
        ca_file: table.text("ca_file").map(|at| resolve(&at)),
        max_body: LONGEST_ANSWER,
    };
    let of_bot = ["channel", "api"].iter().find_map(|key| table.key(key));
    match (table.table("webhook"), table.table("token")) {
        (Some(webhook), None) => {
            if let Some(at) = of_bot {
                let message = format!("`{}` goes with `token`, and this is a webhook", at.value);
                out.push(
                    at.finding(Code::CfgValue, message).help(
                        "remove it: a webhook posts into the one channel that it was made for",
                    ),
                );
            }
            Some(Way::SlackWebhook(plain(
                Setting::Secret(secret(webhook)?),
                None,
            )))
        }
        (None, Some(token)) => {
            let api =
                plain_url(table, "api", out).unwrap_or_else(|| "https://slack.com/api".into());
            let Some(channel) = table.text("channel") else {
                let finding =
                    table.finding(Code::CfgMissing, "a Slack bot lacks the key `channel`");
                out.push(
                    finding
                        .help("add `channel = \"#okrs\"`: where it posts what is of the company"),
                );
                return None;
            };
            slack_channel(&channel, out);
            let auth = Auth::Bearer {
                token: secret(token)?,
            };
            Some(Way::SlackBot {
                http: plain(Setting::Plain(api), Some(auth)),
                channel: channel.value.to_owned(),
            })
        }
        _ if table.has("webhook") == table.has("token") => {
            let finding = table.finding(
                Code::CfgMissing,
                "a channel of type slack needs either `webhook` or `token`",
            );
            out.push(finding.help("write `webhook = { file = \"slack.webhook\" }`, or `token = { file = \"slack.token\" }` with `channel`"));
            None
        }
        _ => None,
    }
}

/// Slack knows a channel by `#name` or by its id.
fn slack_channel(at: &At<'_, &str>, out: &mut Vec<Finding>) {
    let name = at.value.strip_prefix('#');
    let is_name = name.is_some_and(|n| !n.is_empty() && !n.contains([' ', '#', '<', '>']));
    let id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let is_id = at.value.starts_with(['C', 'G']) && at.value.len() > 5 && at.value.chars().all(id);
    if !(is_name || is_id) {
        let message = format!("{} is no Slack channel", quoted(at.value));
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write \"#name\", or its id such as \"C012AB3CD\""));
    }
}

fn webhook(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Way> {
    Some(Way::Webhook {
        http: HttpSpec {
            max_body: LONGEST_ANSWER,
            ..http(table, out)?
        },
        secret: table.table("secret").and_then(secret),
    })
}

fn email(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Way> {
    let security = match table.text("security").map(|at| at.value) {
        Some("tls") => Security::Tls,
        Some("none") => Security::None,
        _ => Security::StartTls,
    };
    let usual = match security {
        Security::StartTls => 587,
        Security::Tls => 465,
        Security::None => 25,
    };
    let port = port(table, usual, out);
    let auth = table.table("auth").and_then(super::source::auth);
    let login = table.key("auth");
    if let Some(at) = login {
        if security == Security::None {
            let finding = at.finding(
                Code::CfgValue,
                "a login over a connection that is not safe can be read by everybody on the way",
            );
            out.push(finding.help("set `security` to \"starttls\" or \"tls\", or remove `auth`"));
        } else if matches!(auth, Some(Auth::Bearer { .. })) {
            let finding = at.finding(
                Code::CfgMissing,
                "the login of an e-mail server lacks `user`",
            );
            out.push(finding.help("add `user`, usually the address"));
        }
    }
    let from = table.text("from")?;
    let to = table.texts("to");
    if to.is_empty()
        && let Some(at) = table.get("to")
    {
        let finding = at.finding(Code::CfgValue, "`to` names nobody");
        out.push(finding.help("write for example [\"all@acme.example\"]"));
    }
    for at in to.iter().chain([&from]) {
        address(at, out);
    }
    Some(Way::Email(EmailSpec {
        server: table.owned("server")?,
        port,
        security,
        auth,
        ca_file: table.text("ca_file").map(|at| resolve(&at)),
        from: from.value.to_owned(),
        to: to.iter().map(|at| at.value.to_owned()).collect(),
    }))
}

fn port(table: Table<'_>, usual: u16, out: &mut Vec<Finding>) -> u16 {
    let Some(at) = table.number("port") else {
        return usual;
    };
    let whole = (1.0..=65_535.0).contains(&at.value) && at.value.fract() == 0.0;
    if whole {
        return at.value as u16;
    }
    let message = format!(
        "`port` is {}, expected a whole number from 1 to 65535",
        at.value
    );
    out.push(
        at.finding(Code::CfgValue, message)
            .help("write for example 587"),
    );
    usual
}

/// Looks like an address, alone or in angle brackets behind a name.
fn address(at: &At<'_, &str>, out: &mut Vec<Finding>) {
    let text = at.value.trim();
    let bare = match text
        .strip_suffix('>')
        .and_then(|rest| rest.rsplit_once('<'))
    {
        Some((_, bare)) => bare,
        None => text,
    };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>,;".contains(c);
    let sound = bare.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.contains('@') && bare.chars().all(plain)
    });
    if !sound || text.chars().any(char::is_control) {
        let message = format!("{} is no e-mail address", quoted(at.value));
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write \"all@acme.example\" or \"Acme OKRs <okrd@acme.example>\""));
    }
}

fn jira(table: Table<'_>, page: Option<&str>, out: &mut Vec<Finding>) -> Option<Way> {
    let write = table.texts("write");
    let writes = |word| write.iter().find(|at| at.value == word);
    if let (Some(at), None) = (writes("link"), page) {
        let finding = at.finding(
            Code::CfgMissing,
            "a link needs `page`, the address it leads to",
        );
        out.push(
            finding.help("add `page = \"https://okrd.acme.example\"`, or write [\"comment\"]"),
        );
    }
    if write.is_empty()
        && let Some(at) = table.get("write")
    {
        let finding = at.finding(Code::CfgValue, "`write` names nothing that is written");
        out.push(finding.help("write [\"link\"], [\"comment\"] or both"));
    }
    Some(Way::Jira {
        http: HttpSpec {
            max_body: LONGEST_ANSWER,
            ..http(table, out)?
        },
        deployment: match table.text("deployment").map(|at| at.value) {
            Some("cloud") => Deployment::Cloud,
            Some("data_center") => Deployment::DataCenter,
            _ => Deployment::Auto,
        },
        link: writes("link").is_some(),
        comment: writes("comment").is_some(),
    })
}
