//! Slack: a message as blocks, sent through an incoming webhook or as a bot.

mod blocks;
pub mod bot;
pub mod hook;
pub mod text;
