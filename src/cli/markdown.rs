//! Markdown for a comment on a pull or merge request: what others wrote stays the text it is, and the whole keeps the size
//! that the services take. Knows no content.

use std::fmt::Write;

use super::table::printable;
use crate::report::escape::inline;
use crate::words::one_line;

/// The largest comment in bytes: GitHub takes 65,536 characters, and no character is less than a byte.
pub const LARGEST: usize = 65_536;

/// So many characters of one text are shown.
const LONGEST_CELL: usize = 300;

/// The text as one line in which nothing is markup, a link or a mention.
#[must_use]
pub fn escape(text: &str) -> String {
    inline(&shorten(text))
}

/// The text as code.
#[must_use]
pub fn code(text: &str) -> String {
    let text = shorten(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() {
        return String::new();
    }
    // Of a space at each end one is taken away again.
    let pad = if longest > 0 || text.starts_with(' ') || text.ends_with(' ') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines of code, whatever they hold.
#[must_use]
pub fn block(lines: &str, language: &str) -> String {
    let longest = lines.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let lines: String = lines.lines().map(|line| printable(line) + "\n").collect();
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// A table; a column whose name begins with `>` is set to the right. Cells are Markdown already, but for the bars in them.
#[must_use]
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut text = String::from("|");
    for name in head {
        let _ = write!(text, " {} |", name.trim_start_matches('>'));
    }
    text.push_str("\n|");
    for name in head {
        text.push_str(if name.starts_with('>') {
            " ---: |"
        } else {
            " --- |"
        });
    }
    text.push('\n');
    for row in rows {
        text.push('|');
        for cell in row {
            let _ = write!(text, " {} |", cell.replace('|', "\\|"));
        }
        text.push('\n');
    }
    text
}

/// So many lines of one kind are shown, so that a long list leaves room for what stands below it.
const MOST: usize = 40;

/// The first of these lines, and how many more there are.
#[must_use]
pub fn first<T>(mut lines: Vec<T>) -> (Vec<T>, String) {
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    let told = match more {
        0 => String::new(),
        more => format!("\n… and {more} more; `okrd diff` shows them all.\n"),
    };
    (lines, told)
}

/// The text cut to [`LARGEST`] at the end of a line, with a line that says so.
#[must_use]
pub fn fit(text: String) -> String {
    if text.len() <= LARGEST {
        return text;
    }
    let told = |lines: usize| {
        format!(
            "\n**Cut here: {lines} more lines do not fit into one comment.** `okrd diff` shows them all.\n"
        )
    };
    // Room for the longest such line, and for the end of a code block.
    let room = LARGEST - told(usize::MAX).len() - 128;
    let mut end = 0;
    for (at, _) in text.match_indices('\n').take_while(|(at, _)| *at < room) {
        end = at + 1;
    }
    let (kept, cut) = text.split_at(end);
    let mut kept = kept.to_owned();
    if let Some(fence) = open_fence(&kept) {
        kept.push_str(&fence);
        kept.push('\n');
    }
    kept.push_str(&told(cut.lines().count()));
    kept
}

/// The fence of a code block that is not closed.
fn open_fence(text: &str) -> Option<String> {
    let mut open: Option<String> = None;
    for line in text.lines().filter(|line| line.starts_with("```")) {
        let ticks = line.len() - line.trim_start_matches('`').len();
        let fence = "`".repeat(ticks);
        open = match open {
            None => Some(fence),
            Some(open) if open == line => None,
            open => open,
        };
    }
    open.filter(|fence| fence.len() <= 64)
}

fn shorten(text: &str) -> String {
    let line = one_line(text);
    if line.chars().count() <= LONGEST_CELL {
        return line;
    }
    line.chars().take(LONGEST_CELL).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        for (text, expected) in [
            ("More | less", "More | less"),
            ("`x` *y* _z_", "\\`x\\` \\*y\\* \\_z\\_"),
            (
                "<img src=x onerror=alert(1)>",
                "&lt;img src=x onerror=alert(1)&gt;",
            ),
            ("[a](http://b.example)", "\\[a\\](http:\u{200b}//b.example)"),
            (
                "thanks @ada and #12, !3",
                "thanks @\u{200b}ada and #\u{200b}12, !\u{200b}3",
            ),
            ("www.b.example", "www\u{200b}.b.example"),
            ("+30% in one\nweek", "+30% in one week"),
            ("$5 and $6", "&#36;\u{200b}5 and &#36;\u{200b}6"),
            ("&lt;", "&amp;\u{200b}lt;"),
            ("a\u{202e}b\u{1b}[0m", "a\\\\u{202e}b\\\\u{1b}\\[0m"),
            ("a\\|b", "a\\\\|b"),
        ] {
            assert_eq!(escape(text), expected, "{text}");
        }
        assert_eq!(escape(&"x".repeat(900)).chars().count(), LONGEST_CELL + 1);
    }

    #[test]
    fn code_is_code_whatever_it_holds() {
        assert_eq!(code("SELECT 1"), "`SELECT 1`");
        assert_eq!(code("SELECT `a` || b"), "`` SELECT `a` || b ``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code(""), "");
        assert_eq!(block("a\n```\nb", "toml"), "````toml\na\n```\nb\n````\n");
    }

    #[test]
    fn tables_have_their_columns() {
        let table = table(["What", ">Value"], [[escape("a|b\\|c"), code("1||2")]]);
        let row = "| a\\|b\\\\\\|c | `1\\|\\|2` |";
        assert_eq!(table, format!("| What | Value |\n| --- | ---: |\n{row}\n"));
    }

    #[test]
    fn a_long_list_leaves_room() {
        assert_eq!(first(vec![1; MOST]), (vec![1; MOST], String::new()));
        let (kept, told) = first(vec![1; MOST + 2]);
        assert_eq!(kept.len(), MOST);
        assert!(told.contains("and 2 more"), "{told}");
    }

    #[test]
    fn a_large_comment_is_cut_at_a_line_and_says_so() {
        let short = "a\n".repeat(10);
        assert_eq!(fit(short.clone()), short);
        let just = "x".repeat(LARGEST - 1) + "\n";
        assert_eq!(fit(just.clone()), just);
        let row = format!("| {} |\n", "ä".repeat(100));
        let cut = fit(row.repeat(1_000));
        assert!(
            cut.len() <= LARGEST && cut.len() > LARGEST - 1_000,
            "{}",
            cut.len()
        );
        let kept = cut.matches("| ä").count();
        let told = format!("{} more lines", 1_000 - kept);
        assert!(cut.contains(&told), "{}", &cut[cut.len() - 200..]);
        // What is cut within a block of code ends it first.
        let cut = fit(format!("```toml\n{}", "a = 1\n".repeat(20_000)));
        assert!(cut.contains("a = 1\n```\n\n**Cut here"));
    }
}
