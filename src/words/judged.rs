//! What is judged and noted, in a word or two: statuses, verdicts, aims, initiatives, flags, faults.

use super::Tongue;
use super::phrase::phrases;
use crate::domain::fault::FaultClass;
use crate::domain::goals::{Ambition, InitiativeState};
use crate::domain::quality::Flag;
use crate::domain::status::Status;
use crate::domain::target::{Band, Hold};
use crate::domain::verdict::{Closing, Outcome, Verdict};

phrases! {
    status_closed = "Closed", "Afgesloten";
    status_pending = "Not begun", "Nog niet begonnen";
    status_no_data = "No data yet", "Nog geen gegevens";
    status_stale = "Stale", "Verouderd";
    status_measuring = "Measuring", "Nulmeting";
    status_at_target = "At target", "Doel bereikt";
    status_too_early = "Too early to tell", "Nog te vroeg";
    status_on_track = "On track", "Op koers";
    status_at_risk = "At risk", "Loopt risico";
    status_off_track = "Off track", "Niet op koers";
    status_data_missing = "Data missing", "Gegevens ontbreken";
    initiative_idea = "Idea", "Idee";
    initiative_doing = "Doing", "Bezig";
    initiative_done = "Done", "Gedaan";
    initiative_dropped = "Dropped", "Gestopt";
    verdict_too_easy = "too easy", "te makkelijk";
    verdict_strong = "strong", "sterk";
    verdict_achieved = "achieved", "behaald";
    verdict_partial = "partial", "deels behaald";
    verdict_missed = "missed", "niet behaald";
    verdict_not_scored = "not scored", "geen score";
    outcome_of(score, verdict) = "{score}, {verdict}", "{score} ({verdict})";
    ended_with(status, outcome) = "{status}: {outcome}", "{status}: {outcome}";
    advice_too_easy = "the target was not ambitious enough", "het doel was niet ambitieus genoeg";
    advice_cause = "a written cause is asked for", "leg de oorzaak schriftelijk vast";
    advice_look = "look for the cause in target, capacity or focus", "zoek de oorzaak in doel, capaciteit of focus";
    at_least(low) = "at least {low}", "minstens {low}";
    above(low) = "above {low}", "meer dan {low}";
    at_most(high) = "at most {high}", "hoogstens {high}";
    below(high) = "below {high}", "minder dan {high}";
    band_between(low, high) = "from {low} to {high}", "van {low} tot en met {high}";
    strictly_between(low, high) = "strictly between {low} and {high}", "strikt tussen {low} en {high}";
    flag_approximate = "is an estimate of its source", "is een schatting van de bron";
    flag_sampled = "was made of a sample of the data", "berust op een steekproef uit de gegevens";
    flag_thresholded = "leaves out rows that its source held back", "laat regels weg die de bron achterhield";
    flag_other = "counts rows that its source lumped together as other", "telt regels mee die de bron als overig samenvoegde";
    flag_late = "was asked for after the end of its cycle", "is na het einde van de cyclus opgevraagd";
    confidence_differs(confidence) = "People put their confidence at {confidence}, which differs from what the figures say: worth a word.", "Het uitgesproken vertrouwen is {confidence}, en dat wijkt af van wat de cijfers zeggen: een gesprek waard.";
    fault_net = "net", "geen verbinding";
    fault_dns = "dns", "hostnaam onbekend";
    fault_tls = "tls", "geen veilige verbinding";
    fault_timeout = "timeout", "geen antwoord op tijd";
    fault_http_4xx = "http_4xx", "verzoek afgewezen";
    fault_auth = "auth", "aanmelding geweigerd";
    fault_rate_limited = "rate_limited", "de bron vraagt om geduld";
    fault_http_5xx = "http_5xx", "storing bij de bron";
    fault_redirect = "redirect", "onverwachte doorverwijzing";
    fault_too_large = "too_large", "antwoord te groot";
    fault_bad_type = "bad_type", "antwoord van een ander soort dan verwacht";
    fault_bad_body = "bad_body", "onleesbaar antwoord";
    fault_bad_value = "bad_value", "geen bruikbaar getal";
    fault_partial = "partial", "onvolledig antwoord";
    fault_suspect = "suspect", "ongeloofwaardig getal";
    fault_sql_refused = "sql_refused", "query niet toegestaan";
    fault_sql_error = "sql_error", "fout in de database";
    fault_config = "config", "fout in de configuratie";
    fault_store = "store", "opslaan mislukt";
    fault_internal = "internal", "fout in okrd zelf";
}

impl Tongue {
    /// A status as a person says it.
    #[must_use]
    pub fn status(self, status: Status) -> &'static str {
        match status {
            Status::Closed => self.status_closed(),
            Status::Pending => self.status_pending(),
            Status::NoData => self.status_no_data(),
            Status::Stale => self.status_stale(),
            Status::Measuring => self.status_measuring(),
            Status::AtTarget => self.status_at_target(),
            Status::TooEarly => self.status_too_early(),
            Status::OnTrack => self.status_on_track(),
            Status::AtRisk => self.status_at_risk(),
            Status::OffTrack => self.status_off_track(),
        }
    }

    /// The status of an objective as a person says it: of one that has some data it would be wrong that there is none yet.
    #[must_use]
    pub fn objective_status(self, of: Status, has_data: bool) -> &'static str {
        match of {
            Status::NoData if has_data => self.status_data_missing(),
            other => self.status(other),
        }
    }

    /// The state of an initiative as a person says it.
    #[must_use]
    pub fn initiative(self, state: InitiativeState) -> &'static str {
        match state {
            InitiativeState::Idea => self.initiative_idea(),
            InitiativeState::Doing => self.initiative_doing(),
            InitiativeState::Done => self.initiative_done(),
            InitiativeState::Dropped => self.initiative_dropped(),
        }
    }

    /// A verdict in a word or two.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::TooEasy => self.verdict_too_easy(),
            Verdict::Strong => self.verdict_strong(),
            Verdict::Achieved => self.verdict_achieved(),
            Verdict::Partial => self.verdict_partial(),
            Verdict::Missed => self.verdict_missed(),
            Verdict::NotScored => self.verdict_not_scored(),
        }
    }

    /// A score with its verdict: "0.7, strong".
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> String {
        let verdict = self.verdict(outcome.verdict);
        match outcome.score {
            Some(score) => self.outcome_of(self.tenths(score), verdict),
            None => verdict.to_owned(),
        }
    }

    /// How something ended, once its cycle is closed: "Closed: 0.7, achieved".
    #[must_use]
    pub fn ended(self, status: &str, closing: Option<Closing>) -> String {
        closing.map_or_else(
            || status.to_owned(),
            |closing| self.ended_with(status, self.outcome(closing.as_amended)),
        )
    }

    /// What a verdict asks of the next plan, as the end of a sentence; `None` where it asks nothing.
    #[must_use]
    pub fn advice(self, verdict: Verdict, ambition: Ambition) -> Option<&'static str> {
        match (verdict, ambition) {
            (Verdict::TooEasy, _) => Some(self.advice_too_easy()),
            (Verdict::Missed, Ambition::Committed) => Some(self.advice_cause()),
            (Verdict::Missed, Ambition::Aspirational) => Some(self.advice_look()),
            (Verdict::Strong | Verdict::Achieved | Verdict::Partial | Verdict::NotScored, _) => {
                None
            }
        }
    }

    /// The values that a band holds: "at most 300".
    #[must_use]
    pub fn hold(self, hold: &Hold) -> String {
        let number = |x| self.number(x);
        match (hold.band, hold.strict) {
            (Band::AtLeast(low), false) => self.at_least(number(low)),
            (Band::AtLeast(low), true) => self.above(number(low)),
            (Band::AtMost(high), false) => self.at_most(number(high)),
            (Band::AtMost(high), true) => self.below(number(high)),
            (Band::Between(low, high), false) => self.band_between(number(low), number(high)),
            (Band::Between(low, high), true) => self.strictly_between(number(low), number(high)),
        }
    }

    /// What a flag means: to stand behind "the number".
    #[must_use]
    pub fn flag(self, flag: Flag) -> &'static str {
        match flag {
            Flag::Approximate => self.flag_approximate(),
            Flag::Sampled => self.flag_sampled(),
            Flag::Thresholded => self.flag_thresholded(),
            Flag::Other => self.flag_other(),
            Flag::Late => self.flag_late(),
        }
    }

    /// That people's confidence and the status say different things, as one sentence.
    #[must_use]
    pub fn disagrees(self, confidence: f64) -> String {
        self.confidence_differs(self.percent(confidence))
    }

    /// The class of a fault: in English the word that metrics and store have for it.
    #[must_use]
    pub fn fault(self, class: FaultClass) -> &'static str {
        match class {
            FaultClass::Net => self.fault_net(),
            FaultClass::Dns => self.fault_dns(),
            FaultClass::Tls => self.fault_tls(),
            FaultClass::Timeout => self.fault_timeout(),
            FaultClass::Http4xx => self.fault_http_4xx(),
            FaultClass::Auth => self.fault_auth(),
            FaultClass::RateLimited => self.fault_rate_limited(),
            FaultClass::Http5xx => self.fault_http_5xx(),
            FaultClass::Redirect => self.fault_redirect(),
            FaultClass::TooLarge => self.fault_too_large(),
            FaultClass::BadType => self.fault_bad_type(),
            FaultClass::BadBody => self.fault_bad_body(),
            FaultClass::BadValue => self.fault_bad_value(),
            FaultClass::Partial => self.fault_partial(),
            FaultClass::Suspect => self.fault_suspect(),
            FaultClass::SqlRefused => self.fault_sql_refused(),
            FaultClass::SqlError => self.fault_sql_error(),
            FaultClass::Config => self.fault_config(),
            FaultClass::Store => self.fault_store(),
            FaultClass::Internal => self.fault_internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::fault::FaultClass;
    use crate::words::ENGLISH;

    /// Who reads of a fault on the page finds the same word in the metrics.
    #[test]
    fn faults_have_the_words_of_the_metrics() {
        for class in FaultClass::ALL {
            assert_eq!(ENGLISH.fault(class), class.as_str());
        }
    }
}
