//! Each dashboard as one page in `target/grafana/`, on Grafana's grid of 24 columns: what came back as lines, tables and
//! numbers. For eyes; what can be asserted about a picture is asserted here and in `data.rs`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::dashboards::{file, list, text};
use crate::data::LOOKS;
use crate::draw::{Line, Range, Size, colour, lines, states};
use crate::figures::show;
use crate::frames::{Cell, Table, property, table};
use crate::layout::place;
use crate::looks::{Answer, Seen};
use crate::world::{World, world};

/// Pixels of a column and of a line of the grid.
const COLUMN: f64 = 58.0;
const LINE: f64 = 38.0;

const STYLE: &str = "body{margin:16px;background:#111217;color:#ccccdc;font:14px Inter,Helvetica,Arial,sans-serif;position:relative}
.panel{position:absolute;background:#181b1f;border:1px solid #24282e;border-radius:2px;overflow:hidden;box-sizing:border-box}
h2{font-size:14px;font-weight:500;margin:0;padding:8px}h1{font-size:18px;font-weight:500;margin:0 0 4px}
.sub{color:#8e8e9c;font-size:12px;margin-bottom:12px}
table{border-collapse:collapse;width:100%;font-size:13px}td,th{padding:6px 8px;text-align:left;border-bottom:1px solid #24282e;font-weight:400}
th{color:#6e9fff;font-weight:500}.stat{display:flex;align-items:center;justify-content:center;height:calc(100% - 40px);text-align:center}
.bar{display:flex;align-items:center;margin:4px 8px;gap:8px}.bar span:first-child{width:130px}.bar i{display:block;height:16px}
.legend{font-size:12px;padding:0 8px}.legend b{display:inline-block;width:14px;height:3px;margin:0 5px 3px 10px}
svg text{fill:#ccccdc;font-size:12px}.end{text-anchor:end}.mid{text-anchor:middle}.grid{stroke:#24282e}.now{stroke:#555;stroke-dasharray:1 3}
svg .name{font-size:11px}svg .in{fill:#111217;font-weight:500}.none{color:#8e8e9c}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What a panel shows, and whether it shows anything.
fn body(world: &World, seen: &Seen, panel: &Value, size: Size) -> (String, bool) {
    let answers = seen.ask(&world.prometheus, panel);
    match text(&panel["type"]) {
        "timeseries" | "state-timeline" => over_time(seen, panel, &answers, size),
        "stat" => stat(seen, panel, &answers),
        "table" => {
            let answers: Vec<_> = answers
                .into_iter()
                .map(|a| (a.reference, a.samples))
                .collect();
            let found = table(panel, &answers);
            (rows(seen, panel, &found), !found.rows.is_empty())
        }
        "bargauge" => bars(seen, panel, &answers),
        other => panic!("{other} is not drawn"),
    }
}

fn over_time(seen: &Seen, panel: &Value, answers: &[Answer], size: Size) -> (String, bool) {
    let found = answers.iter().flat_map(|a| &a.series);
    let found: Vec<Line<'_>> = found
        .map(|(name, series)| (name.as_str(), &series.points[..]))
        .collect();
    let range = Range {
        from: seen.from,
        to: seen.to,
        now: seen.now,
        step: seen.step(panel),
    };
    let is_states = panel["type"] == "state-timeline";
    let draw = if is_states { states } else { lines };
    let mut html = draw(panel, &found, range, Size(size.0, size.1 - 64.0));
    html += "<div class=legend>";
    for (place, (name, _)) in found.iter().enumerate().filter(|_| !is_states) {
        let colour = colour(panel, name, place);
        write!(html, "<b style='background:{colour}'></b>{}", escape(name)).unwrap();
    }
    (
        html + "</div>",
        found.iter().any(|(_, points)| points.len() > 1),
    )
}

fn stat(seen: &Seen, panel: &Value, answers: &[Answer]) -> (String, bool) {
    let by_name = panel["options"]["textMode"] == "name";
    let coloured = panel["options"]["colorMode"] == "value";
    let (words, colour) = match answers[0].samples.first() {
        Some(_) if by_name => (answers[0].names[0].clone(), None),
        Some(sample) => show(
            panel,
            &answers[0].names[0],
            &Cell::Number(sample.value),
            seen.now,
        ),
        None => (
            text(&panel["fieldConfig"]["defaults"]["noValue"]).to_owned(),
            None,
        ),
    };
    // One line that fills the panel, unless a size is given.
    let [_, _, w, h] = place(panel);
    let fits = w as f64 * COLUMN * 1.6 / words.chars().count().max(3) as f64;
    let size = panel["options"]["text"]["valueSize"].as_f64();
    let size = size.unwrap_or(fits.min(h as f64 * LINE * 0.3));
    let colour = colour.filter(|_| coloured).unwrap_or("#ccccdc".into());
    let html = format!(
        "<div class=stat style='font-size:{size}px;color:{colour}'>{}</div>",
        escape(&words)
    );
    (html, !answers[0].samples.is_empty())
}

fn rows(seen: &Seen, panel: &Value, table: &Table) -> String {
    if table.rows.is_empty() {
        let words = text(&panel["fieldConfig"]["defaults"]["noValue"]);
        return format!("<div class='stat none'>{words}</div>");
    }
    let visible = |name: &&String| property(panel, name, "custom.hidden") != true;
    let align = |name: &str| text(property(panel, name, "custom.align")).replace("auto", "left");
    let mut html = "<table><tr>".to_owned();
    for name in table.columns.iter().filter(visible) {
        write!(
            html,
            "<th style='text-align:{}'>{}</th>",
            align(name),
            escape(name)
        )
        .unwrap();
    }
    for row in &table.rows {
        html += "</tr><tr>";
        for (name, cell) in table
            .columns
            .iter()
            .zip(row)
            .filter(|(name, _)| visible(name))
        {
            let kind = &property(panel, name, "custom.cellOptions")["type"];
            let Some(cell) = cell else {
                html += "<td class=none>";
                let missing = text(property(panel, name, "noValue"));
                write!(html, "{missing}</td>").unwrap();
                continue;
            };
            let (words, colour) = show(panel, name, cell, seen.now);
            let colour = colour
                .filter(|_| kind == "color-text")
                .unwrap_or("inherit".into());
            write!(
                html,
                "<td style='color:{colour};text-align:{}'>",
                align(name)
            )
            .unwrap();
            if let (true, Cell::Number(share)) = (kind == "gauge", cell) {
                let (width, fill) = (
                    share.clamp(0.0, 1.0) * 100.0,
                    text(&property(panel, name, "color")["fixedColor"]),
                );
                write!(html, "<div style='background:linear-gradient(90deg,{fill} {width}%,#24282e 0)'>&nbsp;{words}</div>").unwrap();
            } else {
                html += &escape(&words);
            }
            html += "</td>";
        }
    }
    html + "</tr></table>"
}

fn bars(seen: &Seen, panel: &Value, answers: &[Answer]) -> (String, bool) {
    let samples = &answers[0].samples;
    let most = samples.iter().map(|s| s.value).fold(1.0, f64::max);
    let mut html = String::new();
    for (sample, name) in samples.iter().zip(&answers[0].names) {
        let shown = property(panel, name, "displayName")
            .as_str()
            .unwrap_or(name);
        let (words, _) = show(panel, name, &Cell::Number(sample.value), seen.now);
        let (width, fill) = (sample.value / most * 220.0, colour(panel, name, 0));
        write!(html, "<div class=bar><span>{shown}</span><i style='width:{width}px;background:{fill}'></i>{words}</div>").unwrap();
    }
    (html, !samples.is_empty())
}

fn page(world: &World, seen: &Seen) -> (String, Vec<String>) {
    let json = &seen.board.json;
    let (title, about) = (text(&json["title"]), text(&json["description"]));
    let choices = seen
        .board
        .variables()
        .iter()
        .filter(|v| v["hide"] == 0)
        .map(|v| {
            format!(
                "{}: {}",
                text(&v["label"]),
                seen.choices.title(&format!("${}", text(&v["name"])))
            )
        });
    let choices: Vec<_> = choices.collect();
    let mut html = format!(
        "<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1><div class=sub>{about}<br>{}</div>",
        choices.join(" · ")
    );
    let mut missing = Vec::new();
    let mut below = 0;
    html += "<div style='position:relative'>";
    for panel in seen.board.everything() {
        let [x, y, w, h] = place(panel);
        // A row that is folded up in Grafana is folded out here: its panels stand one below the other.
        let y = if panel["type"] == "row" {
            below = below.max(y);
            below
        } else {
            y.max(below)
        };
        let size = Size(w as f64 * COLUMN - 8.0, h as f64 * LINE - 8.0);
        write!(
            html,
            "<div class=panel style='left:{}px;top:{}px;width:{}px;height:{}px' title='{}'><h2>{}</h2>",
            x as f64 * COLUMN, y as f64 * LINE, size.0, size.1,
            text(&panel["description"]).replace('\'', "’"),
            escape(&seen.choices.title(text(&panel["title"])))
        )
        .unwrap();
        if panel["type"] == "row" {
            below += 1;
        } else {
            let (body, shows) = body(world, seen, panel, size);
            html += &body;
            if !shows {
                missing.push(text(&panel["title"]).to_owned());
            }
            if below > 0 && x + w == 24 {
                below += h;
            }
        }
        html += "</div>";
    }
    (html + "</div>", missing)
}

#[test]
fn every_dashboard_is_drawn_and_no_panel_is_blank() {
    let world = world();
    let folder = file("target/grafana");
    std::fs::create_dir_all(&folder).unwrap();
    for look in &LOOKS {
        let seen = look.take(&world.prometheus);
        let (html, missing) = page(world, &seen);
        std::fs::write(folder.join(format!("{}.html", look.name)), &html).unwrap();
        // Of a level to hold no forecast is told; that is the one.
        let expected = if look.name == "complaints" {
            vec!["Forecast ($unit)"]
        } else {
            Vec::new()
        };
        assert_eq!(missing, expected, "{}", look.name);
        let charts = seen
            .board
            .panels()
            .iter()
            .filter(|p| list(&p["targets"])[0]["range"] == true)
            .count();
        assert_eq!(html.matches("<svg").count(), charts, "{}", look.name);
        // No variable is left in what people read.
        assert!(
            !html.contains("$unit") && !html.contains("$team"),
            "{}",
            look.name
        );
    }
}
