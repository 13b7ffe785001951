//! News: what is worth telling of a scorecard to somebody who was told something before. A status is told once it has
//! stood for a while, so that what goes to and fro is not told each time; what follows from the calendar is not told at
//! all. That a number is too old is told as that, never as a fall. Pure; knows no channel.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::card::KeyResultCard;
use super::objective::ObjectiveCard;
use super::scorecard::Scorecard;
use super::status::Status;

/// What somebody was told last, by what it is of: `cycle:objective/key_result` or `cycle:objective`.
pub trait Told {
    /// The status that was told last; `None` when nothing ever was.
    fn status(&self, uid: &str) -> Option<Status>;
}

/// What a change of status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is judged otherwise.
    Judged,
    /// The target is met.
    Reached,
    /// The newest value has become too old to judge by.
    Stale,
    /// It is measured again.
    Back,
    /// The cycle is over: how it ended is final.
    Closed,
}

impl Turn {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Judged => "judged",
            Self::Reached => "reached",
            Self::Stale => "stale",
            Self::Back => "back",
            Self::Closed => "closed",
        }
    }

    /// What it means that a status became another; `None` where that is no news.
    #[must_use]
    pub fn of(from: Status, to: Status) -> Option<Self> {
        use Status::{
            AtRisk, AtTarget, Closed, Measuring, NoData, OffTrack, OnTrack, Pending, Stale,
            TooEarly,
        };
        match (from, to) {
            (a, b) if a == b => None,
            // A closed cycle that was made longer, a new definition, a cycle to come: the files say so.
            (Closed, _) | (_, Pending | NoData) => None,
            (_, Closed) => Some(Self::Closed),
            (_, Stale) => Some(Self::Stale),
            (_, AtTarget) => Some(Self::Reached),
            (Stale, _) => Some(Self::Back),
            (_, Measuring | TooEarly) => None,
            // As everybody expects of a cycle that has begun.
            (Pending | NoData | Measuring | TooEarly, OnTrack) => None,
            (_, OnTrack | AtRisk | OffTrack) => Some(Self::Judged),
        }
    }
}

/// A change that has stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The status that was told last.
    pub from: Status,
    /// The status of now.
    pub to: Status,
    /// Since when.
    pub since: Timestamp,
    /// What it means.
    pub turn: Turn,
}

/// What is new of one objective.
#[derive(Clone, Debug)]
pub struct News {
    /// The objective.
    pub objective: Arc<ObjectiveCard>,
    /// Its key results that changed, in order.
    pub changed: Vec<(Arc<KeyResultCard>, Change)>,
    /// That its cycle has closed.
    pub closed: Option<Change>,
}

/// All that is new, and what is to be remembered.
#[derive(Clone, Debug, Default)]
pub struct Edition {
    /// By objective, in order.
    pub news: Vec<News>,
    /// What counts as told from now on, with since when it stands: all that is in the news, and what is none.
    pub told: Vec<(String, Status, Timestamp)>,
    /// When something that has not stood long enough will have.
    pub next: Option<Timestamp>,
}

/// What is new at `now` of the objectives that are `wanted`, for whoever was `told`. A status counts when it has stood for
/// `hold`. What nothing was ever told of is no news.
#[must_use]
pub fn edition(
    card: &Scorecard,
    told: &impl Told,
    wanted: impl Fn(&ObjectiveCard) -> bool,
    hold: Duration,
    now: Timestamp,
) -> Edition {
    let mut edition = Edition::default();
    for objective in card.objectives.iter().filter(|card| wanted(card)) {
        let changed = objective.key_results.iter().filter_map(|kr| {
            let uid = kr.key_result.id.full();
            let stands = (kr.status, kr.status_since);
            let change = edition.change(uid, stands, told, hold, now)?;
            // How its cycle ended is told of the objective as a whole.
            (change.turn != Turn::Closed).then(|| (Arc::clone(kr), change))
        });
        let changed: Vec<_> = changed.collect();
        let closed = edition.closed(objective, told, now);
        if !changed.is_empty() || closed.is_some() {
            edition.news.push(News {
                objective: Arc::clone(objective),
                changed,
                closed,
            });
        }
    }
    edition
}

impl Edition {
    /// The change of one key result, if there is one and it has stood.
    fn change(
        &mut self,
        uid: String,
        (to, since): (Status, Timestamp),
        told: &impl Told,
        hold: Duration,
        now: Timestamp,
    ) -> Option<Change> {
        let Some(from) = told.status(&uid) else {
            self.told.push((uid, to, since));
            return None;
        };
        if from == to {
            return None;
        }
        let hold = SignedDuration::try_from(hold).unwrap_or(SignedDuration::MAX);
        let stood = since.checked_add(hold).unwrap_or(Timestamp::MAX);
        if stood > now {
            self.next = Some(self.next.map_or(stood, |next| next.min(stood)));
            return None;
        }
        self.told.push((uid, to, since));
        let turn = Turn::of(from, to)?;
        Some(Change {
            from,
            to,
            since,
            turn,
        })
    }

    /// That the cycle of an objective has closed since it was told of. Of objectives nothing else is remembered: what they
    /// are made of is told.
    fn closed(&mut self, card: &ObjectiveCard, told: &impl Told, now: Timestamp) -> Option<Change> {
        let uid = card.objective.id.full();
        let before = told.status(&uid);
        let is_closed = card.status == Status::Closed;
        if before.is_some_and(|before| is_closed == (before == Status::Closed)) {
            return None;
        }
        self.told.push((uid, card.status, now));
        let from = before.filter(|_| is_closed)?;
        Some(Change {
            from,
            to: card.status,
            since: now,
            turn: Turn::Closed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{day, goals, history, key_result, objective, reach};
    use crate::domain::scorecard::score;
    use crate::domain::target::{Baseline, Target};
    use std::collections::HashMap;

    impl Told for HashMap<String, Status> {
        fn status(&self, uid: &str) -> Option<Status> {
            self.get(uid).copied()
        }
    }

    /// One key result on its way from 0 to 100 that was measured so.
    fn card(samples: &[(f64, f64)], now: f64) -> Scorecard {
        let aim = reach(Baseline::Fixed(0.0), Target::Absolute(100.0));
        let goals = goals(vec![objective("more", vec![key_result("more/a", "", aim)])]);
        score(&goals, &history(&[("more/a", samples)]), day(now))
    }

    fn all(_: &ObjectiveCard) -> bool {
        true
    }

    /// What is told of a scorecard, and remembered.
    fn tell(
        card: &Scorecard,
        told: &mut HashMap<String, Status>,
        hold: f64,
    ) -> Vec<(Status, Status, Turn)> {
        let hold = Duration::from_secs_f64(hold * 86_400.0);
        let edition = edition(card, told, all, hold, card.at);
        told.extend(
            edition
                .told
                .into_iter()
                .map(|(uid, status, _)| (uid, status)),
        );
        let of = |news: &News| {
            let changes = news
                .changed
                .iter()
                .map(|(_, change)| *change)
                .chain(news.closed);
            changes.map(|c| (c.from, c.to, c.turn)).collect::<Vec<_>>()
        };
        edition.news.iter().flat_map(of).collect()
    }

    #[test]
    fn what_nothing_was_told_of_is_no_news_and_a_change_is_told_once() {
        let mut told = HashMap::new();
        assert_eq!(tell(&card(&[(40.0, 45.0)], 45.0), &mut told, 0.0), []);
        assert_eq!(told["2026-Q1:more/a"], Status::OnTrack);
        let fallen = card(&[(40.0, 45.0), (46.0, 5.0)], 47.0);
        let change = (Status::OnTrack, Status::OffTrack, Turn::Judged);
        assert_eq!(tell(&fallen, &mut told, 0.0), [change]);
        assert_eq!(tell(&fallen, &mut told, 0.0), []);
    }

    #[test]
    fn what_goes_to_and_fro_is_not_told() {
        let mut told = HashMap::from([("2026-Q1:more/a".to_owned(), Status::OnTrack)]);
        let mut card = card(&[(40.0, 45.0), (46.0, 5.0)], 47.0);
        let mut stand = |status, since: f64, now: f64| {
            let objective = Arc::make_mut(&mut card.objectives[0]);
            let kr = Arc::make_mut(&mut objective.key_results[0]);
            (kr.status, kr.status_since) = (status, day(since));
            card.at = day(now);
            let hold = Duration::from_secs(86_400);
            let next = edition(&card, &told, all, hold, card.at).next;
            (tell(&card, &mut told, 1.0).len(), next)
        };
        assert_eq!(stand(Status::OffTrack, 47.0, 47.0), (0, Some(day(48.0))));
        assert_eq!(stand(Status::OffTrack, 47.0, 47.9), (0, Some(day(48.0))));
        assert_eq!(stand(Status::OnTrack, 47.95, 47.95), (0, None));
        assert_eq!(stand(Status::OffTrack, 47.96, 48.5), (0, Some(day(48.96))));
        assert_eq!(stand(Status::OffTrack, 47.96, 48.96), (1, None));
        assert_eq!(stand(Status::OnTrack, 49.0, 50.0), (1, None));
    }

    #[test]
    fn each_change_of_status_means_one_thing_or_none() {
        use Status::*;
        let means = |from, to| Turn::of(from, to);
        assert_eq!(means(OnTrack, AtRisk), Some(Turn::Judged));
        assert_eq!(means(OffTrack, OnTrack), Some(Turn::Judged));
        assert_eq!(means(AtTarget, OnTrack), Some(Turn::Judged));
        assert_eq!(means(OnTrack, Stale), Some(Turn::Stale));
        assert_eq!(means(Stale, OffTrack), Some(Turn::Back));
        assert_eq!(means(Stale, TooEarly), Some(Turn::Back));
        assert_eq!(means(TooEarly, OnTrack), None);
        assert_eq!(means(TooEarly, OffTrack), Some(Turn::Judged));
        assert_eq!(means(NoData, AtTarget), Some(Turn::Reached));
        assert_eq!(means(OnTrack, NoData), None);
        for status in Status::ALL {
            assert_eq!(means(status, status), None);
            assert_eq!(means(Closed, status), None);
            assert_eq!(means(status, Pending), None);
            assert_eq!(means(status, Closed).is_some(), status != Closed);
        }
    }

    #[test]
    fn a_cycle_that_closes_is_told_of_the_objective_once() {
        let mut told = HashMap::new();
        let samples = &[(40.0, 45.0), (88.0, 80.0)];
        tell(&card(samples, 89.0), &mut told, 0.0);
        let closed = card(samples, 97.0);
        let news = tell(&closed, &mut told, 0.0);
        assert_eq!(news.len(), 1, "{news:?}");
        assert_eq!((news[0].1, news[0].2), (Status::Closed, Turn::Closed));
        assert_eq!(tell(&closed, &mut told, 0.0), []);
        // Who comes later is not told of what was over.
        assert_eq!(tell(&closed, &mut HashMap::new(), 0.0), []);
    }
}
