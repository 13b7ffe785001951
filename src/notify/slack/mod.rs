//! Slack: a message as blocks, sent through an incoming webhook or as a bot.

mod blocks;
pub mod bot;
pub mod hook;
pub mod text;

use super::digest::Room;

/// How much of a digest stands in one message, so that its blocks stay below Slack's limits.
pub const ROOM: Room = Room {
    objectives: 12,
    characters: blocks::CHARACTERS,
};
