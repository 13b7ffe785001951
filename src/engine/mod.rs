//! Floor 3: the engine. Composes sources and store through their floors: ticks become polls, polls become rows on
//! disk and a new board. Knows no face: metrics and pages read its board and hear its events.

pub mod actor;
pub mod arrears;
pub mod board;
pub mod books;
pub mod breaker;
pub mod clock;
mod diary;
pub mod dispatch;
pub mod ending;
pub mod event;
pub mod fill;
mod housekeeping;
mod jump;
pub mod lane;
pub mod ledger;
pub mod pace;
pub mod past;
pub mod plan;
pub mod policy;
pub mod poll;
pub mod rota;
pub mod sources;
mod spread;
pub mod ticker;
pub mod told;
pub mod vitals;
mod work;

#[cfg(test)]
mod tests;
