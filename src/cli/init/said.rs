//! The six steps as flags, in the order in which they were typed: what belongs to an objective or a key result follows
//! it. Knows what a flag means for the plan; whether the plan is sound is the check's to say.

use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches};

use super::aim::{Aim, FORMS};
use super::plan::{COMPANY, KeyResult, Objective, Plan, Team};
use crate::config::finding::quoted;
use crate::domain::id::Slug;

/// A flag whose place among the others counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Objective,
    Owner,
    Parent,
    KeyResult,
    Aim,
    Why,
    Measure,
}

/// Each flag: its name, what stands behind it, its help.
const FLAGS: [(Flag, &str, &str, &str); 7] = [
    (
        Flag::Objective,
        "objective",
        "[ID=]TITLE",
        "An objective: what shall be different, in words; what follows belongs to it (repeat)",
    ),
    (
        Flag::Owner,
        "owner",
        "TEAM",
        "The team whose objective this is [default: the company's]",
    ),
    (
        Flag::Parent,
        "parent",
        "ID",
        "The objective that it serves, named before it",
    ),
    (
        Flag::KeyResult,
        "key-result",
        "[ID=]TITLE",
        "A key result of the objective before it; what follows belongs to it (repeat)",
    ),
    (
        Flag::Aim,
        "aim",
        "AIM",
        "From where to where, with its unit: `640 -> 1000 subscribers`, `at most 300 complaints`",
    ),
    (
        Flag::Why,
        "why",
        "TEXT",
        "Why the objective matters, or how the key result proves it",
    ),
    (
        Flag::Measure,
        "measure",
        "TOML",
        "What is asked of which source, as in the file: { source = \"…\", query = \"…\" } [default: people record it]",
    ),
];

/// The flags in their order.
#[derive(Clone, Debug, Default)]
pub struct Said(Vec<(Flag, String)>);

impl FromArgMatches for Said {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut said = Self::default();
        said.update_from_arg_matches(matches)?;
        Ok(said)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let mut placed: Vec<(usize, Flag, String)> = Vec::new();
        for (flag, name, _, _) in FLAGS {
            let places = matches.indices_of(name).into_iter().flatten();
            let texts = matches.get_many::<String>(name).into_iter().flatten();
            placed.extend(
                places
                    .zip(texts)
                    .map(|(place, text)| (place, flag, text.clone())),
            );
        }
        placed.sort_by_key(|(place, _, _)| *place);
        self.0 = placed
            .into_iter()
            .map(|(_, flag, text)| (flag, text))
            .collect();
        Ok(())
    }
}

impl clap::Args for Said {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .iter()
            .fold(command, |command, (flag, name, value, help)| {
                let arg = Arg::new(*name).long(*name).value_name(*value).help(*help);
                // "-3 -> 5" is an aim.
                let arg = arg.allow_hyphen_values(*flag == Flag::Aim);
                command.arg(arg.action(ArgAction::Append))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Said {
    /// Whether anything was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts it into a plan.
    ///
    /// # Errors
    /// Everything that cannot be understood or is missing, one line each.
    pub fn put(&self, plan: &mut Plan) -> Result<(), Vec<String>> {
        let mut reader = Reader {
            plan,
            faults: Vec::new(),
            unsaid: None,
        };
        for (flag, text) in &self.0 {
            if let Err(why) = reader.read(*flag, text) {
                reader.faults.push(why);
            }
        }
        reader.complete();
        if reader.faults.is_empty() {
            Ok(())
        } else {
            Err(reader.faults)
        }
    }
}

/// What is still to be said of the newest key result.
struct Unsaid {
    title: String,
    aim: bool,
    why: bool,
}

struct Reader<'p> {
    plan: &'p mut Plan,
    faults: Vec<String>,
    unsaid: Option<Unsaid>,
}

impl Reader<'_> {
    fn read(&mut self, flag: Flag, text: &str) -> Result<(), String> {
        match flag {
            Flag::Objective => self.objective(text),
            Flag::KeyResult => self.key_result(text),
            Flag::Owner => self.owner(text),
            Flag::Parent => self.parent(text),
            Flag::Aim => self.aim(text),
            Flag::Why => self.why(text),
            Flag::Measure => self.measure(text),
        }
    }

    fn objective(&mut self, text: &str) -> Result<(), String> {
        self.complete();
        let (id, title) = id_and_rest(text);
        let mut objective = Objective::new(self.plan, title);
        let taken = self
            .plan
            .objectives
            .iter()
            .any(|o| Some(o.id.as_str()) == id);
        id.unwrap_or(&objective.id.clone())
            .clone_into(&mut objective.id);
        self.plan.objectives.push(objective);
        free(taken, "--objective", text)
    }

    fn key_result(&mut self, text: &str) -> Result<(), String> {
        self.complete();
        let objective = self.plan.objectives.last_mut();
        let objective = objective.ok_or_else(|| stray("--key-result", "--objective"))?;
        let (id, title) = id_and_rest(text);
        let mut key_result = KeyResult::new(objective, title);
        let taken = objective
            .key_results
            .iter()
            .any(|kr| Some(kr.id.as_str()) == id);
        id.unwrap_or(&key_result.id.clone())
            .clone_into(&mut key_result.id);
        objective.key_results.push(key_result);
        self.unsaid = Some(Unsaid {
            title: title.to_owned(),
            aim: true,
            why: true,
        });
        free(taken, "--key-result", text)
    }

    fn owner(&mut self, text: &str) -> Result<(), String> {
        let teams = &self.plan.teams;
        let found = teams.iter().position(|team| team.id == text);
        if found.is_none() && text != COMPANY {
            let ids: Vec<&str> = teams.iter().map(|team| team.id.as_str()).collect();
            let known = match ids.as_slice() {
                [] => "no team; name teams with --team ID=NAME".to_owned(),
                ids => ids.join(", "),
            };
            return Err(format!("--owner {}: expected {known}", quoted(text)));
        }
        let objective = self.plan.objectives.last_mut();
        objective
            .ok_or_else(|| stray("--owner", "--objective"))?
            .team = found;
        Ok(())
    }

    fn parent(&mut self, text: &str) -> Result<(), String> {
        let objectives = &mut self.plan.objectives;
        let (objective, earlier) = objectives
            .split_last_mut()
            .ok_or_else(|| stray("--parent", "--objective"))?;
        if !earlier.iter().any(|objective| objective.id == text) {
            let ids: Vec<&str> = earlier.iter().map(|o| o.id.as_str()).collect();
            let known = match ids.as_slice() {
                [] => "an objective that was named before it".to_owned(),
                ids => ids.join(", "),
            };
            return Err(format!("--parent {}: expected {known}", quoted(text)));
        }
        objective.parent = Some(text.to_owned());
        Ok(())
    }

    /// The newest key result.
    fn newest(&mut self, flag: &str) -> Result<&mut KeyResult, String> {
        let objective = self.plan.objectives.last_mut();
        let key_result = objective.and_then(|objective| objective.key_results.last_mut());
        key_result.ok_or_else(|| stray(flag, "--key-result"))
    }

    fn aim(&mut self, text: &str) -> Result<(), String> {
        let key_result = self.newest("--aim")?;
        let read = Aim::parse(text);
        let read = read.and_then(|(aim, unit)| {
            let unit = unit.ok_or_else(|| {
                format!(
                    "{} has no unit, expected one behind it: `640 -> 1000 subscribers`",
                    quoted(text)
                )
            })?;
            Ok((aim, unit))
        });
        let result = read.map(|(aim, unit)| {
            key_result.aim = aim;
            key_result.unit = unit;
        });
        // Said, if wrongly: that it is missing would be another fault.
        if let Some(unsaid) = &mut self.unsaid {
            unsaid.aim = false;
        }
        result.map_err(|why| format!("--aim: {why}"))
    }

    fn why(&mut self, text: &str) -> Result<(), String> {
        let objective = self.plan.objectives.last_mut();
        let objective = objective.ok_or_else(|| stray("--why", "--objective"))?;
        let why = match objective.key_results.last_mut() {
            Some(key_result) => &mut key_result.why,
            None => &mut objective.why,
        };
        *why = Some(text.to_owned());
        if let Some(unsaid) = &mut self.unsaid {
            unsaid.why = false;
        }
        Ok(())
    }

    fn measure(&mut self, text: &str) -> Result<(), String> {
        let table = inline_table(
            "--measure",
            text,
            "{ source = \"shop\", query = \"SELECT …\" }",
        )?;
        self.newest("--measure")?.measure = Some(table);
        Ok(())
    }

    /// Tells what was not said of the newest key result.
    fn complete(&mut self) {
        let Some(unsaid) = self.unsaid.take() else {
            return;
        };
        let title = quoted(&unsaid.title);
        if unsaid.aim {
            self.faults
                .push(format!("--key-result {title} has no --aim {FORMS}"));
        }
        if unsaid.why {
            self.faults.push(format!(
                "--key-result {title} has no --why: how does it prove the objective?"
            ));
        }
    }
}

fn stray(flag: &str, before: &str) -> String {
    format!("{flag} belongs to a {before}, and none stands before it")
}

fn free(taken: bool, flag: &str, text: &str) -> Result<(), String> {
    if taken {
        return Err(format!(
            "{flag} {}: its id is taken already, expected another one",
            quoted(text)
        ));
    }
    Ok(())
}

/// `ID=REST`, or only the rest.
pub fn id_and_rest(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((id, rest)) if Slug::parse(id).is_ok() => (Some(id), rest.trim()),
        _ => (None, text.trim()),
    }
}

/// A team as `ID=NAME` or by its name alone.
///
/// # Errors
/// When its id is taken.
pub fn team(plan: &mut Plan, text: &str) -> Result<(), String> {
    let (id, name) = id_and_rest(text);
    let id = id.map_or_else(|| plan.team_id(name), str::to_owned);
    if id == COMPANY {
        return Err(format!(
            "--team {}: `{COMPANY}` stands for the company itself, expected another id",
            quoted(text)
        ));
    }
    free(plan.teams.iter().any(|team| team.id == id), "--team", text)?;
    let name = name.to_owned();
    plan.teams.push(Team { id, name });
    Ok(())
}

/// Sources as `ID={ … }`: the lines of the file.
///
/// # Errors
/// What is wrong with the first one that cannot be understood.
pub fn sources(texts: &[String]) -> Result<String, String> {
    let mut lines = "[sources]\n".to_owned();
    for text in texts {
        let example = "shop={ type = \"sqlite\", path = \"shop.db\" }";
        let (Some(id), table) = id_and_rest(text) else {
            return Err(format!(
                "--source {}: expected ID={{ … }}, such as {example}",
                quoted(text)
            ));
        };
        let table = inline_table("--source", table, example)?;
        lines.push_str(&format!("{id} = {table}\n"));
    }
    Ok(lines)
}

/// A table that stands in one line: more lines would be more than one value.
fn inline_table(flag: &str, text: &str, example: &str) -> Result<String, String> {
    let text = text.trim();
    let stands = text.starts_with('{') && text.ends_with('}') && !text.contains(char::is_control);
    stands.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "{flag} {}: expected a table in one line, such as {example}",
            quoted(text)
        )
    })
}
