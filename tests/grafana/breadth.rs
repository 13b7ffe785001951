//! Every choice that people may make, not only the usual ones: each key result, all teams at once, a cycle that is over and
//! one to come, two daemons beside each other. No query may fail, whatever it finds.

use crate::dashboards::{find, list, text};
use crate::looks::{Look, Seen};
use crate::servers::prometheus::Prometheus;
use crate::variables::Choices;
use crate::world::{days, now, scrape_config, seconds, world};

/// Asks everything of a dashboard; says how many numbers of now came back. Of series there may be none: what was never
/// measured is known from the few seconds of this test alone, and a chart of ninety days asks less often.
fn ask_all(prometheus: &Prometheus, seen: &Seen) -> usize {
    let panels = seen.board.panels();
    let found = panels.iter().flat_map(|panel| seen.ask(prometheus, panel));
    found.map(|answer| answer.samples.len()).sum()
}

#[test]
fn no_query_fails_for_any_key_result() {
    let world = world();
    let mut seen = 0;
    for objective in ["happy", "more-visitors", "reflex"] {
        let of = [("objective", objective)];
        let of = Look::at("okrd-key-result", &of);
        for key_result in &of.take(&world.prometheus).choices.options["key_result"] {
            let chosen = [("objective", objective), ("key_result", key_result)];
            let look = Look::at("okrd-key-result", &chosen).take(&world.prometheus);
            assert!(ask_all(&world.prometheus, &look) > 3, "{key_result}");
            seen += 1;
        }
    }
    assert_eq!(seen, 14);
}

#[test]
fn all_teams_at_once_and_what_belongs_to_no_team() {
    let world = world();
    let look = Look::at("okrd-team", &[]);
    let seen = look.take(&world.prometheus);
    assert_eq!(
        seen.choices.options["objective"],
        ["happy", "more-visitors", "reflex"]
    );
    let panels = seen.board.panels();
    let table = panels.iter().find(|p| p["title"] == "Key results").unwrap();
    let answers = seen.ask(&world.prometheus, table);
    assert_eq!(answers[0].samples.len(), 14, "all key results");
    assert!(ask_all(&world.prometheus, &seen) > 50);
}

/// Both ends of a cycle are told from now, whichever side of now they are on.
#[test]
fn cycles_that_are_over_or_to_come_have_their_range() {
    let world = world();
    let edge = |days: i64| match days {
        0.. => format!("now+{days}d"),
        _ => format!("now-{}d", -days),
    };
    for (cycle, start, end) in [
        ("summer", world.start - 90.0 * 86_400.0, world.start),
        ("winter", world.end, world.end + 90.0 * 86_400.0),
    ] {
        for uid in ["okrd-overview", "okrd-team", "okrd-key-result"] {
            let chosen = [("cycle", cycle)];
            let seen = Look::at(uid, &chosen).take(&world.prometheus);
            let (from, to) = (-days(seen.now - start), days(end - seen.now));
            assert_eq!(
                seen.choices.value("cycle_from"),
                edge(from),
                "{uid} {cycle}"
            );
            assert_eq!(seen.choices.value("cycle_to"), edge(to), "{uid} {cycle}");
            assert!(ask_all(&world.prometheus, &seen) > 3, "{uid} {cycle}");
        }
    }
}

/// One daemon under two names is what two daemons with the same goals look like. Joins that forget the instance fail here.
#[test]
fn two_daemons_do_not_collide() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, scrape_config(world.port, &["one", "two"])).unwrap();
    std::fs::write(folder.path().join("rules.yml"), "groups: []").unwrap();
    let prometheus = Prometheus::start(&config, &folder.path().join("data"));
    prometheus.wait_for("count(count by (instance) (okrd_key_result_value)) == 2");
    for uid in [
        "okrd-overview",
        "okrd-team",
        "okrd-key-result",
        "okrd-health",
    ] {
        let seen = Look::at(uid, &[]).take(&prometheus);
        assert_eq!(seen.choices.options["instance"], ["one", "two"], "{uid}");
        assert!(ask_all(&prometheus, &seen) > 10, "{uid}");
    }
    // One of them alone can be looked at.
    let board = find("okrd-overview");
    let at = seconds(now());
    let choices = Choices::ask(&board, &prometheus, (at - 60.0, at), &[("instance", "two")]);
    let panels = board.panels();
    let objectives = panels.iter().find(|p| p["title"] == "Objectives").unwrap();
    let expr = choices.fill(text(&list(&objectives["targets"])[0]["expr"]), 1.0);
    assert_eq!(prometheus.query(&expr).len(), 3);
}
