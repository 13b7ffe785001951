//! Plain tables for the terminal: columns padded to their widest cell as a terminal draws it. Knows no content.

use unicode_width::UnicodeWidthStr;

pub use crate::words::printable;

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a head; every row has as many cells as the head.
#[derive(Debug)]
pub struct Table {
    head: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new<const N: usize>(head: [(&'static str, Align); N]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Control characters, which could move the cursor of a terminal, are escaped.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.head.len());
        self.rows
            .push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The table as text, each line indented by `indent` spaces.
    pub fn render(&self, indent: usize) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
            self.head
                .get(column)
                .map_or(widest, |(name, _)| widest.max(name.width()))
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let head: Vec<String> = self
            .head
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = " ".repeat(indent);
            for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(&self.head) {
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                match align {
                    Align::Left => line.extend([cell, padding.as_str(), "  "]),
                    Align::Right => line.extend([padding.as_str(), cell, "  "]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heads_whatever_the_script() {
        let mut table = Table::new([("NAME", Align::Left), ("VALUE", Align::Right)]);
        table.row(["näme".into(), "1,000".into()]);
        table.row(["日本".into(), "7".into()]);
        assert_eq!(
            table.render(2),
            "  NAME  VALUE\n  näme  1,000\n  日本      7\n"
        );
    }

    #[test]
    fn escapes_cannot_reach_the_terminal() {
        let mut table = Table::new([("NAME", Align::Left)]);
        table.row(["\u{1b}[31mred\u{202e}".into()]);
        assert_eq!(table.render(0), "NAME\n\\u{1b}[31mred\\u{202e}\n");
    }
}
