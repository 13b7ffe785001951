//! Where an initiative is talked about: its Jira issue and further links. A link is shown to whoever reads, so it may
//! hold no login; what holds one is never quoted.

use url::Url;

use super::table::{At, Table};
use crate::config::finding::{Code, Finding};
use crate::config::login::is_login;
use crate::domain::link::{Link, LinkError};

/// The links that are sound.
pub(super) fn links(table: Table<'_>, out: &mut Vec<Finding>) -> Vec<Link> {
    let mut links = Vec::new();
    for at in table.texts("links") {
        match Link::parse(at.value) {
            Ok(_) if logs_in(at.value) => out.push(login(&at)),
            Ok(link) => links.push(link),
            Err(LinkError::Login) => out.push(login(&at)),
            Err(error) => out.push(no_link(&at, error)),
        }
    }
    links
}

/// Whether a parameter of a link is a password or its like.
fn logs_in(text: &str) -> bool {
    let url = Url::parse(text);
    url.is_ok_and(|url| url.query_pairs().any(|(name, _)| is_login(&name)))
}

fn login(at: &At<'_, &str>) -> Finding {
    let finding = at.finding(
        Code::SrcSecret,
        "a link of an initiative holds a login, and links are shown",
    );
    let finding = finding.hidden().label("a login");
    finding.help("write the link without it; change the login if it was ever committed")
}

fn no_link(at: &At<'_, &str>, error: LinkError) -> Finding {
    let why = match error {
        LinkError::Scheme => "begins with something else than https:// or http://",
        LinkError::Host => "names no host",
        LinkError::Character => "holds a space, a quote or another sign that links have not",
        LinkError::Login => "holds a login",
    };
    // Whatever stands in front of a colon may be a password's neighbour, so that none is quoted.
    let finding = at.finding(
        Code::CfgValue,
        format!("`links` in an initiative: a link {why}"),
    );
    let finding = finding.hidden().label("no link");
    finding.help("write for example \"https://wiki.acme.example/letter\"")
}

/// The key of a Jira issue, `CONT-12`.
pub(super) fn issue(table: Table<'_>, out: &mut Vec<Finding>) -> Option<String> {
    let at = table.text("jira")?;
    let is_key = at.value.rsplit_once('-').is_some_and(|(project, number)| {
        let inner = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        project.starts_with(|c: char| c.is_ascii_uppercase())
            && project.chars().all(inner)
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    });
    if !is_key && !at.value.trim().is_empty() {
        // It may be an address with a login in it, so it is not quoted.
        let message = "`jira` in an initiative is not the key of an issue";
        let finding = at.finding(Code::CfgValue, message).label("no key");
        out.push(
            finding.help("write the key alone, such as \"CONT-12\"; addresses belong into `links`"),
        );
        return None;
    }
    Some(at.value.to_owned())
}
