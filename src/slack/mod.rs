//! Floor 4, the Slack face: what a message of okrd may consist of. Knows the rules of Slack's texts and blocks and nothing
//! of how a message gets there.

pub mod text;
