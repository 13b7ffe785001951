//! Messages in words for people, in the language of the company: a heading, what stands above it, paragraphs, where to
//! look. Knows no receiver and what it makes of them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::message::{InitiativeNote, KeyResultNote, Kind, Message, ObjectiveNote};
use crate::domain::status::Status;
use crate::words::Tongue;

/// A message to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// How it speaks, for what a receiver has to add.
    pub tongue: Tongue,
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

impl Part {
    /// Characters in all, with what stands between its texts.
    #[must_use]
    pub fn length(&self) -> usize {
        let texts = [&self.heading, &self.lead].into_iter();
        let texts = texts.chain(&self.paragraphs);
        // Paragraphs stand two lines apart.
        texts.map(|text| text.chars().count() + 2).sum()
    }
}

/// The message in words, instants in this zone.
#[must_use]
pub fn paper(message: &Message, zone: &TimeZone) -> Paper {
    let writer = Writer::of(message, zone);
    let t = writer.tongue;
    let parts = match message.kind {
        Kind::Test => vec![Part {
            heading: t.messages_come_through().to_owned(),
            lead: String::new(),
            paragraphs: vec![t.nothing_has_changed().to_owned()],
        }],
        kind => {
            let all = message.objectives.iter();
            all.map(|o| writer.objective(kind, o)).collect()
        }
    };
    Paper {
        tongue: t,
        subject: subject(t, message),
        above: message.vision.clone(),
        parts,
        below: t.stands_as_of(writer.instant(message.at)),
        page: message.page.clone(),
    }
}

fn subject(t: Tongue, message: &Message) -> String {
    let whom = message.team.as_deref().unwrap_or(&message.company);
    let of = |subject: String| match whom {
        "" => subject,
        whom => t.told_of(whom, subject),
    };
    match (message.kind, message.objectives.as_slice()) {
        (Kind::Digest, _) => {
            let part = message
                .part
                .map(|(n, all)| format!(" ({})", t.part_of(n, all)));
            of(t.how_we_stand().to_owned() + &part.unwrap_or_default())
        }
        (Kind::Test, _) => of(t.a_test().to_owned()),
        (Kind::Closed, [objective]) => t.has_closed(&objective.title),
        (_, [objective]) => match objective.key_results.as_slice() {
            [one] => t.one_changed(&objective.title, &one.title, t.turned(one.was, one.status)),
            several => t.several_changed(&objective.title, several.len()),
        },
        (_, several) => of(t.so_many_objectives(several.len())),
    }
}

struct Writer<'z> {
    tongue: Tongue,
    zone: &'z TimeZone,
    at: Timestamp,
}

impl<'z> Writer<'z> {
    fn of(message: &Message, zone: &'z TimeZone) -> Self {
        Self {
            tongue: Tongue::of(message.language),
            zone,
            at: message.at,
        }
    }

    fn objective(&self, kind: Kind, note: &ObjectiveNote) -> Part {
        let key_results = note.key_results.iter();
        let mut paragraphs: Vec<String> = key_results.map(|kr| self.key_result(kind, kr)).collect();
        let tried: Vec<String> = note
            .initiatives
            .iter()
            .map(|i| self.initiative(i))
            .collect();
        if !tried.is_empty() {
            paragraphs.push(self.tongue.tried(tried.join("\n")));
        }
        Part {
            heading: note.title.clone(),
            lead: self.lead(kind, note),
            paragraphs,
        }
    }

    /// Why it matters, whose it is, how it stands.
    fn lead(&self, kind: Kind, note: &ObjectiveNote) -> String {
        let t = self.tongue;
        let is_digest = kind == Kind::Digest;
        let team = note.team.clone().filter(|_| is_digest);
        let state = match (&note.ended, kind) {
            (Some(ended), Kind::Closed) => t.cycle_is_over(ended),
            _ => capital(t.stands(note.status)),
        };
        let score = note.progress.filter(|_| is_digest);
        let score = score.map(|share| t.score_so_far(t.tenths(share)));
        let parts: Vec<String> = team.into_iter().chain([state]).chain(score).collect();
        let why = note.why.as_ref().map(|why| format!("{why}\n"));
        why.unwrap_or_default() + &parts.join(" · ")
    }

    fn initiative(&self, note: &InitiativeNote) -> String {
        let t = self.tongue;
        let state = t.initiative(note.state).to_lowercase();
        match &note.learned {
            Some(learned) => t.tried_and_learned(&note.title, state, learned),
            None => t.tried_only(&note.title, state),
        }
    }

    fn key_result(&self, kind: Kind, note: &KeyResultNote) -> String {
        let t = self.tongue;
        let state = match (kind, &note.ended) {
            (Kind::Closed, Some(ended)) => t.ended_at(ended),
            _ => t.turned(note.was, note.status),
        };
        let new = if note.is_new { t.is_new() } else { "" };
        let since = (kind == Kind::Status).then(|| t.since_then(self.instant(note.since)));
        let first = t.key_result_line(&note.title, state, new, since.unwrap_or_default());
        let source = match note.source.as_str() {
            "manual" => t.by_people(),
            "formula" => t.by_formula(),
            source => source,
        };
        let last = self.value(note) + &t.agreed_and_measured(&note.goal, source);
        [first, note.reason.clone(), last].join("\n")
    }

    /// The number with its age.
    fn value(&self, note: &KeyResultNote) -> String {
        let t = self.tongue;
        let (Some(value), Some(as_of)) = (note.value, note.as_of) else {
            return t.no_number_yet().to_owned();
        };
        let quantity = t.quantity(value, &note.unit);
        let (instant, age) = (self.instant(as_of), t.ago(as_of, self.at));
        match note.status {
            Status::Stale => t.last_number_of(quantity, instant, age),
            _ => t.number_of(quantity, instant, age),
        }
    }

    fn instant(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        let zone = local.strftime("%Z");
        format!("{} {zone}", self.tongue.moment(local.datetime()))
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
