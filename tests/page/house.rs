//! The real server on a free port, with a board of its own and histories to match.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use okrd::domain::card::KeyResultCard;
use okrd::domain::cycle::Cycle;
use okrd::domain::goals::{KeyResult, Objective};
use okrd::domain::history::CheckIn;
use okrd::domain::method::Method;
use okrd::domain::status::Status;
use okrd::engine::board::Board;
use okrd::engine::vitals::Vitals;
use okrd::http::hosts::Loopback;
use okrd::http::paging::{Portion, Stretch};
use okrd::http::router::{Chronicle, HistoryReader, ROUTES, Saying, State, router};
use okrd::http::serve::{Limits, serve};
use okrd::metrics::exposition::{Build, Metrics};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::{sample, token};

/// A server that ends with it.
pub(crate) struct House {
    address: SocketAddr,
    _board: watch::Sender<Arc<Board>>,
    _stop: oneshot::Sender<()>,
}

impl House {
    pub(crate) async fn start(board: Board) -> Self {
        let (sender, receiver) = watch::channel(Arc::new(board));
        let build = Build {
            version: "0.1.0",
            revision: "",
            rustc: "",
        };
        let metrics = Metrics::new(build, sample::now()).unwrap();
        metrics.know_handlers(&ROUTES);
        let vitals = Arc::new(Vitals::starting(sample::now()));
        vitals.set_readiness(None);
        let state = State {
            board: receiver.clone(),
            vitals,
            exposition: Arc::new(metrics),
            lifecycle: None,
            recorder: None,
            keys: Arc::new(token::OneToken),
            headers: Arc::new(Arc::default),
            loopback: Loopback::of(([0, 0, 0, 0], 0).into()),
            history: Arc::new(Turns(receiver)),
            clock: Arc::new(sample::now),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let end = async move {
            let _ = stopped.await;
        };
        let tls = okrd::http::tls::none();
        tokio::spawn(serve(listener, router(state), tls, Limits::default(), end));
        Self {
            address,
            _board: sender,
            _stop: stop,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A past in which each status came once, told in the board's own words; of visitors there is none to be had.
struct Turns(watch::Receiver<Arc<Board>>);

#[async_trait]
impl HistoryReader for Turns {
    async fn series(
        &self,
        _: &Objective,
        _: &KeyResult,
        _: &Cycle,
        _: Stretch,
    ) -> Result<Portion, String> {
        Ok(Portion::default())
    }

    async fn chronicle(
        &self,
        _: &Arc<Objective>,
        key_result: &KeyResult,
        cycle: &Cycle,
        _: Method,
        now: Timestamp,
    ) -> Result<Chronicle, String> {
        if key_result.id.key_result.as_str() == "visitors" {
            return Err("the disk is away".into());
        }
        let board = Arc::clone(&self.0.borrow());
        let mut all = board.scorecard.key_results();
        let (_, card) = all
            .find(|(_, card)| card.key_result.id == key_result.id)
            .unwrap();
        let turns = Status::ALL.into_iter().zip(1_i64..).map(|(status, day)| {
            let mut card = KeyResultCard::clone(card);
            card.status = status;
            card.status_since = cycle.start() + SignedDuration::from_hours(24 * day);
            Arc::new(card)
        });
        let said = |is_note| Saying {
            said: CheckIn {
                at: now,
                confidence: Some(0.4),
                note: Some(key_result.title.clone()),
            },
            is_note,
        };
        Ok(Chronicle {
            turns: turns.collect(),
            said: vec![said(false), said(true)],
        })
    }
}
