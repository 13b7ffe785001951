//! The words of reports and of the slides for a meeting.

use super::Tongue;
use super::phrase::phrases;
use crate::domain::amendment::Change;
use crate::domain::goals::{Ambition, Role};
use crate::domain::target::{Baseline, Target};
use crate::domain::verdict::SetReading;

phrases! {
    report = "Report", "Rapportage";
    report_of_team(team) = "Report of {team}", "Rapportage van {team}";
    report_as_of(day, time) = "As of {day}, {time}", "Stand van {day}, {time}";
    vision = "Vision", "Visie";
    aspirational = "aspirational", "ambitieus";
    committed = "committed", "toegezegd";
    serves_objective(title) = "Serves “{title}”", "Draagt bij aan “{title}”";
    counts_in_objective(title) = "Counts in the score of “{title}”", "Telt mee in de score van “{title}”";
    head_key_result = "Key result", "Key result";
    head_value = "Value", "Waarde";
    head_goal = "Goal", "Doel";
    head_progress = "Progress", "Voortgang";
    head_expected = "Expected by now", "Nu verwacht";
    head_forecast = "Forecast", "Prognose";
    head_status = "Status", "Status";
    measured_on(day) = "Measured on {day}.", "Gemeten op {day}.";
    last_measured_on(day) = "Last measured on {day}, too long ago to judge by.", "Voor het laatst gemeten op {day}, te lang geleden voor een oordeel.";
    newest_failed_on(day, class) = "The newest attempt, on {day}, gave no number ({class}).", "De laatste poging, op {day}, gaf geen getal ({class}).";
    what_changed = "What changed", "Wat er veranderde";
    nothing_changed = "Nothing changed in this time.", "In deze tijd is er niets veranderd.";
    status_turned(from, to) = "{from} → {to}", "{from} → {to}";
    status_turned_on(from, to, day) = "{from} → {to}, since {day}", "{from} → {to}, sinds {day}";
    progress_went(from, to) = "{from} → {to} of the way", "{from} → {to} van de weg";
    value_went(from, to) = "Value: {from} → {to}", "Waarde: {from} → {to}";
    value_first(value) = "First value: {value}", "Eerste waarde: {value}";
    value_came(value) = "First comparable value: {value}", "Eerste vergelijkbare waarde: {value}";
    value_anew(value) = "Value: {value}, measured otherwise than at the beginning", "Waarde: {value}, anders gemeten dan aan het begin";
    amended_on(field, from, to, day) = "{field}: {from} → {to}, agreed on {day}", "{field}: {from} → {to}, afgesproken op {day}";
    amended_why(amended, reason, role) = "{amended}: “{reason}” ({role})", "{amended}: “{reason}” ({role})";
    said_on(day, text) = "Said on {day}: “{text}”", "Gezegd op {day}: “{text}”";
    said_sure(day, confidence) = "Said on {day}: confidence {confidence}", "Gezegd op {day}: vertrouwen {confidence}";
    said_both(day, confidence, text) = "Said on {day}, confidence {confidence}: “{text}”", "Gezegd op {day}, vertrouwen {confidence}: “{text}”";
    noted_on(day, text) = "Noted, {day}: “{text}”", "Genoteerd, {day}: “{text}”";
    noted_of_all = "About everything", "Over alles";
    what_was_learned = "What we learned", "Wat we leerden";
    field_target = "Target", "Doel";
    field_baseline = "Baseline", "Startwaarde";
    field_at_most = "Upper bound", "Bovengrens";
    field_at_least = "Lower bound", "Ondergrens";
    field_between = "Bounds", "Grenzen";
    field_anchors = "Steps on the way", "Stappen op de weg";
    field_baseline_days = "Days that make a baseline", "Dagen voor een nulmeting";
    field_strict = "Met when", "Gehaald als";
    field_compliance = "Share of the time within bounds", "Deel van de tijd binnen de grenzen";
    field_weight = "Weight", "Gewicht";
    field_role = "Role", "Rol";
    first_measurement = "the first measurement", "de eerste meting";
    past_the_value = "past the value", "voorbij de waarde";
    on_the_value = "on the value", "op de waarde";
    counts = "counts", "telt mee";
    strategy_meeting = "Strategy meeting", "Strategieoverleg";
    company_level = "Company", "Bedrijf";
    at_a_glance = "All objectives at a glance", "Alle objectives in één oogopslag";
    part_of(n, of) = "{n} of {of}", "{n} van {of}";
    how_it_ended(cycle) = "How {cycle} ended", "Hoe {cycle} afliep";
    how_it_stands(cycle, day) = "How {cycle} stands: late data count until {day}", "Hoe {cycle} ervoor staat: late gegevens tellen tot {day}";
    lessons_of(cycle) = "What we learned in {cycle}", "Wat we leerden in {cycle}";
    no_lessons = "Nothing was written down: `learned` of an initiative and `okrd annotate` keep it.", "Er is niets opgeschreven: `learned` bij een initiatief en `okrd annotate` bewaren het.";
    final_value(value) = "Final value: {value}", "Eindwaarde: {value}";
    never_measured = "Never measured", "Nooit gemeten";
    company_scores(mean, reading) = "The company's objectives: {mean} on average, {reading}", "De objectives van het bedrijf: gemiddeld {mean}, {reading}";
    team_scores(mean, reading) = "All teams' objectives together: {mean} on average, {reading}", "De objectives van alle teams samen: gemiddeld {mean}, {reading}";
    set_too_safe = "the targets were too safe", "de doelen waren te veilig";
    set_healthy = "healthy", "gezond";
    set_partial = "partial", "deels behaald";
    set_outran = "the targets outran capacity", "de doelen gingen de capaciteit te boven";
    reading_scores(low, high) = "{low} to {high} of an aspirational target is a success; all of it says that the target was too easy. A score is about a target and never about people.", "{low} tot {high} van een ambitieus doel is een succes; alles halen zegt dat het doel te makkelijk was. Een score gaat over een doel en nooit over mensen.";
    print_hint = "Arrow keys lead from slide to slide; printed, each is a page.", "Pijltjestoetsen leiden van dia naar dia; afgedrukt is elke dia een pagina.";
}

impl Tongue {
    /// How high an objective aims.
    #[must_use]
    pub fn ambition(self, ambition: Ambition) -> &'static str {
        match ambition {
            Ambition::Aspirational => self.aspirational(),
            Ambition::Committed => self.committed(),
        }
    }

    /// What somebody said on a day, or noted; `confidence` is 0 to 1.
    #[must_use]
    pub fn word(
        self,
        day: String,
        confidence: Option<f64>,
        text: Option<&str>,
        is_note: bool,
    ) -> String {
        let confidence = confidence.map(|share| self.percent(share));
        match (confidence, text) {
            (_, Some(text)) if is_note => self.noted_on(day, text),
            (Some(confidence), Some(text)) => self.said_both(day, confidence, text),
            (Some(confidence), None) => self.said_sure(day, confidence),
            (None, text) => self.said_on(day, text.unwrap_or_default()),
        }
    }

    /// What an amendment changed: the field, what it was and what it became.
    #[must_use]
    pub fn amended(self, change: &Change) -> (&'static str, String, String) {
        let number = |x: f64| self.number(x);
        let both = |(low, high): (f64, f64)| self.from_to(number(low), number(high));
        match change {
            Change::Target(step) => (
                self.field_target(),
                self.target(step.from),
                self.target(step.to),
            ),
            Change::Baseline(step) => (
                self.field_baseline(),
                self.baseline(step.from),
                self.baseline(step.to),
            ),
            Change::AtMost(step) => (self.field_at_most(), number(step.from), number(step.to)),
            Change::AtLeast(step) => (self.field_at_least(), number(step.from), number(step.to)),
            Change::Between(step) => (self.field_between(), both(step.from), both(step.to)),
            Change::Anchors(step) => {
                let values = |anchors: &crate::domain::anchors::Anchors| {
                    let values: Vec<_> = anchors.values().map(number).collect();
                    values.join(" · ")
                };
                (self.field_anchors(), values(&step.from), values(&step.to))
            }
            Change::BaselineDays(step) => (
                self.field_baseline_days(),
                step.from.to_string(),
                step.to.to_string(),
            ),
            Change::Strict(step) => (
                self.field_strict(),
                self.strict(step.from).to_owned(),
                self.strict(step.to).to_owned(),
            ),
            Change::Compliance(step) => (
                self.field_compliance(),
                self.percent(step.from),
                self.percent(step.to),
            ),
            Change::Weight(step) => (self.field_weight(), number(step.from), number(step.to)),
            Change::Role(step) => (
                self.field_role(),
                self.role(step.from).to_owned(),
                self.role(step.to).to_owned(),
            ),
        }
    }

    /// A target as it was written: "1,000", "+50 %", "+150".
    fn target(self, target: Target) -> String {
        let signed = |x: f64| if x < 0.0 { "" } else { "+" };
        match target {
            Target::Absolute(value) => self.number(value),
            Target::Share(share) => format!("{}{}", signed(share), self.percent(share)),
            Target::Plus(more) => format!("{}{}", signed(more), self.number(more)),
        }
    }

    fn baseline(self, baseline: Baseline) -> String {
        match baseline {
            Baseline::Fixed(value) => self.number(value),
            Baseline::First => self.first_measurement().to_owned(),
        }
    }

    fn strict(self, strict: bool) -> &'static str {
        if strict {
            self.past_the_value()
        } else {
            self.on_the_value()
        }
    }

    fn role(self, role: Role) -> &'static str {
        match role {
            Role::Contributes => self.counts(),
            Role::Guardrail => self.guardrail(),
        }
    }

    /// What the scores of several objectives say together about their targets.
    #[must_use]
    pub fn set_reading(self, reading: SetReading) -> &'static str {
        match reading {
            SetReading::TooSafe => self.set_too_safe(),
            SetReading::Healthy => self.set_healthy(),
            SetReading::Partial => self.set_partial(),
            SetReading::Outran => self.set_outran(),
        }
    }
}
