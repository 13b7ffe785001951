//! The `{names}` of a JQL or an HTTP text, found before anyone asks with them. Every other brace is literal.

use std::ops::Range;

/// A `{name}` or `{name:form}` in a text, with the place of the whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Brace<'q> {
    pub(super) name: &'q str,
    pub(super) form: Option<&'q str>,
    pub(super) span: Range<usize>,
}

/// Every brace that could be meant as one of ours: nothing but letters, digits, `_`, `-` and one colon inside.
pub(super) fn braces(text: &str) -> Vec<Brace<'_>> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices('{') {
        let rest = text.get(start + 1..).unwrap_or("");
        let Some(end) = rest
            .find(['{', '}'])
            .filter(|end| rest.as_bytes().get(*end) == Some(&b'}'))
        else {
            continue;
        };
        let inner = rest.get(..end).unwrap_or("");
        let (name, form) = inner
            .split_once(':')
            .map_or((inner, None), |(name, form)| (name, Some(form)));
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        if is_name(name) && form.is_none_or(is_name) {
            let span = start..start + end + 2;
            found.push(Brace { name, form, span });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_braces_that_look_like_ours_are_found() {
        let text = "a {now} {now:date} {\"x\": {today}} {} {a b} {cycle-start} {";
        let found: Vec<_> = braces(text).into_iter().map(|b| (b.name, b.form)).collect();
        assert_eq!(
            found,
            [
                ("now", None),
                ("now", Some("date")),
                ("today", None),
                ("cycle-start", None)
            ]
        );
        assert_eq!(braces(text).first().map(|b| b.span.clone()), Some(2..7));
    }
}
