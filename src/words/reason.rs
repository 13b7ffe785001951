//! Why a key result has its status: one sentence for people, or two, of what the domain found to say.

use super::Tongue;
use super::phrase::phrases;
use crate::domain::card::KeyResultCard;
use crate::domain::fault::FaultClass;
use crate::domain::goals::Ambition;
use crate::domain::language::Language;
use crate::domain::reason::{Collected, End, InBand, Made, Place, Reason, Said};
use crate::domain::target::TargetError;
use crate::domain::verdict::Closing;

phrases! {
    cycle_begins(day) = "The cycle begins on {day}.", "De cyclus begint op {day}.";
    nothing_yet(failed) = "Nothing has been measured yet{failed}.", "Er is nog niets gemeten{failed}.";
    attempt_failed(class) = "; the newest attempt failed ({class})", "; de laatste poging mislukte ({class})";
    too_old(value, on, span, failed) = "The last value, {value}, dates from {on}, and a value counts for {span}{failed}.", "De laatste waarde, {value}, is van {on}, en een waarde geldt {span}{failed}.";
    collected_days(found, wanted) = "It was measured on {found} of the {wanted} days that make a baseline.", "Er is op {found} van de {wanted} dagen voor een nulmeting gemeten.";
    collected_enough(found, wanted) = "It was measured on {found} of the {wanted} days that make a baseline: enough for a baseline.", "Er is op {found} van de {wanted} dagen voor een nulmeting gemeten: genoeg voor een nulmeting.";
    first_is_baseline = "The first measurement of the cycle will be the baseline.", "De eerste meting van de cyclus wordt de startwaarde.";
    no_way_percentage(baseline) = "The baseline is {baseline}, of which a percentage leads nowhere; the target must be an absolute number.", "De startwaarde is {baseline}, en een percentage daarvan leidt nergens toe; het doel moet een absoluut getal zijn.";
    no_way_flat(baseline) = "The baseline is {baseline}, the same as the target, so there is no way to go.", "De startwaarde is {baseline} en gelijk aan het doel, dus er is geen weg te gaan.";
    no_way_number(baseline) = "The baseline is {baseline}, from which there is no target that can be told as a number.", "De startwaarde is {baseline}, en van daaruit is er geen doel dat in een getal te vatten is.";
    over_not_measured = "The cycle is over and nothing was measured.", "De cyclus is afgelopen en er is niets gemeten.";
    over_sentence(sentence) = "The cycle is over. {sentence}", "De cyclus is afgelopen. {sentence}";
    over_made(made) = "The cycle is over: {made}.", "De cyclus is afgelopen: {made}.";
    over_held(band, share, agreed) = "The cycle is over: the value was {band} for {share} of the known time, and {agreed} was agreed.", "De cyclus is afgelopen: de waarde was {share} van de bekende tijd {band}, en {agreed} was afgesproken.";
    over_unjudged(value) = "The cycle is over: {value} was measured, with nothing to judge it by.", "De cyclus is afgelopen: er is {value} gemeten, maar niets om dat aan af te meten.";
    score_is(outcome) = " Its score is {outcome}.", " De score is {outcome}.";
    score_is_and(outcome, advice) = " Its score is {outcome}: {advice}.", " De score is {outcome}: {advice}.";
    first_committed_is(outcome) = " As first committed it is {outcome}.", " Volgens de eerste afspraak is dat {outcome}.";
    once_outside(band) = "A value of this cycle lay outside the agreed band ({band}).", "Een waarde in deze cyclus lag buiten de afgesproken grenzen ({band}).";
    lies_within(value, band) = "{value} lies within the agreed band ({band})", "Met {value} ligt de waarde binnen de afgesproken grenzen ({band})";
    lies_outside(value, band) = "{value} lies outside the agreed band ({band})", "Met {value} ligt de waarde buiten de afgesproken grenzen ({band})";
    held_for(share) = ", which held for {share} of the known time", ", waar zij {share} van de bekende tijd binnen bleef";
    allowance_left(share) = "; {share} of the time allowed outside is left.", "; van de toegestane tijd erbuiten is {share} over.";
    allowance_spent = "; the time allowed outside is spent.", "; de toegestane tijd erbuiten is op.";
    milestones_made(done, of, share) = "{done} of {of} milestones are done, {share} by weight", "{done} van de {of} mijlpalen gehaald, {share} naar gewicht";
    not_so_yet = "it is not so yet", "het is nog niet zover";
    is_so = "it is so", "het is zover";
    further_away(value, from, to) = "{value} is further from the target of {to} than the baseline of {from}", "met {value} ligt de waarde verder van het doel ({to}) dan de startwaarde ({from})";
    way_made(value, share, from, to) = "{value} is {share} of the way from {from} to {to}", "{value} is {share} van de weg van {from} naar {to}";
    meets_target(value, target) = "{value} meets the target of {target}.", "Met {value} is het doel van {target} bereikt.";
    is_past_target(value, target) = "{value} is past the target of {target}.", "Met {value} is het doel van {target} gepasseerd.";
    too_safe = " With less than half of the cycle gone, the target may be too safe.", " Nog niet de helft van de cyclus is voorbij: het doel is misschien te voorzichtig.";
    too_early_cycle(made, planned) = "It is too early to tell: {made}, and {planned} of the cycle has passed.", "Het is nog te vroeg om iets te zeggen: {made}, en {planned} van de cyclus is voorbij.";
    too_early_plan(made, planned) = "It is too early to tell: {made}, and {planned} of the plan has passed.", "Het is nog te vroeg om iets te zeggen: {made}, en {planned} van het plan is voorbij.";
    as_planned(made, planned) = "{made}, as much as the plan expects by now, {planned}.", "{made}, precies wat het plan nu verwacht ({planned}).";
    behind_plan(made, points, planned) = "{made}, {points} behind the {planned} that the plan expects by now.", "{made}, {points} minder dan de {planned} die het plan nu verwacht.";
    ahead_of_plan(made, points, planned) = "{made}, {points} ahead of the {planned} that the plan expects by now.", "{made}, {points} meer dan de {planned} die het plan nu verwacht.";
    one_point = "1 point", "1 procentpunt";
    many_points(n) = "{n} points", "{n} procentpunt";
    paced_aspirational(made, expected) = "{made}; an aspirational objective is on pace at {expected} by now.", "{made}; een ambitieuze objective ligt nu op schema bij {expected}.";
    paced_committed(made, expected) = "{made}; a committed objective is on pace at {expected} by now.", "{made}; een toegezegde objective ligt nu op schema bij {expected}.";
    measured_differently_since(day, factor) = " It is measured differently since {day}; earlier figures are carried over by ×{factor}.", " Sinds {day} wordt er anders gemeten; eerdere cijfers zijn omgerekend met ×{factor}.";
    measured_differently_until(day) = " Measured differently until {day}; what was measured before is not compared.", " Tot {day} is er anders gemeten; wat daarvoor is gemeten, wordt niet vergeleken.";
}

impl Tongue {
    /// Why a card has its status. What was kept when its cycle was closed is told as it was kept, in the language in
    /// which it was; another tells it anew of the figures that were kept.
    #[must_use]
    pub fn reason(self, card: &KeyResultCard) -> String {
        self.why(&card.reason, &card.key_result.unit)
    }

    /// The same of a reason alone, with the unit of its numbers.
    #[must_use]
    pub fn why(self, reason: &Reason, unit: &str) -> String {
        let is_native = self.language() == Language::English || reason.said == Said::Nothing;
        if let Some(kept) = reason.kept.as_ref().filter(|_| is_native) {
            return kept.clone();
        }
        let mut text = Teller { tongue: self, unit }.said(&reason.said);
        if let Some((day, factor)) = reason.rebased {
            text += &self.measured_differently_since(self.day(day), self.number(factor));
        }
        if let Some(day) = reason.unlike_until {
            text += &self.measured_differently_until(self.day(day));
        }
        text
    }
}

/// A tongue that tells numbers of one unit.
struct Teller<'a> {
    tongue: Tongue,
    unit: &'a str,
}

impl Teller<'_> {
    fn said(&self, said: &Said) -> String {
        let t = self.tongue;
        match said {
            Said::Nothing => String::new(),
            Said::Begins(day) => t.cycle_begins(t.day(*day)),
            Said::NothingYet(failed) => t.nothing_yet(self.failed(*failed)),
            Said::TooOld {
                value,
                on,
                counts_for,
                failed,
            } => t.too_old(
                self.quantity(*value),
                t.moment(*on),
                t.span(*counts_for),
                self.failed(*failed),
            ),
            Said::Collected(collected) => self.collected(*collected),
            Said::FirstIsBaseline => t.first_is_baseline().to_owned(),
            Said::NoWay { baseline, error } => self.no_way(*baseline, *error),
            Said::Over {
                end,
                closing,
                ambition,
            } => self.end(end) + &self.closing(*closing, *ambition),
            Said::Band(band) => self.band(band),
            Said::Holding {
                place,
                compliance,
                left,
            } => self.holding(place, *compliance, *left),
            Said::Made(made) => capital(self.made(made) + "."),
            Said::AtTarget {
                value,
                target,
                strict,
                too_safe,
            } => {
                self.at_target(*value, *target, *strict) + if *too_safe { t.too_safe() } else { "" }
            }
            Said::TooEarly {
                made,
                planned,
                by_plan: true,
            } => t.too_early_plan(self.made(made), t.careful_percent(*planned)),
            Said::TooEarly { made, planned, .. } => {
                t.too_early_cycle(self.made(made), t.careful_percent(*planned))
            }
            Said::Gap { made, gap, planned } => self.gap(made, *gap, *planned),
            Said::Paced {
                made,
                ambition,
                expected,
            } => {
                let (made, expected) = (capital(self.made(made)), t.careful_percent(*expected));
                match ambition {
                    Ambition::Aspirational => t.paced_aspirational(made, expected),
                    Ambition::Committed => t.paced_committed(made, expected),
                }
            }
        }
    }

    /// That the target is met, or passed where that is what counts.
    fn at_target(&self, value: Option<f64>, target: Option<f64>, strict: bool) -> String {
        let (value, target) = (self.quantity(value), self.number(target));
        capital(if strict {
            self.tongue.is_past_target(value, target)
        } else {
            self.tongue.meets_target(value, target)
        })
    }

    /// How the newest attempt failed, as the end of a sentence; empty when it did not.
    fn failed(&self, class: Option<FaultClass>) -> String {
        let t = self.tongue;
        class.map_or_else(String::new, |class| t.attempt_failed(t.fault(class)))
    }

    fn collected(&self, collected: Collected) -> String {
        let t = self.tongue;
        let wanted = f64::from(collected.wanted);
        let (found, all) = (t.number(collected.found), t.number(wanted));
        if collected.found < wanted {
            t.collected_days(found, all)
        } else {
            t.collected_enough(found, all)
        }
    }

    fn no_way(&self, baseline: f64, error: TargetError) -> String {
        let baseline = self.quantity(Some(baseline));
        match error {
            TargetError::ShareOfNonPositive => self.tongue.no_way_percentage(baseline),
            TargetError::Flat => self.tongue.no_way_flat(baseline),
            TargetError::NotFinite => self.tongue.no_way_number(baseline),
        }
    }

    fn end(&self, end: &End) -> String {
        let t = self.tongue;
        match end {
            End::NotMeasured => t.over_not_measured().to_owned(),
            End::Collected(collected) => t.over_sentence(self.collected(*collected)),
            End::Band(band) => t.over_sentence(self.band(band)),
            End::Made(made) => t.over_made(self.made(made)),
            End::Held { hold, compliance } => t.over_held(
                t.hold(hold),
                t.careful_percent(*compliance),
                t.careful_percent(hold.compliance),
            ),
            End::Unjudged(value) => t.over_unjudged(self.quantity(*value)),
        }
    }

    /// What the score says, as a sentence of its own; and what it says as first committed, where that differs.
    fn closing(&self, closing: Option<Closing>, ambition: Ambition) -> String {
        let t = self.tongue;
        let Some(closing) = closing else {
            return String::new();
        };
        let found = closing.as_amended;
        let mut text = match (found.score, t.advice(found.verdict, ambition)) {
            (None, _) => String::new(),
            (Some(_), None) => t.score_is(t.outcome(found)),
            (Some(_), Some(advice)) => t.score_is_and(t.outcome(found), advice),
        };
        if let Some(first) = closing.committed_otherwise() {
            text += &t.first_committed_is(t.outcome(first));
        }
        text
    }

    /// A band that is judged by single values.
    fn band(&self, band: &InBand) -> String {
        match band {
            InBand::OnceOutside(hold) => self.tongue.once_outside(self.tongue.hold(hold)),
            InBand::Newest(place) => self.place(place) + ".",
        }
    }

    fn place(&self, place: &Place) -> String {
        let (value, band) = (self.quantity(place.value), self.tongue.hold(&place.hold));
        if place.inside {
            self.tongue.lies_within(value, band)
        } else {
            self.tongue.lies_outside(value, band)
        }
    }

    fn holding(&self, place: &Place, compliance: Option<f64>, left: Option<f64>) -> String {
        let t = self.tongue;
        let held =
            compliance.map_or_else(String::new, |share| t.held_for(t.careful_percent(share)));
        let allowance = left.map_or_else(
            || t.allowance_spent().to_owned(),
            |left| t.allowance_left(t.careful_percent(left)),
        );
        self.place(place) + &held + &allowance
    }

    /// "780 subscribers is 39% of the way from 640 to 1,000".
    fn made(&self, made: &Made) -> String {
        let t = self.tongue;
        match made {
            Made::Milestones { done, of, share } => {
                t.milestones_made(self.number(*done), of, t.careful_percent(*share))
            }
            Made::So(false) => t.not_so_yet().to_owned(),
            Made::So(true) => t.is_so().to_owned(),
            Made::Way {
                value,
                share,
                from,
                to,
            } => {
                let value = self.quantity(*value);
                let (from, to) = (self.number(*from), self.number(*to));
                if *share < 0.0 {
                    t.further_away(value, from, to)
                } else {
                    t.way_made(value, t.careful_percent(*share), from, to)
                }
            }
        }
    }

    /// Where it lies beside the plan, in points of the way.
    fn gap(&self, made: &Made, gap: f64, planned: f64) -> String {
        let t = self.tongue;
        let (made, planned) = (capital(self.made(made)), t.careful_percent(planned));
        let n = (100.0 * gap.abs()).round();
        if n < 1.0 {
            return t.as_planned(made, planned);
        }
        let points = if n > 1.0 {
            t.many_points(t.number(n))
        } else {
            t.one_point().to_owned()
        };
        if gap < 0.0 {
            t.behind_plan(made, points, planned)
        } else {
            t.ahead_of_plan(made, points, planned)
        }
    }

    fn number(&self, x: Option<f64>) -> String {
        x.map_or_else(String::new, |x| self.tongue.number(x))
    }

    /// A number with the unit.
    fn quantity(&self, value: Option<f64>) -> String {
        value.map_or_else(String::new, |value| {
            self.tongue.with_unit(&self.tongue.number(value), self.unit)
        })
    }
}

/// With a capital letter, where it begins a sentence.
fn capital(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => {
            first.to_ascii_uppercase().to_string() + chars.as_str()
        }
        _ => text,
    }
}
