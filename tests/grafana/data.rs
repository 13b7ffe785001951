//! Every query of every dashboard, asked of a real Prometheus that scraped the real daemon: none fails, none comes back
//! empty but those of a short list with a reason each.

use serde_json::Value;

use crate::dashboards::text;
use crate::looks::{Answer, Look, Seen, moment};
use crate::world::{LOOK_BACK, days, world};

/// The looks that are drawn: among them a key result with a way to go, and one with a level to hold.
pub(crate) const LOOKS: [Look<'_>; 6] = [
    Look::at("okrd-overview", &[]).named("overview"),
    Look::at("okrd-team", &[("team", "content")]).named("team-content"),
    Look::at("okrd-team", &[("team", "care")]).named("team-care"),
    Look::at(
        "okrd-key-result",
        &[
            ("objective", "more-visitors"),
            ("key_result", "subscribers"),
        ],
    )
    .named("subscribers"),
    Look::at(
        "okrd-key-result",
        &[("objective", "happy"), ("key_result", "complaints")],
    )
    .named("complaints"),
    Look {
        last: Some(60.0),
        ..Look::at("okrd-health", &[]).named("health")
    },
];

fn look(name: &str) -> &'static Look<'static> {
    LOOKS.iter().find(|look| look.name == name).unwrap()
}

/// What is rightly without an answer: look, panel, queries, reason.
const EMPTY: [(&str, &str, &str, &str); 4] = [
    (
        "subscribers",
        "On the way to the target",
        "FG",
        "a way to go has no level to hold",
    ),
    (
        "complaints",
        "On the way to the target",
        "BCDEG",
        "a level to hold has no way to go",
    ),
    (
        "complaints",
        "Forecast",
        "A",
        "no forecast is told of a level to hold",
    ),
    (
        "team-content",
        "Key results",
        "",
        "each of its queries has an answer",
    ),
];

#[test]
fn every_query_of_every_panel_has_an_answer() {
    let world = world();
    let mut asked = 0;
    for look in &LOOKS {
        let seen = look.take(&world.prometheus);
        for panel in seen.board.panels() {
            for answer in seen.ask(&world.prometheus, panel) {
                let title = text(&panel["title"]);
                let empty = answer.samples.is_empty() && answer.series.is_empty();
                let rightly = EMPTY.iter().any(|(name, panel, queries, _)| {
                    *name == look.name
                        && title.starts_with(panel)
                        && queries.contains(&answer.reference)
                });
                let place = format!("{}: {title}, query {}", look.name, answer.reference);
                assert_eq!(empty, rightly, "{place} is without an answer");
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
}

#[test]
fn every_variable_has_options_and_the_present_cycle_is_the_first() {
    let world = world();
    for look in &LOOKS {
        let seen = look.take(&world.prometheus);
        for (name, options) in &seen.choices.options {
            assert!(
                !options.is_empty(),
                "{}: {name} has nothing to choose from",
                look.name
            );
        }
        let Some(cycles) = seen.choices.options.get("cycle") else {
            continue;
        };
        // By name or by start winter would come first; it has not begun.
        assert_eq!(cycles, &["autumn", "summer", "winter"], "{}", look.name);
        let (gone, left) = (days(seen.now - world.start), days(world.end - seen.now));
        assert_eq!(seen.choices.value("cycle_from"), format!("now-{gone}d"));
        assert_eq!(seen.choices.value("cycle_to"), format!("now+{left}d"));
    }
    let team = look("team-care").take(&world.prometheus).choices;
    assert_eq!(
        team.options["objective"],
        ["happy"],
        "only what is the team's"
    );
    let all = look("subscribers").take(&world.prometheus).choices;
    assert_eq!(
        all.options["objective"],
        ["happy", "more-visitors", "reflex"]
    );
    assert_eq!(
        (all.value("unit"), all.value("source")),
        ("subscribers", "shop")
    );
}

#[test]
fn annotations_find_the_amended_target() {
    let world = world();
    let seen = look("subscribers").take(&world.prometheus);
    for annotation in seen.board.annotations() {
        let expr = seen.choices.fill(text(&annotation["expr"]), 3600.0);
        let found = world
            .prometheus
            .query_range(&expr, seen.from, seen.now, 3600.0);
        if annotation["name"] == "Target changes" {
            let times: Vec<_> = found
                .iter()
                .flat_map(|s| &s.points)
                .map(|(at, _)| *at)
                .collect();
            let amended = world.start + 30.0 * 86_400.0;
            assert_eq!(times.len(), 1, "the target was amended once: {found:?}");
            assert!(
                (times[0] - amended).abs() <= 3600.0,
                "{times:?} is not {amended}"
            );
        }
    }
}

/// One line of the picture of a key result.
fn line<'a>(answers: &'a [Answer], name: &str) -> &'a [(f64, f64)] {
    let mut lines = answers
        .iter()
        .flat_map(|a| &a.series)
        .filter(|(n, _)| n == name);
    let (_, series) = lines.next().unwrap_or_else(|| panic!("no line {name}"));
    assert!(lines.next().is_none(), "{name} is one line");
    &series.points
}

fn picture(seen: &Seen) -> &Value {
    let mut panels = seen.board.panels().into_iter();
    let fits = |p: &&Value| text(&p["title"]).starts_with("On the way to the target");
    panels.find(fits).unwrap()
}

#[test]
fn value_target_plan_and_forecast_stand_on_one_picture_that_reaches_to_the_end() {
    let world = world();
    let mut seen = look("subscribers").take(&world.prometheus);
    let whole = (
        moment(seen.choices.value("cycle_from"), seen.now),
        moment(seen.choices.value("cycle_to"), seen.now),
    );
    for range in [(seen.from, seen.to), whole] {
        (seen.from, seen.to) = range;
        let answers = seen.ask(&world.prometheus, picture(&seen));
        let step = seen.step(picture(&seen));
        let near = |at: f64, there: f64| (at - there).abs() <= step + 1.0;
        let [value, target, plan, forecast, baseline] = [
            "Value",
            "Target",
            "Expected by the plan",
            "Forecast",
            "Baseline",
        ]
        .map(|n| line(&answers, n));
        let first = seen.from.max(world.start);
        for (name, line) in [("target", target), ("plan", plan), ("baseline", baseline)] {
            // The plan is told from the first measurement on.
            let late = if name == "plan" { 86_400.0 } else { step + 1.0 };
            assert!(line[0].0 - first <= late, "{name} begins with the cycle");
            assert!(
                near(line.last().unwrap().0, world.end),
                "{name} reaches to the end"
            );
            assert!(
                line.last().unwrap().0 <= world.end,
                "{name} ends with the cycle"
            );
            let steps = line.windows(2).all(|pair| pair[1].0 - pair[0].0 <= step);
            assert!(steps, "{name} has no hole");
        }
        let newest = value.last().unwrap().0;
        assert!(
            newest <= seen.now + LOOK_BACK && near(newest, seen.now),
            "values end now"
        );
        assert!(
            value.windows(2).all(|pair| pair[1].0 - pair[0].0 <= step),
            "values have no hole"
        );
        assert!(
            forecast[0].0 >= seen.now - 60.0 && near(forecast[0].0, seen.now),
            "it begins now"
        );
        assert!(
            near(forecast.last().unwrap().0, world.end),
            "it reaches to the end"
        );
        assert!(
            (forecast[0].1 - value.last().unwrap().1).abs() < 3.0,
            "it begins at the value"
        );

        // The amended target is a step; before it the earlier one stands.
        let amended = world.start + 30.0 * 86_400.0;
        let known = target.iter().filter(|(at, _)| *at > world.start + 86_400.0);
        for (at, value) in known {
            let expected = if *at < amended { 1200.0 } else { 1000.0 };
            let right = *value == expected || (*at - amended).abs() <= LOOK_BACK;
            assert!(right, "target at {at}: {value}");
        }
        // The plan arrives at the target, the forecast at the one that okrd tells.
        assert!(
            (plan.last().unwrap().1 - 1000.0).abs() < 2.0,
            "{:?}",
            plan.last()
        );
        let told = world
            .prometheus
            .query("okrd_key_result_forecast_value{key_result=\"subscribers\"}");
        assert!(
            (forecast.last().unwrap().1 - told[0].value).abs() < 2.0,
            "{:?}",
            forecast.last()
        );
    }
}

#[test]
fn a_level_to_hold_has_its_limit_on_the_picture() {
    let world = world();
    let seen = look("complaints").take(&world.prometheus);
    let answers = seen.ask(&world.prometheus, picture(&seen));
    let limit = line(&answers, "At most");
    assert!(limit.iter().all(|(_, value)| *value == 300.0));
    assert!((limit.last().unwrap().0 - world.end).abs() <= seen.step(picture(&seen)) + 1.0);
    assert!(line(&answers, "Value").last().unwrap().0 <= seen.now + LOOK_BACK);
}

/// What is too old has no value and says so; what was never told has none either.
#[test]
fn a_stale_key_result_shows_no_value_and_its_status() {
    let world = world();
    let look = Look::at(
        "okrd-key-result",
        &[("objective", "more-visitors"), ("key_result", "letters")],
    );
    let seen = look.take(&world.prometheus);
    let answers = |title: &str| {
        let panel = seen
            .board
            .panels()
            .into_iter()
            .find(|p| text(&p["title"]).starts_with(title))
            .unwrap();
        seen.ask(&world.prometheus, panel)
    };
    for title in ["Value", "Progress", "Forecast"] {
        assert!(answers(title)[0].samples.is_empty(), "{title}");
    }
    assert_eq!(answers("Status")[0].samples[0].value, 4.0, "stale");
    assert_eq!(answers("Target")[0].samples[0].value, 12.0);
    let lines = seen.ask(&world.prometheus, picture(&seen));
    assert!(
        lines[3].series.is_empty(),
        "no forecast is drawn of what is not believed"
    );
}
