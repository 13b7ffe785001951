//! A paper as Slack's blocks. What people wrote is plain text throughout; the only markup is the link to okrd's page,
//! which the configuration names.
//!
//! Limits: docs.slack.dev/reference/block-kit/blocks (50 blocks; a header has 150 characters, a section 3,000).

use serde_json::{Value, json};

use super::text::{context, fallback, header, section};
use crate::notify::paper::{Paper, Part};

/// The most blocks of a message.
const MOST: usize = 50;
/// The most characters of a message. Slack documents none, and refuses blocks beyond some 13,200, of which what holds
/// a text is a part: "msg_blocks_too_long" (slackapi/bolt-js, issues 2509 and 2867).
pub(super) const CHARACTERS: usize = 9_000;
/// What one section may hold, with room for what is counted otherwise.
const SECTION: usize = 2900;

/// Text and blocks of a message, as members of a JSON object.
pub(super) fn payload(paper: &Paper) -> Value {
    json!({ "text": fallback(&paper.subject), "blocks": blocks(paper) })
}

/// A digest is made so that it fits; whatever does not is said to be left out.
fn blocks(paper: &Paper) -> Vec<Value> {
    let mut blocks = Vec::new();
    blocks.extend(paper.above.as_deref().map(context));
    let last = last(paper);
    // One block is kept to say what is left out.
    let mut room = Room {
        blocks: MOST - last.len() - blocks.len() - 1,
        characters: CHARACTERS,
    };
    for block in paper.parts.iter().map(of_part) {
        if !fill(block, &mut room, &mut blocks) {
            blocks.push(section(paper.tongue.left_out()));
            break;
        }
    }
    blocks.extend(last);
    blocks
}

/// What is left of a message.
struct Room {
    blocks: usize,
    characters: usize,
}

/// Puts blocks beside others while there is room; whether there was enough.
fn fill(part: Vec<Value>, room: &mut Room, blocks: &mut Vec<Value>) -> bool {
    for block in part {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        let length = text.chars().count();
        if room.blocks == 0 || room.characters < length {
            return false;
        }
        room.blocks -= 1;
        room.characters -= length;
        blocks.push(block);
    }
    true
}

fn of_part(part: &Part) -> Vec<Value> {
    let mut blocks = vec![header(&part.heading)];
    let mut text = part.lead.clone();
    for paragraph in &part.paragraphs {
        if text.chars().count() + paragraph.chars().count() + 2 > SECTION && !text.is_empty() {
            blocks.push(section(&text));
            text.clear();
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(paragraph);
    }
    if !text.is_empty() {
        blocks.push(section(&text));
    }
    blocks
}

/// When it was so, and where more is.
fn last(paper: &Paper) -> Vec<Value> {
    let mut blocks = vec![context(&paper.below)];
    if let Some(page) = &paper.page {
        let page = page.replace('|', "%7C");
        let link = format!("<{}|{}>", fallback(&page), paper.tongue.open_okrd());
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": link }] }));
    }
    blocks
}
