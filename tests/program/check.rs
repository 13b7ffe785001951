//! `okrd check`: its four formats, its exit codes, and asking the sources.

use serde_json::Value;

use crate::home::{DAEMON, Home, counted, growth, key_result};

const FORMATS: [&str; 4] = ["text", "json", "github", "sarif"];

/// A home whose OKR file is right, draws a warning (six key results), or has errors in lines 9 and 14.
fn homes() -> [Home; 3] {
    let home = Home::shop();
    let warned = Home::shop();
    let six: Vec<String> = (1..=6).map(|n| counted(&format!("kr{n}"), n)).collect();
    let six: Vec<&str> = six.iter().map(String::as_str).collect();
    warned.write("okrs/team.toml", &growth(&six));
    let wrong = Home::shop();
    let gone = key_result(
        "gone",
        "measure = { source = \"shopp\", query = \"SELECT 1\" }",
    );
    wrong.write(
        "okrs/team.toml",
        &growth(&[&key_result("misspelt", "wieght = 2"), &gone]),
    );
    [home, warned, wrong]
}

#[test]
fn exit_codes_follow_the_gravest_finding() {
    let [right, warned, wrong] = homes();
    for format in FORMATS {
        // Findings are the result; that there are none is said beside it, where no program reads.
        let none = "no findings in 2 files\n";
        for (home, deny, code, beside) in [
            (&right, false, 0, none),
            (&right, true, 0, none),
            (&warned, false, 0, ""),
            (&warned, true, 1, ""),
            (&wrong, false, 1, ""),
            (&wrong, true, 1, ""),
        ] {
            let mut args = vec!["check", "--format", format];
            args.extend(deny.then_some("--deny-warnings"));
            let done = home.ends(code, &args);
            assert_eq!(done.err, beside, "{done:?}");
        }
    }
    for home in [right, warned, wrong] {
        assert!(!home.path("okrd.db").exists(), "a check records nothing");
    }
}

#[test]
fn every_format_names_code_file_line_column_and_help() {
    let [right, warned, wrong] = homes();
    let out = |home: &Home, format: &str| home.okrd(&["check", "--format", format]).out;

    let json = |home: &Home| -> Vec<Value> {
        let document: Value = serde_json::from_str(&out(home, "json")).unwrap();
        document["findings"].as_array().unwrap().clone()
    };
    assert!(json(&right).is_empty());
    assert_eq!(json(&warned)[0]["severity"], "warning");
    let findings = json(&wrong);
    let places: Vec<_> = findings
        .iter()
        .map(|f| (f["file"].as_str().unwrap(), f["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(places, [("okrs/team.toml", 9), ("okrs/team.toml", 15)]);
    for finding in &findings {
        let keys: Vec<_> = finding.as_object().unwrap().keys().collect();
        for key in [
            "code", "severity", "message", "help", "file", "line", "column",
        ] {
            assert!(keys.contains(&&key.to_owned()), "{key} in {finding}");
        }
        assert_eq!(finding["severity"], "error");
        assert!(finding["column"].as_u64().unwrap() >= 1);
    }
    let told = findings
        .iter()
        .map(|f| format!("{} {}", f["message"], f["help"]));
    let told = told.collect::<Vec<_>>().join("\n");
    assert!(
        told.contains("did you mean `weight`") && told.contains("did you mean `shop`"),
        "{told}"
    );

    let text = out(&wrong, "text");
    assert!(
        text.contains("okrs/team.toml:9:1") && text.contains("okrs/team.toml:15:"),
        "{text}"
    );
    assert!(
        text.contains("wieght = 2"),
        "the line at fault is shown: {text}"
    );

    let github = out(&wrong, "github");
    let lines: Vec<&str> = github.lines().collect();
    assert_eq!(lines.len(), 2, "{github}");
    assert!(
        lines[0].starts_with("::error file=okrs/team.toml,line=9,col=1,"),
        "{github}"
    );
    assert!(out(&warned, "github").starts_with("::warning file=okrs/team.toml,"));

    let sarif: Value = serde_json::from_str(&out(&wrong, "sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(results.len(), 2);
    assert_eq!(place["artifactLocation"]["uri"], "okrs/team.toml");
    assert_eq!(place["region"]["startLine"], 9);
}

#[test]
fn online_asks_each_source_and_records_nothing() {
    let home = Home::shop();
    home.ends(0, &["check", "--online"]);
    // Nobody listens on port 1.
    home.append(
        "okrd.toml",
        "[sources.dead]\ntype = \"http\"\nurl = \"http://127.0.0.1:1\"\n",
    );
    home.append(
        "okrs/team.toml",
        &key_result(
            "lost",
            "measure = { source = \"dead\", path = \"/x\", value = \"/n\" }",
        ),
    );
    // A question that gives two rows is a fault of the measure, not of the source.
    home.append(
        "okrs/team.toml",
        &key_result(
            "many",
            "measure = { source = \"shop\", query = \"SELECT id FROM subscribers\" }",
        ),
    );
    home.ends(0, &["check"]);
    for format in FORMATS {
        let out = home.ends(1, &["check", "--online", "--format", format]).out;
        assert!(out.contains("dead") && out.contains("growth/lost"), "{out}");
        assert!(out.contains("growth/many"), "{out}");
        assert!(!out.contains("growth/subscribers"), "{out}");
    }
    assert!(!home.path("okrd.db").exists());
}

#[test]
fn the_schema_takes_the_examples_and_a_new_folder_with_them_is_clean() {
    let home = Home::new(&[("okrd.toml", DAEMON)]);
    let schema: Value = serde_json::from_str(&home.ends(0, &["schema"]).out).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for name in ["okrd.toml", "okrs/company.toml", "okrs/content.toml"] {
        // What is allowed in the example is allowed whenever the test runs.
        let text = std::fs::read_to_string(examples.join(name)).unwrap();
        let text = text.replace("until = 2026-12-31", "until = 2099-12-31");
        let valid = |text: &str| {
            let document: toml::Table = toml::from_str(text).unwrap();
            validator.is_valid(&as_json(&toml::Value::Table(document)))
        };
        assert!(valid(&text), "{name}");
        assert!(!valid(&format!("nobody_knows_this = 1\n{text}")), "{name}");
        home.write(name, &text);
    }
    home.ends(0, &["check", "--deny-warnings"]);
}

fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(list) => list.iter().map(as_json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(k, v)| (k.clone(), as_json(v))).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

#[test]
fn a_code_is_explained_without_any_configuration() {
    let home = Home::new(&[]);
    let page = home.ends(0, &["check", "--explain", "KR-WHY"]).out;
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lints/KR-WHY.md");
    assert_eq!(page, std::fs::read_to_string(file).unwrap());
    assert_eq!(home.ends(0, &["check", "--explain", "kr-why"]).out, page);
    let told = home.ends(2, &["check", "--explain", "KR-WYH"]).err;
    assert!(
        told.contains("'KR-WHY'"),
        "the nearest code is named: {told}"
    );
}

/// The text names the pages once, at its end; formats for programs do not.
#[test]
fn findings_in_text_end_with_where_more_is_told() {
    let [right, warned, _] = homes();
    let more = "`okrd check --explain CODE` tells more of a code, and how to silence it\n";
    assert_eq!(right.ends(0, &["check"]).out, "");
    let text = warned.ends(0, &["check"]).out;
    assert!(
        text.ends_with(more) && text.matches(more).count() == 1,
        "{text}"
    );
    for format in ["json", "github", "sarif"] {
        assert!(
            !warned
                .ends(0, &["check", "--format", format])
                .out
                .contains("tells more of a code")
        );
    }
}

/// What people call an error fails the check and stops no daemon; an allowance that ends takes nothing away either.
#[test]
fn a_lint_raised_to_an_error_fails_the_check_and_no_daemon() {
    let [_, home, _] = homes();
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let raised = main.replace("[server]", "[lints]\nOBJ-KRS = \"error\"\n[server]");
    let raised = raised
        .replace("lints.KR-WHY = \"off\"\n", "")
        .replace("[lints]", "[lints]\nKR-WHY = \"off\"");
    home.write("okrd.toml", &raised);
    let text = home.ends(1, &["check"]).out;
    assert!(
        text.starts_with("error[OBJ-KRS]: the objective has 6 key results"),
        "{text}"
    );
    home.ends(0, &["run", "--once"]);
    let daemon = home.start();
    daemon.value("growth/kr1");
    assert!(daemon.log().contains("error[OBJ-KRS]"), "{}", daemon.log());

    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    let allowed = |until: &str| {
        let allow = format!(
            "title = \"Grow\"\nallow = [{{ code = \"OBJ-KRS\", reason = \"six weeks of trying\", until = {until} }}]"
        );
        okrs.replacen("title = \"Grow\"", &allow, 1)
    };
    home.write("okrs/team.toml", &allowed("2099-12-31"));
    assert_eq!(home.ends(0, &["check", "--deny-warnings"]).out, "");
    home.write("okrs/team.toml", &allowed("2020-01-31"));
    let text = home.ends(1, &["check"]).out;
    assert!(
        text.contains("warning[LINT-EXPIRED]") && text.contains("error[OBJ-KRS]"),
        "{text}"
    );
    daemon.signal(rustix::process::Signal::HUP);
    let reloads = |metrics: &crate::home::Metrics| {
        metrics.sample("okrd_config_reloads_total", &[]) == Some(1.0)
    };
    let metrics = daemon.until("the reload", reloads);
    assert_eq!(
        metrics.sample("okrd_config_last_reload_successful", &[]),
        Some(1.0)
    );
    daemon.end();
}

/// What the store holds is judged with `--online` and not without; neither leaves a trace in it.
#[test]
fn online_judges_what_the_store_holds_and_leaves_it_as_it_is() {
    let home = Home::shop();
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    // A cycle of centuries is at its start for long.
    let main = main.replace("2099-12-31", "2999-12-31");
    let over = "[cycles.over]\nstarts = 2019-01-01\nends = 2019-12-31\n";
    let coming = "[cycles.coming]\nstarts = 3000-01-01\nends = 3000-12-31\n";
    home.write("okrd.toml", &format!("{main}{over}{coming}"));
    let count = |id: &str, keys: &str| {
        let measure =
            "measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }";
        key_result(id, measure).replace("target = 1000", keys)
    };
    let team = growth(&[
        &count("jump", "target = 20"),
        &count("met", "target = 5").replace("count(*)", "count(id)"),
        &key_result("old", "stale_after = \"1d\"\nweight = 3"),
    ]);
    home.write("okrs/team.toml", &team);
    let coming = growth(&[&key_result("sure", ""), &key_result("unsure", "")]);
    home.write(
        "okrs/coming.toml",
        &coming.replace("\"life\"", "\"coming\""),
    );
    home.write(
        "okrs/over.toml",
        &growth(&[&key_result("a", ""), &key_result("b", "")]).replace("\"life\"", "\"over\""),
    );

    let codes = |args: &[&str]| -> Vec<String> {
        let out = home
            .ends(0, &[&["check", "--format", "json"], args].concat())
            .out;
        let document: Value = serde_json::from_str(&out).unwrap();
        let findings = document["findings"].as_array().unwrap().iter();
        let told = findings.map(|f| {
            let [code, severity, file] =
                ["code", "severity", "file"].map(|k| f[k].as_str().unwrap());
            format!("{severity} {code} {file}:{}", f["line"])
        });
        let notes = |line: &String| !line.contains("SRC-ANSWER") && !line.contains("CYC-GAP");
        told.filter(notes).collect()
    };
    // Before anything was recorded only the answers are judged, and no store is made for it.
    let starts = [
        "warning KR-START okrs/team.toml:4",
        "warning KR-DONE okrs/team.toml:10",
    ];
    assert_eq!(codes(&["--online"]), starts);
    assert!(!home.path("okrd.db").exists());

    home.ends(0, &["run", "--once"]);
    home.ends(0, &["record", "growth/old", "3", "--at", "7d"]);
    home.ends(0, &["checkin", "growth/jump", "--confidence", "0.5"]);
    home.ends(
        0,
        &["checkin", "coming:growth/sure", "--confidence", "0.95"],
    );
    let store = || {
        let all = std::fs::read_dir(home.path("")).unwrap();
        let all = all.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = all
            .filter(|path| path.to_string_lossy().contains("okrd.db"))
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        // Who reads a store with a log has these two beside it; without news the log is empty.
        files.retain(|(path, bytes)| {
            let name = path.to_string_lossy();
            !(name.ends_with("-shm") || (name.ends_with("-wal") && bytes.is_empty()))
        });
        files.sort();
        files
    };
    let before = store();
    assert!(!before.is_empty());
    assert_eq!(codes(&[]), [""; 0]);
    let mut told = codes(&["--online"]);
    told.sort();
    assert_eq!(
        told,
        [
            "info KR-CONF okrs/coming.toml:4",
            "info RUN-NOTSTARTED okrs/team.toml:10",
            "info RUN-NOTSTARTED okrs/team.toml:10",
            "info RUN-NOTSTARTED okrs/team.toml:16",
            "info RUN-NOTSTARTED okrs/team.toml:16",
            "info RUN-NOTSTARTED okrs/team.toml:4",
            "warning CYC-OPEN okrd.toml:17",
            "warning KR-DONE okrs/team.toml:10",
            "warning KR-START okrs/team.toml:4",
            "warning RUN-COVER okrs/team.toml:2",
            "warning RUN-STALE okrs/team.toml:16",
        ]
    );
    assert!(store() == before, "a check records nothing");
    home.ends(1, &["check", "--online", "--deny-warnings"]);

    // What is allowed or off is not told, and what an allowance allows is found only with the store.
    let allow = "allow = [{ code = \"RUN-STALE\", reason = \"on leave\", until = 2999-12-31 }]";
    home.write(
        "okrs/team.toml",
        &team.replace("weight = 3", &format!("weight = 3\n{allow}")),
    );
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let off = "lints.CYC-OPEN = \"off\"\nlints.RUN-NOTSTARTED = \"off\"\n";
    home.write("okrd.toml", &format!("{off}{main}"));
    assert_eq!(codes(&[]), [""; 0]);
    let mut told = codes(&["--online"]);
    told.sort();
    assert_eq!(
        told,
        [
            "info KR-CONF okrs/coming.toml:4",
            "warning KR-DONE okrs/team.toml:10",
            "warning KR-START okrs/team.toml:4",
            "warning RUN-COVER okrs/team.toml:2",
        ]
    );
    home.ends(0, &["close", "over"]);

    // A store that cannot be read is told as such, and nothing is made of it.
    home.write("okrd.db", "no store at all, whatever it is");
    let refusal = home.ends(3, &["check", "--online"]).err;
    assert!(refusal.starts_with("error: "), "{refusal}");
    home.ends(0, &["check"]);
}

/// Two answers for one instant are told through the program too, where they were asked for.
#[test]
fn a_number_drawn_at_random_is_told() {
    let home = Home::shop();
    let drawn = key_result(
        "drawn",
        "measure = { source = \"shop\", query = \"SELECT abs(random() % 1000000007)\" }",
    );
    let drawn = drawn
        .replace("baseline = 0", "baseline = \"first\"")
        .replace("target = 1000", "target = \"+10\"");
    home.append("okrs/team.toml", &drawn);
    let text = home.ends(0, &["check", "--online"]).out;
    assert!(
        text.contains("warning[SRC-SAME]: source shop gave "),
        "{text}"
    );
    assert!(text.contains("okrs/team.toml:21:11"), "{text}");
    assert!(
        home.ends(0, &["check", "--explain", "src-same"])
            .out
            .contains("asked twice in a row")
    );
}

/// What a source says is taken as bad as the files say, and may be allowed where it is asked.
#[test]
fn findings_of_sources_have_levels_and_allowances_too() {
    let home = Home::shop();
    let many = |more: &str| {
        let measure = format!(
            "measure = {{ source = \"shop\", query = \"SELECT id FROM subscribers\" }}\n{more}"
        );
        growth(&[&key_result("many", &measure), &counted("one", 1)])
    };
    home.write("okrs/team.toml", &many(""));
    let text = home.ends(1, &["check", "--online"]).out;
    assert!(text.contains("error[SRC-ONE]"), "{text}");
    let allow = |until: &str| {
        format!("allow = [{{ code = \"SRC-ONE\", reason = \"being mended\", until = {until} }}]")
    };
    home.write("okrs/team.toml", &many(&allow("2099-12-31")));
    home.ends(0, &["check", "--deny-warnings"]);
    let text = home.ends(0, &["check", "--online"]).out;
    assert!(!text.contains("SRC-ONE"), "{text}");
    home.write("okrs/team.toml", &many(&allow("2020-01-31")));
    let text = home.ends(1, &["check", "--online"]).out;
    assert!(
        text.contains("error[SRC-ONE]") && text.contains("warning[LINT-EXPIRED]"),
        "{text}"
    );
    // The question is mended and the allowance forgotten.
    home.write(
        "okrs/team.toml",
        &growth(&[
            &counted("one", 1),
            &counted("two", 2).replacen("measure", &format!("{}\nmeasure", allow("2099-12-31")), 1),
        ]),
    );
    let text = home.ends(0, &["check", "--online"]).out;
    assert!(
        text.contains("info[LINT-ALLOW]: SRC-ONE is allowed here and not found"),
        "{text}"
    );
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    home.write("okrd.toml", &format!("lints.SRC-ONE = \"warning\"\n{main}"));
    home.write("okrs/team.toml", &many(""));
    let text = home.ends(0, &["check", "--online"]).out;
    assert!(text.contains("warning[SRC-ONE]"), "{text}");
}

/// A file that okrd may not read is named, and everything else is checked; without its main file it says so.
#[test]
fn f57_an_unreadable_file_hides_no_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut home = Home::shop();
    home.write("okrs/closed.toml", "[teams.a]\nname = \"A\"\n");
    home.append("okrs/team.toml", "wieght = 1\n");
    let close = |name: &str| {
        let nobodys = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(home.path(name), nobodys).unwrap();
    };
    close("okrs/closed.toml");
    let main = home.path("okrd.toml");
    home.run_as_nobody();
    let text = home.ends(1, &["check"]).out;
    assert!(
        text.contains("error[CFG-FILE]") && text.contains("okrs/closed.toml"),
        "{text}"
    );
    assert!(text.contains("Permission denied"), "{text}");
    assert!(
        text.contains("error[CFG-KEY]: unknown key `wieght`"),
        "{text}"
    );
    std::fs::set_permissions(main, std::fs::Permissions::from_mode(0o000)).unwrap();
    let told = home.refuses(2, &["check"]);
    assert!(
        told.contains("okrd.toml") && told.contains("Permission denied"),
        "{told}"
    );
}
