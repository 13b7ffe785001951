//! "Did you mean": the nearest of the names that exist. Knows nothing of what is named.

/// Names longer than this are no slip of a finger.
const LONGEST: usize = 64;

/// The nearest name, if one is near: at most a third of the letters differ.
pub(in crate::config) fn nearest<'n>(
    found: &str,
    names: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    if found.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(found);
    let limit = match wanted.chars().count() {
        // Of one or two letters, any other name would be near.
        0..3 => 0,
        length => length / 3,
    };
    names
        .map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// The help for a name that nothing has: the nearest one, or all there are.
pub(super) fn did_you_mean<'n>(
    found: &str,
    names: impl Iterator<Item = &'n str> + Clone,
    what: &str,
) -> String {
    const MOST: usize = 20;
    if let Some(near) = nearest(found, names.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<&str> = names.clone().take(MOST).collect();
    match all.len() {
        0 => format!("there are no {what} yet"),
        MOST => format!("{what} include {}", all.join(", ")),
        _ => format!("{what} are {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let names = ["title", "target", "at_most", "why"];
        for (found, near) in [
            ("tilte", Some("title")),
            ("Target", Some("target")),
            ("at-most", Some("at_most")),
            ("wyh", Some("why")),
            ("owner", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, names.into_iter()), near, "{found}");
        }
        assert_eq!(nearest(&"title".repeat(1000), names.into_iter()), None);
        assert_eq!(
            did_you_mean("x", [].into_iter(), "sources"),
            "there are no sources yet"
        );
    }
}
