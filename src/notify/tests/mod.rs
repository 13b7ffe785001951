//! A channel lives through days in moments: receivers that are away, kills at any moment, nights. What must hold: nothing
//! is lost, each place hears things in their order, and a message comes twice only if okrd was killed after it was taken and
//! before that was written down.

mod golden;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::message::Message;
use super::post::{Address, Post, Refusal};
use super::{Office, Standing, Tally};
use crate::config::notify::{NotifySpec, Way};
use crate::config::quiet::Quiet;
use crate::config::schedule::Schedule;
use crate::config::secret::Setting;
use crate::config::spec::HttpSpec;
use crate::domain::example::{day, goals, history, key_result, objective, reach};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::Slug;
use crate::domain::scorecard::{Scorecard, score};
use crate::domain::status::Status;
use crate::domain::target::{Baseline, Target};
use crate::engine::board::{Board, ConfigBoard, StoreBoard};
use crate::engine::clock::{Clock, SimulatedClock};
use crate::store::{Store, simulated};

/// A receiver on paper.
#[derive(Default)]
struct Receiver {
    /// What it took, in order: when, and the letter's key.
    took: Mutex<Vec<(Timestamp, String, Message)>>,
    /// It is away from the first instant to the second.
    away: Mutex<Option<(Timestamp, Timestamp)>>,
    asked: Mutex<usize>,
    /// How long its acknowledgement is on its way.
    slow: Duration,
}

struct Line(Arc<Receiver>);

#[async_trait]
impl Post for Line {
    async fn deliver(&self, to: Address<'_>, message: &Message) -> Result<Option<String>, Refusal> {
        *self.0.asked.lock().unwrap() += 1;
        let away = *self.0.away.lock().unwrap();
        if away.is_some_and(|(from, until)| from <= to.at && to.at < until) {
            return Err(Refusal::Later(Fault::new(FaultClass::Net, "no answer")));
        }
        let took = (to.at, to.key.to_owned(), message.clone());
        self.0.took.lock().unwrap().push(took);
        tokio::time::sleep(self.0.slow).await;
        Ok(None)
    }

    fn preview(&self, _: Address<'_>, _: &Message) -> String {
        String::new()
    }

    fn credentials(&self) -> u64 {
        7
    }
}

struct Nobody;

impl Tally for Nobody {
    fn know(&self, _: &BTreeSet<Slug>) {}
    fn sent(&self, _: &Slug, _: Timestamp) {}
    fn failed(&self, _: &Slug, _: FaultClass) {}
    fn dropped(&self, _: &Slug) {
        panic!("nothing may be given up");
    }
    fn stands(&self, _: &Slug, _: Standing) {}
}

fn spec() -> NotifySpec {
    NotifySpec {
        way: Way::SlackWebhook(HttpSpec {
            url: Setting::Plain("http://h.example".into()),
            auth: None,
            headers: BTreeMap::new(),
            ca_file: None,
            max_body: 1,
        }),
        status: true,
        digest: None,
        teams: None,
        company: true,
        hold: Duration::ZERO,
        quiet: Quiet::never(TimeZone::UTC),
        page: None,
    }
}

/// One key result on its way from 0 to 100.
fn card(now: Timestamp) -> Scorecard {
    let aim = reach(Baseline::Fixed(0.0), Target::Absolute(100.0));
    let goals = goals(vec![objective("more", vec![key_result("more/a", "", aim)])]);
    score(&goals, &history(&[("more/a", &[(40.0, 45.0)])]), now)
}

fn board(status: Status, since: Timestamp) -> Arc<Board> {
    let mut scorecard = card(since);
    let objective = Arc::make_mut(&mut scorecard.objectives[0]);
    let key_result = Arc::make_mut(&mut objective.key_results[0]);
    (key_result.status, key_result.status_since) = (status, since);
    Arc::new(Board {
        scorecard,
        sources: Vec::new(),
        config: ConfigBoard {
            last_load_accepted: true,
            loaded_at: since,
            warnings: 0,
            asked: std::sync::Arc::default(),
        },
        store: StoreBoard::default(),
        works: Arc::default(),
    })
}

/// A channel with its receiver, in a time of its own that begins on day 45 of the quarter.
struct Stage {
    receiver: Arc<Receiver>,
    board: watch::Sender<Arc<Board>>,
    office: Arc<Office>,
    spec: NotifySpec,
    clock: SimulatedClock,
    desk: Option<tokio::task::JoinHandle<()>>,
    leave: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new(spec: NotifySpec, receiver: Receiver) -> Self {
        simulated::turn_on();
        let folder = tempfile::tempdir().unwrap();
        let clock = SimulatedClock::at(&day(45.0).to_string());
        let board = watch::Sender::new(board(Status::OnTrack, day(40.0)));
        let store = Store::open(&folder.path().join("okrd.db"), "test", clock.now()).unwrap();
        let office = Arc::new(Office {
            board: board.subscribe(),
            clock: Arc::new(clock),
            store,
            tally: Arc::new(Nobody),
        });
        let mut stage = Self {
            receiver: Arc::new(receiver),
            board,
            office,
            spec,
            clock,
            desk: None,
            leave: CancellationToken::new(),
            _folder: folder,
        };
        stage.start();
        stage
    }

    fn start(&mut self) {
        let line = Box::new(Line(Arc::clone(&self.receiver)));
        let name = Slug::parse("chat").unwrap();
        let desk = Desk::new(name, self.spec.clone(), line, Arc::clone(&self.office));
        self.leave = CancellationToken::new();
        self.desk = Some(tokio::spawn(desk.run(self.leave.clone())));
    }

    /// Ends it at this very moment, and starts it anew.
    async fn kill(&mut self) {
        let desk = self.desk.take().unwrap();
        desk.abort();
        let _ = desk.await;
        self.start();
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn stands(&self, status: Status) {
        self.board.send_replace(board(status, self.clock.now()));
    }

    /// What was taken, as statuses.
    fn took(&self) -> Vec<Status> {
        let took = self.receiver.took.lock().unwrap();
        let status = |message: &Message| message.objectives[0].key_results[0].status;
        took.iter().map(|(_, _, message)| status(message)).collect()
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const TURNS: [Status; 3] = [Status::AtRisk, Status::OffTrack, Status::OnTrack];

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_for_a_day_loses_nothing_and_hears_nothing_twice() {
    let stage = Stage::new(spec(), Receiver::default());
    stage.pass(HOUR).await;
    let from = stage.clock.now() + SignedDuration::from_mins(30);
    let away = (from, from + SignedDuration::from_hours(24));
    *stage.receiver.away.lock().unwrap() = Some(away);
    let mut changes = Vec::new();
    for status in TURNS.iter().cycle().take(24) {
        stage.stands(*status);
        changes.push(*status);
        stage.pass(HOUR).await;
    }
    assert_eq!(stage.took(), [Status::AtRisk], "away since then");
    // Tried with growing patience: not every second of the day.
    let asked = *stage.receiver.asked.lock().unwrap();
    assert!((50..150).contains(&asked), "{asked}");
    stage.pass(2 * HOUR).await;
    assert_eq!(stage.took(), changes);
    let took = stage.receiver.took.lock().unwrap().clone();
    for pair in took.windows(2).skip(1) {
        let apart = pair[1].0.duration_since(pair[0].0);
        assert!(
            apart >= SignedDuration::from_secs(1),
            "a second at least: {apart}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_moment_loses_nothing_and_repeats_at_most_what_was_under_way() {
    let receiver = Receiver {
        slow: Duration::from_millis(400),
        ..Receiver::default()
    };
    let mut stage = Stage::new(spec(), receiver);
    stage.pass(HOUR).await;
    let (mut kills, mut changes) = (0, 0);
    for n in 0_u64..120 {
        stage.stands(TURNS[usize::try_from(n % 3).unwrap()]);
        changes += 1;
        // Moments spread over the seconds in which a change is told.
        stage.pass(Duration::from_millis(37 * n % 3_000)).await;
        stage.kill().await;
        kills += 1;
        stage.pass(Duration::from_secs(20)).await;
    }
    let took = stage.receiver.took.lock().unwrap().clone();
    let mut keys: Vec<&String> = took.iter().map(|(_, key, _)| key).collect();
    let all = keys.len();
    // Those that came twice came right after each other.
    keys.dedup();
    assert_eq!(keys.len(), changes, "each change once");
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), changes);
    let twice = all - keys.len();
    assert!(
        (1..kills / 2).contains(&twice),
        "{twice} of {kills} kills fell between"
    );
}

#[tokio::test(start_paused = true)]
async fn what_turns_at_night_is_told_in_the_morning() {
    let mut quiet = Quiet::never(TimeZone::UTC);
    quiet.add("20:00-07:00").unwrap();
    let stage = Stage::new(NotifySpec { quiet, ..spec() }, Receiver::default());
    // Day 45 begins at midnight.
    stage.pass(HOUR).await;
    stage.stands(Status::AtRisk);
    stage.pass(5 * HOUR).await;
    assert_eq!(stage.took(), []);
    stage.pass(2 * HOUR).await;
    assert_eq!(stage.took(), [Status::AtRisk]);
    let took = stage.receiver.took.lock().unwrap().clone();
    assert_eq!(took[0].0.duration_since(day(45.0)).as_hours(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_digest_comes_at_its_hour_once_and_late_where_okrd_was_down() {
    let digest = Schedule::parse("0 9 * * *", &TimeZone::UTC, "UTC").unwrap();
    let spec = NotifySpec {
        digest: Some(digest),
        ..spec()
    };
    let mut stage = Stage::new(spec, Receiver::default());
    stage.pass(33 * HOUR + Duration::from_secs(120)).await;
    let hours = |stage: &Stage| {
        let took = stage.receiver.took.lock().unwrap();
        let each = took
            .iter()
            .map(|(at, ..)| at.duration_since(day(45.0)).as_hours());
        each.collect::<Vec<_>>()
    };
    // The one of the morning before it was there is not sent afterwards.
    assert_eq!(hours(&stage), [9, 33]);
    stage.kill().await;
    stage.pass(HOUR).await;
    assert_eq!(hours(&stage), [9, 33], "a restart repeats none");
    // Down from 10 to 15 on the next day: the one of nine is sent then.
    stage.leave.cancel();
    stage.pass(29 * HOUR).await;
    stage.start();
    stage.pass(HOUR).await;
    assert_eq!(hours(&stage), [9, 33, 63]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_to_and_fro_is_told_when_it_has_come_to_rest() {
    let hold = 6 * HOUR;
    let stage = Stage::new(NotifySpec { hold, ..spec() }, Receiver::default());
    stage.pass(HOUR).await;
    for n in 0..40 {
        stage.stands([Status::AtRisk, Status::OnTrack][n % 2]);
        stage.pass(HOUR).await;
    }
    assert_eq!(stage.took(), []);
    stage.stands(Status::AtRisk);
    stage.pass(7 * HOUR).await;
    assert_eq!(stage.took(), [Status::AtRisk]);
}
