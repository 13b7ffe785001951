//! Floor 0: the OKR method as values and pure functions. Knows no I/O, no clock, no file format and no
//! framework; `std` and `jiff` are all it may import. Everything above reads its answers from here.

pub mod amendment;
pub mod anchors;
pub mod band;
pub mod card;
pub mod committed;
pub mod contributions;
pub mod course;
pub mod cycle;
pub mod derive;
pub mod effect;
pub mod epoch;
#[cfg(test)]
pub(crate) mod example;
pub mod fault;
pub mod forecast;
pub mod formula;
pub mod goals;
pub mod guard;
pub mod history;
pub mod id;
pub mod judge;
pub mod language;
pub mod link;
pub mod method;
pub mod milestones;
pub mod news;
pub mod number;
pub mod objective;
pub mod plan;
pub mod polyline;
pub mod progress;
pub mod quality;
pub mod reading;
pub mod reason;
pub mod rebase;
pub mod retrace;
pub mod review;
pub mod rollup;
pub mod scorecard;
pub mod series;
pub mod share;
pub mod status;
pub mod target;
pub mod verdict;
pub mod window;
