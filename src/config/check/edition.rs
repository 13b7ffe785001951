//! Configurations are TOML 1.0, but the parser also takes what TOML 1.1 added: line breaks and a last comma in inline
//! tables, two escapes, times without seconds (<https://toml.io/en/v1.1.0>). A file that uses them would be broken for
//! the editors and programs that read 1.0, so they are refused here, exactly and by their places.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::config::files::File;
use crate::config::finding::{Code, Finding};

/// Everything in a sound file that is newer than TOML 1.0.
pub(super) fn newer(file: &File, root: &DeTable<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut tables = vec![root];
    while let Some(table) = tables.pop() {
        for (key, value) in table {
            found.extend(escape(file, key.span()));
            let mut values = vec![value];
            while let Some(value) = values.pop() {
                let span = value.span();
                match value.get_ref() {
                    DeValue::String(_) => found.extend(escape(file, span)),
                    DeValue::Datetime(at) if at.time.is_some_and(|t| t.second.is_none()) => {
                        let help = "write the seconds: 07:30:00";
                        found.push(finding(file, &span, "a time without seconds", help));
                    }
                    DeValue::Array(list) => values.extend(list.iter()),
                    DeValue::Table(inner) => {
                        found.extend(layout(file, span, inner));
                        tables.push(inner);
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

/// `\e` or `\xHH` in a text or key between double quotes.
fn escape(file: &File, span: Range<usize>) -> Option<Finding> {
    let text = file.slice(&span);
    let mut chars = text.char_indices().filter(|_| text.starts_with('"'));
    while let Some((at, c)) = chars.next() {
        if c == '\\' && matches!(chars.next(), Some((_, 'e' | 'x'))) {
            let place = span.start + at..span.start + at + 2;
            let help = "write \\u and four hex digits, such as \\u001b";
            return Some(finding(file, &place, "this escape", help));
        }
    }
    None
}

/// A line break or a last comma between the entries of a table in braces. What stands inside its values is their affair:
/// lists may have both.
fn layout(file: &File, span: Range<usize>, table: &DeTable<'_>) -> Option<Finding> {
    if !is_inline(file, &span) {
        return None;
    }
    let mut values = Vec::new();
    entries(file, table, &mut values);
    values.sort_by_key(|value| value.start);
    let mut from = span.start;
    for value in values {
        if file.slice(&(from..value.start)).contains('\n') {
            return Some(broken(file, span.start));
        }
        from = value.end;
    }
    let rest = file.slice(&(from..span.end));
    if rest.contains('\n') {
        return Some(broken(file, span.start));
    }
    let comma = from + rest.find(',')?;
    let help = "remove the last comma; only lists may have one";
    let what = "a comma after the last entry of a table in braces";
    Some(finding(file, &(comma..comma + 1), what, help))
}

fn broken(file: &File, brace: usize) -> Finding {
    let help = "keep it on one line, or write it under a [header] of its own";
    let what = "a table in braces over several lines";
    finding(file, &(brace..brace + 1), what, help)
}

/// The places of a table's values; a dotted key makes a table of its own, whose values stand here.
fn entries(file: &File, table: &DeTable<'_>, found: &mut Vec<Range<usize>>) {
    for value in table.values() {
        match value.get_ref() {
            DeValue::Table(dotted) if !is_inline(file, &value.span()) => {
                entries(file, dotted, found);
            }
            _ => found.push(value.span()),
        }
    }
}

fn is_inline(file: &File, span: &Range<usize>) -> bool {
    file.slice(span).starts_with('{')
}

fn finding(file: &File, span: &Range<usize>, what: &str, help: &str) -> Finding {
    let message = format!("{what} is TOML 1.1, expected TOML 1.0");
    let finding = file.finding(span, Code::CfgSyntax, message);
    finding.label("newer than TOML 1.0").help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of what is newer, as `line:column`.
    fn places(text: &str) -> Vec<String> {
        let file = File::new("x", "/", text.to_owned());
        let (table, errors) = DeTable::parse_recoverable(file.text());
        assert!(errors.is_empty(), "{text}: {errors:?}");
        let found = newer(&file, table.get_ref());
        let mut places: Vec<_> = found.iter().map(|f| (f.line, f.column)).collect();
        places.sort_unstable();
        places.iter().map(|(l, c)| format!("{l}:{c}")).collect()
    }

    #[test]
    fn what_toml_1_1_added_is_found_where_it_stands() {
        for (text, expected) in [
            ("a = {\n b = 1 }", vec!["1:5"]),
            ("a = { b = 1\n}", vec!["1:5"]),
            ("a = { b = 1, # why\n c = 2 }", vec!["1:5"]),
            ("a = { b = 1, }", vec!["1:12"]),
            ("a = { b.c = 1, b.d = 2, }", vec!["1:23"]),
            (
                "a = [ { b = 1, }, { c = { d = 2,\n } } ]",
                vec!["1:14", "1:25"],
            ),
            (
                "a = \"\\e[1m\"\nb = \"\"\"\n\\\\e \\x41\"\"\"",
                vec!["1:6", "3:5"],
            ),
            ("\"\\x41\" = 1", vec!["1:2"]),
            ("a = 07:32\nb = 2026-11-02T07:32Z", vec!["1:5", "2:5"]),
            ("[a.b]\nc = { d.e = { f = 1, } }", vec!["2:20"]),
        ] {
            assert_eq!(places(text), expected, "{text}");
        }
    }

    #[test]
    fn toml_1_0_is_taken_whole() {
        for text in [
            "a = { b = [\n 1,\n 2,\n], c = \"\"\"\n,\n\"\"\" }",
            "a = { b = '''\n''', c.d = \"x,\", \"e,\" = ',' }",
            "a = {}\nb = { }\nc = [\n]",
            "a = '\\e\\x41'\nb = \"\\\\e\"\n'\\e' = '''\\x'''",
            "a = 07:32:00\nb = 2026-11-02\nc = 2026-11-02T07:32:00.5Z",
            "[a]\nb = 1\n\n[a.c]\n# a, comment\n[[d]]\ne = 1\n[[d]]\n\n[d.f]\n",
            "a.b.c = 1\na.b.d = 2\n",
            "a = { \"b\" = { c = 1 }, d = 2 } # {,",
        ] {
            assert_eq!(places(text), Vec::<String>::new(), "{text}");
        }
    }
}
