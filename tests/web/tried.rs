//! What people try by hand: `okrd extract` on an answer they have, `okrd probe --explain` on one that comes. Both are the
//! built program.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Kept;
use crate::fakes::wire::{Wire, json};

async fn okrd(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_okrd"))
        .args(arguments)
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may refuse before it reads.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .await;
    child.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn an_expression_is_tried_on_an_answer_at_hand() {
    let rows =
        r#"{"rows":[{"n":1,"at":"2026-11-01T00:00:00Z"},{"n":2,"at":"2026-11-02T00:00:00Z"}]}"#;
    for (arguments, input, code, out) in [
        (vec!["/rows/1/n"], rows, 0, "2\n"),
        (vec!["[.rows[].n] | add"], rows, 0, "3\n"),
        (
            vec![".rows[0].n", "--as-of", "/rows/1/at"],
            rows,
            0,
            "1 as of 2026-11-02T00:00:00Z\n",
        ),
        (vec!["/nosuch"], rows, 1, ""),
        (vec![".rows[].n"], rows, 1, ""),
        (
            vec!["/rows/0/n", "--fail-if", ".rows | length == 2"],
            rows,
            1,
            "",
        ),
        (
            vec!["/rows/0/n", "--require", ".rows | length == 2"],
            rows,
            0,
            "1\n",
        ),
        (vec!["/rows/0/n", "--require", ".complete"], rows, 1, ""),
        (vec![".rows["], rows, 2, ""),
        (
            vec!["[.[].n | tonumber] | add", "--input", "csv-semicolon"],
            "day;n\n1;40\n2;2\n",
            0,
            "42\n",
        ),
        (
            vec![
                r#"capture("(?<n>[0-9]+) of").n | tonumber"#,
                "--input",
                "text",
            ],
            "7 of 9\n",
            0,
            "7\n",
        ),
    ] {
        let mut whole = vec!["extract"];
        whole.extend(&arguments);
        let done = okrd(&whole, input).await;
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {told}");
        assert_eq!(String::from_utf8_lossy(&done.stdout), out, "{arguments:?}");
        assert_eq!(told.is_empty(), code == 0, "{arguments:?}: {told}");
    }
}

#[tokio::test]
async fn f71_probe_explains_what_went_over_the_wire_without_its_secrets() {
    const KEY: &str = "canary-key-4711";
    let wire = Wire::always(json(200, r#"{"stats":{"n":42}}"#)).await;
    let kept = Kept::new(KEY);
    let home = tempfile::tempdir().unwrap();
    let secret = format!("{{ file = \"{}\" }}", kept.path().display());
    let text = format!(
        "cycle = \"now\"\n[cycles.now]\nstarts = 2020-01-01\nends = 2099-12-31\n\
         [sources.web]\ntype = \"http\"\nurl = \"{}\"\nheaders = {{ \"X-Api-Key\" = {secret} }}\n\
         [objectives.o]\ntitle = \"O\"\n[objectives.o.key_results.k]\ntitle = \"K\"\nunit = \"u\"\nat_least = 1\n\
         [objectives.o.key_results.k.measure]\nsource = \"web\"\npath = \"/stats\"\nvalue = \"/stats/n\"\n\
         query = {{ key = {secret}, since = \"{{cycle_start:date}}\" }}\nform = {{ token = {secret}, page = 1 }}\n",
        wire.url()
    );
    let file = home.path().join("okrd.toml");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let done = okrd(&["--config", &file, "probe", "o/k", "--explain"], "").await;
    let told = String::from_utf8(done.stdout).unwrap();
    assert_eq!(
        done.status.code(),
        Some(0),
        "{told}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let tail = format!(
        "\no/k\n  POST {}/stats\n    query key: …\n    query since: 2020-01-01\n    header accept: application/json\n    header x-api-key: …\n    \
         form page: 1\n    form token: …\n  answered: 200, application/json, 18 bytes\n    \
         {{\"stats\":{{\"n\":42}}}}\n  read: 42\n",
        wire.url()
    );
    assert!(
        told.ends_with(&tail),
        "{told}\nexpected at its end:\n{tail}"
    );
    let arguments = [
        "--config",
        &file,
        "probe",
        "o/k",
        "--explain",
        "--format",
        "json",
    ];
    let done = okrd(&arguments, "").await;
    let told = String::from_utf8(done.stdout).unwrap();
    let document: serde_json::Value = serde_json::from_str(&told).unwrap();
    let exchange = &document["probes"][0]["exchanges"][0];
    assert_eq!(exchange["answered"], "200, application/json, 18 bytes");
    assert!(!told.contains("canary"), "{told}");
    let sent = String::from_utf8(wire.asked()[0].raw.clone()).unwrap();
    assert!(sent.contains(KEY), "the secret itself went out");
}
