//! Key results as people name them on the command line.

use jiff::Timestamp;

use super::exit::Failure;
use crate::domain::goals::{Goals, KeyResult};
use crate::domain::id::KeyResultRef;

/// The key result that a text means.
///
/// # Errors
/// When the text is no name, or nothing has it; the nearest name is offered.
pub fn find<'a>(goals: &'a Goals, text: &str, now: Timestamp) -> Result<&'a KeyResult, Failure> {
    let name = KeyResultRef::parse(text).map_err(|error| {
        Failure::usage(format!(
            "{error}: name a key result as objective/key_result or cycle:objective/key_result"
        ))
    })?;
    let found = goals.find(&name, now);
    found.map(|kr| &**kr).ok_or_else(|| {
        let known = goals.key_results().map(|(_, kr)| kr.id.to_string());
        let nearest = known
            .map(|id| (strsim::damerau_levenshtein(&id, text), id))
            .min()
            .filter(|(distance, id)| *distance <= id.len() / 3 + 1);
        let hint = nearest.map_or_else(
            || "see `okrd status` for all of them".to_owned(),
            |(_, id)| format!("did you mean `{id}`?"),
        );
        Failure::usage(format!("no key result `{}`: {hint}", text.escape_debug()))
    })
}
