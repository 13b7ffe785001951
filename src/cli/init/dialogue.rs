//! The six steps as a conversation: vision, strategy, objectives, key results, teams, measuring. Each answer is tried in
//! the plan at once and judged there. Knows no terminal: whoever listens and answers is a [`Talk`].

use super::aim::Aim;
use super::measure::{BY_HAND, KINDS, Kind, Part, examples, measure, source};
use super::plan::{COMPANY, KeyResult, Objective, Plan, Remark, Team};
use crate::config::finding;

/// Someone to talk to.
pub trait Talk {
    /// Says something.
    fn tell(&mut self, text: &str);
    /// Asks and waits for a line; `None` when no more will come.
    fn ask(&mut self, prompt: &str) -> Option<String>;
}

/// The most objectives that one run asks for: more are no focus.
const MOST_OBJECTIVES: usize = 5;
/// The most key results of an objective.
const MOST_KEY_RESULTS: usize = 5;

/// Asks for everything that the plan does not hold yet. `None` when the conversation ended before its end.
pub fn dialogue(talk: &mut dyn Talk, start: Plan) -> Option<Plan> {
    let mut conversation = Conversation {
        talk,
        plan: start,
        heard: Vec::new(),
        sources: Vec::new(),
    };
    conversation.talk.tell(
        "Six steps from a vision to numbers. Enter takes what stands in [brackets]; Ctrl-C ends it and writes nothing.\n",
    );
    conversation.vision()?;
    conversation.strategy()?;
    conversation.objectives()?;
    conversation.key_results()?;
    conversation.teams()?;
    conversation.measuring()?;
    Some(conversation.plan)
}

struct Conversation<'t> {
    talk: &'t mut dyn Talk,
    plan: Plan,
    /// What was told about the plan and kept all the same.
    heard: Vec<Remark>,
    /// The kinds of source that the plan holds.
    sources: Vec<&'static str>,
}

/// What Enter means.
#[derive(Clone, Copy)]
enum Enter<'a> {
    /// Nothing: an answer is needed.
    Nothing,
    /// This answer.
    Takes(&'a str),
    /// That there is no answer; these words say what that means.
    Leaves(&'a str),
}

/// What the plan is judged for after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// Only for what cannot be: more answers belong to this one.
    Faults,
    /// For what is probably not meant too.
    Doubts,
}

impl Conversation<'_> {
    /// Says what a step is about, what the method advises, and an example.
    fn step(&mut self, number: u8, what: &str, advice: &str, example: &str) {
        let text =
            format!("\n{number} of 6  {what}\n        {advice}\n        For example: {example}\n");
        self.talk.tell(&text);
    }

    /// What the check says of a plan and was not told before.
    fn news(&self, plan: &Plan) -> Vec<Remark> {
        let mut news = plan.completed().remarks();
        news.retain(|remark| !self.heard.contains(remark));
        news
    }

    fn object(&mut self, why: &str) {
        self.talk.tell(&format!("  ! {why}\n"));
    }

    /// Asks until the answer can stand in the plan. The inner `None` is no answer where there may be none.
    fn question(
        &mut self,
        prompt: &str,
        enter: Enter<'_>,
        judged: Judged,
        put: impl Fn(&mut Plan, &str) -> Result<(), String>,
    ) -> Option<Option<String>> {
        let mut doubtful: Option<String> = None;
        loop {
            let shown = match (&doubtful, enter) {
                (Some(text), _) => format!("  {prompt} [{text}]: "),
                (None, Enter::Takes(text)) => format!("  {prompt} [{text}]: "),
                (None, Enter::Leaves(words)) => format!("  {prompt} [{words}]: "),
                (None, Enter::Nothing) => format!("  {prompt}: "),
            };
            let line = self.talk.ask(&shown)?;
            let answer = match (line.trim(), &doubtful, enter) {
                ("", Some(text), _) => text.clone(),
                ("", None, Enter::Takes(text)) => text.to_owned(),
                ("", None, Enter::Leaves(_)) => return Some(None),
                ("", None, Enter::Nothing) => {
                    self.object("an answer is needed");
                    continue;
                }
                (typed, _, _) => typed.to_owned(),
            };
            let mut trial = self.plan.clone();
            if let Err(why) = put(&mut trial, &answer) {
                self.object(&why);
                continue;
            }
            let (faults, mut doubts): (Vec<_>, Vec<_>) = self
                .news(&trial)
                .into_iter()
                .partition(|remark| remark.fatal);
            if !faults.is_empty() {
                for fault in faults {
                    self.object(&fault.text);
                }
                continue;
            }
            if judged == Judged::Doubts && !doubts.is_empty() {
                if doubtful.as_ref() != Some(&answer) {
                    for doubt in &doubts {
                        self.object(&doubt.text);
                    }
                    self.talk
                        .tell("    Write it anew, or keep it with Enter.\n");
                    doubtful = Some(answer);
                    continue;
                }
                self.heard.append(&mut doubts);
            }
            self.plan = trial;
            return Some(Some(answer));
        }
    }

    fn vision(&mut self) -> Option<()> {
        self.step(
            1,
            "Vision: what the company wants to be.",
            "It stands above everything and holds for years, without a number and a date.",
            "Looking it up on our website is a reflex for everyone online",
        );
        if self.plan.company.is_empty() {
            let put = |plan: &mut Plan, text: &str| {
                text.clone_into(&mut plan.company);
                Ok(())
            };
            self.question("Company", Enter::Nothing, Judged::Doubts, put)?;
        }
        if self.plan.vision.is_none() {
            let put = |plan: &mut Plan, text: &str| {
                plan.vision = Some(text.to_owned());
                Ok(())
            };
            self.question("Vision", Enter::Leaves("none yet"), Judged::Doubts, put)?;
        }
        Some(())
    }

    fn strategy(&mut self) -> Option<()> {
        self.step(
            2,
            "Strategy: how it wants to get there, one thought a line.",
            "A thought is worth writing down when something is left undone for it.",
            "Be the first answer people find",
        );
        if !self.plan.strategy.is_empty() {
            return Some(());
        }
        loop {
            let enter = if self.plan.strategy.is_empty() {
                Enter::Leaves("none yet")
            } else {
                Enter::Leaves("no more")
            };
            let answer = self.question("Thought", enter, Judged::Doubts, |plan, text| {
                plan.strategy.push(text.to_owned());
                Ok(())
            })?;
            if answer.is_none() {
                return Some(());
            }
        }
    }

    fn objectives(&mut self) -> Option<()> {
        let (cycle, first, last) = self.plan.cycle.clone();
        self.step(
            3,
            &format!(
                "Objectives: what shall be different at the end of {cycle} ({first} to {last})."
            ),
            "In words; numbers come next. One to three are focus, five are the most.",
            "More people find their way to our website",
        );
        while self.plan.objectives.len() < MOST_OBJECTIVES {
            let count = self.plan.objectives.len();
            let enter = match count {
                0 => Enter::Nothing,
                _ => Enter::Leaves("no more"),
            };
            let prompt = format!("Objective {}", count + 1);
            let answer = self.question(&prompt, enter, Judged::Doubts, |plan, text| {
                let objective = Objective::new(plan, text);
                plan.objectives.push(objective);
                Ok(())
            })?;
            if answer.is_none() {
                break;
            }
            let leave = Enter::Leaves("leave it out");
            self.question("Why it matters", leave, Judged::Doubts, |plan, text| {
                plan.objectives[count].why = Some(text.to_owned());
                Ok(())
            })?;
        }
        Some(())
    }

    fn key_results(&mut self) -> Option<()> {
        self.step(
            4,
            "Key results: two to five numbers that prove an objective.",
            "Work that is tried is none. A number that could be pushed wants a second one that must not suffer.",
            "Pass 1,000 subscribers; from where to where: 640 -> 1000 subscribers",
        );
        self.talk.tell(
            "        Other aims: 48000 -> +50% visitors, at most 300 complaints, at least 99.9 %\n",
        );
        for at in 0..self.plan.objectives.len() {
            let title = self.plan.objectives[at].title.clone();
            self.talk.tell(&format!("  “{title}”\n"));
            while self.plan.objectives[at].key_results.len() < MOST_KEY_RESULTS {
                if !self.key_result(at)? {
                    break;
                }
            }
        }
        Some(())
    }

    /// Asks for one more key result of an objective; false when there is none.
    fn key_result(&mut self, of: usize) -> Option<bool> {
        let before = self.plan.clone();
        let count = before.objectives[of].key_results.len();
        let enter = match count {
            0 | 1 => Enter::Nothing,
            _ => Enter::Leaves("no more"),
        };
        let prompt = format!("Key result {}", count + 1);
        let title = self.question(&prompt, enter, Judged::Faults, |plan, text| {
            let key_result = KeyResult::new(&plan.objectives[of], text);
            plan.objectives[of].key_results.push(key_result);
            Ok(())
        })?;
        if title.is_none() {
            return Some(false);
        }
        let prompt = "From where to where";
        let aim = self.question(prompt, Enter::Nothing, Judged::Faults, |plan, text| {
            let (aim, unit) = Aim::parse(text)?;
            let key_result = &mut plan.objectives[of].key_results[count];
            key_result.aim = aim;
            if let Some(unit) = unit {
                key_result.unit = unit;
            }
            Ok(())
        })?;
        let has_unit = aim.is_some_and(|text| matches!(Aim::parse(&text), Ok((_, Some(_)))));
        if !has_unit {
            let prompt = "Unit, such as subscribers or %";
            self.question(prompt, Enter::Nothing, Judged::Faults, |plan, text| {
                text.clone_into(&mut plan.objectives[of].key_results[count].unit);
                Ok(())
            })?;
        }
        let prompt = "How it proves the objective";
        self.question(prompt, Enter::Nothing, Judged::Faults, |plan, text| {
            plan.objectives[of].key_results[count].why = Some(text.to_owned());
            Ok(())
        })?;
        if !self.kept()? {
            self.plan = before;
        }
        Some(true)
    }

    /// Tells what is doubtful about the answers that belong together; whether they are kept.
    fn kept(&mut self) -> Option<bool> {
        let mut doubts = self.news(&self.plan);
        if doubts.is_empty() {
            return Some(true);
        }
        for doubt in &doubts {
            self.object(&doubt.text);
        }
        let line = self
            .talk
            .ask("    Keep this key result, or write it anew? [keep]: ")?;
        let kept = matches!(
            line.trim().to_lowercase().as_str(),
            "" | "keep" | "k" | "y" | "yes"
        );
        if kept {
            self.heard.append(&mut doubts);
        }
        Some(kept)
    }

    fn teams(&mut self) -> Option<()> {
        self.step(
            5,
            "Teams: who works on what.",
            "A team's objective serves one of the company's. okrd measures aims and rates no people.",
            "Content",
        );
        if self.plan.teams.is_empty() {
            self.team_names()?;
        }
        if self.plan.teams.is_empty() {
            return Some(());
        }
        for at in 0..self.plan.objectives.len() {
            self.owner(at)?;
        }
        for at in 0..self.plan.objectives.len() {
            self.parent(at)?;
        }
        Some(())
    }

    fn team_names(&mut self) -> Option<()> {
        loop {
            let enter = if self.plan.teams.is_empty() {
                Enter::Leaves("none, all is the company's")
            } else {
                Enter::Leaves("no more")
            };
            let answer = self.question("Team", enter, Judged::Doubts, |plan, text| {
                let id = plan.team_id(text);
                let name = text.to_owned();
                plan.teams.push(Team { id, name });
                Ok(())
            })?;
            if answer.is_none() {
                return Some(());
            }
        }
    }

    fn owner(&mut self, at: usize) -> Option<()> {
        let names: Vec<String> = self
            .plan
            .teams
            .iter()
            .map(|team| team.name.clone())
            .collect();
        let all = format!("{COMPANY}, {}", names.join(", "));
        let title = &self.plan.objectives[at].title;
        let prompt = format!("Whose is “{title}” ({all})");
        self.question(
            &prompt,
            Enter::Takes(COMPANY),
            Judged::Doubts,
            |plan, text| {
                let found = names.iter().position(|name| same(name, text));
                if found.is_none() && !same(text, COMPANY) {
                    let text = finding::quoted(text);
                    return Err(format!("found {text}, expected one of {all}"));
                }
                plan.objectives[at].team = found;
                Ok(())
            },
        )?;
        Some(())
    }

    /// Which objective of the company a team's objective serves: asked where there is a choice.
    fn parent(&mut self, at: usize) -> Option<()> {
        if self.plan.objectives[at].team.is_none() {
            return Some(());
        }
        let companys = self.plan.objectives.iter().filter(|o| o.team.is_none());
        let companys: Vec<(String, String)> = companys
            .map(|objective| (objective.id.clone(), objective.title.clone()))
            .collect();
        let title = self.plan.objectives[at].title.clone();
        match companys.as_slice() {
            [] => {}
            [(id, served)] => {
                self.talk.tell(&format!("  “{title}” serves “{served}”.\n"));
                self.plan.objectives[at].parent = Some(id.clone());
            }
            [..] => {
                for (nth, (_, served)) in companys.iter().enumerate() {
                    self.talk.tell(&format!("    {}  {served}\n", nth + 1));
                }
                let prompt = format!("Which of these does “{title}” serve");
                self.question(&prompt, Enter::Takes("1"), Judged::Doubts, |plan, text| {
                    let nth = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                    let (id, _) = nth.and_then(|nth| companys.get(nth)).ok_or_else(|| {
                        let (text, most) = (finding::quoted(text), companys.len());
                        format!("found {text}, expected a number from 1 to {most}")
                    })?;
                    plan.objectives[at].parent = Some(id.clone());
                    Ok(())
                })?;
            }
        }
        Some(())
    }

    fn measuring(&mut self) -> Option<()> {
        let words: Vec<&str> = KINDS.iter().map(|kind| kind.word).collect();
        let words = words.join(", ");
        self.step(
            6,
            "Measuring: where each number comes from.",
            &format!(
                "Best is the system that knows it: {words}. What only people know is recorded {BY_HAND}."
            ),
            "sqlite",
        );
        for objective in 0..self.plan.objectives.len() {
            for key_result in 0..self.plan.objectives[objective].key_results.len() {
                self.measured(objective, key_result, &words)?;
            }
        }
        Some(())
    }

    fn measured(&mut self, objective: usize, key_result: usize, words: &str) -> Option<()> {
        let title = &self.plan.objectives[objective].key_results[key_result].title;
        let prompt = format!("Where “{title}” comes from");
        let answer = self.question(&prompt, Enter::Takes(BY_HAND), Judged::Doubts, |_, text| {
            if same(text, BY_HAND) || kind(text).is_some() {
                return Ok(());
            }
            let text = finding::quoted(text);
            Err(format!("found {text}, expected one of {BY_HAND}, {words}"))
        })?;
        let Some(kind) = answer.and_then(|word| kind(&word)) else {
            return Some(());
        };
        if !self.sources.contains(&kind.word) {
            self.source(kind)?;
        }
        let mut answers = examples(kind.measure);
        for (nth, part) in kind.measure.iter().enumerate() {
            let before = answers.clone();
            answers[nth] = self.part(part, |plan, text| {
                let mut answers = before.clone();
                text.clone_into(&mut answers[nth]);
                let measured = Some(measure(kind, &answers));
                let key_result = &mut plan.objectives[objective].key_results[key_result];
                key_result.measure = measured;
                key_result.kind = kind.of_key_result();
            })?;
        }
        Some(())
    }

    /// Asks for the source of a kind, once.
    fn source(&mut self, kind: &'static Kind) -> Option<()> {
        let mut answers = examples(kind.source);
        let at = self.plan.sources.len();
        self.plan.sources.push(source(kind, &answers));
        for (nth, part) in kind.source.iter().enumerate() {
            let before = answers.clone();
            answers[nth] = self.part(part, |plan, text| {
                let mut answers = before.clone();
                text.clone_into(&mut answers[nth]);
                plan.sources[at] = source(kind, &answers);
            })?;
        }
        self.sources.push(kind.word);
        if kind.may_log_in() {
            self.talk
                .tell("    It is asked without a login; the file shows how one is written.\n");
        }
        Some(())
    }

    fn part(&mut self, part: &Part, put: impl Fn(&mut Plan, &str)) -> Option<String> {
        let (prompt, enter) = if part.is_default {
            (part.ask.to_owned(), Enter::Takes(part.example))
        } else {
            (
                format!("{}, such as {}", part.ask, part.example),
                Enter::Nothing,
            )
        };
        let answer = self.question(&prompt, enter, Judged::Doubts, |plan, text| {
            put(plan, text);
            Ok(())
        })?;
        Some(answer.unwrap_or_default())
    }
}

/// Whether two words are the same to people.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn kind(word: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| same(kind.word, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::plan::MAIN;
    use std::collections::VecDeque;

    /// A talk in which the answers are known before the questions.
    struct Script {
        answers: VecDeque<String>,
        heard: String,
    }

    impl Talk for Script {
        fn tell(&mut self, text: &str) {
            self.heard.push_str(text);
        }

        fn ask(&mut self, prompt: &str) -> Option<String> {
            let answer = self.answers.pop_front()?;
            self.heard.push_str(prompt);
            self.heard.push_str(&answer);
            self.heard.push('\n');
            Some(answer)
        }
    }

    fn start() -> Plan {
        Plan {
            company: String::new(),
            vision: None,
            strategy: Vec::new(),
            cycle: (
                "2026-Q4".into(),
                jiff::civil::date(2026, 10, 1),
                jiff::civil::date(2026, 12, 31),
            ),
            timezone: "Europe/Amsterdam".into(),
            teams: Vec::new(),
            objectives: Vec::new(),
            sources: Vec::new(),
        }
    }

    fn talked(answers: &[&str]) -> (Option<Plan>, Script) {
        let mut script = Script {
            answers: answers.iter().map(|&answer| answer.to_owned()).collect(),
            heard: String::new(),
        };
        let plan = dialogue(&mut script, start());
        (plan, script)
    }

    /// Everything that can be answered, and each way of answering it wrongly.
    const FULL: &[&str] = &[
        "", // A company is needed.
        "Acme \u{7} Ltd",
        "Acme",
        "A reflex for everyone online",
        "Be the first answer",
        "Make it worth coming back",
        "",
        // 3: objectives.
        "Looking it up with us becomes a reflex",
        "Who comes back costs nothing",
        "Ask @acme first", // May be a person: told,
        "",                // and kept.
        "",
        "",
        // 4: key results of the first.
        "Pass 1,000 subscribers",
        "more",
        "1,000 -> 2,000",
        "640 -> 640 subscribers",
        "640 -> 1000 subscribers",
        "Who subscribes has decided to come back",
        "More visitors",
        "48000 -> +50%",
        "visitors",
        "A reflex shows in visits",
        "",
        // Of the second; the first attempt is written anew.
        "Asked by @acme",
        "0 -> 9",
        "questions",
        "They ask",
        "anew",
        "Questions asked",
        "0 -> 900 questions",
        "They ask",
        "Few complaints",
        "at most 300 complaints",
        "Nobody asks twice after a bad answer",
        "",
        // 5: teams.
        "Content",
        "Care",
        "",
        "",
        "Marketing",
        "content",
        // 6: measuring.
        "oracle",
        "sqlite",
        "~/shop.db",
        "shop.db",
        "DELETE FROM subscribers",
        "SELECT count(*) FROM subscribers",
        "plausible",
        "",
        "acme.example",
        "",
        "jira",
        "https://acme.atlassian.net",
        "project = CARE",
        "",
    ];

    #[test]
    fn six_steps_make_files_that_check_clean_and_say_what_was_answered() {
        let (plan, script) = talked(FULL);
        let plan = plan.unwrap_or_else(|| panic!("it did not end:\n{}", script.heard));
        assert!(script.answers.is_empty(), "not asked: {:?}", script.answers);
        for (what, said) in [
            ("an empty answer", "! an answer is needed"),
            ("a control character", "\\u{7}"),
            (
                "a handle",
                "! `title` in an objective holds `@acme`, which may be a person",
            ),
            (
                "what to do about a doubt",
                "Write it anew, or keep it with Enter.\n  Objective 2 [Ask @acme first]: ",
            ),
            ("no aim", "! found `more`, expected an aim such as"),
            ("a comma", "! found `1,000`, expected a number"),
            ("a way of no length", "! baseline and target"),
            (
                "a doubtful key result",
                "Keep this key result, or write it anew? [keep]: anew\n  Key result 1: ",
            ),
            (
                "an unknown team",
                "! found `Marketing`, expected one of company, Content, Care",
            ),
            (
                "the only parent",
                "“Ask @acme first” serves “Looking it up with us becomes a reflex”.",
            ),
            (
                "an unknown source",
                "! found `oracle`, expected one of by hand, sqlite",
            ),
            ("a tilde", "`~/shop.db` starts with `~`"),
            (
                "a statement that writes",
                "! the query starts with `DELETE`",
            ),
            ("no login", "the file shows how one is written"),
        ] {
            assert!(
                script.heard.contains(said),
                "{what}: {said:?} is not in\n{}",
                script.heard
            );
        }
        assert_eq!(
            plan.remarks().iter().filter(|remark| remark.fatal).count(),
            0
        );
        let mut text = String::new();
        for file in plan.unwritten().files {
            text.push_str(&format!("==> {} <==\n{}\n", file.shown(), file.text()));
        }
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/init.txt");
        if std::env::var("OKRD_GOLDEN").is_ok_and(|value| value == "write") {
            std::fs::write(&golden, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(golden).unwrap_or_default());
        assert!(text.starts_with(&format!("==> {MAIN} <==")));
    }

    /// What is kept against advice is the only thing that the check then says.
    #[test]
    fn advice_is_told_once_and_may_be_left() {
        let (plan, script) = talked(FULL);
        let remarks = plan.unwrap().remarks();
        assert!(
            !remarks.is_empty() && remarks.iter().all(|r| r.text.contains("@acme")),
            "{remarks:?}"
        );
        assert_eq!(
            script.heard.matches("holds `@acme`").count(),
            2,
            "{}",
            script.heard
        );
    }

    #[test]
    fn wherever_it_ends_early_there_is_no_plan() {
        for end in 0..FULL.len() {
            assert!(talked(&FULL[..end]).0.is_none(), "after {end} answers");
        }
    }
}
