//! Epochs: stretches of a key result that were measured by one and the same definition. Values of two epochs are not
//! compared, unless a rebase tells what both definitions gave at one instant: then what was agreed and measured before is
//! carried over by k = new / old, and progress stays what it was. Formulas: the OKR method, "What a definition change
//! means". Knows no file, no store and no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::amendment::{Amendment, Change, Step};
use super::goals::KeyResult;
use super::quality::Quality;
use super::rebase::Rebase;
use super::target::{Aim, Band, Baseline, Hold, Reach, Target};

/// What is known of the values that one definition of a key result gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The definition.
    pub definition: String,
    /// The instant of its earliest value.
    pub first: Timestamp,
    /// The instant of its newest value.
    pub last: Timestamp,
}

/// One value and the definition that gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The definition.
    pub definition: Arc<str>,
    /// The instant the number describes.
    pub as_of: Timestamp,
    /// The number as it was measured.
    pub value: f64,
    /// How it came about: `polled`, `backfilled`, `recorded` or `computed`.
    pub origin: &'static str,
    /// What is known against it.
    pub quality: Quality,
}

/// Everything that was measured of a key result in a stretch of time, by all its definitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// All its epochs, whether they reach into that stretch or not.
    pub epochs: Vec<Epoch>,
    /// The values of the stretch.
    pub values: Vec<Measured>,
}

/// Which definitions of a key result may be compared with the one in force, and by which factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The one in force with 1, then the earlier ones, the newest first.
    factors: Vec<(String, f64)>,
}

impl Comparison {
    /// What values of this definition are multiplied by; `None` when they are not compared.
    #[must_use]
    pub fn factor(&self, definition: &str) -> Option<f64> {
        let mut all = self.factors.iter();
        all.find(|(name, _)| name == definition).map(|(_, k)| *k)
    }

    /// Whether this is the definition in force.
    #[must_use]
    pub fn is_in_force(&self, definition: &str) -> bool {
        self.factors
            .first()
            .is_some_and(|(name, _)| name == definition)
    }

    /// The values that make one line, oldest first, each with its factor: those of the definition in force, and of earlier
    /// ones where no newer one measured the day; see [`Line`].
    #[must_use]
    pub fn line<'v>(&self, values: &'v [Measured], zone: &TimeZone) -> Vec<(&'v Measured, f64)> {
        self.line_of(values, |v| (&v.definition, v.as_of), zone)
    }

    /// The same of anything of which `what` tells the definition and the instant that it describes.
    pub fn line_of<'v, T>(
        &self,
        values: &'v [T],
        what: impl Fn(&T) -> (&str, Timestamp),
        zone: &TimeZone,
    ) -> Vec<(&'v T, f64)> {
        let mut line = Line::new(zone.clone());
        let mut joined = Vec::new();
        let as_of = |v: &T| what(v).1;
        for (definition, factor) in &self.factors {
            let of = values.iter().filter(|v| what(v).0 == *definition);
            let of: Vec<_> = of.filter(|v| line.takes(as_of(v))).collect();
            of.iter().for_each(|v| line.enter(as_of(v)));
            joined.extend(of.into_iter().map(|v| (v, *factor)));
        }
        joined.sort_by_key(|(v, _)| as_of(v));
        joined
    }
}

/// An earlier epoch whose values count in the present one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carried {
    /// Its place among those known.
    pub epoch: usize,
    /// What its values are multiplied by.
    pub factor: f64,
}

impl KeyResult {
    /// What its agreed numbers are multiplied by to stand in the units of the definition in force; 1 without a rebase.
    #[must_use]
    pub fn factor(&self) -> f64 {
        // In the order of `spliced`, so that bounds and values of the first epoch stay equal to the last digit.
        let factors = self.rebases.iter().rev().map(Rebase::factor);
        factors.fold(1.0, |all, k| all * k)
    }

    /// Which of the epochs `known` its rebases lead back to, the newest first. Without a rebase none, whatever is known.
    #[must_use]
    pub fn spliced(&self, known: &[Epoch]) -> Vec<Carried> {
        let mut spliced: Vec<Carried> = Vec::new();
        let mut factor = 1.0;
        // The end of the epoch that follows; `None` while any may come.
        let mut before = None;
        let mut lost = false;
        for rebase in self.rebases.iter().rev() {
            factor *= rebase.factor();
            let free = |place: &usize| {
                known
                    .get(*place)
                    .is_some_and(|epoch| epoch.definition != self.definition)
                    && spliced.iter().all(|carried| carried.epoch != *place)
            };
            let found = match &rebase.from {
                Some(from) => (0..known.len())
                    .filter(free)
                    .find(|place| names(from, known, *place)),
                // Of what stands before a gap nobody can tell which it is.
                None if lost => None,
                None => self.measured_last(known, before, free),
            };
            lost = found.is_none();
            if let Some(epoch) = found {
                spliced.push(Carried { epoch, factor });
                before = known.get(epoch).map(|epoch| epoch.last);
            }
        }
        spliced
    }

    /// What of the epochs `known` may be compared.
    #[must_use]
    pub fn comparison(&self, known: &[Epoch]) -> Comparison {
        let spliced = self.spliced(known).into_iter();
        let earlier = spliced.filter_map(|carried| {
            Some((known.get(carried.epoch)?.definition.clone(), carried.factor))
        });
        Comparison {
            factors: std::iter::once((self.definition.clone(), 1.0))
                .chain(earlier)
                .collect(),
        }
    }

    /// The epoch that was measured last, before that instant and among those that no rebase names.
    fn measured_last(
        &self,
        known: &[Epoch],
        before: Option<Timestamp>,
        free: impl Fn(&usize) -> bool,
    ) -> Option<usize> {
        let named = |place: usize| {
            let mut all = self.rebases.iter().filter_map(|r| r.from.as_deref());
            all.any(|from| names(from, known, place))
        };
        let last = |place: &usize| known.get(*place).map(|epoch| epoch.last);
        (0..known.len())
            .filter(free)
            .filter(|place| !named(*place))
            .filter(|place| before.is_none_or(|before| last(place) < Some(before)))
            .max_by_key(last)
    }

    /// Until when it was measured otherwise, by a definition whose values are not compared: `None` when nothing was
    /// measured before what is compared. `begins` is the start of its cycle.
    #[must_use]
    pub fn unlike_until(&self, known: &[Epoch], begins: Timestamp) -> Option<Timestamp> {
        let spliced = self.spliced(known);
        let is_compared = |place: usize| {
            let of = known.get(place).map(|epoch| &epoch.definition);
            of == Some(&self.definition) || spliced.iter().any(|carried| carried.epoch == place)
        };
        let places = || known.iter().enumerate();
        let compared = places().filter(|(place, _)| is_compared(*place));
        let since = compared.map(|(_, epoch)| epoch.first).min();
        places()
            .filter(|(place, epoch)| !is_compared(*place) && epoch.last >= begins)
            .filter(|(_, epoch)| since.is_none_or(|since| epoch.first < since))
            .map(|(_, epoch)| epoch.last)
            .max()
    }

    /// The same with all agreed numbers in the units of the definition in force: baseline, target, anchors, plan, band
    /// and what amendments say of them. A target relative to the baseline in percent stays as it is. `None` when a number
    /// would no longer be finite, or baseline and target no longer two.
    #[must_use]
    pub fn carried_over(&self) -> Option<Self> {
        if self.rebases.is_empty() {
            return Some(self.clone());
        }
        let k = Factor(self.factor());
        let plan = match &self.plan {
            Some(plan) => Some(plan.times(k.0)?),
            None => None,
        };
        let amendments = self.amendments.iter().map(|amendment| {
            Some(Amendment {
                change: k.change(&amendment.change)?,
                ..amendment.clone()
            })
        });
        let carried = Self {
            aim: k.aim(&self.aim)?,
            plan,
            amendments: amendments.collect::<Option<_>>()?,
            ..self.clone()
        };
        carried.leads_somewhere().then_some(carried)
    }

    fn leads_somewhere(&self) -> bool {
        match &self.aim {
            Aim::Reach(reach) => match reach.baseline {
                Baseline::Fixed(baseline) => reach.resolve(baseline).is_ok(),
                Baseline::First => true,
            },
            _ => true,
        }
    }
}

/// A key result that was carried over, with its numbers in the units of its first definition again, as the file has them.
#[must_use]
pub fn in_first_units(key_result: &KeyResult) -> KeyResult {
    let Some(last) = key_result.rebases.last() else {
        return key_result.clone();
    };
    let back = Rebase {
        old: key_result.factor(),
        new: 1.0,
        ..last.clone()
    };
    let turned = KeyResult {
        rebases: vec![back],
        ..key_result.clone()
    };
    turned.carried_over().unwrap_or_else(|| key_result.clone())
}

/// Whether the digits name this epoch.
fn names(from: &str, known: &[Epoch], place: usize) -> bool {
    known
        .get(place)
        .is_some_and(|epoch| epoch.definition.starts_with(from))
}

/// Carries numbers over. `None` for what is not finite.
#[derive(Clone, Copy)]
struct Factor(f64);

impl Factor {
    fn number(self, x: f64) -> Option<f64> {
        Some(x * self.0).filter(|x| x.is_finite())
    }

    fn pair(self, (a, b): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.number(a)?, self.number(b)?))
    }

    fn aim(self, aim: &Aim) -> Option<Aim> {
        Some(match aim {
            Aim::Reach(reach) => Aim::Reach(Reach {
                baseline: self.baseline(reach.baseline)?,
                target: self.target(reach.target)?,
                anchors: match &reach.anchors {
                    Some(anchors) => Some(anchors.times(self.0)?),
                    None => None,
                },
                strict: reach.strict,
            }),
            Aim::Hold(hold) => Aim::Hold(Hold {
                band: self.band(hold.band)?,
                ..*hold
            }),
            // No number of these has a unit.
            Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => aim.clone(),
        })
    }

    fn baseline(self, baseline: Baseline) -> Option<Baseline> {
        Some(match baseline {
            Baseline::Fixed(baseline) => Baseline::Fixed(self.number(baseline)?),
            Baseline::First => Baseline::First,
        })
    }

    fn target(self, target: Target) -> Option<Target> {
        Some(match target {
            Target::Absolute(target) => Target::Absolute(self.number(target)?),
            Target::Plus(delta) => Target::Plus(self.number(delta)?),
            Target::Share(share) => Target::Share(share),
        })
    }

    fn band(self, band: Band) -> Option<Band> {
        Some(match band {
            Band::AtLeast(low) => Band::AtLeast(self.number(low)?),
            Band::AtMost(high) => Band::AtMost(self.number(high)?),
            Band::Between(low, high) => Band::Between(self.number(low)?, self.number(high)?),
        })
    }

    fn change(self, change: &Change) -> Option<Change> {
        Some(match change {
            Change::Target(step) => Change::Target(both(step, |t| self.target(*t))?),
            Change::Baseline(step) => Change::Baseline(both(step, |b| self.baseline(*b))?),
            Change::AtMost(step) => Change::AtMost(both(step, |n| self.number(*n))?),
            Change::AtLeast(step) => Change::AtLeast(both(step, |n| self.number(*n))?),
            Change::Between(step) => Change::Between(both(step, |pair| self.pair(*pair))?),
            Change::Anchors(step) => Change::Anchors(both(step, |a| a.times(self.0))?),
            Change::BaselineDays(_)
            | Change::Strict(_)
            | Change::Compliance(_)
            | Change::Weight(_)
            | Change::Role(_) => change.clone(),
        })
    }
}

fn both<T>(step: &Step<T>, carry: impl Fn(&T) -> Option<T>) -> Option<Step<T>> {
    Some(Step {
        from: carry(&step.from)?,
        to: carry(&step.to)?,
    })
}

/// Decides which values of earlier epochs join a line: on a day that the line has measured already, those only that stand
/// before its first value of that day. So what a newer definition measured counts.
#[derive(Clone, Debug)]
pub struct Line {
    zone: TimeZone,
    /// The first value of each day.
    days: BTreeMap<Date, Timestamp>,
}

impl Line {
    /// A line without values; its days are those of this zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            days: BTreeMap::new(),
        }
    }

    /// Whether a value of an earlier epoch joins.
    #[must_use]
    pub fn takes(&self, at: Timestamp) -> bool {
        self.days.get(&self.day(at)).is_none_or(|first| at < *first)
    }

    /// Enters a value. Those of one epoch are asked for first and entered afterwards.
    pub fn enter(&mut self, at: Timestamp) {
        let first = self.days.entry(self.day(at)).or_insert(at);
        *first = at.min(*first);
    }

    fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anchors::Anchors;
    use crate::domain::card::KeyResultCard;
    use crate::domain::example::{at_most, day, key_result, quarter, reach, record};
    use crate::domain::goals::Ambition;
    use crate::domain::history::{Point, Record};
    use crate::domain::judge::judge;
    use crate::domain::plan::Plan;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn rebase(day: i8, old: f64, new: f64) -> Rebase {
        Rebase {
            date: date(2026, 2, day),
            old,
            new,
            at: None,
            from: None,
            reason: "R".into(),
            approved_by: "content team lead".into(),
        }
    }

    fn rebased(aim: Aim, rebases: Vec<Rebase>) -> KeyResult {
        KeyResult {
            rebases,
            definition: "c".repeat(16),
            ..key_result("more/visitors", "", aim)
        }
    }

    fn visitors() -> Aim {
        reach(Baseline::Fixed(48_000.0), Target::Absolute(72_000.0))
    }

    fn card(key_result: KeyResult, samples: &[(f64, f64)]) -> Arc<KeyResultCard> {
        let now = day(60.0);
        let kr = Arc::new(key_result);
        judge(
            &kr,
            Ambition::Aspirational.into(),
            &quarter(),
            Some(&record(samples)),
            now,
        )
    }

    /// The [V] row: b 48000, t 72000, old 57000, new 61000.
    #[test]
    fn a_rebase_matches_the_vector() {
        let before = card(rebased(visitors(), Vec::new()), &[(50.0, 57_000.0)]);
        let carried = rebased(visitors(), vec![rebase(12, 57_000.0, 61_000.0)]);
        let k = carried.factor();
        let after = card(carried.carried_over().unwrap(), &[(50.0, 61_000.0)]);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-4, "{a} {b}");
        assert!((k - 1.070_175_4).abs() < 1e-6, "{k}");
        close(after.baseline.unwrap(), 51_368.421_1);
        close(after.target.unwrap(), 77_052.631_6);
        for card in [before, after] {
            assert!((card.progress_raw.unwrap() - 0.375).abs() < 1e-9);
        }
    }

    fn epoch(letter: &str, first: f64, last: f64) -> Epoch {
        Epoch {
            definition: letter.repeat(16),
            first: day(first),
            last: day(last),
        }
    }

    fn from(letter: &str, rebase: Rebase) -> Rebase {
        Rebase {
            from: Some(letter.repeat(8)),
            ..rebase
        }
    }

    fn places(key_result: &KeyResult, known: &[Epoch]) -> Vec<(usize, f64)> {
        let spliced = key_result.spliced(known);
        spliced.iter().map(|c| (c.epoch, c.factor)).collect()
    }

    #[test]
    fn a_chain_leads_back_epoch_by_epoch() {
        let known = [
            epoch("a", 0.0, 20.0),
            epoch("b", 20.0, 40.0),
            epoch("c", 40.0, 60.0),
        ];
        let (first, second) = (rebase(1, 1.0, 2.0), rebase(9, 1.0, 10.0));
        let chain = |rebases: &[Rebase]| places(&rebased(visitors(), rebases.to_vec()), &known);
        assert_eq!(chain(&[]), []);
        assert_eq!(chain(std::slice::from_ref(&second)), [(1, 10.0)]);
        assert_eq!(
            chain(&[first.clone(), second.clone()]),
            [(1, 10.0), (0, 20.0)]
        );
        // B was a slip that nobody wants to splice.
        assert_eq!(chain(&[from("a", second.clone())]), [(0, 10.0)]);
        // A rebase never takes an epoch that another one names.
        let unknown = from("d", second.clone());
        assert_eq!(
            chain(&[from("b", first.clone()), second.clone()]),
            [(0, 10.0), (1, 20.0)]
        );
        // Before a gap only a name tells which epoch is meant.
        assert_eq!(chain(&[first.clone(), unknown.clone()]), []);
        assert_eq!(chain(&[from("b", first.clone()), unknown]), [(1, 20.0)]);
        // The definition in force is none of the earlier ones, though it was measured before them, too.
        let back = [epoch("c", 0.0, 60.0), epoch("b", 20.0, 40.0)];
        let kr = rebased(visitors(), vec![first.clone(), second]);
        assert_eq!(places(&kr, &back), [(1, 10.0)]);
        // With the first value still to come, the newest of the others is meant.
        assert_eq!(
            places(&rebased(visitors(), vec![first]), &known[..2]),
            [(1, 2.0)]
        );
    }

    #[test]
    fn what_was_measured_otherwise_before_is_known() {
        let known = [epoch("a", 0.0, 20.0), epoch("c", 20.0, 40.0)];
        let plain = rebased(visitors(), Vec::new());
        let spliced = rebased(visitors(), vec![rebase(1, 1.0, 2.0)]);
        assert_eq!(plain.unlike_until(&known, day(0.0)), Some(day(20.0)));
        assert_eq!(spliced.unlike_until(&known, day(0.0)), None);
        // Nothing is measured yet by the definition in force.
        assert_eq!(plain.unlike_until(&known[..1], day(0.0)), Some(day(20.0)));
        // Measured before the cycle, or while the definition in force had begun already: nothing is missing.
        assert_eq!(plain.unlike_until(&known, day(21.0)), None);
        let within = [epoch("b", 10.0, 20.0), epoch("c", 0.0, 40.0)];
        assert_eq!(plain.unlike_until(&within, day(0.0)), None);
        assert_eq!(plain.unlike_until(&[], day(0.0)), None);
    }

    #[test]
    fn the_newer_definition_counts_on_a_day_that_both_measured() {
        let mut line = Line::new(quarter().zone);
        line.enter(day(10.75));
        line.enter(day(10.5));
        line.enter(day(11.75));
        for (at, joins) in [
            (9.9, true),
            (10.25, true),
            (10.5, false),
            (10.6, false),
            (11.0, true),
            (12.0, true),
        ] {
            assert_eq!(line.takes(day(at)), joins, "{at}");
        }
    }

    #[test]
    fn what_was_agreed_first_is_carried_over_with_its_amendments() {
        let change = Change::Target(Step {
            from: Target::Absolute(72_000.0),
            to: Target::Share(0.25),
        });
        let kr = KeyResult {
            amendments: vec![Amendment {
                date: date(2026, 2, 20),
                change,
                reason: "R".into(),
                approved_by: "lead".into(),
            }],
            ..rebased(
                reach(Baseline::Fixed(48_000.0), Target::Share(0.25)),
                vec![rebase(12, 1.0, 2.0)],
            )
        };
        let carried = kr.carried_over().unwrap();
        let doubled = |target| reach(Baseline::Fixed(96_000.0), target);
        assert_eq!(carried.aim, doubled(Target::Share(0.25)));
        let first = carried.as_first_committed().unwrap();
        assert_eq!(first.aim, doubled(Target::Absolute(144_000.0)));
    }

    #[test]
    fn numbers_that_no_f64_holds_are_refused() {
        let huge = vec![rebase(1, 1e-300, 1.0)];
        let large = rebased(visitors(), huge.clone());
        assert!(large.carried_over().is_some());
        let far = reach(Baseline::Fixed(1.0), Target::Absolute(1e9));
        assert_eq!(rebased(far, huge.clone()).carried_over(), None);
        assert_eq!(rebased(at_most(1e9), huge).carried_over(), None);
        let tiny = vec![rebase(1, 1e300, 1.0), rebase(2, 1e300, 1.0)];
        assert_eq!(
            rebased(visitors(), tiny).carried_over(),
            None,
            "both become 0"
        );
    }

    fn aims() -> impl Strategy<Value = Aim> {
        let way = || (-1e6..1e6_f64, 1.0..1e6_f64, prop::bool::ANY);
        let way = move || way().prop_map(|(b, d, up)| (b, if up { b + d } else { b - d }));
        prop_oneof![
            way().prop_map(|(b, t)| reach(Baseline::Fixed(b), Target::Absolute(t))),
            way().prop_map(|(b, t)| reach(Baseline::Fixed(b), Target::Plus(t - b))),
            (1.0..1e6, 0.01..3.0).prop_map(|(b, s)| reach(Baseline::Fixed(b), Target::Share(s))),
            (-1e6..1e6).prop_map(|t| reach(Baseline::First, Target::Plus(t))),
            way().prop_map(|(b, t)| Aim::Reach(Reach {
                anchors: Anchors::new(&[(b, 0.0), (b + 0.3 * (t - b), 0.7), (t, 1.0)]).ok(),
                ..Reach::straight(b, Target::Absolute(t))
            })),
            (-1e6..1e6).prop_map(at_most),
            Just(Aim::Done),
            Just(Aim::Baseline(20)),
        ]
    }

    /// Samples on whole days, and the same carried over.
    fn samples() -> impl Strategy<Value = Vec<(f64, f64)>> {
        let days: Vec<f64> = (0..60).map(f64::from).collect();
        prop::sample::subsequence(days, 1..20).prop_flat_map(|days| {
            let count = days.len();
            prop::collection::vec(-1e6..1e6_f64, count)
                .prop_map(move |values| days.iter().copied().zip(values).collect())
        })
    }

    fn near(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
            (a, b) => a == b,
        }
    }

    proptest! {
        /// Whatever is aimed for and however often it was measured otherwise: with values and agreement carried over, every
        /// share stays what it was, and every number of a unit is multiplied.
        #[test]
        fn progress_stays_what_it_was(
            aim in aims(), samples in samples(), planned in prop::option::of(-1e6..1e6_f64),
            factors in prop::collection::vec((0.01..100.0_f64, 0.01..100.0_f64, prop::bool::ANY), 1..4),
        ) {
            let rebases: Vec<Rebase> = (1..).zip(&factors)
                .map(|(day, (old, new, minus))| {
                    let sign = if *minus { -1.0 } else { 1.0 };
                    rebase(day, sign * old, sign * new)
                })
                .collect();
            let plan = planned.filter(|_| matches!(aim, Aim::Reach(_)))
                .map(|due| Plan::new(vec![(day(30.0), due)]));
            let plain = KeyResult { plan, ..rebased(aim, Vec::new()) };
            let changed = KeyResult { rebases, ..plain.clone() };
            let k = changed.factor();
            // What is so or not has no units, and its rebase is a finding.
            let k_of_values = if matches!(plain.aim, Aim::Done) { 1.0 } else { k };
            let carried: Vec<(f64, f64)> = samples.iter().map(|(at, v)| (*at, v * k_of_values)).collect();
            let (before, after) = (card(plain, &samples), card(changed.carried_over().unwrap(), &carried));
            prop_assert!(near(before.progress_raw, after.progress_raw), "{before:?}\n{after:?}");
            prop_assert!(near(before.compliance, after.compliance));
            prop_assert!(near(before.expected_progress, after.expected_progress));
            prop_assert!(near(before.pace, after.pace));
            prop_assert_eq!(before.in_band, after.in_band);
            prop_assert!(near(before.target.filter(|_| k_of_values != 1.0).map(|t| t * k), after.target.filter(|_| k_of_values != 1.0)));
            let forecast = |card: &KeyResultCard| card.forecast.as_ref().ok().map(|f| f.progress);
            prop_assert!(near(forecast(&before), forecast(&after)));
        }

        /// Two changes in a row come to the same as one through both factors, and values of each epoch get its own.
        #[test]
        fn chains_compose(a in 0.01..100.0_f64, b in 0.01..100.0_f64, c in 0.01..100.0_f64) {
            let known = [epoch("a", 0.0, 20.0), epoch("b", 20.0, 40.0), epoch("c", 40.0, 60.0)];
            let twice = rebased(visitors(), vec![rebase(1, a, b), rebase(2, b, c)]);
            let once = rebased(visitors(), vec![from("a", rebase(2, a, c))]);
            let (twice_spliced, once_spliced) = (twice.spliced(&known), once.spliced(&known));
            let first = twice_spliced.last().unwrap();
            prop_assert_eq!(first.epoch, 0);
            prop_assert!((first.factor - twice.factor()).abs() < f64::EPSILON, "to the last digit");
            prop_assert!(near(Some(first.factor), Some(once_spliced[0].factor)));
            prop_assert!(near(Some(twice_spliced[0].factor), Some(c / b)));
        }

        /// What joins never displaces what the newer definition measured, and every day that it missed is filled.
        #[test]
        fn each_day_has_its_newest_definition(own in prop::collection::vec(0.0..30.0_f64, 0..20), old in prop::collection::vec(0.0..30.0_f64, 0..40)) {
            let mut line = Line::new(quarter().zone);
            own.iter().for_each(|at| line.enter(day(*at)));
            for at in old {
                let same_day = own.iter().filter(|o| o.floor() == at.floor());
                let earlier = same_day.clone().any(|o| day(*o) <= day(at));
                prop_assert_eq!(line.takes(day(at)), !earlier);
            }
        }
    }

    #[test]
    fn a_frozen_baseline_is_carried_over_with_its_series() {
        let aim = reach(Baseline::First, Target::Plus(100.0));
        let kr = rebased(aim, vec![rebase(12, 1.0, 2.0)])
            .carried_over()
            .unwrap();
        let known = Record {
            frozen: Some(Point {
                as_of: day(1.0),
                value: 2.0 * 50.0,
            }),
            ..record(&[(1.0, 100.0), (50.0, 150.0)])
        };
        let kr = Arc::new(kr);
        let card = judge(
            &kr,
            Ambition::Aspirational.into(),
            &quarter(),
            Some(&known),
            day(60.0),
        );
        assert_eq!((card.baseline, card.target), (Some(100.0), Some(300.0)));
        assert_eq!(card.progress_raw, Some(0.25));
    }
}
