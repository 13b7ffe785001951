//! What was answered, and the files that say it. The files are judged by the very check that will read them; here is no
//! rule of the configuration and none of the method.

use std::fmt::Write as _;
use std::path::Path;

use jiff::civil::Date;

use crate::cli::configuration;
use crate::config::files::{File, Files};
use crate::config::finding::Severity;
use crate::config::format::format;
use crate::config::schema::schema;

use super::aim::{Aim, id};

/// The name of the main file.
pub const MAIN: &str = "okrd.toml";
/// The name of the schema that editors read.
pub const SCHEMA: &str = "okrd.schema.json";
/// The file on company level, and a name that no team's file may take.
pub const COMPANY: &str = "company";

/// Everything the six steps ask for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The company's name; empty until it is known.
    pub company: String,
    /// What it wants to be.
    pub vision: Option<String>,
    /// How it wants to get there.
    pub strategy: Vec<String>,
    /// The cycle's name, first and last day.
    pub cycle: (String, Date, Date),
    /// The IANA name of the time zone.
    pub timezone: String,
    /// The teams.
    pub teams: Vec<Team>,
    /// What shall be different at the end of the cycle.
    pub objectives: Vec<Objective>,
    /// Where numbers come from: the lines of the file, a table or several a text.
    pub sources: Vec<String>,
}

/// A team.
#[derive(Clone, Debug)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// An objective.
#[derive(Clone, Debug)]
pub struct Objective {
    /// Its id.
    pub id: String,
    /// What it says.
    pub title: String,
    /// Why it matters.
    pub why: Option<String>,
    /// Its team among the plan's; `None` on company level.
    pub team: Option<usize>,
    /// The id of the objective that it serves.
    pub parent: Option<String>,
    /// What proves it.
    pub key_results: Vec<KeyResult>,
}

/// A key result.
#[derive(Clone, Debug)]
pub struct KeyResult {
    /// Its id.
    pub id: String,
    /// What it says.
    pub title: String,
    /// How it proves the objective.
    pub why: Option<String>,
    /// The unit of its value.
    pub unit: String,
    /// From where to where.
    pub aim: Aim,
    /// What the number is, where the file has to say it.
    pub kind: Option<&'static str>,
    /// The inline table of its measure; `None` when people record it.
    pub measure: Option<String>,
}

/// Something to be told about a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Whether the plan cannot stay like this.
    pub fatal: bool,
    /// What is to be told, and what to do.
    pub text: String,
}

impl Plan {
    /// The id of a new objective with this title.
    pub fn objective_id(&self, title: &str) -> String {
        id(
            title,
            "objective",
            self.objectives.iter().map(|o| o.id.as_str()),
        )
    }

    /// The id of a new team of this name.
    pub fn team_id(&self, name: &str) -> String {
        let taken = self.teams.iter().map(|team| team.id.as_str());
        id(name, "team", taken.chain([COMPANY]))
    }

    /// The files by their path in the folder, the main one last: what it includes is there before it.
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![(SCHEMA.to_owned(), format!("{:#}\n", schema()))];
        files.extend(self.texts());
        files
    }

    /// The files of TOML.
    fn texts(&self) -> Vec<(String, String)> {
        let owners = std::iter::once(None).chain((0..self.teams.len()).map(Some));
        let mut files: Vec<(String, String)> = owners
            .filter(|owner| self.objectives.iter().any(|o| o.team == *owner))
            .map(|owner| {
                let name = owner.map_or(COMPANY, |at| self.teams[at].id.as_str());
                (format!("okrs/{name}.toml"), self.okrs(owner))
            })
            .collect();
        files.push((MAIN.to_owned(), self.main()));
        for (name, text) in &mut files {
            // What fmt would say of it is said before it is written.
            if let Ok(tidy) = format(&File::new(name.as_str(), "/", text.clone())) {
                *text = tidy;
            }
        }
        files
    }

    fn main(&self) -> String {
        let mut text = format!(
            "#:schema ./{SCHEMA}\n# What {} measures, and how. The OKRs themselves stand in okrs/, one file for each team and \
             cycle.\n# `okrd check` tells what is wrong with them, `okrd fmt` puts their white space in order.\n\ninclude = [\"okrs/*.toml\"]\ntimezone = {} # cron schedules, cycle days and windows are told in it\n\n\
             [company]\nname = {}\n",
            one_line(&self.company),
            quoted(&self.timezone),
            quoted(&self.company)
        );
        match &self.vision {
            Some(vision) => line(&mut text, "vision", &quoted(vision)),
            None => text.push_str("# vision = \"What the company wants to be\"\n"),
        }
        if self.strategy.is_empty() {
            text.push_str(
                "# strategy = [\"How it wants to get there\", \"One thought an entry\"]\n",
            );
        } else {
            let each: Vec<String> = self
                .strategy
                .iter()
                .map(|thought| quoted(thought))
                .collect();
            line(&mut text, "strategy", &format!("[{}]", each.join(", ")));
        }
        let (name, first, last) = &self.cycle;
        let _ = write!(
            text,
            "\n[cycles.{}]\nstarts = {first} # first day\nends = {last} # last day, included\n",
            quoted(name)
        );
        for team in &self.teams {
            let _ = write!(
                text,
                "\n[teams.{}]\nname = {}\n",
                team.id,
                quoted(&team.name)
            );
        }
        text.push_str(
            "\n# Sources are only ever read. A secret never stands in a file that is reviewed: write where it is kept,\n\
             # { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }.\n",
        );
        if self.sources.is_empty() {
            text.push_str(
                "#\n# [sources.shop]\n# type = \"sqlite\"\n# path = \"shop.db\"\n#\n# Then a key result may say:\n\
                 # measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }\n",
            );
        }
        for source in &self.sources {
            let _ = write!(text, "\n{source}");
        }
        text
    }

    fn okrs(&self, owner: Option<usize>) -> String {
        let team = owner.map(|at| &self.teams[at]);
        let whose = team.map_or("Objectives on company level".to_owned(), |team| {
            format!("The objectives of {}", one_line(&team.name))
        });
        let mut text = format!(
            "#:schema ../{SCHEMA}\n# {whose} in {cycle}. Titles may change; ids stay, for values hang on them.\n\n\
             cycle = {}\n",
            quoted(&self.cycle.0),
            cycle = self.cycle.0
        );
        if let Some(team) = team {
            line(&mut text, "team", &quoted(&team.id));
        }
        for objective in self.objectives.iter().filter(|o| o.team == owner) {
            let _ = write!(text, "\n[objectives.{}]\n", objective.id);
            line(&mut text, "title", &quoted(&objective.title));
            match &objective.why {
                Some(why) => line(&mut text, "why", &quoted(why)),
                None => text.push_str("# why = \"Why it matters\"\n"),
            }
            if let Some(parent) = &objective.parent {
                line(&mut text, "parent", &quoted(parent));
            }
            for key_result in &objective.key_results {
                key_result.write(&objective.id, &mut text);
            }
        }
        text
    }

    /// The files of TOML as the check reads them, the main one first.
    pub fn unwritten(&self) -> Files {
        let file = |(name, text): (String, String)| {
            let path = Path::new("/").join(&name);
            let folder = path.parent().unwrap_or(Path::new("/"));
            File::new(name, folder, text)
        };
        Files {
            files: self.texts().into_iter().rev().map(file).collect(),
            findings: Vec::new(),
        }
    }

    /// What the check finds that is more than worth a thought.
    pub fn remarks(&self) -> Vec<Remark> {
        let (_, findings) = configuration::check(&self.unwritten());
        findings
            .iter()
            .filter(|finding| finding.severity != Severity::Info)
            .map(|finding| Remark {
                fatal: finding.severity == Severity::Error,
                text: format!("{}; {}", finding.message, finding.help),
            })
            .collect()
    }

    /// The same plan with something in every place that was not asked for yet, so that the check can judge the rest.
    pub fn completed(&self) -> Self {
        let mut plan = self.clone();
        if plan.company.is_empty() {
            "The company".clone_into(&mut plan.company);
        }
        if plan.objectives.is_empty() {
            let objective = Objective::new(&plan, "Something changes");
            plan.objectives.push(objective);
        }
        let companys = plan.objectives.iter().find(|o| o.team.is_none());
        let companys = companys.map(|objective| objective.id.clone());
        for objective in &mut plan.objectives {
            while objective.key_results.len() < 2 {
                let key_result = KeyResult::new(objective, "Something is counted");
                objective.key_results.push(key_result);
            }
            for key_result in &mut objective.key_results {
                key_result.why.get_or_insert_with(|| "It shows".into());
            }
            if objective.team.is_some() && objective.parent.is_none() {
                objective.parent.clone_from(&companys);
            }
        }
        plan
    }
}

impl Objective {
    /// An objective of which only the title is known.
    pub fn new(plan: &Plan, title: &str) -> Self {
        Self {
            id: plan.objective_id(title),
            title: title.to_owned(),
            why: None,
            team: None,
            parent: None,
            key_results: Vec::new(),
        }
    }
}

impl KeyResult {
    /// A key result of which only the title is known.
    pub fn new(objective: &Objective, title: &str) -> Self {
        let taken = objective.key_results.iter().map(|kr| kr.id.as_str());
        Self {
            id: id(title, "key-result", taken),
            title: title.to_owned(),
            why: None,
            unit: "things".into(),
            aim: Aim::Way("0".into(), "1".into()),
            kind: None,
            measure: None,
        }
    }

    fn write(&self, objective: &str, text: &mut String) {
        let _ = write!(text, "\n[objectives.{objective}.key_results.{}]\n", self.id);
        line(text, "title", &quoted(&self.title));
        match &self.why {
            Some(why) => line(text, "why", &quoted(why)),
            None => text.push_str("# why = \"How it proves the objective\"\n"),
        }
        line(text, "unit", &quoted(&self.unit));
        if let Some(kind) = self.kind {
            line(text, "kind", &quoted(kind));
        }
        text.push_str(&self.aim.lines());
        match &self.measure {
            Some(measure) => line(text, "measure", measure),
            None => {
                let id = &self.id;
                let _ = writeln!(
                    text,
                    "# No `measure`: people record it, with `okrd record {objective}/{id} VALUE`."
                );
            }
        }
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

/// A text as TOML. The escapes of JSON are among those of TOML; one character more has to be escaped.
pub fn quoted(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    text.replace('\u{7f}', "\\u007f")
}

/// A text that may stand in a comment: it must not end it.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that would break out of quotes, comments or lines.
    const HOSTILE: [&str; 7] = [
        "a \"quoted\" word",
        "back\\slash \\u0041",
        "two\nlines\r\nand a tab\t",
        "[teams.evil]\nname = \"x\" # \"\"\" '''",
        "\u{0}\u{1b}[31m\u{7f}\u{85}",
        "🚀 目標 \u{202e}hidden",
        "a = 1",
    ];

    fn plan(text: &str) -> Plan {
        let mut plan = Plan {
            company: text.into(),
            vision: Some(text.into()),
            strategy: vec![text.into(), text.into()],
            cycle: (
                "q".into(),
                jiff::civil::date(2026, 10, 1),
                jiff::civil::date(2026, 12, 31),
            ),
            timezone: "UTC".into(),
            teams: Vec::new(),
            objectives: Vec::new(),
            sources: Vec::new(),
        };
        for _ in 0..2 {
            let id = plan.team_id(text);
            let name = text.into();
            plan.teams.push(Team { id, name });
            let mut objective = Objective::new(&plan, text);
            objective.why = Some(text.into());
            objective.team = Some(0);
            for _ in 0..2 {
                let mut key_result = KeyResult::new(&objective, text);
                key_result.why = Some(text.into());
                text.clone_into(&mut key_result.unit);
                objective.key_results.push(key_result);
            }
            plan.objectives.push(objective);
        }
        plan
    }

    #[test]
    fn whatever_is_answered_comes_out_as_it_went_in() {
        for text in HOSTILE {
            let plan = plan(text);
            for (name, written) in plan.texts() {
                let table: toml::Table = toml::from_str(&written)
                    .unwrap_or_else(|why| panic!("{text:?} breaks {name}: {why}\n{written}"));
                let at = |table: &toml::Table, path: &str| {
                    let mut value = toml::Value::Table(table.clone());
                    for key in path.split('/') {
                        value = value.get(key).unwrap().clone();
                    }
                    value
                };
                let said = if name == MAIN {
                    assert_eq!(table.len(), 5, "{written}");
                    assert_eq!(at(&table, "teams").as_table().unwrap().len(), 2);
                    vec!["company/name".to_owned(), "company/vision".into()]
                } else {
                    assert_eq!(table.len(), 3, "{written}");
                    let [one, two] = [0, 1].map(|n| &plan.objectives[n]);
                    assert_ne!(one.id, two.id);
                    let [first, second] = [0, 1].map(|n| &one.key_results[n].id);
                    assert_ne!(first, second);
                    let of = |key: &str| format!("objectives/{}/{key}", two.id);
                    vec![
                        of("title"),
                        of("why"),
                        of(&format!("key_results/{first}/title")),
                        of(&format!("key_results/{second}/unit")),
                    ]
                };
                for path in said {
                    assert_eq!(at(&table, &path).as_str(), Some(text), "{path} of {name}");
                }
            }
        }
    }

    #[test]
    fn the_check_judges_what_would_be_written() {
        let mut plan = plan("Grow");
        plan.objectives.truncate(1);
        plan.objectives[0].team = None;
        assert_eq!(plan.remarks(), []);
        plan.objectives[0].title = "x".repeat(10_000);
        let remarks = plan.remarks();
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(
            remarks[0].fatal && remarks[0].text.contains("300"),
            "{remarks:?}"
        );
        assert!(remarks[0].text.len() < 400);
    }
}
