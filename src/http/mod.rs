//! Floor 4, the HTTP face: the page, the exposition, health and the JSON API, all read from the board. Asks no source;
//! only a history is read from the store, off the threads that answer everything else. Knows no metric.

pub mod access;
mod ahead;
pub mod api;
mod aside;
pub mod body;
mod conditional;
mod detail;
mod guard;
pub mod hosts;
mod house;
pub mod measurements;
mod missing;
pub mod negotiate;
mod openapi;
pub mod page;
pub mod paging;
pub mod passwords;
pub mod peer;
pub mod problem;
pub mod router;
pub mod serve;
mod state;
pub mod tls;
mod tries;
mod wishes;
pub mod words;
