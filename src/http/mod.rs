//! Floor 4, the HTTP face: the page, the exposition, health and the JSON API, all read from the board. Asks no source;
//! only a history is read from the store, off the threads that answer everything else. Knows no metric.

mod ahead;
pub mod api;
pub mod body;
pub mod hosts;
pub mod measurements;
pub mod negotiate;
pub mod page;
pub mod peer;
pub mod problem;
pub mod router;
pub mod serve;
mod tries;
pub mod words;
