//! Floor 3: the engine. Composes sources and store through their floors: ticks become polls, polls become rows on
//! disk and a new board. Knows no face: metrics and pages read its board and hear its events.

pub mod board;
pub mod event;
pub mod vitals;
