//! Floor 5: the newcomer's first minute. Writes the example configuration and plays the world around it: a shop in
//! SQLite, a simulated Jira and a simulated Plausible on loopback that say what they are. The daemon that measures
//! them is the real one; nothing here knows it.

pub mod example;
pub mod shop;
pub mod simulated_jira;
pub mod simulated_plausible;
pub mod story;
pub mod world;
