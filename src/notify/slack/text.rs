//! Text of people inside a Slack message: a title or a note stays the text it is, whatever it looks like. It mentions
//! nobody, links nowhere, formats nothing, and does not turn the line around. Knows no goals.
//!
//! Rules: docs.slack.dev/messaging/formatting-message-text ("Escaping text": `&`, `<` and `>` and no others), and
//! docs.slack.dev/reference/block-kit (a section's text has 3,000 characters at most, a header's 150).

use serde_json::{Value, json};

use crate::notify::visible::visible;

/// The most characters of a section's text.
const SECTION: usize = 3000;
/// The most characters of a header.
const HEADER: usize = 150;

/// A header block of plain text: shown as it is, without formatting.
#[must_use]
pub fn header(text: &str) -> Value {
    json!({ "type": "header", "text": plain(text, HEADER) })
}

/// A section block of plain text: shown as it is, without formatting.
#[must_use]
pub fn section(text: &str) -> Value {
    json!({ "type": "section", "text": plain(text, SECTION) })
}

/// A context block, small and pale, of plain text.
#[must_use]
pub fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [plain(text, SECTION)] })
}

/// The text of a message outside of any block, for notifications: Slack reads it as its own markup, so that what would
/// be markup is escaped.
#[must_use]
pub fn fallback(text: &str) -> String {
    let mut escaped = String::new();
    for c in visible(text, SECTION).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A `plain_text` object. `emoji` is off: `:tada:` in a title is those six letters.
fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": visible(text, most), "emoji": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people may have written, and what Slack is sent outside of blocks.
    const HOSTILE: [(&str, &str); 8] = [
        ("<!channel> late again", "&lt;!channel&gt; late again"),
        ("<@U012AB3CD>", "&lt;@U012AB3CD&gt;"),
        ("<http://evil|our site>", "&lt;http://evil|our site&gt;"),
        ("R&D &amp; more", "R&amp;D &amp;amp; more"),
        ("`code` *bold* :tada:", "`code` *bold* :tada:"),
        ("a\u{202e}evil\u{2066}b\u{061c}", "aevilb"),
        (
            "bell\u{7} esc\u{1b}[31m tab\tline\nnext\r",
            "bell esc[31m tabline\nnext",
        ),
        ("\u{200f}\0 ", "–"),
    ];

    #[test]
    fn f74_what_people_write_stays_text_in_a_message() {
        for (written, sent) in HOSTILE {
            assert_eq!(fallback(written), sent);
        }
    }

    #[test]
    fn f74_blocks_hold_plain_text_that_slack_does_not_read() {
        let block = section("<!channel> `x` \u{202e}&");
        assert_eq!(
            block.to_string(),
            "{\"text\":{\"emoji\":false,\"text\":\"<!channel> `x` &\",\"type\":\"plain_text\"},\"type\":\"section\"}"
        );
        assert_eq!(header("\n")["text"]["text"], "–");
    }

    #[test]
    fn f74_no_text_is_longer_than_slack_takes() {
        let long = "é".repeat(10_000);
        let length = |block: &Value| block["text"]["text"].as_str().unwrap().chars().count();
        assert_eq!(length(&header(&long)), 150);
        assert_eq!(length(&section(&long)), 3000);
        assert_eq!(fallback(&long).chars().count(), 3000);
        assert_eq!(length(&section(&"x".repeat(3000))), 3000);
        assert!(fallback(&long).ends_with('…'));
    }
}
