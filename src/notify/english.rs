//! Messages in words for people: a heading, what stands above it, paragraphs, where to look. Knows no receiver and what
//! it makes of them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::message::{KeyResultNote, Kind, Message, ObjectiveNote};
use crate::domain::number::show as number;
use crate::domain::status::Status;

/// A message to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// One line that says what it is.
    pub subject: String,
    /// The vision, which stands above all.
    pub above: Option<String>,
    /// In their order.
    pub parts: Vec<Part>,
    /// Where and when.
    pub below: String,
    /// Where more is to be seen.
    pub page: Option<String>,
}

/// A part of it: usually an objective.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its heading.
    pub heading: String,
    /// A line below it; may be empty.
    pub lead: String,
    /// Paragraphs, each of one or more lines.
    pub paragraphs: Vec<String>,
}

/// The message in words, instants in this zone.
#[must_use]
pub fn paper(message: &Message, zone: &TimeZone) -> Paper {
    let words = Words {
        zone,
        at: message.at,
    };
    let of = match (&message.team, message.company.as_str()) {
        (Some(team), _) => format!("{team}: "),
        (None, "") => String::new(),
        (None, company) => format!("{company}: "),
    };
    let parts = message.objectives.iter();
    let parts: Vec<Part> = parts.map(|o| words.objective(message.kind, o)).collect();
    let subject = match (message.kind, message.objectives.as_slice()) {
        (Kind::Digest, _) => {
            let part = message.part.map(|(n, of)| format!(" ({n} of {of})"));
            format!("{of}how our objectives stand{}", part.unwrap_or_default())
        }
        (Kind::Test, _) => format!("{of}a test of okrd"),
        (Kind::Closed, [objective]) => format!("{}: closed", objective.title),
        (_, [objective]) => match objective.key_results.as_slice() {
            [one] => format!("{}: {} {}", objective.title, one.title, turned(one)),
            several => format!("{}: {} key results changed", objective.title, several.len()),
        },
        (_, several) => format!("{of}{} objectives", several.len()),
    };
    Paper {
        subject,
        above: message.vision.clone(),
        parts: match message.kind {
            Kind::Test => vec![Part {
                heading: "Messages of okrd come through".into(),
                lead: String::new(),
                paragraphs: vec!["Somebody ran `okrd notify test`. Nothing has changed.".into()],
            }],
            _ => parts,
        },
        below: format!("As of {}", words.instant(message.at)),
        page: message.page.clone(),
    }
}

/// A status in a sentence.
#[must_use]
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Closed => "closed",
        Status::Pending => "not begun",
        Status::NoData => "without data yet",
        Status::Stale => "without a fresh number",
        Status::Measuring => "collecting a baseline",
        Status::AtTarget => "at its target",
        Status::TooEarly => "too early to tell",
        Status::OnTrack => "on track",
        Status::AtRisk => "at risk",
        Status::OffTrack => "off track",
    }
}

/// What became of a key result, as the end of a sentence.
fn turned(note: &KeyResultNote) -> String {
    let now = status(note.status);
    match (note.was, note.status) {
        (_, Status::Stale) => "has no fresh number".into(),
        (_, Status::AtTarget) => "has reached its target".into(),
        (Some(Status::Stale), _) => format!("is measured again and is {now}"),
        (Some(was), _) => format!("is {now}, was {}", status(was)),
        (None, _) => format!("is {now}"),
    }
}

struct Words<'z> {
    zone: &'z TimeZone,
    at: Timestamp,
}

impl Words<'_> {
    fn objective(&self, kind: Kind, note: &ObjectiveNote) -> Part {
        let mut lead = Vec::new();
        if let (Kind::Digest, Some(team)) = (kind, &note.team) {
            lead.push(team.clone());
        }
        match (&note.ended, kind) {
            (Some(ended), Kind::Closed) => lead.push(format!("The cycle is over: {ended}")),
            _ => lead.push(capital(status(note.status))),
        }
        if let (Some(share), Kind::Digest) = (note.progress, kind) {
            lead.push(format!("score {share:.1} so far"));
        }
        let mut lead = lead.join(" · ");
        if let Some(why) = &note.why {
            lead = format!("{why}\n{lead}");
        }
        let mut paragraphs: Vec<String> = note
            .key_results
            .iter()
            .map(|kr| self.key_result(kind, kr))
            .collect();
        let tried = note.initiatives.iter().map(|initiative| {
            let learned = initiative.learned.as_ref();
            let learned = learned.map(|learned| format!(": {learned}"));
            format!(
                "{} ({}){}",
                initiative.title,
                initiative.state,
                learned.unwrap_or_default()
            )
        });
        let tried = tried.collect::<Vec<_>>().join("\n");
        if !tried.is_empty() {
            paragraphs.push(format!("What we try:\n{tried}"));
        }
        Part {
            heading: note.title.clone(),
            lead,
            paragraphs,
        }
    }

    fn key_result(&self, kind: Kind, note: &KeyResultNote) -> String {
        let state = match (kind, &note.ended) {
            (Kind::Closed, Some(ended)) => format!("ended at {ended}"),
            _ => turned(note),
        };
        let new = if note.is_new { " (new)" } else { "" };
        let since = match kind {
            Kind::Status => format!(", since {}", self.instant(note.since)),
            _ => String::new(),
        };
        let mut lines = vec![
            format!("{} {state}{new}{since}.", note.title),
            note.reason.clone(),
        ];
        lines.push(format!(
            "{}Agreed: {}. Measured by: {}.",
            self.value(note),
            note.goal,
            note.source
        ));
        lines.join("\n")
    }

    /// The number with its age.
    fn value(&self, note: &KeyResultNote) -> String {
        let (Some(value), Some(as_of)) = (note.value, note.as_of) else {
            return "No number yet. ".into();
        };
        let unit = match note.unit.as_str() {
            "" => String::new(),
            unit => format!("\u{a0}{unit}"),
        };
        let last = if note.status == Status::Stale {
            "Last number"
        } else {
            "Number"
        };
        format!(
            "{last}: {}{unit}, of {}, {}. ",
            number(value),
            self.instant(as_of),
            age(as_of, self.at)
        )
    }

    fn instant(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        local.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}

/// How old a number was when the message was made, roughly.
fn age(as_of: Timestamp, at: Timestamp) -> String {
    match at.as_second().saturating_sub(as_of.as_second()) {
        ..120 => "just measured".into(),
        s @ 120..7_200 => format!("{} min old", s / 60),
        s @ 7_200..172_800 => format!("{} h old", s / 3_600),
        s => format!("{} days old", s / 86_400),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
