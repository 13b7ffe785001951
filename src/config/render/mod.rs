//! Findings as people and machines read them: text with the line in question, JSON, GitHub annotations, SARIF.
//! Shows what was found and judges nothing; never shows what may be a secret.

mod text;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::text::Lines;
pub use self::text::{styled, text};
use super::files::Files;
use super::finding::{Code, Finding, Severity};

/// The findings one line each, with code, place and message and nothing of the text of the files: for logs and for
/// answers over the network.
#[must_use]
pub fn brief(findings: &[Finding]) -> String {
    let line = |f: &Finding| {
        let (severity, code) = (f.severity.as_str(), f.code);
        let place = format!("{}:{}:{}", f.file, f.line, f.column);
        format!("{severity}[{code}] {place}: {}", f.message)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The findings as the JSON document `{"findings": […]}`, one line and a line break.
#[must_use]
pub fn json(findings: &[Finding], _files: &Files) -> String {
    let each = |f: &Finding| {
        json!({
            "code": f.code.as_str(),
            "severity": f.severity.as_str(),
            "message": f.message,
            "help": f.help,
            "file": f.file,
            "line": f.line,
            "column": f.column,
        })
    };
    let document = json!({ "findings": findings.iter().map(each).collect::<Vec<_>>() });
    format!("{document}\n")
}

/// The findings as GitHub workflow commands, one line each.
/// <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>
#[must_use]
pub fn github(findings: &[Finding], files: &Files) -> String {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let line = |f: &Finding| {
        let command = match f.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut message = f.message.clone();
        if !f.help.is_empty() {
            message.push('\n');
            message.push_str(&f.help);
        }
        format!(
            "::{command} file={},line={},col={},endColumn={},title={}::{}\n",
            property(&f.file),
            f.line,
            f.column,
            end(f, files).1,
            property(f.code.as_str()),
            data(&message)
        )
    };
    findings.iter().map(line).collect()
}

/// Line and column behind the last character of the finding's first line.
fn end(finding: &Finding, files: &Files) -> (usize, usize) {
    let Some(file) = files.get(&finding.file) else {
        return (finding.line, finding.column);
    };
    let line = file.line(finding.span.start);
    let last = finding.span.end.min(line.end).max(finding.span.start);
    let place = file.place(last);
    (finding.line, place.column.max(finding.column))
}

/// The findings as a SARIF 2.1.0 log, for code scanning.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
#[must_use]
pub fn sarif(findings: &[Finding], files: &Files) -> String {
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = findings
        .iter()
        .zip(fingerprints(findings, files))
        .map(|(finding, fingerprint)| result(finding, files, &fingerprint))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "okrd",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log}\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(code: Code) -> Value {
    let page = code.page();
    // The paragraph that says what it finds, on one line.
    let finds = page
        .split("\n\n")
        .nth(2)
        .unwrap_or_default()
        .replace('\n', " ");
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.reason() },
        "fullDescription": { "text": finds },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

/// What tells each finding from all others and stays the same when lines move: code, file, the line as it may be shown,
/// and which of several alike it is. Two runs are compared by it.
fn fingerprints(findings: &[Finding], files: &Files) -> Vec<String> {
    let lines = Lines::new(findings, files);
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    let each = findings.iter().map(|finding| {
        let line = lines.at(&finding.file, &finding.span);
        let line = line.map_or_else(String::new, |(line, _)| line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut hash = Sha256::new();
        for part in [finding.code.as_str(), &uri(&finding.file), &words.join(" ")] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash = format!("{:.24x}", hash.finalize());
        let nth = alike.entry(hash.clone()).or_default();
        *nth += 1;
        format!("{hash}:{nth}")
    });
    each.collect()
}

fn result(finding: &Finding, files: &Files, fingerprint: &str) -> Value {
    let (end_line, end_column) = end(finding, files);
    let mut message = finding.message.clone();
    if !finding.help.is_empty() {
        message.push_str(". ");
        message.push_str(&finding.help);
    }
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == finding.code),
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.file) },
            "region": {
                "startLine": finding.line,
                "startColumn": finding.column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        } }],
        "partialFingerprints": { "okrdFinding/v1": fingerprint },
    });
    if let Some(also) = &finding.also
        && let Some(members) = result.as_object_mut()
    {
        let place = json!([{
            "id": 1,
            "message": { "text": also.label },
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&also.file) },
                "region": { "startLine": also.line, "startColumn": also.column },
            },
        }]);
        members.insert("relatedLocations".into(), place);
    }
    result
}

/// A path as a URI reference: everything but unreserved characters and slashes is percent-encoded (RFC 3986).
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::files::File;

    fn sample() -> (Files, Vec<Finding>) {
        let file = File::new("a b,c.toml", "/", "é = 1\nkey = \"x\"\n".into());
        let finding = file
            .finding(&(7..10), Code::CfgKey, "100% wrong: a, b")
            .help("do\nthis")
            .also(&file, &(0..2), "first");
        (Files::one(file), vec![finding])
    }

    #[test]
    fn json_has_the_public_keys() {
        let (files, findings) = sample();
        let value: Value = serde_json::from_str(&json(&findings, &files)).unwrap();
        assert_eq!(
            value,
            json!({"findings": [{
                "code": "CFG-KEY", "severity": "error", "message": "100% wrong: a, b", "help": "do\\nthis",
                "file": "a b,c.toml", "line": 2, "column": 1,
            }]})
        );
        assert_eq!(json(&[], &files), "{\"findings\":[]}\n");
    }

    #[test]
    fn github_commands_are_escaped() {
        let (files, findings) = sample();
        assert_eq!(
            github(&findings, &files),
            "::error file=a b%2Cc.toml,line=2,col=1,endColumn=4,title=CFG-KEY::100%25 wrong: a, b%0Ado\\nthis\n"
        );
    }

    /// What is found again elsewhere in the file is the same finding; two alike are two.
    #[test]
    fn fingerprints_stay_when_lines_move() {
        let prints = |text: &str, places: &[usize]| {
            let file = File::new("okrd.toml", "/", text.to_owned());
            let find = |at: &usize| file.finding(&(*at..at + 3), Code::CfgKey, "unknown key");
            let findings: Vec<_> = places.iter().map(find).collect();
            fingerprints(&findings, &Files::one(file))
        };
        let one = prints("key = 1\n", &[0]);
        assert_eq!(prints("# more\n\n  key  = 1\n", &[10]), one);
        assert_ne!(prints("yek = 1\n", &[0]), one);
        let two = prints("key = 1\nkey = 1\n", &[0, 8]);
        assert_eq!(two.first(), one.first());
        assert_ne!(two.first(), two.get(1));
    }

    #[test]
    fn sarif_has_rules_and_regions() {
        let (files, findings) = sample();
        let log: Value = serde_json::from_str(&sarif(&findings, &files)).unwrap();
        assert_eq!(log.pointer("/version").unwrap(), "2.1.0");
        let rules = log
            .pointer("/runs/0/tool/driver/rules")
            .unwrap()
            .as_array()
            .unwrap();
        assert_eq!(rules.len(), Code::ALL.len());
        let result = log.pointer("/runs/0/results/0").unwrap();
        let index =
            usize::try_from(result.pointer("/ruleIndex").unwrap().as_u64().unwrap()).unwrap();
        assert_eq!(
            rules.get(index).unwrap().pointer("/id"),
            result.pointer("/ruleId")
        );
        let place = result.pointer("/locations/0/physicalLocation").unwrap();
        assert_eq!(
            place.pointer("/artifactLocation/uri").unwrap(),
            "a%20b%2Cc.toml"
        );
        assert_eq!(
            place.pointer("/region").unwrap(),
            &json!({"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 4})
        );
        assert_eq!(
            result
                .pointer("/relatedLocations/0/physicalLocation/region/startLine")
                .unwrap(),
            1
        );
        let rule = rules.get(index).unwrap();
        assert_eq!(rule.pointer("/help/markdown").unwrap(), Code::CfgKey.page());
        let finds = rule
            .pointer("/fullDescription/text")
            .unwrap()
            .as_str()
            .unwrap();
        assert!(finds.starts_with("A key that nothing reads") && !finds.contains('\n'));
        assert_eq!(uri("/etc/okrd/ö.toml"), "file:///etc/okrd/%C3%B6.toml");
    }
}
