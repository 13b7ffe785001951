//! The `{names}` of a JQL or an HTTP text, found before anyone asks with them. Every other brace is literal.

use std::ops::Range;

use crate::domain::window::Moments;

/// The forms that HTTP texts may ask for: `{now:date}`.
pub(in crate::config) const FORMS: [&str; 3] = ["date", "unix", "rfc3339"];

/// A `{name}` or `{name:form}` in a text, with the place of the whole.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) struct Brace<'q> {
    pub(in crate::config) name: &'q str,
    pub(in crate::config) form: Option<&'q str>,
    pub(in crate::config) span: Range<usize>,
}

impl Brace<'_> {
    /// Whether it is replaced in a text that takes these forms.
    pub(in crate::config) fn is_ours(&self, forms: &[&str]) -> bool {
        Moments::NAMES.contains(&self.name) && self.form.is_none_or(|form| forms.contains(&form))
    }
}

/// Every brace that could be meant as one of ours: nothing but letters, digits, `_`, `-` and one colon inside.
pub(in crate::config) fn braces(text: &str) -> Vec<Brace<'_>> {
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
