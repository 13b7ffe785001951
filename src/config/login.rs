//! What looks like a login: names of headers, parameters and keys behind which a secret stands, and values that are
//! one. Names are judged by whole words, so that `keyword` is no `key`. Knows neither files nor findings.

/// Words of names behind which nothing but a secret stands.
const STRONG: [&str; 24] = [
    "apikey",
    "apitoken",
    "accesskey",
    "accesstoken",
    "authorization",
    "authtoken",
    "bearer",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "jwt",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pw",
    "pwd",
    "secret",
    "secretkey",
    "sessionid",
    "sslpassword",
    "token",
];
/// Words of names behind which a secret usually stands where headers and parameters are written.
const WEAK: [&str; 5] = ["auth", "key", "session", "sig", "signature"];

/// Whether a header or parameter of this name logs in, as far as a name can tell.
pub(crate) fn is_login(name: &str) -> bool {
    words(name)
        .iter()
        .any(|word| STRONG.contains(&word.as_str()) || WEAK.contains(&word.as_str()))
}

/// Whether a name in a document that is sent, where `key` and `session` mean many things, says that a secret follows.
pub(crate) fn is_password(name: &str) -> bool {
    let words = words(name);
    let pair = |a: &str, b: &str| {
        let mut following = words.iter().zip(words.iter().skip(1));
        following.any(|(first, second)| first == a && second == b)
    };
    words.iter().any(|word| STRONG.contains(&word.as_str()))
        || ["api", "access", "private", "secret"]
            .iter()
            .any(|which| pair(which, "key"))
}

/// Whether a value says of itself that it logs in.
pub(crate) fn is_credential(value: &str) -> bool {
    let value = value.trim_start();
    ["bearer ", "basic "].iter().any(|scheme| {
        value
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && value
                .get(scheme.len()..)
                .is_some_and(|rest| !rest.trim().is_empty())
    })
}

/// Whether a text to be sent holds a login: `password=…` as forms write it, `"password": "…"` as JSON does.
pub(crate) fn holds_password(text: &str) -> bool {
    !passwords(text).is_empty()
}

/// The bytes of a text that stand behind a name and `=` or `:` and may be a password. What okrd fills in is none.
pub(crate) fn passwords(text: &str) -> Vec<std::ops::Range<usize>> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let value = |(at, _): (usize, &str)| {
        let before = text.get(..at)?.trim_end_matches([' ', '"', '\'', '\\']);
        let name = before
            .rfind(|c| !is_name(c))
            .map_or(before, |end| before.get(end..).unwrap_or(before));
        let rest = text.get(at + 1..)?;
        let value = rest.trim_start_matches([' ', '"', '\'', '\\', '=', ':']);
        let start = at + 1 + (rest.len() - value.len());
        let length = value
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | ')'))
            .unwrap_or(value.len());
        let filled = value.starts_with(['{', '[']);
        (is_password(name) && length > 0 && !filled).then_some(start..start + length)
    };
    text.match_indices(['=', ':']).filter_map(value).collect()
}

/// Whether a text reads like the name of something: short, letters and dashes only. What does not may be a secret that
/// slipped into the place of a name.
pub(crate) fn is_speakable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && name
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_' | b'.'))
}

/// The words of a name in lower case: parted where anything but letters and digits stands and where `camelCase` turns.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (n, c) in chars.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| chars.get(n));
        let after = chars.get(n + 1);
        let turns = c.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit())
                || (before.is_some_and(|b| b.is_uppercase())
                    && after.is_some_and(|a| a.is_lowercase())));
        if turns || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f71_names_that_log_in_are_known_by_whole_words() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "Proxy-Auth",
            "X-Api-Key",
            "apiKey",
            "APIKey",
            "X-Pass",
            "X-Session",
            "Cookie",
            "pwd",
            "pass",
            "user_password",
            "userPassword",
            "token_auth",
            "X-Amz-Signature",
            "sig",
            "key",
        ] {
            assert!(is_login(name), "{name}");
        }
        for name in [
            "keyword",
            "monkey",
            "X-Keyboard",
            "author",
            "compass",
            "Accept",
            "passenger",
            "design",
            "tokenize",
            "obsession",
        ] {
            assert!(!is_login(name), "{name}");
        }
        assert!(is_password("client_secret") && is_password("api_key"));
        assert!(!is_password("key") && !is_password("session"));
    }

    #[test]
    fn f71_values_that_log_in_are_known_by_themselves() {
        assert!(is_credential("Bearer x") && is_credential("basic eA=="));
        assert!(!is_credential("Bearer") && !is_credential("Basics of x"));
        for text in [
            "password=x",
            "user=a&password=x",
            "{\"password\": \"x\"}",
            "grant=client&client_secret=x",
            "PASSWORD = 'x'",
        ] {
            assert!(holds_password(text), "{text}");
        }
        for text in [
            "password={now}",
            "{ project(key: \"CARE\") { open } }",
            "password=",
            "keyword=x",
            "a=b",
        ] {
            assert!(!holds_password(text), "{text}");
        }
        assert_eq!(passwords("é password='hunter2' x").first(), Some(&(13..20)));
    }
}
