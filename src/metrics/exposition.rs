//! The exposition: what the board says, written once per board, and what the process counts, written at each scrape.
//! Knows no HTTP and never waits for more than the writing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;

use super::daemon::{Counters, LogCounter};
use super::names::{self, Metric};
use super::pieces::Groups;
use super::scorecard::{plain, seconds, whole};
use super::told::Tellings;
use super::writer::{self, Family, Format, Labels, Value};
use super::{process, scorecard};
use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;
use crate::engine::board::Board;
use crate::engine::event::{Event, Observe};
use crate::engine::vitals::Vitals;

/// How this okrd was built.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit; empty when unknown.
    pub revision: &'static str,
    /// The compiler's version; empty when unknown.
    pub rustc: &'static str,
}

/// All metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    counters: Counters,
    tellings: Tellings,
    build: Build,
    started: Timestamp,
    written: Mutex<Vec<Arc<Written>>>,
    /// Those of the newest board that was written.
    groups: Mutex<Groups>,
    /// By name, and whether they are for text 0.0.4.
    heads: Mutex<BTreeMap<(&'static str, bool), Arc<String>>>,
}

/// One exposition, to be sent piece by piece.
#[derive(Clone, Debug)]
pub struct Exposed {
    /// The same for every scrape of a board, and nearly all of it. A text that an earlier board had as well is the same.
    pub shared: Pieces,
    /// Written for this scrape.
    pub own: String,
}

/// Texts that follow each other.
pub type Pieces = Arc<Vec<Arc<String>>>;

/// The part of a board, in the formats that were asked for so far.
#[derive(Debug)]
struct Written {
    board: Arc<Board>,
    groups: OnceLock<Groups>,
    text: OnceLock<Pieces>,
    open_metrics: OnceLock<Pieces>,
}

/// How many boards are kept written: the newest, and the one before it that is still served.
const KEPT: usize = 2;

impl Metrics {
    /// Metrics of a process that began at `started`.
    ///
    /// # Errors
    /// When the table of names holds a name or label that Prometheus refuses; a test shows that it does not.
    pub fn new(build: Build, started: Timestamp) -> Result<Self, prometheus::Error> {
        Ok(Self {
            counters: Counters::new()?,
            tellings: Tellings::default(),
            build,
            started,
            written: Mutex::default(),
            groups: Mutex::default(),
            heads: Mutex::default(),
        })
    }

    /// Makes the request counters of these routes at 0.
    pub fn know_handlers(&self, handlers: &[&str]) {
        self.counters.know_handlers(handlers);
    }

    /// A request was answered. `handler` is a route pattern, never the path that was asked for.
    pub fn served(&self, handler: &str, code: u16) {
        self.counters.served(handler, code);
    }

    /// A layer of the log that counts its messages.
    #[must_use]
    pub fn log_layer(&self) -> LogCounter {
        self.counters.log_layer()
    }

    /// Everything as of now, in one format.
    #[must_use]
    pub fn render(&self, board: &Arc<Board>, vitals: &Vitals, format: Format) -> Exposed {
        let shared = self.shared(board, format);
        let mut own = String::with_capacity(16 * 1024);
        writer::write(&mut own, &self.own(vitals), format);
        writer::finish(&mut own, format);
        Exposed { shared, own }
    }

    /// Everything as of now, for those who take it in another form.
    #[must_use]
    pub fn families(&self, board: &Arc<Board>, vitals: &Vitals) -> Vec<Family> {
        // Counters of sources are there as soon as their board is.
        let _ = self.written(board);
        let mut families = scorecard::families(board);
        families.extend(self.own(vitals));
        families
    }

    /// When this process began.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The receivers that metrics are pushed to.
    pub fn know_receivers(&self, names: &BTreeSet<Slug>) {
        self.counters.know_receivers(names);
    }

    /// Metrics were sent to a receiver, which took them or not.
    pub fn pushed(&self, name: &Slug, taken: bool, at: Timestamp) {
        self.counters.pushed(name, taken, at);
    }

    /// The channels through which people are told.
    pub fn know_channels(&self, names: &BTreeSet<Slug>) {
        self.tellings.know(names);
    }

    /// A message was acknowledged by the receiver of a channel.
    pub fn message_sent(&self, channel: &Slug) {
        self.tellings.sent(channel);
    }

    /// A message was not taken.
    pub fn message_failed(&self, channel: &Slug, class: FaultClass) {
        self.tellings.failed(channel, class);
    }

    /// A message was given up.
    pub fn message_dropped(&self, channel: &Slug) {
        self.tellings.dropped(channel);
    }

    /// How many messages of a channel wait, when the oldest was made, and whether somebody must act before they are sent.
    pub fn messages_wait(
        &self,
        channel: &Slug,
        waiting: usize,
        oldest: Option<Timestamp>,
        suspended: bool,
    ) {
        self.tellings.stands(channel, waiting, oldest, suspended);
    }

    /// okrd's version.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.build.version
    }

    /// What this process counts, in the order of the table.
    fn own(&self, vitals: &Vitals) -> Vec<Family> {
        let mut families = vec![self.build_info()];
        families.extend(self.counters.families());
        families.extend(self.tellings.families());
        families.push(plain(
            &names::SCHEDULER_LAST_TICK,
            seconds(vitals.last_tick()),
        ));
        families.push(plain(
            &names::SCHEDULER_POLLS_IN_FLIGHT,
            Some(whole(vitals.in_flight())),
        ));
        let lag = vitals.lag().as_secs_f64();
        families.push(plain(&names::SCHEDULER_LAG, Some(lag)));
        families.extend(process::families(self.started));
        families.sort_by_key(|family| names::ALL.iter().position(|m| *m == family.metric()));
        families
    }

    /// The part of the board, written when this board is seen for the first time. Scrapes that arrive meanwhile wait
    /// for that writing, some milliseconds, instead of repeating it.
    fn shared(&self, board: &Arc<Board>, format: Format) -> Pieces {
        let written = self.written(board);
        let place = match format {
            Format::Text => &written.text,
            Format::OpenMetrics => &written.open_metrics,
        };
        let pieces = place.get_or_init(|| {
            let groups = written.groups.get_or_init(|| self.groups(board));
            let whole = |families: &[Family]| {
                let mut text = String::new();
                writer::write(&mut text, families, format);
                Arc::new(text)
            };
            let mut pieces = vec![whole(&scorecard::first(&board.scorecard))];
            for (metric, texts) in groups.families() {
                pieces.push(self.head(metric, format));
                pieces.extend(texts);
            }
            pieces.push(whole(&scorecard::rest(board)));
            // Many small texts compress badly.
            if groups.is_small() {
                let text: String = pieces.iter().map(|text| text.as_str()).collect();
                pieces = vec![Arc::new(text)];
            }
            Arc::new(pieces)
        });
        Arc::clone(pieces)
    }

    /// Written from those of the board before.
    fn groups(&self, board: &Board) -> Groups {
        let mut newest = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Groups::of(&board.scorecard.objectives, &newest);
        newest.clone()
    }

    /// What stands above the samples of a metric; the same text for every board.
    fn head(&self, metric: &'static Metric, format: Format) -> Arc<String> {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let known = heads.entry((metric.name, format == Format::Text));
        let head = known.or_insert_with(|| {
            let mut text = String::new();
            writer::head(&mut text, metric, format);
            Arc::new(text)
        });
        Arc::clone(head)
    }

    fn written(&self, board: &Arc<Board>) -> Arc<Written> {
        let mut kept = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = kept.iter().find(|w| Arc::ptr_eq(&w.board, board)) {
            return Arc::clone(written);
        }
        let sources: BTreeSet<_> = board.sources.iter().map(|s| s.name.clone()).collect();
        self.counters.know_sources(&sources);
        let written = Arc::new(Written {
            board: Arc::clone(board),
            groups: OnceLock::new(),
            text: OnceLock::new(),
            open_metrics: OnceLock::new(),
        });
        kept.insert(0, Arc::clone(&written));
        kept.truncate(KEPT);
        written
    }

    fn build_info(&self) -> Family {
        let labels = Labels::new([
            ("version", self.build.version.to_owned()),
            ("revision", self.build.revision.to_owned()),
            ("rustc", self.build.rustc.to_owned()),
        ]);
        Family::new(&names::BUILD_INFO, [(Arc::new(labels), Value::Number(1.0))])
    }
}

impl Observe for Metrics {
    fn observe(&self, event: &Event<'_>) {
        self.counters.observe(event);
    }
}
