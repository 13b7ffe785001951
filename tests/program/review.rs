//! The review kit in `deploy/review`, run as a pipeline runs it: against a scratch git repository and strict fakes of the two
//! services' APIs; and what `okrd diff` makes of values in a store and of a running daemon.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::fakes::wire::{Act, Asked, Wire, json as answer};
use crate::home::{DAEMON, Done, Home, SHOP, finish, growth, key_result};

const MARKER: &str = "<!-- okrd-review -->";
const TOKEN: &str = "ghs_0123456789abcdef";

/// A script of the kit.
fn kit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy/review")
        .join(name)
}

/// A folder with a `curl` in front of the real one that writes down what every list of processes would show.
fn watched_curl(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|place| place.join("curl"));
    let real = real.into_iter().find(|file| file.exists()).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >>'{}'\nexec '{}' \"$@\"\n",
        folder.join("argv").display(),
        real.display()
    );
    std::fs::write(folder.join("curl"), script).unwrap();
    let may_run = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.join("curl"), may_run).unwrap();
    format!("{}:{path}", folder.display())
}

/// One comment or note.
#[derive(Clone, Debug, PartialEq)]
struct Comment {
    id: u64,
    author: &'static str,
    body: String,
}

/// What a service keeps, and whether its token may write.
#[derive(Clone)]
struct Service {
    comments: Arc<Mutex<Vec<Comment>>>,
    may_write: bool,
    /// The path of the comments and of one of them, by what it changes them, and the header of its token.
    list: &'static str,
    one: &'static str,
    change: &'static str,
    token: (&'static str, String),
}

const US: &str = "github-actions[bot]";

impl Service {
    fn github(comments: Vec<Comment>, may_write: bool) -> Self {
        Self {
            comments: Arc::new(Mutex::new(comments)),
            may_write,
            list: "/repos/acme/okrs/issues/7/comments",
            one: "/repos/acme/okrs/issues/comments/",
            change: "PATCH",
            token: ("authorization", format!("Bearer {TOKEN}")),
        }
    }

    fn gitlab(comments: Vec<Comment>, may_write: bool) -> Self {
        Self {
            list: "/projects/42/merge_requests/7/notes",
            one: "/projects/42/merge_requests/7/notes/",
            change: "PUT",
            token: ("private-token", TOKEN.to_owned()),
            ..Self::github(comments, may_write)
        }
    }

    fn told(&self, comment: &Comment) -> Value {
        // GitHub says `user`, GitLab `author` with a number.
        json!({
            "id": comment.id,
            "user": { "login": comment.author },
            "author": { "id": if comment.author == US { 5 } else { 6 } },
            "system": false,
            "body": comment.body,
        })
    }

    fn answer(&self, asked: &Asked) -> Vec<Act> {
        let (name, value) = &self.token;
        if asked.header(name) != Some(value.as_str()) {
            return answer(401, r#"{"message":"Bad credentials"}"#);
        }
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let mut comments = self.comments.lock().unwrap();
        match asked.method.as_str() {
            "GET" if path == "/user" => answer(200, r#"{"id":5}"#),
            "GET" if path == self.list => {
                let parameter = |name: &str| {
                    let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
                    let found = all.find(|(key, _)| *key == name);
                    found.map_or(0, |(_, value)| value.parse().unwrap())
                };
                let (size, page) = (parameter("per_page"), parameter("page"));
                assert!((1..=100).contains(&size) && page > 0, "{query}");
                let page = comments.chunks(size).nth(page - 1).unwrap_or_default();
                let page: Vec<Value> = page.iter().map(|c| self.told(c)).collect();
                answer(200, &Value::from(page).to_string())
            }
            method if method == "POST" || method == self.change => {
                if !self.may_write {
                    let why = r#"{"message":"Resource not accessible by integration"}"#;
                    return answer(403, why);
                }
                assert_eq!(asked.header("content-type"), Some("application/json"));
                let sent: Value = serde_json::from_str(asked.body_text()).unwrap();
                assert_eq!(sent.as_object().unwrap().len(), 1);
                let body = sent["body"].as_str().unwrap().to_owned();
                if method == "POST" && path == self.list {
                    let made = Comment {
                        id: 9_000,
                        author: US,
                        body,
                    };
                    comments.push(made.clone());
                    return answer(201, &self.told(&made).to_string());
                }
                let id = path.strip_prefix(self.one).and_then(|id| id.parse().ok());
                let known = comments.iter_mut().find(|c| Some(c.id) == id);
                let Some(known) = known.filter(|_| method == self.change) else {
                    return answer(404, r#"{"message":"Not Found"}"#);
                };
                known.body = body;
                let known = known.clone();
                answer(200, &self.told(&known).to_string())
            }
            _ => answer(404, r#"{"message":"Not Found"}"#),
        }
    }

    /// Runs the script beside a summary file; gives what it said and the summary.
    async fn run(&self, script: &str, text: &str, token: &str) -> (Done, String) {
        let service = self.clone();
        let wire = Wire::plain(move |asked| service.answer(asked)).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("comment.md"), text).unwrap();
        let summary = folder.path().join("summary.md");
        let mut command = Command::new(kit(script));
        command
            .args(["7", "comment.md"])
            .current_dir(folder.path())
            .env("PATH", watched_curl(folder.path()))
            .env("GITHUB_TOKEN", token)
            .env("GITHUB_REPOSITORY", "acme/okrs")
            .env("GITHUB_API_URL", wire.url())
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("OKRD_REVIEW_TOKEN", token)
            .env("CI_PROJECT_ID", "42")
            .env("CI_API_V4_URL", wire.url());
        let done = tokio::task::spawn_blocking(move || finish(command, "the script"));
        let done = done.await.unwrap();
        let argv = std::fs::read_to_string(folder.path().join("argv")).unwrap_or_default();
        for place in [&argv, &done.out, &done.err] {
            assert!(!place.contains(TOKEN), "the token is shown: {place}");
        }
        let summary = std::fs::read_to_string(summary).unwrap_or_default();
        (done, summary)
    }

    fn bodies_of(&self, author: &str) -> Vec<String> {
        let comments = self.comments.lock().unwrap();
        let of = comments.iter().filter(|c| c.author == author);
        of.map(|c| c.body.clone()).collect()
    }
}

/// So many comments of people, one of whom quotes the marker.
fn talk(many: u64) -> Vec<Comment> {
    (1..=many)
        .map(|id| Comment {
            id,
            author: "ada",
            body: format!("{}\nno. {id}", if id == 3 { MARKER } else { "I think" }),
        })
        .collect()
}

fn text(words: &str) -> String {
    format!("{MARKER}\n### {words}: 5 > 3 & \"quoted\" \\ `code` @ada 日本\n")
}

async fn keeps_one_comment(script: &str, service: impl Fn(Vec<Comment>, bool) -> Service) {
    // Two full pages and one more, so that ours is found on the third or made behind them.
    let it = service(talk(230), true);
    let others = it.bodies_of("ada");
    let (done, _) = it.run(script, &text("first"), TOKEN).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(it.bodies_of(US), [text("first")]);
    let (done, _) = it.run(script, &text("second"), TOKEN).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(
        it.bodies_of(US),
        [text("second")],
        "changed, not made again"
    );
    assert_eq!(it.bodies_of("ada"), others, "nobody's words are touched");
    // Exactly full pages have an end too.
    let full = service(talk(200), true);
    full.run(script, &text("first"), TOKEN).await;
    assert_eq!(full.bodies_of(US).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn github_one_comment_is_kept_up_to_date() {
    keeps_one_comment("comment-github", Service::github).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_one_note_is_kept_up_to_date() {
    keeps_one_comment("comment-gitlab", Service::gitlab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_fork_the_text_goes_where_it_can_be_read() {
    let github = Service::github(talk(1), false);
    let (done, summary) = github.run("comment-github", &text("T"), TOKEN).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(summary, text("T"));
    assert!(done.err.contains("pull request from a fork"), "{done:?}");
    let (done, summary) = github.run("comment-github", &text("T"), "").await;
    assert_eq!((done.code, summary), (0, text("T")));

    let gitlab = Service::gitlab(talk(1), false);
    for token in [TOKEN, ""] {
        let (done, _) = gitlab.run("comment-gitlab", &text("T"), token).await;
        assert_eq!((done.code, done.out.as_str()), (0, &*text("T")), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_with_status_and_remedy() {
    let github = Service::github(talk(1), true);
    let (done, _) = github.run("comment-github", &text("T"), "wrong").await;
    assert_eq!(done.code, 1);
    assert!(
        done.err
            .contains("status 401, expected 200: Bad credentials"),
        "{done:?}"
    );
    let (done, _) = github.run("comment-github", "no marker\n", TOKEN).await;
    assert_eq!(done.code, 1);
    assert!(done.err.contains(MARKER), "{done:?}");
    assert!(github.bodies_of(US).is_empty());
}

#[test]
fn the_scripts_are_clean() {
    let mut command = Command::new("shellcheck");
    let scripts = ["review", "comment-github", "comment-gitlab", "pre-commit"];
    command.args(scripts.map(kit));
    let done = finish(command, "shellcheck");
    assert_eq!(done.code, 0, "{}", done.out);
}

/// The workflow and the job are YAML, ask for no more rights than they need and name the scripts that there are.
#[test]
fn the_pipelines_are_yaml_with_few_rights() {
    let read = |name: &str| -> Value {
        let mut command = Command::new("python3");
        let program =
            "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
        command.args(["-c", program]).arg(kit(name));
        let done = finish(command, "python3");
        assert_eq!(done.code, 0, "{}", done.err);
        serde_json::from_str(&done.out).unwrap()
    };
    let github = read("github.yml");
    let rights = json!({ "contents": "read", "pull-requests": "write" });
    assert_eq!(github["permissions"], rights);
    let steps = github["jobs"]["review"]["steps"].as_array().unwrap();
    let checkout = &steps[0];
    assert_eq!(checkout["with"]["fetch-depth"], 0);
    assert_eq!(checkout["with"]["persist-credentials"], false);
    for used in steps.iter().filter_map(|step| step["uses"].as_str()) {
        let (_, pinned) = used.split_once('@').unwrap();
        let is_commit = pinned.len() == 40 && pinned.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(is_commit, "{used} is not pinned to a commit");
    }
    // What others write never becomes a part of a script.
    for run in steps.iter().filter_map(|step| step["run"].as_str()) {
        assert!(!run.contains("${{"), "{run}");
    }
    let gitlab = read("gitlab.yml");
    let job = &gitlab["okr-review"];
    assert_eq!(job["variables"]["GIT_DEPTH"], 0);
    let script = job["script"].as_array().unwrap();
    assert!(script.iter().all(Value::is_string), "{script:?}");
    assert!(
        script
            .iter()
            .any(|line| line.as_str().unwrap().starts_with("review "))
    );
}

/// The example names files that there are, so that a copy of it guards what it says.
#[test]
fn the_owners_example_matches_the_example_configuration() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let owners = std::fs::read_to_string(kit("CODEOWNERS")).unwrap();
    let rules = owners.lines().filter(|line| line.starts_with('/'));
    let files: Vec<&str> = rules
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    for file in &files {
        assert!(top.join(&file[1..]).is_file(), "{file} is not there");
    }
    for entry in std::fs::read_dir(top.join("config/okrs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let rule = format!("/config/okrs/{name}");
        assert!(files.contains(&rule.as_str()), "nobody owns {rule}");
    }
}

/// A git repository with a configuration: `growth/recommend`, which people record, and `growth/posts`.
struct Repository(Home);

impl Repository {
    fn new() -> Self {
        let okrs = growth(&[&key_result("recommend", ""), &key_result("posts", "")]);
        let home = Home::new(&[("okrd.toml", DAEMON), ("okrs/team.toml", &okrs)]);
        home.write(".gitignore", "*.db*\n*.lock\n");
        let repository = Self(home);
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit("what was agreed");
        repository
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path(""));
        for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "OKRD_VALUES"] {
            command.env_remove(name);
        }
        let settings = [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@acme.example"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@acme.example"),
            ("OKRD", env!("CARGO_BIN_EXE_okrd")),
            ("OKRD_CONFIG", "okrd.toml"),
            ("OKRD_REVIEW_CONFIG", "okrd.toml"),
        ];
        command.envs(settings);
        command
    }

    fn try_git(&self, args: &[&str]) -> Done {
        let mut command = self.command(Path::new("git"));
        command.args(args);
        finish(command, &format!("git {args:?}"))
    }

    fn git(&self, args: &[&str]) {
        let done = self.try_git(args);
        assert_eq!(done.code, 0, "git {args:?}: {done:?}");
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--no-verify", "-m", message]);
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.0.path("okrs/team.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        self.0.write("okrs/team.toml", &text.replacen(from, to, 1));
    }

    /// Runs the gate; gives how it ended and the comment.
    fn review(&self, base: &str) -> (Done, String) {
        let place = self.0.path("comment.md");
        let mut command = self.command(&kit("review"));
        command.arg(base).arg(&place);
        let done = finish(command, "review");
        let comment = std::fs::read_to_string(&place).unwrap_or_default();
        let _ = std::fs::remove_file(place);
        (done, comment)
    }
}

const AMENDMENT: &str = r#"
[[objectives.growth.key_results.recommend.amendments]]
date = 2026-02-02
field = "target"
from = 1000
to = 800
reason = "R"
approved_by = "growth lead"
"#;

#[test]
fn the_gate_tells_what_a_change_needs_and_does() {
    let repository = Repository::new();
    repository.0.ends(0, &["record", "growth/recommend", "500"]);
    repository.edit("target = 1000", "target = 800");
    repository.commit("nearer");
    let (done, comment) = repository.review("HEAD^");
    assert_eq!(done.code, 1, "{done:?}\n{comment}");
    assert!(
        comment.starts_with(&format!("{MARKER}\n### ❌ ")),
        "{comment}"
    );
    for told in [
        "`1,000`",
        "`800`",
        "**easier**",
        "❌ missing",
        "50\u{a0}% → 62.5\u{a0}%",
    ] {
        assert!(comment.contains(told), "{told} in {comment}");
    }

    let okrs = std::fs::read_to_string(repository.0.path("okrs/team.toml")).unwrap();
    repository
        .0
        .write("okrs/team.toml", &format!("{okrs}{AMENDMENT}"));
    repository.commit("on record");
    let (done, comment) = repository.review("HEAD~2");
    assert_eq!(done.code, 0, "{done:?}\n{comment}");
    assert!(
        comment.starts_with(&format!("{MARKER}\n### ✅ ")),
        "{comment}"
    );
    assert!(comment.contains("growth lead"), "{comment}");
}

#[test]
fn the_gate_tells_what_cannot_be_compared() {
    let repository = Repository::new();
    let (done, comment) = repository.review("no-such-branch");
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        comment.starts_with(MARKER) && comment.contains("no-such-branch"),
        "{comment}"
    );

    repository.edit("target = 1000", "target = 0");
    repository.commit("nowhere to go");
    let (done, comment) = repository.review("HEAD^");
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        comment.contains("does not load") && comment.contains("    error[KR-FLAT]"),
        "{comment}"
    );
}

#[test]
fn a_hook_looks_at_what_is_staged() {
    let repository = Repository::new();
    let hook = repository.0.path(".git/hooks/pre-commit");
    std::fs::copy(kit("pre-commit"), &hook).unwrap();
    let commit = || repository.try_git(&["commit", "-q", "-m", "a change"]);

    repository.edit("target = 1000", "target = 800");
    repository.git(&["add", "okrs"]);
    let done = commit();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("--no-verify"), "{done:?}");

    // What is staged is on record; what lies in the folder does not even load.
    let okrs = std::fs::read_to_string(repository.0.path("okrs/team.toml")).unwrap();
    repository
        .0
        .write("okrs/team.toml", &format!("{okrs}{AMENDMENT}"));
    repository.git(&["add", "okrs"]);
    repository.0.write("okrs/team.toml", "half a fi");
    let done = commit();
    assert_eq!(done.code, 0, "{done:?}");

    // And the other way round.
    repository.git(&["add", "okrs"]);
    repository.0.write("okrs/team.toml", &okrs);
    let done = commit();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.out.contains("CFG-SYNTAX") || done.err.contains("CFG-SYNTAX"),
        "{done:?}"
    );

    // A commit of other things is let alone.
    repository.git(&["reset", "-q", "--hard"]);
    repository.0.write("okrd.toml", DAEMON);
    repository.0.write("notes.md", "words\n");
    repository.git(&["add", "notes.md"]);
    assert_eq!(commit().code, 0);
}

#[test]
fn a_running_daemon_gives_the_values() {
    let home = Home::shop();
    let daemon = home.start();
    daemon.value("growth/subscribers");
    // Another folder with the same company, without a store.
    let count = |query: &str| {
        format!("measure = {{ source = \"shop\", query = \"SELECT count(*) {query}\" }}")
    };
    let okrs = |target: &str, query: &str| {
        let subscribers = key_result("subscribers", &count(query));
        growth(&[
            &subscribers.replace("1000", target),
            &key_result("recommend", ""),
        ])
    };
    let there = Home::new(&[("okrd.toml", &format!("{DAEMON}{SHOP}"))]);
    there.make_shop();
    there.write("okrs/team.toml", &okrs("10", "FROM subscribers"));
    let base = home.path("").display().to_string();
    let address = format!("http://{}", daemon.address);
    let diff = |more: &[&str]| {
        let mut args = vec!["diff", "--base", base.as_str(), "--format", "json"];
        args.extend(more);
        let done = there.ends(1, &args);
        serde_json::from_str::<Value>(&done.out).unwrap()
    };
    let told = diff(&["--values", &address]);
    let key_result = &told["effects"]["key_results"][0];
    assert_eq!(key_result["id"], "growth/subscribers");
    assert_eq!(key_result["before"]["value"], 7.0);
    assert_eq!(key_result["before"]["progress"], 0.007);
    assert_eq!(key_result["after"]["progress"], 0.7);
    assert_eq!(key_result["becomes"], "easier");
    assert_eq!(told["effects"]["objectives"][0]["id"], "growth");

    // Nobody there: said, and everything else is told.
    daemon.end();
    let told = diff(&["--values", &address]);
    assert!(told["effects"].is_null(), "{told}");
    assert!(
        told["values"]["absent"]
            .as_str()
            .unwrap()
            .contains("127.0.0.1"),
        "{told}"
    );
    assert_eq!(told["changes"][0]["field"], "target");
    let told = diff(&[]);
    assert!(
        told["values"]["absent"]
            .as_str()
            .unwrap()
            .contains("no store"),
        "{told}"
    );

    // Asked side by side, a changed query tells what carries the figures over.
    there.write(
        "okrs/team.toml",
        &okrs("1000", "FROM subscribers WHERE id > 2"),
    );
    let told = diff(&["--probe"]);
    let both = &told["probes"][0];
    assert_eq!(
        (&both["old"]["value"], &both["new"]["value"]),
        (&json!(7.0), &json!(5.0))
    );
    assert_eq!(both["agree"], false);
    let rebase = both["rebase"].as_str().unwrap();
    assert!(rebase.contains("old = 7\nnew = 5\n"), "{rebase}");
    assert!(!there.path("okrd.db").exists(), "no store is made");
}
