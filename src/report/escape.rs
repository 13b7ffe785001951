//! Text within Markdown: what others wrote stays the text it is, whatever it looks like, and nobody is notified by it where
//! it is pasted. Knows no content.

use crate::words::one_line;

/// The text as one line in which nothing is markup, a link or a mention.
#[must_use]
pub fn inline(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let line = one_line(text);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // Between two of them GitHub sets formulas.
            '$' => shown.push_str("&#36;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                shown.push('\\');
                shown.push(c);
            }
            _ => shown.push(c),
        }
        // A name behind one of these is a mention or a reference; an invisible space keeps them apart.
        let opens = match c {
            '@' | '#' | '!' | '%' | '&' | '$' | '~' => true,
            ':' => rest.peek() == Some(&'/'),
            _ => false,
        };
        let begins = |next: &char| next.is_alphanumeric() || matches!(next, '"' | '_' | '/');
        if opens && rest.peek().is_some_and(begins) {
            shown.push('\u{200b}');
        }
        if shown.ends_with("www.") {
            shown.insert(shown.len() - 1, '\u{200b}');
        }
    }
    shown
}

/// The text where a line begins with it: nothing in front of it makes a heading, a list or a rule.
#[must_use]
pub fn paragraph(text: &str) -> String {
    let shown = inline(text);
    let digits = shown.len() - shown.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let behind = &shown[digits..];
    if digits > 0 && behind.starts_with(['.', ')']) {
        return format!("{}\\{behind}", &shown[..digits]);
    }
    if shown.starts_with(['#', '-', '+', '=', '|', ':']) {
        return format!("\\{shown}");
    }
    shown
}

/// The text within a cell of a table.
#[must_use]
pub fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever strangers write: one line, no markup, and in a table no cell of its own.
        #[test]
        fn no_text_gets_out_of_its_place(text in any::<String>()) {
            let shown = cell(&text);
            prop_assert!(!shown.contains(['<', '>', '$']) && !shown.chars().any(char::is_control));
            let mut before = None;
            for c in shown.chars() {
                if matches!(c, '`' | '*' | '_' | '[' | ']' | '~' | '|') {
                    prop_assert_eq!(before, Some('\\'), "{}", shown);
                }
                // A backslash behind a backslash escapes nothing.
                before = (before != Some('\\') || c != '\\').then_some(c);
            }
        }
    }

    #[test]
    fn what_begins_a_line_makes_no_block() {
        for (text, expected) in [
            ("# More", "\\# More"),
            ("- a", "\\- a"),
            ("12. a", "12\\. a"),
            ("12 a", "12 a"),
            ("> a", "&gt; a"),
            ("---\n===", "\\--- ==="),
            ("| a", "\\| a"),
            ("*a", "\\*a"),
            ("```\ncode", "\\`\\`\\` code"),
        ] {
            assert_eq!(paragraph(text), expected);
        }
        assert_eq!(cell("a|b\n c"), "a\\|b c");
    }
}
