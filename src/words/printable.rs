//! Text that others wrote, so that it stays where it is put. Knows nothing of what it says.

use crate::domain::fault::is_bidi_control;

/// The text with control and direction characters escaped: it moves no cursor of a terminal and turns no line around.
#[must_use]
pub fn printable(text: &str) -> String {
    let unsafe_ = |c: char| c.is_control() || is_bidi_control(c);
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if unsafe_(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same as one line: white space of any kind and length is one space.
#[must_use]
pub fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_on_its_line() {
        assert_eq!(
            printable("\u{1b}[31mred\u{202e}"),
            "\\u{1b}[31mred\\u{202e}"
        );
        assert_eq!(one_line("  a\r\n\u{2028} b\u{7} "), "a b\\u{7}");
    }
}
