//! `okrd demo`: a newcomer's first minute, on a machine where all its usual ports are taken.

use std::net::TcpListener;

use crate::home::{Daemon, Home, PATIENT, within};

const SUBSCRIBERS: &str = "more-visitors/subscribers";
const COMPLAINTS: &str = "more-visitors/complaints";
const VISITORS: &str = "reflex/visitors";

/// Values of a database, a tracker and an analytics service, once all are there.
fn values(daemon: &Daemon) -> [f64; 3] {
    [SUBSCRIBERS, COMPLAINTS, VISITORS].map(|id| daemon.value(id))
}

#[test]
fn the_demo_moves_on_any_ports_and_ends_well() {
    // Whoever has them already serves the purpose as well.
    let _taken: Vec<_> = (10650..=10652)
        .map(|port| TcpListener::bind(("127.0.0.1", port)))
        .collect();
    let home = Home::new(&[]);
    let demo = home.start_with(&["demo", "--dir", "first"]);
    let welcome = within(PATIENT, "the welcome is printed", || {
        Some(demo.out()).filter(|out| out.contains("Ctrl-C"))
    });
    assert!(
        welcome.contains(&format!("http://{}/metrics", demo.address)),
        "{welcome}"
    );
    assert!(welcome.contains("simulated"), "{welcome}");
    assert!(!demo.address.ends_with(":10650"), "{}", demo.address);
    let first = values(&demo);
    for (nth, id) in [SUBSCRIBERS, COMPLAINTS, VISITORS].into_iter().enumerate() {
        demo.until(&format!("{id} moves"), |m| {
            m.value(id).is_some_and(|v| v != first[nth])
        });
    }
    for source in ["shop", "tracker", "site"] {
        assert_eq!(
            demo.metrics()
                .sample("okrd_source_up", &[("source", source)]),
            Some(1.0)
        );
    }
    let page = demo.get("/");
    assert!(
        page.status == 200 && page.body.contains("Pass 1,000 subscribers"),
        "{}",
        page.status
    );

    // The commands that the welcome names work beside it.
    for args in [
        vec!["status"],
        vec!["probe", "--all"],
        vec!["history", SUBSCRIBERS],
        vec!["record", "reflex/recommend", "34"],
        vec!["report"],
        vec!["present", "-o", "slides.html"],
    ] {
        let shown = format!("okrd --config first {}", args.join(" "));
        assert!(welcome.contains(&shown), "{shown} in {welcome}");
        home.ends(0, &[&["--config", "first"], args.as_slice()].concat());
    }
    assert_eq!(demo.value("reflex/recommend"), 34.0);
    assert!(welcome.contains("is taken by another program"), "{welcome}");

    // A second one in the same folder is refused before it touches anything.
    let files = |name: &str| std::fs::read_to_string(home.path(&format!("first/{name}"))).unwrap();
    let before = (files("okrd.toml"), demo.value(SUBSCRIBERS));
    let error = home.refuses(4, &["demo", "--dir", "first"]);
    assert!(error.contains(&demo.pid().to_string()), "{error}");
    assert_eq!(files("okrd.toml"), before.0);
    assert!(demo.value(SUBSCRIBERS) >= before.1);
    let last = values(&demo);
    demo.end();

    // Started again in the same folder it goes on, wherever its servers listen by then.
    let again = home.start_with(&["demo", "--dir", "first"]);
    again.until("all sources answer again", |m| {
        let up = |source| m.sample("okrd_source_up", &[("source", source)]) == Some(1.0);
        ["shop", "tracker", "site"].into_iter().all(up)
    });
    assert_eq!(
        again.value("reflex/recommend"),
        34.0,
        "what was recorded stays"
    );
    // Nobody unsubscribes because the demo was away.
    let now = values(&again);
    assert!(now[0] >= last[0] && now[2] >= last[2], "{last:?} {now:?}");
    again.end();
}
