//! A fake Jira on a loopback port, Cloud or Data Center, no kinder than the real one: it judges login, content type and
//! body, runs the JQL that arrived over its issues, answers a refused login with fewer issues instead of an error, cuts
//! pages short, forgets tokens, and can be told to misbehave.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::{Map, Value, json};

use crate::query::{self, Asker, Issue};

/// Which Jira.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cloud,
    DataCenter,
}

/// Somebody with a login.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Mail address on Cloud, user name on Data Center.
    pub(crate) user: String,
    /// API token on Cloud, password on Data Center.
    pub(crate) token: String,
    /// Personal access token; Data Center only.
    pub(crate) pat: String,
    pub(crate) zone: String,
    pub(crate) sees: Vec<String>,
    pub(crate) expired: bool,
}

/// An answer that a test puts in the place of the real one.
#[derive(Clone, Debug)]
pub(crate) struct Canned {
    /// Paths that hold this are meant.
    pub(crate) path: &'static str,
    /// So many of them pass first.
    pub(crate) skip: usize,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Canned {
    pub(crate) fn new(path: &'static str, status: u16, body: &str) -> Self {
        let kind = if body.trim_start().starts_with('<') {
            "text/html;charset=UTF-8"
        } else {
            "application/json"
        };
        Self {
            path,
            skip: 0,
            status,
            headers: vec![("content-type", kind.into())],
            body: body.into(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }
}

/// What a test may change.
#[derive(Clone, Debug)]
pub(crate) struct Mood {
    pub(crate) people: Vec<Person>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) fields: Value,
    /// Projects that anybody sees.
    pub(crate) public: Vec<String>,
    /// The largest page, whatever is asked.
    pub(crate) page_cap: usize,
    /// Data Center: a refused login is served as anonymous, as some single sign-on plugins do.
    pub(crate) lenient_login: bool,
    /// A gateway removes the headers that tell of the login.
    pub(crate) silent: bool,
    /// Every page names the same next page.
    pub(crate) repeat_token: bool,
    /// Cloud: this page (from 0) is empty but not the last.
    pub(crate) empty_page: Option<usize>,
    /// Cloud: this page (from 0) says that it is the last, whatever follows.
    pub(crate) early_end: Option<usize>,
    /// Cloud: once this page (from 0) is served, every login has expired.
    pub(crate) expire_after_page: Option<usize>,
    /// Requests to paths that hold this wait until it is cleared.
    pub(crate) held: Option<&'static str>,
    /// Cloud: the last page says that it is not, and names no next one.
    pub(crate) lost_token: bool,
    /// Data Center: each page tells a total of one more.
    pub(crate) growing_total: bool,
    /// Data Center: a page repeats the last issue of the one before.
    pub(crate) repeat_issue: bool,
    pub(crate) warnings: Vec<String>,
    pub(crate) delay: Duration,
    pub(crate) canned: Vec<Canned>,
    failed_logins: usize,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
}

/// The running fake; it ends with the test's runtime.
pub(crate) struct FakeJira {
    pub(crate) url: String,
    site: Arc<Site>,
}

struct Site {
    kind: Kind,
    context: String,
    mood: Mutex<Mood>,
    seen: Mutex<Vec<Seen>>,
    tokens: Mutex<HashMap<String, Bookmark>>,
}

#[derive(Clone)]
struct Bookmark {
    jql: String,
    start: usize,
    page: usize,
}

/// What the login of a request comes to.
struct Visitor {
    asker: Asker,
    person: Option<Person>,
    refused: bool,
}

type Refusal = Box<Response>;

impl FakeJira {
    pub(crate) async fn start(kind: Kind) -> Self {
        Self::start_at(kind, "").await
    }

    /// `context` is a path before `/rest`, such as `/jira`.
    pub(crate) async fn start_at(kind: Kind, context: &str) -> Self {
        let site = Arc::new(Site {
            kind,
            context: context.into(),
            mood: Mutex::new(Mood::good()),
            seen: Mutex::default(),
            tokens: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{context}", listener.local_addr().unwrap());
        let app = Router::new().fallback(serve).with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, site }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.site.mood.lock().unwrap());
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.site.seen.lock().unwrap().clone()
    }

    /// How many requests to paths holding `part` arrived.
    pub(crate) fn asked(&self, part: &str) -> usize {
        self.seen().iter().filter(|s| s.path.contains(part)).count()
    }

    /// The JQLs that arrived by POST, in order.
    pub(crate) fn jqls(&self) -> Vec<String> {
        let jql = |seen: Seen| {
            seen.body
                .get("jql")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        self.seen().into_iter().filter_map(jql).collect()
    }
}

pub(crate) fn ada() -> Person {
    Person {
        user: "ada@acme.example".into(),
        token: "api-0123456789".into(),
        pat: "pat-9876543210".into(),
        zone: "Europe/Berlin".into(),
        sees: vec!["SHOP".into(), "CARE".into(), "OPEN".into()],
        expired: false,
    }
}

impl Mood {
    fn good() -> Self {
        Self {
            people: vec![ada()],
            issues: issues(),
            fields: fields(),
            public: vec!["OPEN".into()],
            page_cap: 3,
            lenient_login: false,
            silent: false,
            repeat_token: false,
            empty_page: None,
            early_end: None,
            expire_after_page: None,
            held: None,
            lost_token: false,
            growing_total: false,
            repeat_issue: false,
            warnings: Vec::new(),
            delay: Duration::ZERO,
            canned: Vec::new(),
            failed_logins: 0,
        }
    }
}

/// Eleven in SHOP (seven done; points 1 to 8 and three without), four in CARE (none carries points), two in OPEN.
fn issues() -> Vec<Issue> {
    let mut all = Vec::new();
    for n in 1..=11_u64 {
        let status = if n <= 7 { "Done" } else { "To Do" };
        let mut issue = Issue::new(
            10_000 + n,
            "SHOP",
            status,
            &format!("2026-10-{:02}T09:15:00Z", n + 1),
        );
        issue.custom.insert(
            "customfield_10016".into(),
            if n <= 8 { json!(n as f64) } else { Value::Null },
        );
        issue.epic = (5..=10).contains(&n).then(|| "SHOP-1".into());
        issue.resolved = (n <= 7).then(|| format!("2026-11-{n:02}T12:00:00Z").parse().unwrap());
        all.push(issue);
    }
    for n in 1..=4_u64 {
        all.push(Issue::new(
            20_000 + n,
            "CARE",
            "Doing",
            "2026-09-01T00:00:00Z",
        ));
    }
    for n in 1..=2_u64 {
        let mut issue = Issue::new(30_000 + n, "OPEN", "Done", "2026-09-01T00:00:00Z");
        issue.custom.insert("customfield_10016".into(), Value::Null);
        all.push(issue);
    }
    all[1].summary = "Pay & ship: 100% #1 \"now\"+later".into();
    all
}

fn fields() -> Value {
    let number = |id: u64, name: &str| {
        json!({"id": format!("customfield_{id}"), "key": format!("customfield_{id}"), "name": name, "custom": true,
            "orderable": true, "navigable": true, "searchable": true, "clauseNames": [format!("cf[{id}]"), name],
            "schema": {"type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points", "customId": id}})
    };
    json!([
        number(10016, "Story point estimate"),
        number(10026, "Effort"),
        number(10027, "Effort"),
        {"id": "summary", "key": "summary", "name": "Summary", "custom": false, "orderable": true, "navigable": true,
            "searchable": true, "clauseNames": ["summary"], "schema": {"type": "string", "system": "summary"}},
    ])
}

async fn serve(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let seen = Seen {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query).into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        headers: head.headers,
    };
    site.seen.lock().unwrap().push(seen.clone());
    let delay = site.mood.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    while site.holds(&seen.path) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if let Some(canned) = site.canned(&seen.path) {
        return canned;
    }
    let visitor = match site.visitor(&seen.headers) {
        Ok(visitor) => visitor,
        Err(refusal) => return *refusal,
    };
    let answer = site
        .route(&seen, &body, &visitor)
        .unwrap_or_else(|refusal| *refusal);
    site.sign(answer, &visitor)
}

impl Site {
    fn holds(&self, path: &str) -> bool {
        let held = self.mood.lock().unwrap().held;
        held.is_some_and(|part| path.contains(part))
    }

    fn canned(&self, path: &str) -> Option<Response> {
        let mut mood = self.mood.lock().unwrap();
        let canned = mood.canned.iter_mut().find(|c| path.contains(c.path))?;
        if canned.skip > 0 {
            canned.skip -= 1;
            return None;
        }
        let mut response = Response::builder().status(canned.status);
        for (name, value) in &canned.headers {
            response = response.header(*name, value);
        }
        Some(response.body(Body::from(canned.body.clone())).unwrap())
    }

    /// Login as the real ones judge it: Cloud serves a wrong API token as anonymous, Data Center refuses it.
    fn visitor(&self, headers: &HeaderMap) -> Result<Visitor, Refusal> {
        let mut mood = self.mood.lock().unwrap();
        let Some(sent) = headers
            .get("authorization")
            .map(|v| v.to_str().unwrap().to_owned())
        else {
            return Ok(self.anybody(&mood, false));
        };
        if self.kind == Kind::Cloud && sent.starts_with("Bearer ") {
            return Err(error(
                403,
                json!({"error": "Failed to parse Connect Session Auth Token"}),
            ));
        }
        if sent.starts_with("Basic ") && mood.failed_logins >= 3 && self.kind == Kind::DataCenter {
            return Err(html(
                403,
                "<html><title>Forbidden (403)</title>Log in again</html>",
            )
            .with("x-seraph-loginreason", "AUTHENTICATION_DENIED")
            .with(
                "x-authentication-denied-reason",
                "CAPTCHA_CHALLENGE; login-url=https://jira.acme.example/login.jsp",
            ));
        }
        let fits = |p: &&Person| {
            let basic = format!("Basic {}", base64(&format!("{}:{}", p.user, p.token)));
            !p.expired && (sent == basic || sent == format!("Bearer {}", p.pat))
        };
        if let Some(person) = mood.people.iter().find(fits).cloned() {
            mood.failed_logins = 0;
            return Ok(Visitor {
                asker: self.asker(&person.zone, person.sees.clone(), false),
                person: Some(person),
                refused: false,
            });
        }
        if self.kind == Kind::DataCenter && !mood.lenient_login {
            mood.failed_logins += 1;
            return Err(html(
                401,
                "<html><title>Unauthorized (401)</title>Basic Authentication Failure</html>",
            )
            .with("x-seraph-loginreason", "AUTHENTICATED_FAILED")
            .with("www-authenticate", "Basic realm=\"Jira\""));
        }
        Ok(self.anybody(&mood, true))
    }

    fn anybody(&self, mood: &Mood, refused: bool) -> Visitor {
        Visitor {
            asker: self.asker("UTC", mood.public.clone(), true),
            person: None,
            refused,
        }
    }

    fn asker(&self, zone: &str, sees: Vec<String>, anonymous: bool) -> Asker {
        Asker {
            zone: TimeZoneDatabase::bundled()
                .get(zone)
                .unwrap_or(TimeZone::UTC),
            sees,
            anonymous,
            bare_words: self.kind == Kind::Cloud,
        }
    }

    /// The headers that tell of the login. Cloud tells of a refused one only.
    fn sign(&self, mut answer: Response, visitor: &Visitor) -> Response {
        if self.mood.lock().unwrap().silent {
            return answer;
        }
        let headers = answer.headers_mut();
        if visitor.refused {
            headers.insert(
                "x-seraph-loginreason",
                "AUTHENTICATED_FAILED".parse().unwrap(),
            );
        }
        if self.kind == Kind::DataCenter {
            let name = visitor
                .person
                .as_ref()
                .map_or("anonymous", |p| p.user.as_str());
            headers.insert("x-ausername", name.parse().unwrap());
            if visitor.person.is_some() {
                headers.insert("x-seraph-loginreason", "OK".parse().unwrap());
            }
        }
        answer
    }

    fn route(&self, seen: &Seen, raw: &Bytes, visitor: &Visitor) -> Result<Response, Refusal> {
        let lost = || {
            html(
                404,
                "<html><title>Oops, you've found a dead link.</title></html>",
            )
        };
        let path = seen.path.strip_prefix(&self.context).ok_or_else(lost)?;
        let rest = path.strip_prefix("/rest/api/").ok_or_else(lost)?;
        let (version, what) = rest.split_once('/').ok_or_else(lost)?;
        if version != "2" && !(version == "3" && self.kind == Kind::Cloud) {
            return Err(lost());
        }
        if seen.method == Method::POST {
            fail_on_bad_post(seen, raw)?;
        }
        match (self.kind, what, seen.method.as_str()) {
            (_, "serverInfo", "GET") => Ok(json_answer(self.server_info())),
            (_, "myself", "GET") => self.myself(visitor),
            (_, "field", "GET") => Ok(json_answer(self.fields(visitor))),
            (_, "mypermissions", "GET") => Ok(json_answer(
                json!({"permissions": {"BROWSE_PROJECTS": {"id": "10", "havePermission": true}}}),
            )),
            (Kind::Cloud, "search", _) => Err(errors(
                410,
                "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046",
            )),
            (Kind::Cloud, "search/approximate-count", "POST") => self.count(seen, visitor),
            (Kind::Cloud, "search/jql", "POST") => {
                self.cloud_page(&Ask::posted(&seen.body, CLOUD_KEYS)?, version, visitor)
            }
            (Kind::Cloud, "search/jql", "GET") => {
                self.cloud_page(&Ask::got(&seen.query), version, visitor)
            }
            (Kind::DataCenter, "search", "POST") => {
                self.server_page(&Ask::posted(&seen.body, SERVER_KEYS)?, visitor)
            }
            (Kind::DataCenter, "search", "GET") => {
                self.server_page(&Ask::got(&seen.query), visitor)
            }
            (Kind::Cloud, "search/approximate-count" | "search/jql", _)
            | (_, "serverInfo" | "myself" | "field", _) => Err(errors(405, "Method Not Allowed")),
            _ => Err(lost()),
        }
    }

    fn server_info(&self) -> Value {
        match self.kind {
            Kind::Cloud => {
                json!({"baseUrl": "https://acme.example", "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud", "buildNumber": 100287,
                "serverTime": "2026-03-05T10:00:00.000+0100", "serverTimeZone": "Europe/Berlin", "serverTitle": "Jira"})
            }
            Kind::DataCenter => json!({"baseUrl": "https://jira.acme.example", "version": "9.12.5",
                "versionNumbers": [9, 12, 5], "deploymentType": "Server", "buildNumber": 9120005, "serverTitle": "Jira"}),
        }
    }

    fn myself(&self, visitor: &Visitor) -> Result<Response, Refusal> {
        let Some(person) = &visitor.person else {
            let mut refusal = plain(401, "Client must be authenticated to access this resource.");
            refusal = refusal.with(
                "www-authenticate",
                "OAuth realm=\"https%3A%2F%2Facme.example\"",
            );
            return Err(refusal);
        };
        Ok(json_answer(match self.kind {
            Kind::Cloud => {
                json!({"self": "https://acme.example/rest/api/3/user?accountId=5b1", "accountId": "5b1",
                "accountType": "atlassian", "emailAddress": person.user, "displayName": "Ada", "active": true,
                "timeZone": person.zone, "locale": "en_GB", "avatarUrls": {"48x48": "u"}})
            }
            Kind::DataCenter => json!({"self": "u", "key": "JIRAUSER10100", "name": person.user,
                "emailAddress": "bot@acme.example", "displayName": "okrd", "active": true, "timeZone": person.zone,
                "locale": "en_GB", "avatarUrls": {"48x48": "u"}}),
        }))
    }

    /// Anybody sees the system's fields only.
    fn fields(&self, visitor: &Visitor) -> Value {
        let mut fields = self.mood.lock().unwrap().fields.clone();
        if visitor.asker.anonymous {
            fields
                .as_array_mut()
                .unwrap()
                .retain(|f| f["custom"] == false);
        }
        fields
    }

    fn count(&self, seen: &Seen, visitor: &Visitor) -> Result<Response, Refusal> {
        let ask = Ask::posted(&seen.body, &["jql"])?;
        let mood = self.mood.lock().unwrap();
        let found = self.run(&ask.jql, &mood, visitor)?;
        Ok(json_answer(json!({ "count": found.len() })))
    }

    /// Runs the JQL as the visitor. Cloud tells nobody that a project exists: it just finds nothing there.
    fn run<'m>(
        &self,
        jql: &str,
        mood: &'m Mood,
        visitor: &Visitor,
    ) -> Result<Vec<&'m Issue>, Refusal> {
        let mut asker = visitor.asker.clone();
        let hides = self.kind == Kind::Cloud && asker.anonymous;
        if hides {
            asker.sees = ada().sees;
        }
        let query = query::parse(jql, &asker).map_err(|why| errors(400, &why))?;
        if self.kind == Kind::Cloud && !query.is_bounded() {
            return Err(errors(
                400,
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
            ));
        }
        let mut found = query
            .run(&mood.issues, &asker)
            .map_err(|why| errors(400, &why))?;
        if hides {
            found.retain(|issue| visitor.asker.sees.contains(&issue.project));
        }
        Ok(found)
    }

    fn cloud_page(&self, ask: &Ask, version: &str, visitor: &Visitor) -> Result<Response, Refusal> {
        let mut mood = self.mood.lock().unwrap();
        let found = self.run(&ask.jql, &mood, visitor)?;
        let mut tokens = self.tokens.lock().unwrap();
        let at = match &ask.token {
            // Offsets of old clients are passed over without a word.
            None => Bookmark {
                jql: ask.jql.clone(),
                start: 0,
                page: 0,
            },
            Some(token) => tokens
                .get(token)
                .filter(|at| at.jql == ask.jql)
                .cloned()
                .ok_or_else(|| {
                    errors(
                        400,
                        "The provided next page token is invalid or has expired.",
                    )
                })?,
        };
        let asked = ask.size.unwrap_or(50);
        if !(1..=5000).contains(&asked) {
            return Err(errors(
                400,
                "The value for maxResults must be between 1 and 5000.",
            ));
        }
        // Pages with fields are cut shorter without notice, now and then by one more.
        let few = if ask.fields == ["id"] || ask.fields.is_empty() {
            asked
        } else {
            asked.min(mood.page_cap)
        };
        let size = if mood.empty_page == Some(at.page) {
            0
        } else {
            few.saturating_sub(at.page % 2).max(1)
        };
        // Who sees fewer issues than the page before is told that there are no more.
        let start = at.start.min(found.len());
        let end = (start + size).min(found.len());
        let issues: Vec<Value> = found[start..end]
            .iter()
            .map(|i| shown(i, &ask.fields, version))
            .collect();
        let is_last = end == found.len() || mood.early_end == Some(at.page);
        let mut answer = json!({ "issues": issues, "isLast": is_last && !mood.lost_token });
        if !is_last {
            let token = match mood.repeat_token {
                true => "Ch0jU3RyaW5nJlUwaFBVQT09JUludCZNZz09".into(),
                false => format!("Ch0+{}==", uuid::Uuid::new_v4().simple()),
            };
            let start = if mood.repeat_token { 0 } else { end };
            tokens.insert(
                token.clone(),
                Bookmark {
                    jql: ask.jql.clone(),
                    start,
                    page: at.page + 1,
                },
            );
            answer["nextPageToken"] = token.into();
        }
        if mood.expire_after_page == Some(at.page) {
            mood.people.iter_mut().for_each(|p| p.expired = true);
        }
        Ok(json_answer(answer))
    }

    fn server_page(&self, ask: &Ask, visitor: &Visitor) -> Result<Response, Refusal> {
        let mood = self.mood.lock().unwrap();
        let found = self.run(&ask.jql, &mood, visitor)?;
        if ask.start >= 10_000 {
            return Err(errors(500, "Internal server error"));
        }
        let size = ask.size.unwrap_or(50).min(mood.page_cap);
        let mut start = ask.start.min(found.len());
        let end = (start + size).min(found.len());
        start -= usize::from(mood.repeat_issue && start > 0);
        let total = found.len() + if mood.growing_total { ask.start } else { 0 };
        let issues: Vec<Value> = found[start..end]
            .iter()
            .map(|i| shown(i, &ask.fields, "2"))
            .collect();
        let mut answer = json!({"expand": "schema,names", "startAt": ask.start, "maxResults": size, "total": total,
            "issues": issues});
        if !mood.warnings.is_empty() {
            answer["warningMessages"] = json!(mood.warnings);
        }
        Ok(json_answer(answer))
    }
}

const CLOUD_KEYS: &[&str] = &[
    "jql",
    "maxResults",
    "nextPageToken",
    "fields",
    "expand",
    "properties",
    "fieldsByKeys",
    "reconcileIssues",
];
const SERVER_KEYS: &[&str] = &[
    "jql",
    "startAt",
    "maxResults",
    "fields",
    "expand",
    "validateQuery",
];

/// A search as it was asked.
struct Ask {
    jql: String,
    start: usize,
    size: Option<usize>,
    fields: Vec<String>,
    token: Option<String>,
}

impl Ask {
    fn posted(body: &Value, allowed: &[&str]) -> Result<Self, Refusal> {
        let invalid = |why: &str| errors(400, why);
        let body = body
            .as_object()
            .ok_or_else(|| invalid("There was an error parsing JSON."))?;
        if let Some(key) = body.keys().find(|key| !allowed.contains(&key.as_str())) {
            return Err(invalid(&format!(
                "Invalid request payload: unrecognised field {key}."
            )));
        }
        let whole = |key: &str| match body.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(|n| Some(n as usize))
                .ok_or_else(|| invalid("Invalid request payload.")),
        };
        let fields = body.get("fields").map_or(Ok(Vec::new()), |fields| {
            serde_json::from_value(fields.clone()).map_err(|_| invalid("Invalid request payload."))
        })?;
        Ok(Self {
            jql: body
                .get("jql")
                .and_then(Value::as_str)
                .ok_or_else(|| invalid("jql is missing"))?
                .into(),
            start: whole("startAt")?.unwrap_or(0),
            size: whole("maxResults")?,
            fields,
            token: body
                .get("nextPageToken")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }

    fn got(query: &HashMap<String, String>) -> Self {
        let fields = query.get("fields").map(String::as_str).unwrap_or_default();
        Self {
            jql: query.get("jql").cloned().unwrap_or_default(),
            start: query
                .get("startAt")
                .and_then(|n| n.parse().ok())
                .unwrap_or(0),
            size: query.get("maxResults").and_then(|n| n.parse().ok()),
            fields: fields
                .split(',')
                .filter(|f| !f.is_empty())
                .map(str::to_owned)
                .collect(),
            token: query.get("nextPageToken").cloned(),
        }
    }
}

fn fail_on_bad_post(seen: &Seen, raw: &Bytes) -> Result<(), Refusal> {
    let header = |name: &str| {
        seen.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let from_browser = header("user-agent").starts_with("Mozilla");
    if from_browser && header("x-atlassian-token") != "no-check" {
        return Err(plain(403, "XSRF check failed"));
    }
    if !header("content-type").starts_with("application/json") {
        return Err(html(
            415,
            "<html><title>415 Unsupported Media Type</title></html>",
        ));
    }
    if serde_json::from_slice::<Value>(raw).is_err() {
        return Err(errors(
            400,
            "There was an error parsing JSON. Check that your request body is valid.",
        ));
    }
    Ok(())
}

/// An issue with the fields that were asked for; a field that its project does not use is absent, one without a value
/// is null. Without fields there is only the id.
fn shown(issue: &Issue, fields: &[String], version: &str) -> Value {
    if fields.is_empty() || fields == ["id"] {
        return json!({ "id": issue.id.to_string() });
    }
    let link = format!("https://acme.example/rest/api/{version}/issue/{}", issue.id);
    let mut shown = json!({ "expand": "operations,changelog", "id": issue.id.to_string(), "self": link, "key": issue.key() });
    let all = everything(issue);
    let wanted = |name: &String| fields.iter().any(|f| f == "*all" || f == name);
    let kept: Map<String, Value> = all.into_iter().filter(|(name, _)| wanted(name)).collect();
    shown["fields"] = kept.into();
    shown
}

fn everything(issue: &Issue) -> Map<String, Value> {
    let at = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    let avatars = json!({"16x16": "u", "24x24": "u", "32x32": "u", "48x48": "u"});
    let user = json!({"self": "u", "accountId": "5b1", "accountType": "atlassian", "displayName": "Ada", "active": true,
        "timeZone": "Europe/Berlin", "avatarUrls": avatars});
    let category = issue.category();
    let key = match category {
        "Done" => "done",
        "To Do" => "new",
        _ => "indeterminate",
    };
    let mut all = json!({
        "summary": issue.summary, "labels": ["q4"], "description": null, "workratio": -1, "components": [],
        "issuelinks": [], "created": at(issue.created), "updated": at(issue.resolved.unwrap_or(issue.created)),
        "resolutiondate": issue.resolved.map(at), "assignee": null, "priority": null, "creator": user,
        "reporter": if issue.odd { Value::Null } else { user.clone() },
        "status": {"self": "u", "id": "10001", "name": issue.status, "description": "", "iconUrl": "u",
            "statusCategory": {"self": "u", "id": 3, "key": key, "colorName": "green", "name": category}},
        "issuetype": {"self": "u", "id": "10004", "name": "Story", "description": "", "iconUrl": "u", "subtask": false,
            "hierarchyLevel": 0},
        "project": {"self": "u", "id": "10000", "key": issue.project, "name": issue.project,
            "projectTypeKey": "software", "avatarUrls": avatars},
        "watches": {"self": "u", "watchCount": 0, "isWatching": false},
        "votes": {"self": "u", "votes": 0, "hasVoted": false},
    });
    let map = all.as_object_mut().unwrap();
    map.extend(
        issue
            .custom
            .iter()
            .map(|(id, value)| (id.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>(),
    );
    std::mem::take(map)
}

trait With {
    fn with(self, name: &'static str, value: &str) -> Self;
}

impl With for Refusal {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

fn answer(status: u16, kind: &str, body: String) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", kind)
        .body(Body::from(body))
        .unwrap()
}

fn json_answer(body: Value) -> Response {
    answer(200, "application/json;charset=UTF-8", body.to_string())
}

fn error(status: u16, body: Value) -> Refusal {
    Box::new(answer(
        status,
        "application/json;charset=UTF-8",
        body.to_string(),
    ))
}

fn errors(status: u16, message: &str) -> Refusal {
    error(status, json!({"errorMessages": [message], "errors": {}}))
}

fn html(status: u16, body: &str) -> Refusal {
    Box::new(answer(status, "text/html;charset=UTF-8", body.into()))
}

fn plain(status: u16, body: &str) -> Refusal {
    Box::new(answer(status, "text/plain;charset=UTF-8", body.into()))
}

pub(crate) fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut coded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let group = (0..3).fold(0_usize, |g, i| {
            g << 8 | usize::from(*chunk.get(i).unwrap_or(&0))
        });
        for nth in 0..4 {
            let sextet = char::from(ALPHABET[(group >> (18 - 6 * nth)) & 63]);
            coded.push(if nth <= chunk.len() { sextet } else { '=' });
        }
    }
    coded
}
