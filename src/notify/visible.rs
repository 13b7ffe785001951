//! What can be seen of a text of people: nothing that rings, colours or turns a line around. Knows no receiver.

use crate::domain::fault::is_bidi_control;

/// What can be seen of the text, at most so many characters; an ellipsis stands for the rest. Receivers refuse a part
/// without text, so that nothing becomes a dash.
#[must_use]
pub fn visible(text: &str, most: usize) -> String {
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).collect();
    let seen = seen.trim();
    if seen.is_empty() {
        return "–".into();
    }
    if seen.chars().count() <= most {
        return seen.into();
    }
    let mut short: String = seen.chars().take(most - 1).collect();
    short.push('…');
    short
}

/// Control characters other than the line break, and what changes the direction in which a line is read.
fn is_unseen(c: char) -> bool {
    let is_mark = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}');
    (c.is_control() && c != '\n') || is_bidi_control(c) || is_mark
}
