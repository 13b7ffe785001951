//! The work of initiatives, asked beside the polls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;

use super::*;
use crate::config::secret::Setting;
use crate::config::spec::{Deployment, HttpSpec};
use crate::domain::goals::{Initiative, InitiativeState};

fn jira() -> SourceSpec {
    SourceSpec::Jira {
        http: HttpSpec {
            url: Setting::Plain("https://acme.example".into()),
            auth: None,
            headers: BTreeMap::new(),
            ca_file: None,
            max_body: HttpSpec::DEFAULT_MAX_BODY,
        },
        deployment: Deployment::Cloud,
    }
}

fn initiative(name: &str, state: InitiativeState) -> Initiative {
    Initiative {
        id: Slug::parse(name).unwrap(),
        title: name.into(),
        key_results: Vec::new(),
        state,
        learned: None,
        jira: Some(format!("CONT-{}", name.len())),
        links: Vec::new(),
    }
}

/// A company with these sources of Jira, whose objective tries two things, one of them given up.
fn trying(house: &House, trackers: &[&str]) -> Config {
    let mut config = house.config(&[("up", "SELECT 1")]);
    for name in trackers {
        config.sources.insert(Slug::parse(name).unwrap(), jira());
    }
    let objective = Arc::make_mut(&mut config.goals.objectives[0]);
    objective.initiatives = vec![
        initiative("letter", InitiativeState::Doing),
        initiative("leaflet", InitiativeState::Dropped),
    ];
    config
}

#[tokio::test]
async fn work_is_counted_beside_the_polls_and_shown_for_a_day() {
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let house = House::new(move |question| match question {
        "SELECT 1" => Ok(1.0),
        _ if is_away.load(Ordering::SeqCst) => Err(Fault::new(FaultClass::Net, "nobody there")),
        _ => Ok(3.0),
    });
    let config = trying(&house, &["tracker"]);
    let objective = config.goals.objectives[0].id.clone();
    let running = house.start(config);
    let board = running.shows(|board| !board.works.is_empty()).await;
    let id = (objective, Slug::parse("letter").unwrap());
    let (work, at) = board.works[&id];
    assert_eq!((work, board.works.len()), (Work { done: 3, of: 8 }, 1));
    let objective = &board.scorecard.objectives[0];
    assert_eq!(
        objective.progress,
        running.handle.board().borrow().scorecard.objectives[0].progress
    );
    // Nobody can count any more: what was counted stands for a day, with its age, and then not at all.
    away.store(true, Ordering::SeqCst);
    house.clock.jump(SignedDuration::from_mins(31));
    while house.times("work under CONT-6") < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(running.handle.board().borrow().works[&id], (work, at));
    house.clock.jump(SignedDuration::from_hours(24));
    running.shows(|board| board.works.is_empty()).await;
    assert_eq!(
        house.times("work under CONT-7"),
        0,
        "nobody asks for what was given up"
    );
    running.stop().await;
}

/// Of several trackers nobody knows which is meant, unless the key results say so.
#[tokio::test]
async fn of_several_trackers_the_key_results_say_which() {
    let house = House::new(|_| Ok(3.0));
    let config = trying(&house, &["tracker", "other"]);
    let mut told = config.clone();
    let running = house.start(config);
    running
        .shows(|board| board.sources.iter().any(|source| source.up == Some(true)))
        .await;
    assert_eq!(house.times("work under CONT-6"), 0);
    let objective = Arc::make_mut(&mut told.goals.objectives[0]);
    let key_result = Arc::make_mut(&mut objective.key_results[0]);
    key_result.feed = Feed::Polled {
        source: Slug::parse("other").unwrap(),
    };
    running.handle.reload(told).await.unwrap();
    running.shows(|board| board.works.len() == 1).await;
    running.stop().await;
}

/// A question that panics is one that gave nothing: it is asked again in its time.
#[tokio::test]
async fn a_panic_ends_one_round_and_not_the_next() {
    let panicked = AtomicBool::new(false);
    let house = House::new(move |question| {
        if question != "SELECT 1" && !panicked.swap(true, Ordering::SeqCst) {
            std::panic::panic_any("tracker broke");
        }
        Ok(3.0)
    });
    let running = house.start(trying(&house, &["tracker"]));
    while house.times("work under CONT-6") < 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.clock.jump(SignedDuration::from_mins(31));
    running.shows(|board| board.works.len() == 1).await;
    running.stop().await;
}
