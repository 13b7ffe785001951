//! A paper as Slack's blocks. What people wrote is plain text throughout; the only markup is the link to okrd's page,
//! which the configuration names.
//!
//! Limits: docs.slack.dev/reference/block-kit/blocks (50 blocks; a header has 150 characters, a section 3,000).

use serde_json::{Value, json};

use super::text::{context, fallback, header, section};
use crate::notify::english::{Paper, Part};

/// The most blocks of a message.
const MOST: usize = 50;
/// What one section may hold, with room for what is counted otherwise.
const SECTION: usize = 2900;

/// Text and blocks of a message, as members of a JSON object.
pub(super) fn payload(paper: &Paper) -> Value {
    json!({ "text": fallback(&paper.subject), "blocks": blocks(paper) })
}

fn blocks(paper: &Paper) -> Vec<Value> {
    let mut blocks = Vec::new();
    blocks.extend(paper.above.as_deref().map(context));
    let last = last(paper);
    let room = MOST - last.len();
    for (n, part) in paper.parts.iter().enumerate() {
        let of_part = of_part(part);
        let left = paper.parts.len() - n;
        // One block is kept to say what is left out.
        let keep = usize::from(left > 1);
        if blocks.len() + of_part.len() + keep > room {
            blocks.truncate(room - 1);
            blocks.push(section(&format!(
                "… and more: {left} objectives are not shown here in full."
            )));
            break;
        }
        blocks.extend(of_part);
    }
    blocks.extend(last);
    blocks
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
        let link = format!("<{}|Open okrd>", fallback(&page));
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": link }] }));
    }
    blocks
}
