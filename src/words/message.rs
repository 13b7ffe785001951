//! The words of messages: what changed, how everything stands, where to look.

use super::Tongue;
use super::phrase::phrases;
use crate::domain::status::Status;

phrases! {
    stands_closed = "closed", "afgesloten";
    stands_pending = "not begun", "nog niet begonnen";
    stands_no_data = "without data yet", "nog zonder gegevens";
    stands_stale = "without a fresh number", "zonder actueel getal";
    stands_measuring = "collecting a baseline", "bezig met een nulmeting";
    stands_at_target = "at its target", "op het doel";
    stands_too_early = "too early to tell", "nog niet te beoordelen";
    stands_on_track = "on track", "op koers";
    stands_at_risk = "at risk", "in gevaar";
    stands_off_track = "off track", "niet op koers";
    no_fresh_number = "has no fresh number", "heeft geen actueel getal";
    has_reached_its_target = "has reached its target", "heeft het doel bereikt";
    is_measured_again(now) = "is measured again and is {now}", "wordt weer gemeten en is {now}";
    is_and_was(now, before) = "is {now}, was {before}", "is {now}, was {before}";
    is_so_now(now) = "is {now}", "is {now}";
    ended_at(outcome) = "ended at {outcome}", "eindigde op {outcome}";
    told_of(whom, subject) = "{whom}: {subject}", "{whom}: {subject}";
    how_we_stand = "how our objectives stand", "hoe onze objectives ervoor staan";
    a_test = "a test of okrd", "een test van okrd";
    has_closed(objective) = "{objective}: closed", "{objective}: afgesloten";
    one_changed(objective, title, turned) = "{objective}: {title} {turned}", "{objective}: {title} {turned}";
    several_changed(objective, n) = "{objective}: {n} key results changed", "{objective}: {n} key results zijn veranderd";
    so_many_objectives(n) = "{n} objectives", "{n} objectives";
    messages_come_through = "Messages of okrd come through", "Berichten van okrd komen aan";
    nothing_has_changed = "Somebody ran `okrd notify test`. Nothing has changed.", "Iemand heeft `okrd notify test` uitgevoerd. Er is niets veranderd.";
    stands_as_of(instant) = "As of {instant}", "Stand van {instant}";
    cycle_is_over(outcome) = "The cycle is over: {outcome}", "De cyclus is afgelopen: {outcome}";
    score_so_far(score) = "score {score} so far", "score {score} tot nu toe";
    key_result_line(title, turned, new, since) = "{title} {turned}{new}{since}.", "{title} {turned}{new}{since}.";
    is_new = " (new)", " (nieuw)";
    since_then(instant) = ", since {instant}", ", sinds {instant}";
    number_of(quantity, instant, ago) = "Number: {quantity}, of {instant}, {ago}. ", "Getal: {quantity}, van {instant}, {ago}. ";
    last_number_of(quantity, instant, ago) = "Last number: {quantity}, of {instant}, {ago}. ", "Laatste getal: {quantity}, van {instant}, {ago}. ";
    no_number_yet = "No number yet. ", "Nog geen getal. ";
    agreed_and_measured(goal, source) = "Agreed: {goal}. Measured by: {source}.", "Afgesproken: {goal}. Gemeten door: {source}.";
    by_people = "people", "mensen";
    by_formula = "a formula over other key results", "een formule over andere key results";
    tried(list) = "What we try:\n{list}", "Wat we proberen:\n{list}";
    tried_and_learned(title, state, learned) = "{title} ({state}): {learned}", "{title} ({state}): {learned}";
    tried_only(title, state) = "{title} ({state})", "{title} ({state})";
    more_than(low) = "more than {low}", "meer dan {low}";
    less_than(high) = "less than {high}", "minder dan {high}";
    open_okrd = "Open okrd", "Open okrd";
    is_meant_to_move = "is meant to move", "is gericht op";
    left_out = "… and more, for which there is no room here.", "… en meer, waarvoor hier geen plaats is.";
}

impl Tongue {
    /// A status within a sentence.
    #[must_use]
    pub fn stands(self, status: Status) -> &'static str {
        match status {
            Status::Closed => self.stands_closed(),
            Status::Pending => self.stands_pending(),
            Status::NoData => self.stands_no_data(),
            Status::Stale => self.stands_stale(),
            Status::Measuring => self.stands_measuring(),
            Status::AtTarget => self.stands_at_target(),
            Status::TooEarly => self.stands_too_early(),
            Status::OnTrack => self.stands_on_track(),
            Status::AtRisk => self.stands_at_risk(),
            Status::OffTrack => self.stands_off_track(),
        }
    }

    /// What became of a key result, as the end of a sentence; `was` is what was told of it before.
    #[must_use]
    pub fn turned(self, was: Option<Status>, now: Status) -> String {
        let stands = self.stands(now);
        match (was, now) {
            (_, Status::Stale) => self.no_fresh_number().to_owned(),
            (_, Status::AtTarget) => self.has_reached_its_target().to_owned(),
            (Some(Status::Stale), _) => self.is_measured_again(stands),
            (Some(was), _) => self.is_and_was(stands, self.stands(was)),
            (None, _) => self.is_so_now(stands),
        }
    }
}
