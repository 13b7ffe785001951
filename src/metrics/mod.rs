//! Floor 4, the Prometheus face. Facts about the goals are read from the board, facts about this process are counted
//! as they happen. Knows no HTTP and asks neither a source nor the store.

pub mod daemon;
pub mod dated;
pub mod exposition;
pub mod names;
mod pieces;
pub mod process;
pub mod scorecard;
pub mod writer;

#[cfg(test)]
use crate as okrd;
#[cfg(test)]
#[path = "../../tests/sample/mod.rs"]
mod sample;
#[cfg(test)]
mod tests;
