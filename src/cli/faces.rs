//! The faces put together: metrics, page and API served from one board. The only place where the two faces meet.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::exit::Failure;
use super::keys::Keyring;
use super::reload::Reloads;
use super::runtime::{REVISION, RUSTC, VERSION};
use super::web::Web;
use super::{lore, series};
use crate::domain::cycle::Cycle;
use crate::domain::epoch::{Measured, Past};
use crate::domain::goals::{Goals, KeyResult, Objective};
use crate::domain::history::CheckIn;
use crate::domain::id::KeyResultId;
use crate::domain::method::Method;
use crate::domain::retrace::Retrace;
use crate::engine::actor::Handle;
use crate::engine::board::Board;
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::vitals::Vitals;
use crate::http::hosts::Loopback;
use crate::http::measurements::Recorder;
use crate::http::paging::{Portion, Stretch};
use crate::http::router::{self, Chronicle, HistoryReader, OTHER, ROUTES, Reload, Saying, State};
use crate::metrics::exposition::{Build, Metrics};
use crate::store::{Entry, Reader, StoreError};

/// The metrics of this process, every counter at 0.
///
/// # Errors
/// When the table of names is at fault.
pub fn metrics() -> Result<Arc<Metrics>, Failure> {
    let build = Build {
        version: VERSION,
        revision: REVISION,
        rustc: RUSTC,
    };
    let metrics = Metrics::new(build, SystemClock.now())
        .map_err(|error| Failure::usage(format!("metrics: {error}")))?;
    let handlers: Vec<&str> = ROUTES.into_iter().chain([OTHER]).collect();
    metrics.know_handlers(&handlers);
    Ok(Arc::new(metrics))
}

/// Who is let in, and by which names and how.
pub struct Gate {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may do what.
    pub keys: Keyring,
    /// TLS and passwords.
    pub web: Option<Arc<Web>>,
}

/// Everything that is served.
pub fn router(
    board: watch::Receiver<Arc<Board>>,
    metrics: Arc<Metrics>,
    vitals: Arc<Vitals>,
    reload: Option<Arc<Reloads>>,
    desk: Option<Desk>,
    gate: Gate,
    store: &Path,
) -> Router {
    let Gate { listen, keys, web } = gate;
    router::router(State {
        board,
        vitals,
        exposition: metrics,
        lifecycle: reload.map(|reloads| reloads as Arc<dyn Reload>),
        recorder: desk.map(|desk| Arc::new(desk) as Arc<dyn Recorder>),
        loopback: Loopback::of(listen),
        keys: Arc::new(keys),
        headers: Arc::new(move || match &web {
            Some(web) => Arc::clone(&web.live().headers),
            None => Arc::default(),
        }),
        history: Arc::new(Shelf(store.to_owned())),
        clock: Arc::new(|| SystemClock.now()),
    })
}

/// Where programs hand in what they know: whoever keeps what they say.
pub struct Desk(pub Handle);

#[async_trait]
impl Recorder for Desk {
    async fn record(&self, entry: Entry) -> Result<(), String> {
        let kept = self.0.record(entry).await;
        kept.map_err(|error| error.to_string())
    }
}

/// The measurements on disk.
struct Shelf(PathBuf);

#[async_trait]
impl HistoryReader for Shelf {
    async fn series(
        &self,
        objective: &Objective,
        key_result: &KeyResult,
        cycle: &Cycle,
        stretch: Stretch,
    ) -> Result<Portion, String> {
        let portion = self.portion(objective, key_result, cycle, stretch);
        portion.map_err(|error| error.to_string())
    }

    async fn chronicle(
        &self,
        objective: &Arc<Objective>,
        key_result: &KeyResult,
        cycle: &Cycle,
        method: Method,
        now: Timestamp,
    ) -> Result<Chronicle, String> {
        let goals = Goals {
            cycles: [(cycle.name.clone(), cycle.clone())].into(),
            objectives: vec![Arc::clone(objective)],
            method,
            ..Goals::default()
        };
        let read = self.read_chronicle(&goals, &key_result.id, cycle, now);
        read.map_err(|error| error.to_string())
    }
}

/// How far around a page values may decide what joins its line: its days, and those that a value's instant and its slot lie apart.
const AROUND: SignedDuration = SignedDuration::from_hours(72);

impl Shelf {
    fn read_chronicle(
        &self,
        goals: &Goals,
        id: &KeyResultId,
        cycle: &Cycle,
        now: Timestamp,
    ) -> Result<Chronicle, StoreError> {
        let reader = Reader::open(&self.0)?;
        let lore = lore::read(&reader, goals, &cycle.zone, |_| true)?;
        let today = reader.load(goals)?.history;
        let mut past = Retrace::new(goals, |_| true, lore, &today);
        past.at(now);
        let check_ins = reader.check_ins(id)?.into_iter().map(|told| Saying {
            said: told.said,
            is_note: false,
        });
        let notes = reader.annotations(id)?.into_iter().map(|noted| Saying {
            said: CheckIn {
                at: noted.from,
                confidence: None,
                note: Some(noted.text),
            },
            is_note: true,
        });
        let mut said: Vec<_> = check_ins.chain(notes).collect();
        said.sort_by_key(|word| word.said.at);
        Ok(Chronicle {
            turns: past.turned(id).to_vec(),
            said,
        })
    }

    fn portion(
        &self,
        objective: &Objective,
        key_result: &KeyResult,
        cycle: &Cycle,
        stretch: Stretch,
    ) -> Result<Portion, StoreError> {
        let reader = Reader::open(&self.0)?;
        let epochs = reader.epochs(&key_result.id)?;
        let begin = stretch.begin();
        let read = |since, until, most| {
            let range = (Some(since), Some(until));
            series::read_up_to(&reader, objective, key_result, &cycle.zone, range, most)
        };
        let most = begin.given.saturating_add(stretch.limit).saturating_add(1);
        let (mut values, rest) = read(begin.at, stretch.to, most)?;
        let (mut page, mut next) = stretch.cut(&slots(&values), rest);
        if !key_result.rebases.is_empty() {
            let last = next.map_or(stretch.to, |next| next.at);
            let first = begin.at.checked_sub(AROUND).unwrap_or(begin.at);
            (values, _) = read(first, last.checked_add(AROUND).unwrap_or(last), usize::MAX)?;
            let slots = slots(&values);
            let before = slots.partition_point(|slot| *slot < begin.at);
            let within = slots.partition_point(|slot| *slot < stretch.to);
            let own = slots.get(before..within).unwrap_or_default();
            (page, next) = stretch.cut(own, next.map(|next| next.at));
            page = before + page.start..before + page.end;
        }
        let in_force: Arc<str> = key_result.definition.as_str().into();
        let measured = |value: &series::Value| Measured {
            definition: value.definition().unwrap_or(&in_force).clone(),
            as_of: value.point().as_of,
            value: value.point().value,
            origin: value.origin(),
            quality: value.quality(),
        };
        let values = values.iter().map(measured).collect();
        Ok(Portion {
            past: Past { epochs, values },
            page,
            next,
        })
    }
}

fn slots(values: &[series::Value]) -> Vec<Timestamp> {
    values.iter().map(series::Value::slot).collect()
}
