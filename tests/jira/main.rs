//! The Jira source against a strict fake of Jira Cloud and Data Center: every rule of what a number is worth.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fake;
mod query;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZoneDatabase;
use serde_json::json;
use tempfile::TempDir;

use fake::{Canned, FakeJira, Kind, ada};
use okrd::config::secret::{SecretRef, Setting};
use okrd::config::spec::{Auth, Deployment, HttpSpec, JiraValue, Measure};
use okrd::domain::cycle::Cycle;
use okrd::domain::fault::{Fault, FaultClass, Remedy};
use okrd::domain::id::CycleName;
use okrd::domain::quality::Flag;
use okrd::domain::reading::Reading;
use okrd::domain::window::{Moments, Window};
use okrd::domain::work::Work;
use okrd::source::jira::{Api, Jira};
use okrd::source::{Question, Source};

const BOTH: [Kind; 2] = [Kind::Cloud, Kind::DataCenter];
const POINTS: &str = "Story point estimate";

/// A fake, a source that points at it, and the file its token is kept in.
struct Rig {
    fake: FakeJira,
    jira: Jira,
    secret: Secret,
}

struct Secret {
    _folder: TempDir,
    path: PathBuf,
}

impl Secret {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, format!("{text}\n")).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn place(&self) -> SecretRef {
        SecretRef::File(self.path.clone())
    }
}

fn spec(url: &str, auth: Option<Auth>) -> HttpSpec {
    HttpSpec {
        url: Setting::Plain(url.into()),
        auth,
        headers: BTreeMap::new(),
        ca_file: None,
        max_body: HttpSpec::DEFAULT_MAX_BODY,
    }
}

impl Rig {
    /// Logged in as Ada: user and API token on Cloud, a personal access token on Data Center.
    async fn new(kind: Kind) -> Self {
        Self::with(FakeJira::start(kind).await, kind, Deployment::Auto)
    }

    fn with(fake: FakeJira, kind: Kind, deployment: Deployment) -> Self {
        let (secret, auth) = match kind {
            Kind::Cloud => {
                let secret = Secret::new(&ada().token);
                let auth = Auth::Basic {
                    user: ada().user,
                    token: secret.place(),
                };
                (secret, auth)
            }
            Kind::DataCenter => {
                let secret = Secret::new(&ada().pat);
                let auth = Auth::Bearer {
                    token: secret.place(),
                };
                (secret, auth)
            }
        };
        let jira = Jira::new(&spec(&fake.url, Some(auth)), deployment);
        Self { fake, jira, secret }
    }

    async fn ask(&self, jql: &str, value: JiraValue) -> Result<Reading, Fault> {
        ask(&self.jira, jql, value).await
    }

    async fn count(&self, jql: &str) -> Result<Reading, Fault> {
        self.ask(jql, JiraValue::Count).await
    }

    async fn sum(&self, jql: &str, field: &str) -> Result<Reading, Fault> {
        self.ask(jql, JiraValue::Sum(field.into())).await
    }

    async fn avg(&self, jql: &str, field: &str) -> Result<Reading, Fault> {
        self.ask(jql, JiraValue::Avg(field.into())).await
    }

    async fn ratio(&self, part: &str, whole: &str) -> Result<Reading, Fault> {
        self.ask(part, JiraValue::RatioOf(whole.into())).await
    }

    fn canned(&self, canned: Canned) {
        self.fake.change(|mood| mood.canned = vec![canned]);
    }

    fn expire(&self) {
        self.fake.change(|mood| mood.people[0].expired = true);
    }
}

async fn ask(jira: &Jira, jql: &str, value: JiraValue) -> Result<Reading, Fault> {
    let measure = Measure::Jira {
        jql: jql.into(),
        value,
    };
    let moments = moments();
    jira.measure(Question {
        measure: &measure,
        moments: &moments,
        timeout: Duration::from_secs(10),
    })
    .await
}

/// A cycle that is told in Amsterdam.
fn moments() -> Moments {
    let zone = TimeZoneDatabase::bundled().get("Europe/Amsterdam").unwrap();
    let name = CycleName::parse("2026-Q4").unwrap();
    let cycle = Cycle::new(name, date(2026, 10, 1), date(2026, 12, 31), zone).unwrap();
    let now: Timestamp = "2026-11-23T21:00:00Z".parse().unwrap();
    Moments::at(now, &cycle, Window::CycleToDate).unwrap()
}

fn search_path(kind: Kind) -> &'static str {
    match kind {
        Kind::Cloud => "/rest/api/3/search/jql",
        Kind::DataCenter => "/rest/api/2/search",
    }
}

fn count_path(kind: Kind) -> &'static str {
    match kind {
        Kind::Cloud => "/rest/api/3/search/approximate-count",
        Kind::DataCenter => "/rest/api/2/search",
    }
}

#[track_caller]
fn class_of(result: Result<Reading, Fault>) -> FaultClass {
    result.unwrap_err().class
}

// Counts

#[tokio::test]
async fn cloud_counts_are_estimates_and_download_no_issue() {
    let rig = Rig::new(Kind::Cloud).await;
    let reading = rig
        .count("project = SHOP AND statusCategory = Done ORDER BY created")
        .await
        .unwrap();
    assert_eq!(
        (reading.value, reading.quality.has(Flag::Approximate)),
        (7.0, true)
    );
    assert_eq!(rig.fake.asked("search/jql"), 0);
    assert_eq!(rig.fake.asked("approximate-count"), 1);
}

/// The issues under an initiative's own, whatever each kind calls that: two counts and no issue.
#[tokio::test]
async fn work_under_an_issue_is_counted() {
    let seconds = Duration::from_secs(10);
    for kind in [Kind::Cloud, Kind::DataCenter] {
        let rig = Rig::new(kind).await;
        let work = rig.jira.work("SHOP-1", seconds).await.unwrap();
        assert_eq!(work, Some(Work { done: 3, of: 6 }), "{kind:?}");
        let field = match kind {
            Kind::Cloud => "parent = \"SHOP-1\"",
            Kind::DataCenter => "\"Epic Link\" = \"SHOP-1\"",
        };
        let done = format!("{field} AND statusCategory = Done");
        assert_eq!(rig.fake.jqls(), [field, &done], "{kind:?}");
        // An issue with none under it is no work done.
        assert_eq!(
            rig.jira.work("SHOP-2", seconds).await.unwrap(),
            None,
            "{kind:?}"
        );
        let fault = rig.jira.work("GONE-1", seconds).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Http4xx, "{kind:?}: {fault}");
        // To anybody an epic looks as if nothing were under it.
        rig.expire();
        let fault = rig.jira.work("SHOP-1", seconds).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth, "{kind:?}: {fault}");
    }
}

#[tokio::test]
async fn data_center_counts_are_exact_and_download_no_issue() {
    let rig = Rig::new(Kind::DataCenter).await;
    let reading = rig
        .count("project = SHOP AND statusCategory != Done")
        .await
        .unwrap();
    assert_eq!(
        (reading.value, reading.quality.has(Flag::Approximate)),
        (4.0, false)
    );
    let searches: Vec<_> = rig
        .fake
        .seen()
        .into_iter()
        .filter(|s| s.path.ends_with("/search"))
        .collect();
    assert_eq!(searches.len(), 1);
    assert_eq!(searches[0].body["maxResults"], 0);
}

#[tokio::test]
async fn the_jql_arrives_as_it_was_written() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        let jql = r##"project = SHOP AND summary ~ "Pay & ship: 100% #1 \"now\"+later""##;
        assert_eq!(rig.count(jql).await.unwrap().value, 1.0, "{kind:?}");
        assert_eq!(rig.fake.jqls(), [jql]);
    }
}

#[tokio::test]
async fn a_context_path_is_kept_and_the_deployment_is_asked_once() {
    let fake = FakeJira::start_at(Kind::DataCenter, "/jira").await;
    let rig = Rig::with(fake, Kind::DataCenter, Deployment::Auto);
    for _ in 0..3 {
        assert_eq!(rig.count("project = CARE").await.unwrap().value, 4.0);
    }
    assert_eq!(rig.fake.asked("/jira/rest/api/2/serverInfo"), 1);
    assert_eq!(rig.fake.asked("/jira/rest/api/2/search"), 3);
    // Tokens with scopes are taken at Cloud's gateway only, whose path names the site.
    let fake =
        FakeJira::start_at(Kind::Cloud, "/ex/jira/3c5f1d0e-0000-4000-8000-1234567890ab").await;
    let rig = Rig::with(fake, Kind::Cloud, Deployment::Auto);
    assert_eq!(rig.count("project = CARE").await.unwrap().value, 4.0);
    assert_eq!(listed(&rig, "project = CARE", 9).await.unwrap().len(), 4);
}

#[tokio::test]
async fn f16_a_private_authority_serves_counts_and_lists_and_strangers_are_refused() {
    let fake = FakeJira::start(Kind::DataCenter).await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let port = tls_front(&fake.url, &made).await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let mut spec = spec(&format!("https://localhost:{port}"), None);
    spec.ca_file = Some(ca_file);
    let jira = Jira::new(&spec, Deployment::Auto);
    assert_eq!(
        ask(&jira, "project = OPEN", JiraValue::Count)
            .await
            .unwrap()
            .value,
        2.0
    );
    let issues = jira
        .issues("project = OPEN", &moments(), 5, Duration::from_secs(10))
        .await;
    assert_eq!(issues.unwrap().len(), 2);
    let fetched = |seen: &fake::Seen| seen.method == "GET" && seen.path.ends_with("/search");
    assert!(
        fake.seen().iter().any(fetched),
        "the typed fetch speaks TLS too"
    );
    spec.ca_file = None;
    let stranger = ask(
        &Jira::new(&spec, Deployment::Auto),
        "project = OPEN",
        JiraValue::Count,
    )
    .await;
    assert_eq!(class_of(stranger), FaultClass::Tls);
}

/// TLS in front of the fake; the port.
async fn tls_front(url: &str, made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> u16 {
    let behind = url.trim_start_matches("http://").to_owned();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut plain = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_secret_url_that_cannot_be_a_base_is_refused_and_not_shown() {
    for text in [
        "https://h.example/hidden-path?x=1",
        "https://user@h.example/hidden-path",
        "hidden-path",
    ] {
        let secret = Secret::new(text);
        let mut spec = spec("", None);
        spec.url = Setting::Secret(secret.place());
        let fault = ask(
            &Jira::new(&spec, Deployment::Cloud),
            "x = 1",
            JiraValue::Count,
        )
        .await
        .unwrap_err();
        assert_eq!(fault.class, FaultClass::Config);
        assert!(!fault.to_string().contains("hidden"), "{fault}");
    }
}

#[tokio::test]
async fn a_configured_deployment_is_not_asked_for() {
    for (kind, deployment) in [
        (Kind::Cloud, Deployment::Cloud),
        (Kind::DataCenter, Deployment::DataCenter),
    ] {
        let rig = Rig::with(FakeJira::start(kind).await, kind, deployment);
        assert_eq!(rig.count("project = CARE").await.unwrap().value, 4.0);
        assert_eq!(rig.fake.asked("serverInfo"), 0);
    }
}

#[tokio::test]
async fn a_site_that_moved_to_another_deployment_is_detected_again() {
    let rig = Rig::new(Kind::Cloud).await;
    let old = json!({"version": "9.12.5", "deploymentType": "Server"}).to_string();
    rig.canned(Canned::new("serverInfo", 200, &old));
    assert_eq!(
        class_of(rig.count("project = CARE").await),
        FaultClass::Http4xx
    );
    rig.fake.change(|mood| mood.canned.clear());
    assert_eq!(rig.count("project = CARE").await.unwrap().value, 4.0);
}

#[tokio::test]
async fn requests_introduce_themselves() {
    let rig = Rig::new(Kind::Cloud).await;
    rig.count("project = CARE").await.unwrap();
    for seen in rig.fake.seen() {
        let header = |name: &str| seen.headers[name].to_str().unwrap().to_owned();
        assert!(header("user-agent").starts_with("okrd/"));
        assert_eq!(header("x-atlassian-token"), "no-check");
        assert_eq!(header("accept"), "application/json");
    }
}

// Who Jira takes us for

#[tokio::test]
async fn f21_expired_token_is_never_zero() {
    for kind in BOTH {
        for silent in [false, true] {
            let rig = Rig::new(kind).await;
            rig.fake
                .change(|mood| (mood.silent, mood.lenient_login) = (silent, true));
            assert_eq!(rig.count("project = SHOP").await.unwrap().value, 11.0);
            assert_eq!(rig.sum("project = SHOP", POINTS).await.unwrap().value, 36.0);
            rig.expire();
            let answers = [
                rig.count("project = SHOP").await,
                rig.count("statusCategory = 'To Do'").await,
                rig.sum("project = SHOP", POINTS).await,
                rig.sum("statusCategory = 'To Do'", POINTS).await,
                rig.avg("statusCategory = 'To Do'", POINTS).await,
                rig.ratio("statusCategory = 'To Do'", "statusCategory = Done")
                    .await,
                rig.ratio("statusCategory = Done", "statusCategory = 'To Do'")
                    .await,
            ];
            for (n, answer) in answers.into_iter().enumerate() {
                assert_eq!(
                    class_of(answer),
                    FaultClass::Auth,
                    "{kind:?} silent={silent} {n}"
                );
            }
        }
    }
}

#[tokio::test]
async fn f21_fewer_issues_for_an_expired_token_are_not_believed_either() {
    // Anybody sees the two issues of OPEN, so the answer is not even empty.
    for kind in BOTH {
        for silent in [false, true] {
            let rig = Rig::new(kind).await;
            rig.fake
                .change(|mood| (mood.silent, mood.lenient_login) = (silent, true));
            rig.expire();
            let found = rig.count("statusCategory = Done").await;
            assert_eq!(
                class_of(found),
                FaultClass::Auth,
                "{kind:?} silent={silent}"
            );
        }
    }
}

#[tokio::test]
async fn f21_a_true_zero_is_a_zero() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        for _ in 0..2 {
            let reading = rig
                .count("project = SHOP AND status = Closed")
                .await
                .unwrap();
            assert_eq!(reading.value, 0.0, "{kind:?}");
        }
        assert_eq!(
            rig.sum("project = SHOP AND status = Closed", POINTS)
                .await
                .unwrap()
                .value,
            0.0
        );
        assert_eq!(rig.fake.asked("myself"), 3, "each zero is vouched for anew");
    }
}

#[tokio::test]
async fn f21_silent_headers_cost_one_look_at_the_account_after_each_answer() {
    let rig = Rig::new(Kind::Cloud).await;
    for n in 1..=3 {
        rig.count("project = SHOP").await.unwrap();
        assert_eq!(rig.fake.asked("myself"), n);
    }
    rig.sum("project = SHOP", POINTS).await.unwrap();
    assert_eq!(rig.fake.asked("myself"), 4);
    let seen = rig.fake.seen();
    assert!(
        seen.last().unwrap().path.ends_with("myself"),
        "a look before the last page would vouch for nothing"
    );
    let rig = Rig::new(Kind::DataCenter).await;
    rig.count("project = SHOP").await.unwrap();
    assert_eq!(
        rig.fake.asked("myself"),
        0,
        "X-AUSERNAME and X-Seraph-LoginReason vouch already"
    );
}

#[tokio::test]
async fn f21_no_account_vouches_for_an_answer_that_came_after_it() {
    // A site that anybody may read: without the login there are two issues instead of nine, and their points are null.
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        rig.fake
            .change(|mood| (mood.silent, mood.lenient_login) = (true, true));
        let jql = "statusCategory = Done";
        assert_eq!(rig.count(jql).await.unwrap().value, 9.0);
        assert_eq!(rig.sum(jql, POINTS).await.unwrap().value, 28.0);
        rig.expire();
        rig.fake.change(|mood| {
            let of_all = json!({"id": "customfield_10016", "name": POINTS, "custom": false, "schema": {"type": "number"}});
            mood.fields = json!([of_all]);
        });
        for answer in [
            rig.count(jql).await,
            rig.sum(jql, POINTS).await,
            rig.avg(jql, POINTS).await,
            rig.ratio(jql, "status = Done").await,
        ] {
            assert_eq!(class_of(answer), FaultClass::Auth, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn f21_a_sum_of_nothing_is_vouched_for_whatever_the_headers_say() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        let sum = rig.sum("project = OPEN", POINTS).await.unwrap();
        assert_eq!(sum.value, 0.0, "two issues without points");
        assert_eq!(rig.fake.asked("myself"), 1, "{kind:?}");
        let ratio = rig.ratio("project = SHOP AND status = Closed", "project = SHOP");
        let ratio = ratio.await.unwrap();
        assert_eq!(ratio.value, 0.0);
        assert_eq!(ratio.counts.map(|(k, _)| k), Some(0.0));
        assert_eq!(rig.fake.asked("myself"), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn f20_f21_a_token_that_expires_between_two_pages_leaves_no_partial_sum() {
    // Anybody is told that the pages end; anybody sees the first page as well when the site is public.
    for public in [false, true] {
        for page in 0..3 {
            let rig = Rig::new(Kind::Cloud).await;
            rig.fake.change(|mood| {
                mood.silent = true;
                mood.expire_after_page = Some(page);
                if public {
                    mood.public.push("SHOP".into());
                }
            });
            let sum = rig.sum("project = SHOP", POINTS).await;
            assert_eq!(
                class_of(sum),
                FaultClass::Auth,
                "page {page} public={public}"
            );
        }
    }
}

#[tokio::test]
async fn f20_fewer_issues_than_cloud_counts_are_partial() {
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake.change(|mood| mood.early_end = Some(0));
    let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Partial);
    assert!(
        fault.message.contains("3 issues came, expected about 11"),
        "{fault}"
    );
    // The count is an estimate: an index that lags by a few is no fault.
    rig.fake.change(|mood| mood.early_end = None);
    for count in [9, 14] {
        let body = json!({ "count": count }).to_string();
        rig.canned(Canned::new("approximate-count", 200, &body));
        assert_eq!(rig.sum("project = SHOP", POINTS).await.unwrap().value, 36.0);
    }
}

#[tokio::test]
async fn f21_a_secret_that_changes_during_the_poll_vouches_for_nothing() {
    // The question goes out with a token that is served as anybody, the look at the account with one that is known.
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake.change(|mood| {
        mood.silent = true;
        mood.held = Some("approximate-count");
    });
    std::fs::write(&rig.secret.path, "expired-long-ago").unwrap();
    let poll = rig.count("statusCategory = Done");
    let rotate = async {
        while rig.fake.asked("approximate-count") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        std::fs::write(&rig.secret.path, ada().token).unwrap();
        rig.fake.change(|mood| mood.held = None);
    };
    let (answer, ()) = tokio::join!(poll, rotate);
    let fault = answer.unwrap_err();
    assert_eq!(fault.class, FaultClass::Suspect, "{fault}");
    assert!(fault.message.contains("secret changed"), "{fault}");
    assert_eq!(rig.count("statusCategory = Done").await.unwrap().value, 9.0);
}

/// Lets time pass.
async fn later(minutes: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60 * minutes)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn the_zone_of_an_account_is_asked_for_once_in_a_quarter_of_an_hour() {
    let rig = Rig::new(Kind::DataCenter).await;
    for (minutes, asked) in [(0, 1), (14, 1), (2, 2)] {
        later(minutes).await;
        rig.count("created >= {cycle_start}").await.unwrap();
        assert_eq!(rig.fake.asked("myself"), asked);
    }
}

#[tokio::test]
async fn f21_an_account_vouches_for_its_own_secret_only() {
    let rig = Rig::new(Kind::Cloud).await;
    rig.count("statusCategory = Done").await.unwrap();
    rig.fake.change(|mood| mood.silent = true);
    std::fs::write(&rig.secret.path, "api-of-somebody-else").unwrap();
    assert_eq!(
        class_of(rig.count("statusCategory = Done").await),
        FaultClass::Auth
    );
}

#[tokio::test]
async fn f21_a_query_refused_to_anybody_is_a_login_fault() {
    let rig = Rig::new(Kind::DataCenter).await;
    rig.fake
        .change(|mood| (mood.silent, mood.lenient_login) = (true, true));
    rig.count("project = SHOP").await.unwrap();
    rig.expire();
    assert_eq!(
        class_of(rig.count("project = SHOP").await),
        FaultClass::Auth
    );
}

#[tokio::test]
async fn f21_an_account_without_identity_vouches_for_nothing() {
    let rig = Rig::new(Kind::Cloud).await;
    rig.canned(Canned::new("myself", 200, "{}"));
    assert_eq!(
        class_of(rig.count("project = SHOP").await),
        FaultClass::Auth
    );
}

#[tokio::test]
async fn without_credentials_anybody_is_who_we_are() {
    let fake = FakeJira::start(Kind::Cloud).await;
    let jira = Jira::new(&spec(&fake.url, None), Deployment::Auto);
    assert_eq!(
        ask(&jira, "statusCategory = Done", JiraValue::Count)
            .await
            .unwrap()
            .value,
        2.0
    );
    assert_eq!(
        ask(&jira, "project = SHOP", JiraValue::Count)
            .await
            .unwrap()
            .value,
        0.0
    );
    assert_eq!(fake.asked("myself"), 0);
    let fake = FakeJira::start(Kind::DataCenter).await;
    let jira = Jira::new(&spec(&fake.url, None), Deployment::Auto);
    assert_eq!(
        ask(&jira, "project = OPEN", JiraValue::Count)
            .await
            .unwrap()
            .value,
        2.0
    );
    let hidden = ask(&jira, "project = SHOP", JiraValue::Count)
        .await
        .unwrap_err();
    assert!(
        hidden
            .message
            .contains("does not exist for the field 'project'"),
        "{hidden}"
    );
}

#[tokio::test]
async fn a_login_in_a_header_is_a_login() {
    let fake = FakeJira::start(Kind::DataCenter).await;
    let secret = Secret::new("Bearer pat-of-nobody");
    let mut spec = spec(&fake.url, None);
    spec.headers
        .insert("Authorization".into(), Setting::Secret(secret.place()));
    let jira = Jira::new(&spec, Deployment::DataCenter);
    fake.change(|mood| mood.lenient_login = true);
    let found = ask(&jira, "project = OPEN", JiraValue::Count).await;
    assert_eq!(class_of(found), FaultClass::Auth);
    std::fs::write(&secret.path, format!("Bearer {}", ada().pat)).unwrap();
    assert_eq!(
        ask(&jira, "project = SHOP", JiraValue::Count)
            .await
            .unwrap()
            .value,
        11.0
    );
}

#[tokio::test]
async fn f18_refused_credentials_are_auth_and_a_rotated_secret_works_at_once() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        let before = rig.jira.credentials();
        std::fs::write(&rig.secret.path, "wrong-and-expired").unwrap();
        let wrong = rig.jira.credentials();
        assert_ne!(before, wrong);
        assert_eq!(
            class_of(rig.count("project = SHOP").await),
            FaultClass::Auth,
            "{kind:?}"
        );
        let good = if kind == Kind::Cloud {
            ada().token
        } else {
            ada().pat
        };
        std::fs::write(&rig.secret.path, good).unwrap();
        assert_eq!(rig.jira.credentials(), before);
        assert_eq!(rig.count("project = SHOP").await.unwrap().value, 11.0);
        std::fs::remove_file(&rig.secret.path).unwrap();
        let gone = rig.jira.credentials();
        assert!(gone != before && gone != wrong);
        let asked = rig.fake.seen().len();
        assert_eq!(
            class_of(rig.count("project = SHOP").await),
            FaultClass::Config
        );
        assert_eq!(
            rig.fake.seen().len(),
            asked,
            "nobody is asked without the secret"
        );
    }
}

#[tokio::test]
async fn f18_a_captcha_says_what_to_do() {
    let fake = FakeJira::start(Kind::DataCenter).await;
    let secret = Secret::new("wrong-password");
    let auth = Auth::Basic {
        user: "ada@acme.example".into(),
        token: secret.place(),
    };
    let jira = Jira::new(&spec(&fake.url, Some(auth)), Deployment::DataCenter);
    let mut last = None;
    for _ in 0..4 {
        let fault = ask(&jira, "project = SHOP", JiraValue::Count)
            .await
            .unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth);
        last = Some(fault);
    }
    let last = last.unwrap();
    assert!(
        last.message.contains("CAPTCHA") && last.help.contains("browser"),
        "{last}"
    );
}

#[tokio::test]
async fn a_token_of_the_wrong_kind_says_so() {
    let fake = FakeJira::start(Kind::Cloud).await;
    let secret = Secret::new("api-0123456789");
    let auth = Auth::Bearer {
        token: secret.place(),
    };
    let jira = Jira::new(&spec(&fake.url, Some(auth)), Deployment::Cloud);
    let fault = ask(&jira, "project = SHOP", JiraValue::Count)
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultClass::Auth);
    assert!(
        fault.message.contains("Connect Session Auth Token"),
        "{fault}"
    );
    assert!(fault.help.contains("user and token"), "{fault}");
}

#[tokio::test]
async fn identify_tells_api_account_and_zone() {
    for (kind, api, name) in [
        (Kind::Cloud, Api::Cloud, "Ada"),
        (Kind::DataCenter, Api::DataCenter, "okrd"),
    ] {
        let rig = Rig::new(kind).await;
        let identity = rig.jira.identify(Duration::from_secs(5)).await.unwrap();
        assert_eq!(identity.browses, Some(true));
        let account = identity.account.unwrap();
        assert_eq!((identity.api, account.name.as_str()), (api, name));
        assert_eq!(account.zone.unwrap().iana_name(), Some("Europe/Berlin"));
        rig.expire();
        let fault = rig.jira.identify(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth);
    }
}

// Sums and means

#[tokio::test]
async fn sums_and_means_ask_for_one_field_and_read_every_page() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        let sum = rig
            .sum("project = SHOP ORDER BY created DESC", POINTS)
            .await
            .unwrap();
        assert_eq!(
            (sum.value, sum.quality.has(Flag::Approximate)),
            (36.0, false),
            "{kind:?}"
        );
        let mean = rig
            .avg("project = SHOP", "customfield_10016")
            .await
            .unwrap();
        assert_eq!(mean.value, 4.5, "only the eight issues with a value count");
        let pages: Vec<_> = rig
            .fake
            .seen()
            .into_iter()
            .filter(|s| s.path == search_path(kind))
            .collect();
        assert!(pages.len() >= 8, "{} pages of at most three", pages.len());
        for page in &pages {
            assert_eq!(page.body["fields"], json!(["customfield_10016"]));
        }
        if kind == Kind::DataCenter {
            assert!(
                rig.fake
                    .jqls()
                    .iter()
                    .all(|jql| jql == "project = SHOP ORDER BY key ASC")
            );
        }
    }
}

#[tokio::test]
async fn fields_are_found_by_name_or_id_or_the_fault_names_them() {
    let rig = Rig::new(Kind::Cloud).await;
    for name in ["customfield_10016", "cf[10016]", "story POINT estimate"] {
        assert_eq!(rig.sum("project = SHOP", name).await.unwrap().value, 36.0);
    }
    for (name, says) in [
        ("Effort", "customfield_10026, customfield_10027"),
        ("Summary", "of type string, expected number"),
        ("Story point estimat", "did you mean `Story point estimate`"),
        ("customfield_4711", "sees no field `customfield_4711`"),
    ] {
        let fault = rig.sum("project = SHOP", name).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Config);
        assert!(fault.to_string().contains(says), "{fault}");
    }
}

#[tokio::test]
async fn a_field_that_no_issue_carries_is_no_zero() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        assert_eq!(
            class_of(rig.sum("project = CARE", POINTS).await),
            FaultClass::BadValue
        );
        assert_eq!(
            class_of(rig.avg("project = CARE", POINTS).await),
            FaultClass::BadValue
        );
        // Carried but never filled in: a sum of nothing, and no mean.
        assert_eq!(rig.sum("project = OPEN", POINTS).await.unwrap().value, 0.0);
        assert_eq!(
            class_of(rig.avg("project = OPEN", POINTS).await),
            FaultClass::BadValue
        );
        assert_eq!(
            class_of(rig.avg("project = SHOP AND status = Closed", POINTS).await),
            FaultClass::BadValue
        );
    }
}

#[tokio::test]
async fn f27_f28_a_field_holding_anything_but_a_number_is_refused() {
    for value in [json!("5"), json!({"value": 5}), json!([5]), json!(true)] {
        let rig = Rig::new(Kind::DataCenter).await;
        rig.fake.change(|mood| {
            mood.issues[4]
                .custom
                .insert("customfield_10016".into(), value.clone());
        });
        assert_eq!(
            class_of(rig.sum("project = SHOP", POINTS).await),
            FaultClass::BadValue,
            "{value}"
        );
    }
}

#[tokio::test]
async fn f20_a_broken_page_makes_the_whole_answer_partial() {
    for kind in BOTH {
        for canned in [
            Canned::new(search_path(kind), 200, "<html>proxy</html>"),
            Canned::new(search_path(kind), 200, "{\"issues\":["),
            Canned::new(search_path(kind), 400, "{}"),
        ] {
            let rig = Rig::new(kind).await;
            rig.canned(canned.clone().skip(2));
            let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
            assert_eq!(
                fault.class,
                FaultClass::Partial,
                "{kind:?} {canned:?} {fault}"
            );
            assert!(fault.message.contains("page 3"), "{fault}");
            // On the first page nothing is partial yet.
            rig.canned(canned);
            assert_ne!(
                class_of(rig.sum("project = SHOP", POINTS).await),
                FaultClass::Partial
            );
        }
        // What may heal by itself is tried once more in the slot, on whatever page it struck.
        let rig = Rig::new(kind).await;
        rig.canned(Canned::new(search_path(kind), 500, "{}").skip(2));
        let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
        assert_eq!(fault.class.remedy(), Remedy::RetryOnce, "{fault}");
        assert!(fault.message.starts_with("page 3: "), "{fault}");
        let rig = Rig::new(kind).await;
        rig.canned(
            Canned::new(search_path(kind), 429, "")
                .header("retry-after", "30")
                .skip(1),
        );
        let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
        assert_eq!(
            (fault.class, fault.retry_after),
            (FaultClass::RateLimited, Some(Duration::from_secs(30)))
        );
    }
}

#[tokio::test]
async fn f20_cloud_pages_that_lead_nowhere_are_partial() {
    for change in [
        |mood: &mut fake::Mood| mood.repeat_token = true,
        |mood: &mut fake::Mood| mood.lost_token = true,
    ] {
        let rig = Rig::new(Kind::Cloud).await;
        rig.fake.change(change);
        assert_eq!(
            class_of(rig.sum("project = SHOP", POINTS).await),
            FaultClass::Partial
        );
    }
}

#[tokio::test]
async fn f20_an_empty_cloud_page_is_not_the_end() {
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake.change(|mood| mood.empty_page = Some(1));
    assert_eq!(rig.sum("project = SHOP", POINTS).await.unwrap().value, 36.0);
}

#[tokio::test]
async fn f20_data_center_pages_that_move_are_partial() {
    for change in [
        |mood: &mut fake::Mood| mood.growing_total = true,
        |mood: &mut fake::Mood| mood.repeat_issue = true,
        |mood: &mut fake::Mood| mood.page_cap = 0,
    ] {
        let rig = Rig::new(Kind::DataCenter).await;
        rig.fake.change(change);
        assert_eq!(
            class_of(rig.sum("project = SHOP", POINTS).await),
            FaultClass::Partial
        );
    }
}

#[tokio::test]
async fn f20_more_issues_than_are_added_up_are_refused() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        rig.fake.change(|mood| {
            let model = mood.issues[0].clone();
            mood.issues = (0..10_001)
                .map(|n| query::Issue {
                    id: 100_000 + n,
                    ..model.clone()
                })
                .collect();
            mood.page_cap = 5000;
        });
        let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Partial, "{kind:?}");
        assert!(fault.message.contains("10000 are added up"), "{fault}");
        assert_eq!(
            rig.count("project = SHOP").await.unwrap().value,
            10_001.0,
            "a count has no such limit"
        );
    }
}

#[tokio::test]
async fn f20_far_too_many_issues_cost_cloud_one_request() {
    let rig = Rig::with(
        FakeJira::start(Kind::Cloud).await,
        Kind::Cloud,
        Deployment::Cloud,
    );
    rig.canned(Canned::new("approximate-count", 200, r#"{"count":100000}"#));
    let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Partial);
    assert!(
        fault.message.contains("100000 issues or more match"),
        "{fault}"
    );
    assert_eq!(rig.fake.asked("search/jql"), 0);
    // An estimate a little above the limit decides nothing.
    rig.canned(Canned::new("approximate-count", 200, r#"{"count":10100}"#));
    class_of(rig.sum("project = SHOP", POINTS).await);
    assert!(rig.fake.asked("search/jql") > 0);
}

#[tokio::test]
async fn f23_a_sum_over_a_partly_hidden_field_says_so() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        let note = "8 of 15 issues have a value, 4 do not carry the field";
        let jql = "project in (SHOP, CARE)";
        let sum = rig.sum(jql, POINTS).await.unwrap();
        assert_eq!((sum.value, sum.note.as_deref()), (36.0, Some(note)));
        let mean = rig.avg(jql, POINTS).await.unwrap();
        assert_eq!((mean.value, mean.note.as_deref()), (4.5, Some(note)));
        // Empty fields are nothing to tell, nor is a count.
        assert_eq!(rig.sum("project = SHOP", POINTS).await.unwrap().note, None);
        assert_eq!(rig.count(jql).await.unwrap().note, None);
    }
}

#[tokio::test]
async fn the_list_of_fields_is_kept_for_a_while_and_never_against_a_doubt() {
    let rig = Rig::new(Kind::DataCenter).await;
    let asked = async |times: usize, why: &str| {
        let sum = rig.sum("project = SHOP", POINTS).await.unwrap();
        assert_eq!(
            (sum.value, rig.fake.asked("/field")),
            (36.0, times),
            "{why}"
        );
    };
    asked(1, "not known yet").await;
    asked(1, "known").await;
    later(9).await;
    asked(1, "still known").await;
    later(2).await;
    asked(2, "too old").await;
    // A field that came since is found at once, and one that is not there was looked for in a fresh list.
    rig.fake.change(|mood| {
        let mut fresh = mood.fields[0].clone();
        fresh["id"] = "customfield_10099".into();
        fresh["name"] = "Fresh".into();
        mood.fields.as_array_mut().unwrap().push(fresh);
    });
    assert_eq!(
        class_of(rig.sum("project = SHOP", "Fresh").await),
        FaultClass::BadValue
    );
    assert_eq!(rig.fake.asked("/field"), 3);
    asked(4, "none of the issues carried the field").await;
    assert_eq!(
        class_of(rig.sum("project = SHOP", "Nowhere").await),
        FaultClass::Config
    );
    assert_eq!(rig.fake.asked("/field"), 5);
    asked(6, "a field was not found").await;
    assert_eq!(
        class_of(rig.sum("status = Dun", POINTS).await),
        FaultClass::Http4xx
    );
    asked(7, "Jira refused the question").await;
    let bob = fake::Person {
        pat: "pat-of-bob-4711".into(),
        ..ada()
    };
    std::fs::write(&rig.secret.path, &bob.pat).unwrap();
    rig.fake.change(|mood| mood.people.push(bob));
    asked(8, "another account may see other fields").await;
}

#[tokio::test]
async fn warnings_make_a_number_suspect() {
    let rig = Rig::new(Kind::DataCenter).await;
    rig.fake.change(|mood| {
        mood.warnings = vec!["The value 'Dun' does not exist for the field 'status'.".into()]
    });
    for fault in [
        rig.count("project = SHOP").await.unwrap_err(),
        rig.sum("project = SHOP", POINTS).await.unwrap_err(),
    ] {
        assert_eq!(fault.class, FaultClass::Suspect);
        assert!(fault.message.contains("'Dun'"), "{fault}");
    }
}

// Ratios

#[tokio::test]
async fn a_ratio_is_one_count_by_another() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        let ratio = rig
            .ratio("project = SHOP AND status = Done", "project = SHOP")
            .await
            .unwrap();
        assert_eq!(
            (ratio.value, ratio.quality.has(Flag::Approximate)),
            (7.0 / 11.0, kind == Kind::Cloud)
        );
        assert_eq!(
            rig.ratio("project = SHOP AND status = Closed", "project = SHOP")
                .await
                .unwrap()
                .value,
            0.0
        );
    }
}

#[tokio::test]
async fn a_ratio_of_nothing_is_a_fault_and_never_zero() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        for part in ["project = SHOP", "status = Closed"] {
            let fault = rig.ratio(part, "status = Closed").await.unwrap_err();
            assert_eq!(fault.class, FaultClass::BadValue, "{fault}");
            assert!(fault.message.contains("matches none"), "{fault}");
        }
    }
}

// Moments

#[tokio::test]
async fn moments_mean_the_same_instant_whatever_the_zone_of_the_account() {
    // One issue a minute before the cycle's midnight in Amsterdam, one at it.
    for kind in BOTH {
        for (zone, jql) in [
            ("Europe/Amsterdam", "created >= \"2026/10/01 00:00\""),
            ("America/New_York", "created >= \"2026/09/30 18:00\""),
            ("Pacific/Kiritimati", "created >= \"2026/10/01 12:00\""),
        ] {
            let rig = Rig::new(kind).await;
            rig.fake.change(|mood| {
                mood.people[0].zone = zone.into();
                mood.issues = vec![
                    query::Issue::new(10_001, "SHOP", "Done", "2026-09-30T21:59:00Z"),
                    query::Issue::new(10_002, "SHOP", "Done", "2026-09-30T22:00:00Z"),
                ];
            });
            for text in ["created >= {cycle_start}", "created >= \"{cycle_start}\""] {
                assert_eq!(rig.count(text).await.unwrap().value, 1.0, "{kind:?} {zone}");
                assert_eq!(rig.fake.jqls().last().unwrap(), jql);
            }
        }
    }
}

#[tokio::test]
async fn without_an_account_moments_are_epoch_milliseconds() {
    let fake = FakeJira::start(Kind::DataCenter).await;
    let jira = Jira::new(&spec(&fake.url, None), Deployment::Auto);
    let jql = "project = OPEN AND created < {cycle_start}";
    assert_eq!(ask(&jira, jql, JiraValue::Count).await.unwrap().value, 2.0);
    assert_eq!(fake.jqls(), ["project = OPEN AND created < 1790805600000"]);
}

#[tokio::test]
async fn both_queries_of_a_ratio_bind_moments_and_other_braces_stay() {
    let rig = Rig::new(Kind::Cloud).await;
    let ratio = rig
        .ratio(
            "project = SHOP AND resolved < {now}",
            "project = SHOP AND created < {now}",
        )
        .await
        .unwrap();
    assert_eq!(ratio.value, 7.0 / 11.0);
    let fault = rig
        .count("project = SHOP AND labels = {team}")
        .await
        .unwrap_err();
    assert!(
        fault.message.contains("'{' is a reserved JQL character"),
        "{fault}"
    );
}

// Refusals

#[tokio::test]
async fn what_jira_says_of_a_bad_query_is_told() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        for (jql, says) in [
            (
                "status = Done AND",
                "Expecting a field name at the end of the query",
            ),
            (
                "status = Dun",
                "The value 'Dun' does not exist for the field 'status'",
            ),
            ("colour = red", "Field 'colour' does not exist"),
            (
                "project = NOWHERE",
                "does not exist for the field 'project'",
            ),
        ] {
            let fault = rig.count(jql).await.unwrap_err();
            assert_eq!(fault.class, FaultClass::Http4xx, "{kind:?} {fault}");
            assert!(fault.message.contains(says), "{fault}");
            assert!(fault.help.contains("issue search"), "{fault}");
        }
    }
    let rig = Rig::new(Kind::Cloud).await;
    let fault = rig.count("ORDER BY created").await.unwrap_err();
    assert!(fault.message.contains("Unbounded JQL"), "{fault}");
}

#[tokio::test]
async fn f10_f12_answers_that_are_no_answer_are_refused() {
    let cases = [
        (
            Kind::Cloud,
            r#"{"errorMessages":["index is being rebuilt"],"count":0}"#,
            FaultClass::BadBody,
        ),
        (Kind::Cloud, r#"{"count":-1}"#, FaultClass::BadBody),
        (Kind::Cloud, r#"{"count":"7"}"#, FaultClass::BadBody),
        (Kind::Cloud, r#"{"count":7.5}"#, FaultClass::BadBody),
        (Kind::Cloud, r#"{"count":null}"#, FaultClass::BadBody),
        (
            Kind::Cloud,
            r#"{"issues":[],"isLast":true}"#,
            FaultClass::BadBody,
        ),
        (Kind::Cloud, r#"{"count":7,"count":0}"#, FaultClass::BadBody),
        (Kind::Cloud, "", FaultClass::BadBody),
        (Kind::Cloud, "<html>Log in</html>", FaultClass::BadType),
        (
            Kind::DataCenter,
            r#"{"issues":[],"startAt":0,"maxResults":0}"#,
            FaultClass::BadBody,
        ),
        (
            Kind::DataCenter,
            r#"{"issues":[],"startAt":0,"total":"11"}"#,
            FaultClass::BadBody,
        ),
        (Kind::DataCenter, "[]", FaultClass::BadBody),
    ];
    for (kind, body, class) in cases {
        let rig = Rig::new(kind).await;
        rig.canned(Canned::new(count_path(kind), 200, body));
        assert_eq!(class_of(rig.count("project = SHOP").await), class, "{body}");
    }
}

#[tokio::test]
async fn f13_f14_a_rate_limit_tells_how_long() {
    let rig = Rig::new(Kind::Cloud).await;
    let path = count_path(Kind::Cloud);
    let limited = || {
        Canned::new(
            path,
            429,
            r#"{"errorMessages":["Your request is being rate-limited."],"errors":{}}"#,
        )
    };
    for (canned, seconds) in [
        (limited().header("retry-after", "45"), Some(45)),
        (
            limited()
                .header("retry-after", "5")
                .header("date", "Thu, 05 Mar 2026 10:00:00 GMT")
                .header("x-ratelimit-reset", "2026-03-05T10:02Z"),
            Some(120),
        ),
        (limited(), None),
    ] {
        rig.canned(canned);
        let fault = rig.count("project = SHOP").await.unwrap_err();
        assert_eq!(fault.class, FaultClass::RateLimited);
        assert_eq!(fault.retry_after.map(|w| w.as_secs()), seconds, "{fault}");
        assert!(fault.message.contains("being rate-limited"), "{fault}");
    }
    let rig = Rig::new(Kind::DataCenter).await;
    let page = "<html><head><title>HTTP Status 429</title></head></html>";
    rig.canned(
        Canned::new("search", 429, page)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-interval-seconds", "60"),
    );
    let fault = rig.count("project = SHOP").await.unwrap_err();
    assert_eq!(
        (fault.class, fault.retry_after),
        (FaultClass::RateLimited, Some(Duration::from_secs(60)))
    );
}

#[tokio::test]
async fn every_refusal_has_its_class_and_its_remedy() {
    let cases = [
        (
            401,
            r#"{"code":401,"message":"Unauthorized; scope does not match"}"#,
            FaultClass::Http4xx,
            "read:jira-work",
        ),
        (
            403,
            r#"{"errorMessages":["You do not have permission to search."],"errors":{}}"#,
            FaultClass::Http4xx,
            "permission",
        ),
        (
            404,
            "<html>nothing here</html>",
            FaultClass::Http4xx,
            "deployment",
        ),
        (
            410,
            r#"{"errorMessages":["The requested API has been removed."]}"#,
            FaultClass::Http4xx,
            "cloud",
        ),
        (500, "{}", FaultClass::Http5xx, ""),
        (502, "<html>Bad gateway</html>", FaultClass::Http5xx, ""),
        (302, "", FaultClass::Redirect, "login page"),
    ];
    for kind in BOTH {
        for (status, body, class, help) in cases {
            let rig = Rig::new(kind).await;
            rig.canned(
                Canned::new(count_path(kind), status, body)
                    .header("location", "https://sso.acme.example/login"),
            );
            let fault = rig.count("project = SHOP").await.unwrap_err();
            assert_eq!(fault.class, class, "{status} {fault}");
            assert!(fault.help.contains(help), "{status} {fault}");
        }
    }
}

const NOT_ALLOWED: &str =
    r#"{"errorMessages":["You do not have permission to search."],"errors":{}}"#;

#[tokio::test]
async fn f18_what_a_known_account_may_not_do_is_about_that_question_only() {
    for kind in BOTH {
        for status in [401, 403] {
            let rig = Rig::new(kind).await;
            // The headers say who was refused, or the account does when it is asked.
            let canned = || Canned::new(count_path(kind), status, NOT_ALLOWED);
            let cases = [
                (
                    canned().header("x-ausername", "okrd-bot"),
                    "logged in as okrd-bot, not allowed",
                    0,
                ),
                (
                    canned().header("x-seraph-loginreason", "OK"),
                    "logged in, not allowed",
                    0,
                ),
                (canned(), "logged in as ", 1),
            ];
            for (canned, says, looks) in cases {
                let before = rig.fake.asked("myself");
                rig.canned(canned);
                let fault = rig.count("project = SHOP").await.unwrap_err();
                assert_eq!(
                    fault.class,
                    FaultClass::Http4xx,
                    "{kind:?} {status} {fault}"
                );
                assert!(fault.message.starts_with(says), "{fault}");
                assert!(
                    fault.message.contains("You do not have permission"),
                    "{fault}"
                );
                assert!(fault.help.contains("permission"), "{fault}");
                if kind == Kind::DataCenter {
                    assert_eq!(rig.fake.asked("myself") - before, looks);
                }
            }
            rig.fake.change(|mood| mood.canned.clear());
            assert_eq!(rig.count("project = CARE").await.unwrap().value, 4.0);
        }
    }
}

#[tokio::test]
async fn f18_a_refusal_without_a_known_account_is_a_login_fault() {
    for kind in BOTH {
        for status in [401, 403] {
            let rig = Rig::new(kind).await;
            rig.fake
                .change(|mood| (mood.silent, mood.lenient_login) = (true, true));
            rig.count("project = SHOP").await.unwrap();
            rig.expire();
            rig.canned(Canned::new(count_path(kind), status, NOT_ALLOWED));
            let asked = rig.fake.seen().len();
            let fault = rig.count("project = SHOP").await.unwrap_err();
            assert_eq!(fault.class, FaultClass::Auth, "{kind:?} {status} {fault}");
            assert_eq!(
                rig.fake.seen().len() - asked,
                2,
                "one failed login more is all that it costs to know"
            );
        }
    }
    // Whether the account is known cannot be told: nothing is said of the login.
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake.change(|mood| {
        mood.canned = vec![
            Canned::new("approximate-count", 403, NOT_ALLOWED),
            Canned::new("myself", 503, "").header("retry-after", "30"),
        ];
    });
    let fault = rig.count("project = SHOP").await.unwrap_err();
    assert_eq!(fault.class, FaultClass::RateLimited, "{fault}");
}

#[tokio::test]
async fn f18_a_token_too_narrow_for_one_address_serves_the_others() {
    let narrow = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;
    let rig = Rig::new(Kind::Cloud).await;
    rig.canned(Canned::new("/field", 401, narrow));
    let fault = rig.sum("project = SHOP", POINTS).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Http4xx, "{fault}");
    assert!(fault.help.contains("read:jira-work"), "{fault}");
    assert_eq!(rig.count("project = CARE").await.unwrap().value, 4.0);
    // A token that may not say who we are vouches for no number, and holds nothing back either.
    rig.canned(Canned::new("myself", 401, narrow));
    let fault = rig.count("project = CARE").await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Http4xx, "{fault}");
    assert!(fault.help.contains("read:jira-user"), "{fault}");
}

#[tokio::test]
async fn only_a_site_that_answers_oddly_is_helped_by_its_deployment() {
    for (canned, helps) in [
        (
            Canned::new("serverInfo", 404, "<html>nothing here</html>"),
            true,
        ),
        (Canned::new("serverInfo", 200, "<html>Log in</html>"), true),
        (Canned::new("serverInfo", 200, "{}"), true),
        (
            Canned::new("serverInfo", 302, "").header("location", "/login"),
            true,
        ),
        (Canned::new("serverInfo", 401, "{}"), false),
        (Canned::new("serverInfo", 429, ""), false),
        (Canned::new("serverInfo", 500, "{}"), false),
    ] {
        let rig = Rig::new(Kind::Cloud).await;
        rig.canned(canned);
        let fault = rig.count("project = SHOP").await.unwrap_err();
        assert_eq!(fault.help.contains("write deployment"), helps, "{fault}");
    }
}

#[tokio::test]
async fn the_wrong_deployment_says_what_to_write() {
    let rig = Rig::with(
        FakeJira::start(Kind::Cloud).await,
        Kind::Cloud,
        Deployment::DataCenter,
    );
    let fault = rig.count("project = SHOP").await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Http4xx);
    assert!(fault.help.contains("deployment = \"cloud\""), "{fault}");
    let rig = Rig::with(
        FakeJira::start(Kind::DataCenter).await,
        Kind::DataCenter,
        Deployment::Cloud,
    );
    let fault = rig.count("project = SHOP").await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Http4xx);
    assert!(fault.help.contains("deployment"), "{fault}");
}

#[tokio::test]
async fn f71_messages_are_short_clean_and_without_secrets() {
    let rig = Rig::new(Kind::Cloud).await;
    let long = json!({"errorMessages": [format!("a\n\u{1b}[31m{}", "x".repeat(5000))]}).to_string();
    let echo = json!({"errorMessages": [format!("who is {}?", ada().token)]}).to_string();
    for body in [long, echo, format!("<html>{}</html>", ada().token)] {
        for status in [200, 400, 401, 403, 404, 500] {
            rig.canned(Canned::new("approximate-count", status, &body));
            let fault = rig.count("project = SHOP").await.unwrap_err();
            let shown = format!("{fault} {fault:?}");
            assert!(!shown.contains("0123456789"), "{status} {shown}");
            assert!(
                fault.message.chars().count() <= 300 && !fault.message.contains(['\n', '\u{1b}'])
            );
        }
    }
}

#[tokio::test]
async fn f71_a_secret_in_whatever_jira_says_is_not_repeated() {
    let pair = fake::base64(&format!("{}:{}", ada().user, ada().token));
    let canaries = [
        ada().token,
        ada().token.to_uppercase(),
        ada().token.replace('-', "%2D"),
        format!("Basic {pair}"),
    ];
    for canary in &canaries {
        let warning = json!({"startAt": 0, "total": 1, "issues": [], "warningMessages": [format!("you sent {canary}")]});
        let of_version = json!({"version": canary, "deploymentType": "Mainframe"});
        let of_type = json!({"version": "9", "deploymentType": canary});
        let nobody = json!({"total": canary, "count": canary});
        let cases = [
            (
                Kind::Cloud,
                Canned::new("count", 200, r#"{"count":1}"#).header("x-seraph-loginreason", canary),
            ),
            (
                Kind::Cloud,
                Canned::new("count", 403, NOT_ALLOWED).header("x-ausername", canary),
            ),
            (
                Kind::Cloud,
                Canned::new("count", 200, "<a>").header("content-type", canary),
            ),
            (
                Kind::Cloud,
                Canned::new("count", 200, "1").header("content-encoding", canary),
            ),
            (
                Kind::Cloud,
                Canned::new("count", 302, "").header(
                    "location",
                    &format!("http://{}.example/", canary.replace(['%', ' ', '='], "")),
                ),
            ),
            (
                Kind::Cloud,
                Canned::new(
                    "count",
                    400,
                    &json!({ "errorMessages": [canary] }).to_string(),
                ),
            ),
            (Kind::Cloud, Canned::new("count", 200, &nobody.to_string())),
            (
                Kind::Cloud,
                Canned::new("serverInfo", 200, &of_version.to_string()),
            ),
            (
                Kind::Cloud,
                Canned::new("serverInfo", 200, &of_type.to_string()),
            ),
            (
                Kind::DataCenter,
                Canned::new("search", 200, &warning.to_string()),
            ),
        ];
        for (kind, canned) in cases {
            // User and token at both, so that the base64 of the pair is sent as well.
            let (fake, secret) = (FakeJira::start(kind).await, Secret::new(&ada().token));
            let auth = Auth::Basic {
                user: ada().user,
                token: secret.place(),
            };
            // Where the deployment need not be asked for, no answer came before.
            let deployment = match (canned.path, kind) {
                ("serverInfo", _) => Deployment::Auto,
                (_, Kind::Cloud) => Deployment::Cloud,
                (_, Kind::DataCenter) => Deployment::DataCenter,
            };
            let jira = Jira::new(&spec(&fake.url, Some(auth)), deployment);
            let shown = format!("{canned:?}");
            fake.change(|mood| mood.canned = vec![canned]);
            let fault = ask(&jira, "project = SHOP", JiraValue::Count)
                .await
                .unwrap_err();
            let said = format!("{fault} {fault:?}").to_lowercase();
            for part in ["012345", "api-01", "api%2d", &pair[..8].to_lowercase()] {
                assert!(!said.contains(part), "{shown}: {said}");
            }
            assert!(fault.message.len() > 10, "{fault}");
        }
    }
    // Nor is the name of an account that repeats it.
    let rig = Rig::new(Kind::Cloud).await;
    let named = json!({"accountId": "1", "displayName": ada().token}).to_string();
    rig.canned(Canned::new("myself", 200, &named));
    let identity = rig.jira.identify(Duration::from_secs(5)).await.unwrap();
    assert!(!format!("{identity:?}").contains("012345"));
}

#[tokio::test]
async fn f3_a_timeout_names_the_time_of_the_question() {
    // The second of two requests has a third of it left.
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake
        .change(|mood| mood.delay = Duration::from_millis(700));
    let measure = Measure::Jira {
        jql: "project = SHOP".into(),
        value: JiraValue::Count,
    };
    let moments = moments();
    let question = Question {
        measure: &measure,
        moments: &moments,
        timeout: Duration::from_secs(1),
    };
    let fault = rig.jira.measure(question).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Timeout);
    assert!(fault.message.ends_with(" within 1 s"), "{fault}");
}

#[tokio::test]
async fn f3_a_slow_jira_is_cut_at_the_deadline() {
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake.change(|mood| mood.delay = Duration::from_secs(30));
    let (measure, moments) = (
        Measure::Jira {
            jql: "project = SHOP".into(),
            value: JiraValue::Count,
        },
        moments(),
    );
    let question = Question {
        measure: &measure,
        moments: &moments,
        timeout: Duration::from_millis(300),
    };
    let begun = Instant::now();
    assert_eq!(
        class_of(rig.jira.measure(question).await),
        FaultClass::Timeout
    );
    assert!(
        begun.elapsed() < Duration::from_millis(1300),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn f1_a_jira_that_is_down_is_net() {
    let jira = Jira::new(&spec("http://127.0.0.1:1", None), Deployment::Auto);
    assert_eq!(
        class_of(ask(&jira, "project = SHOP", JiraValue::Count).await),
        FaultClass::Net
    );
}

// Lists for people

async fn listed(rig: &Rig, jql: &str, limit: usize) -> Result<Vec<(String, String)>, Fault> {
    let issues = rig
        .jira
        .issues(jql, &moments(), limit, Duration::from_secs(10))
        .await?;
    Ok(issues.into_iter().map(|i| (i.key, i.status)).collect())
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()
}

#[tokio::test]
async fn the_first_issues_are_listed_in_order_and_only_those() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        rig.fake.change(|mood| mood.page_cap = 50);
        let found = listed(
            &rig,
            r#"project = SHOP AND summary ~ "Pay & ship: 100% #1""#,
            5,
        )
        .await
        .unwrap();
        assert_eq!(found, pairs(&[("SHOP-2", "Done")]), "{kind:?}");
        let found = listed(&rig, "project = SHOP AND created >= {cycle_start}", 3)
            .await
            .unwrap();
        assert_eq!(
            found,
            pairs(&[("SHOP-1", "Done"), ("SHOP-2", "Done"), ("SHOP-3", "Done")])
        );
        assert!(listed(&rig, "status = Closed", 3).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn one_odd_issue_or_a_short_page_does_not_spoil_a_list() {
    for kind in BOTH {
        let rig = Rig::new(kind).await;
        rig.fake.change(|mood| {
            mood.issues[2].odd = true;
            mood.page_cap = 50;
        });
        let found = listed(&rig, "project = SHOP", 4).await.unwrap();
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["SHOP-1", "SHOP-2", "SHOP-3", "SHOP-4"], "{kind:?}");
    }
    // A continuation token holds a plus sign, which the typed fetch sends as a space.
    let rig = Rig::new(Kind::Cloud).await;
    let found = listed(&rig, "project = SHOP", 8).await.unwrap();
    assert_eq!(found.len(), 8);
}

#[tokio::test]
async fn f21_a_list_is_not_short_for_want_of_a_login() {
    for kind in BOTH {
        for silent in [false, true] {
            let rig = Rig::new(kind).await;
            rig.fake
                .change(|mood| (mood.silent, mood.lenient_login) = (silent, true));
            rig.expire();
            let fault = listed(&rig, "statusCategory = Done", 5).await.unwrap_err();
            assert_eq!(fault.class, FaultClass::Auth, "{kind:?} silent={silent}");
        }
    }
}

#[tokio::test]
async fn f20_a_list_ends_though_the_pages_never_do() {
    // The typed fetch follows a repeated token for ever; our own line then says what is wrong.
    let rig = Rig::new(Kind::Cloud).await;
    rig.fake
        .change(|mood| (mood.repeat_token, mood.page_cap) = (true, 1));
    let begun = Instant::now();
    let listed = rig
        .jira
        .issues("project = SHOP", &moments(), 3, Duration::from_secs(2))
        .await;
    assert_eq!(listed.unwrap_err().class, FaultClass::Partial);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(rig.fake.asked("/rest/api/2/search/jql") > 2);
}
