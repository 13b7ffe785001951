//! Floor 4, the Prometheus face. Facts about the goals are read from the board, facts about this process are counted
//! as they happen. Serves nothing and asks neither a source nor the store; what is pushed goes through `net`.

pub mod daemon;
pub mod dated;
pub mod exposition;
pub mod names;
mod pieces;
pub mod process;
pub mod push;
pub mod scorecard;
mod told;
pub mod writer;

#[cfg(test)]
use crate as okrd;
#[cfg(test)]
#[path = "../../tests/sample/mod.rs"]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
