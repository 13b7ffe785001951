//! What becomes of messages to people, by channel: sent, not taken, given up, waiting. Each series that can be foreseen
//! exists from the start, with 0. Knows no message, and no more of a channel than its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::names::{self, Metric};
use super::scorecard::{seconds, whole};
use super::writer::{Family, Labels, Value};
use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;

/// Why a message may not be taken.
const REASONS: [FaultClass; 14] = [
    FaultClass::Net,
    FaultClass::Dns,
    FaultClass::Tls,
    FaultClass::Timeout,
    FaultClass::Http4xx,
    FaultClass::Auth,
    FaultClass::RateLimited,
    FaultClass::Http5xx,
    FaultClass::Redirect,
    FaultClass::TooLarge,
    FaultClass::BadType,
    FaultClass::BadBody,
    FaultClass::Config,
    FaultClass::Internal,
];

/// All channels.
#[derive(Debug, Default)]
pub(super) struct Tellings(Mutex<BTreeMap<Slug, Telling>>);

/// What became of the messages of one channel.
#[derive(Debug, Default)]
struct Telling {
    up: Option<bool>,
    sent: usize,
    failures: BTreeMap<FaultClass, usize>,
    dropped: usize,
    waiting: usize,
    oldest: Option<Timestamp>,
    suspended: bool,
}

impl Tellings {
    /// These are the channels.
    pub(super) fn know(&self, names: &BTreeSet<Slug>) {
        let mut all = self.all();
        all.retain(|name, _| names.contains(name));
        for name in names {
            all.entry(name.clone()).or_default();
        }
    }

    /// A message was acknowledged.
    pub(super) fn sent(&self, name: &Slug) {
        self.of(name, |telling| {
            telling.sent += 1;
            telling.up = Some(true);
        });
    }

    /// A message was not taken.
    pub(super) fn failed(&self, name: &Slug, class: FaultClass) {
        self.of(name, |telling| {
            *telling.failures.entry(class).or_default() += 1;
            telling.up = Some(false);
        });
    }

    /// A message was given up.
    pub(super) fn dropped(&self, name: &Slug) {
        self.of(name, |telling| telling.dropped += 1);
    }

    /// How many wait, since when the oldest, and whether somebody must act.
    pub(super) fn stands(
        &self,
        name: &Slug,
        waiting: usize,
        oldest: Option<Timestamp>,
        suspended: bool,
    ) {
        self.of(name, |telling| {
            (telling.waiting, telling.oldest, telling.suspended) = (waiting, oldest, suspended);
        });
    }

    /// A channel that was dropped meanwhile does not come back by its last message.
    fn of(&self, name: &Slug, note: impl FnOnce(&mut Telling)) {
        if let Some(telling) = self.all().get_mut(name) {
            note(telling);
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Slug, Telling>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it as families.
    pub(super) fn families(&self) -> Vec<Family> {
        let all = self.all();
        let family = |metric: &'static Metric, value: fn(&Telling) -> Option<f64>| {
            let samples = all.iter().filter_map(|(name, telling)| {
                let labels = Labels::new([("notify", name.as_str().to_owned())]);
                Some((Arc::new(labels), Value::Number(value(telling)?)))
            });
            Family::new(metric, samples)
        };
        let failures = all.iter().flat_map(|(name, telling)| {
            REASONS.iter().map(move |class| {
                let labels = Labels::new([
                    ("notify", name.as_str().to_owned()),
                    ("reason", class.as_str().to_owned()),
                ]);
                let count = telling.failures.get(class).copied().unwrap_or_default();
                (Arc::new(labels), Value::Number(whole(count)))
            })
        });
        vec![
            family(&names::NOTIFY_UP, |t| {
                t.up.map(|up| f64::from(u8::from(up)))
            }),
            family(&names::NOTIFY_SENT, |t| Some(whole(t.sent))),
            Family::new(&names::NOTIFY_FAILURES, failures),
            family(&names::NOTIFY_DROPPED, |t| Some(whole(t.dropped))),
            family(&names::NOTIFY_WAITING, |t| Some(whole(t.waiting))),
            family(&names::NOTIFY_OLDEST_WAITING, |t| {
                t.oldest.and_then(seconds)
            }),
            family(&names::NOTIFY_SUSPENDED, |t| {
                Some(f64::from(u8::from(t.suspended)))
            }),
        ]
    }
}
