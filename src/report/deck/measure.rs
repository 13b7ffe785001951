//! How much room a text takes on a slide, so that long lists go on on a second one and nothing is cut. No browser is
//! asked: widths are those of a wide face (DejaVu), so that in any other there is room to spare. Lengths are in rem, of
//! which a slide is [`WIDTH`] wide and [`HEIGHT`] high.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// The size of a slide: sixteen to nine.
pub(super) const WIDTH: f64 = 80.0;
/// See [`WIDTH`].
pub(super) const HEIGHT: f64 = 45.0;

/// How a text is set. Its class in the style sheet is made of the same numbers.
#[derive(Debug)]
pub(super) struct Type {
    /// Its class.
    pub(super) class: &'static str,
    /// The size of its letters.
    size: f64,
    /// The height of a line, in sizes.
    line: f64,
    /// How much wider than plain letters these are, such as bold ones.
    wide: f64,
}

macro_rules! types {
    ($($name:ident = $class:literal, $size:literal, $line:literal, $wide:literal;)+) => {
        $(pub(super) const $name: Type = Type { class: $class, size: $size, line: $line, wide: $wide };)+
        const ALL: &[Type] = &[$($name),+];
    };
}

types! {
    VISION = "t-vision", 4.2, 1.16, 1.05;
    VISION_SMALL = "t-vision-small", 2.4, 1.25, 1.05;
    TITLE = "t-title", 2.7, 1.18, 1.05;
    TITLE_SMALL = "t-title-small", 1.9, 1.22, 1.05;
    THOUGHT = "t-thought", 2.6, 1.3, 1.05;
    HEADING = "t-heading", 1.65, 1.28, 1.05;
    ITEM = "t-item", 1.45, 1.3, 1.12;
    ITEM_NAME = "t-item-name", 1.2, 1.38, 1.12;
    STATE = "t-state", 1.3, 1.42, 1.0;
    TEXT = "t-text", 1.2, 1.38, 1.0;
    SMALL = "t-small", 1.05, 1.36, 1.0;
    NUMBER = "t-number", 2.2, 1.2, 1.12;
}

/// The classes of all types.
pub(super) fn style() -> String {
    let mut text = String::new();
    for Type {
        class, size, line, ..
    } in ALL
    {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            ".{class} {{ font-size: {size}rem; line-height: {line}; }}"
        );
    }
    text
}

impl Type {
    /// The height of a text in lines of this width, as a whole.
    pub(super) fn height(&self, text: &str, width: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of lines")]
        let lines = self.lines(text, width).len() as f64;
        lines * self.size * self.line
    }

    /// Whether a text takes no more than so many lines.
    pub(super) fn fits(&self, text: &str, width: f64, most: usize) -> bool {
        self.lines(text, width).len() <= most
    }

    /// How wide a text is on one line.
    pub(super) fn width(&self, text: &str) -> f64 {
        text.chars().map(|c| self.advance(c)).sum()
    }

    /// The text in pieces of so many lines at most.
    pub(super) fn pieces(&self, text: &str, width: f64, most: usize) -> Vec<String> {
        let lines = self.lines(text, width);
        let pieces = lines.chunks(most.max(1)).map(|lines| lines.concat());
        let trimmed = pieces.map(|piece| piece.trim().to_owned());
        trimmed.filter(|piece| !piece.is_empty()).collect()
    }

    /// The lines of a text, each with the space behind its last word.
    fn lines(&self, text: &str, width: f64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut used = 0.0;
        // No line ends at a space that holds a number and its unit together.
        let parts = |c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}');
        for word in text.split(parts).filter(|word| !word.is_empty()) {
            let length = self.width(word);
            if used > 0.0 && used + length > width {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            for c in word.chars() {
                let advance = self.advance(c);
                if used > 0.0 && used + advance > width {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                }
                line.push(c);
                used += advance;
            }
            line.push(' ');
            used += self.advance(' ');
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    fn advance(&self, c: char) -> f64 {
        let share = match c {
            'i' | 'j' | 'l' | 'I' => 0.30,
            ' ' | '\u{a0}' | '.' | ',' | ':' | ';' | '\'' | '|' | '/' => 0.35,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '!' => 0.42,
            'c' | 's' | 'z' => 0.56,
            'w' | 'M' => 0.87,
            'm' | 'W' | '@' | '%' => 1.02,
            'A'..='Z' => 0.77,
            '\u{21}'..='\u{7e}' | '“' | '”' => 0.64,
            c => match c.width() {
                None | Some(0) => 0.0,
                Some(1) => 0.85,
                Some(_) => 1.3,
            },
        };
        share * self.wide * self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_stands_in_as_many_lines_as_it_needs() {
        assert_eq!(TEXT.lines("", 10.0).len(), 0);
        assert_eq!(TEXT.lines("one two", 40.0), ["one two "]);
        let narrow = TEXT.width("one two") - 0.1;
        assert_eq!(TEXT.lines("one two", narrow), ["one ", "two "]);
        // What holds together goes on together, and what is too long for any line is broken.
        assert_eq!(
            TEXT.lines("7 one\u{a0}two", narrow),
            ["7 ", "one\u{a0}tw", "o "]
        );
        let long = "x".repeat(100);
        let lines = TEXT.lines(&long, 10.0);
        assert!(lines.len() > 5, "{lines:?}");
        assert_eq!(lines.concat().trim(), long);
    }

    proptest! {
        /// Whatever is written, its pieces say all of it and stand where they are to.
        #[test]
        fn no_text_is_lost(text in any::<String>(), width in 4.0..80.0_f64, most in 1_usize..6) {
            let letters = |text: &str| -> String { text.split_whitespace().collect() };
            let pieces = ITEM.pieces(&text, width, most);
            prop_assert_eq!(letters(&pieces.concat()), letters(&text));
            prop_assert!(pieces.iter().all(|piece| ITEM.fits(piece, width, most)));
        }
    }

    #[test]
    fn pieces_hold_the_whole_text() {
        let text = "word ".repeat(80);
        let pieces = TEXT.pieces(&text, 20.0, 3);
        assert!(pieces.len() > 5);
        assert_eq!(pieces.join(" "), text.trim());
        assert!(pieces.iter().all(|piece| TEXT.fits(piece, 20.0, 3)));
    }
}
