//! Lines over time and states over time as SVG, with the colours, widths and dashes that the panel asks for. Only as near
//! to Grafana as is needed to see whether a panel says what it should.

use std::fmt::Write as _;

use serde_json::Value;

use crate::dashboards::text;
use crate::figures::{number_in, show};
use crate::frames::{Cell, property};

/// Width and height in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub(crate) f64, pub(crate) f64);

/// From, to and now in Unix seconds, and the distance of two points.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) now: f64,
    pub(crate) step: f64,
}

/// A line with its name.
pub(crate) type Line<'a> = (&'a str, &'a [(f64, f64)]);

const LEFT: f64 = 72.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;
const PALETTE: [&str; 5] = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42"];

/// The colour of a line: its own, or the next of the palette.
pub(crate) fn colour(panel: &Value, name: &str, place: usize) -> String {
    let own = text(&property(panel, name, "color")["fixedColor"]);
    if own.is_empty() {
        PALETTE[place % PALETTE.len()].to_owned()
    } else {
        own.to_owned()
    }
}

/// Instants for the axis: some five whole days, or hours where the range is short.
fn ticks(range: Range) -> Vec<(f64, String)> {
    let days = (range.to - range.from) / 86_400.0;
    let every = if days > 3.0 {
        (days / 7.0).ceil() * 86_400.0
    } else {
        4.0 * 3600.0
    };
    let form = if days > 3.0 { "%d %b" } else { "%H:%M" };
    let mut at = (range.from / every).ceil() * every;
    let mut found = Vec::new();
    while at < range.to {
        let instant = jiff::Timestamp::from_second(at as i64).unwrap();
        found.push((at, instant.strftime(form).to_string()));
        at += every;
    }
    found
}

fn x(range: Range, size: Size, at: f64) -> f64 {
    LEFT + (at - range.from) / (range.to - range.from) * (size.0 - LEFT - 8.0)
}

/// Lines over time.
pub(crate) fn lines(panel: &Value, lines: &[Line<'_>], range: Range, size: Size) -> String {
    let values = || {
        lines
            .iter()
            .flat_map(|(_, points)| points.iter().map(|(_, v)| *v))
    };
    let defaults = &panel["fieldConfig"]["defaults"];
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let mut low = defaults["min"].as_f64().map_or(low, |min| min.min(low));
    let mut high = defaults["max"].as_f64().map_or(high, |max| max.max(high));
    if high - low < 1e-9 {
        (low, high) = (low - 1.0, high + 1.0);
    }
    let step = nice((high - low) / 5.0);
    (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
    let y = |value: f64| TOP + (high - value) / (high - low) * (size.1 - BOTTOM - TOP);

    let mut svg = frame(range, size);
    let mut value = low;
    while value <= high + step / 2.0 {
        let words = number_in(
            value,
            text(&defaults["unit"]),
            defaults["decimals"].as_u64(),
            range.now,
        );
        let (at, from, to) = (y(value), LEFT, size.0 - 8.0);
        write!(svg, "<path d='M{from} {at:.1}H{to}' class='grid'/>").unwrap();
        write!(
            svg,
            "<text x='{}' y='{:.1}' class='end'>{words}</text>",
            LEFT - 8.0,
            at + 4.0
        )
        .unwrap();
        value += step;
    }
    for (place, (name, points)) in lines.iter().enumerate() {
        let width = property(panel, name, "custom.lineWidth")
            .as_f64()
            .unwrap_or(2.0);
        let dash = &property(panel, name, "custom.lineStyle")["dash"];
        let dash: Vec<_> = dash
            .as_array()
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        let mut path = String::new();
        let mut before = f64::NEG_INFINITY;
        for (at, value) in *points {
            // A hole is a hole.
            let letter = if at - before > range.step * 1.5 {
                'M'
            } else {
                'L'
            };
            write!(path, "{letter}{:.1} {:.1}", x(range, size, *at), y(*value)).unwrap();
            before = *at;
        }
        write!(
            svg,
            "<path d='{path}' fill='none' stroke='{}' stroke-width='{width}' stroke-dasharray='{}' stroke-linecap='{}'/>",
            colour(panel, name, place),
            dash.join(" "),
            if dash.first().is_some_and(|length| length == "0") { "round" } else { "butt" }
        )
        .unwrap();
    }
    svg + "</svg>"
}

/// States over time, a bar for each line.
pub(crate) fn states(panel: &Value, lines: &[Line<'_>], range: Range, size: Size) -> String {
    let mut svg = frame(range, size);
    let row = (size.1 - BOTTOM - TOP) / lines.len().max(1) as f64;
    for (place, (name, points)) in lines.iter().enumerate() {
        let (top, height) = (TOP + row * (place as f64 + 0.1), row * 0.8);
        let mut rest = *points;
        while let Some((begin, state)) = rest.first() {
            let same = |pair: &&[(f64, f64)]| {
                pair[1].1 == *state && pair[1].0 - pair[0].0 <= range.step * 1.5
            };
            let count = rest.windows(2).take_while(same).count() + 1;
            let end = rest[count - 1].0 + range.step;
            let (words, colour) = show(panel, name, &Cell::Number(*state), range.now);
            let (from, to) = (x(range, size, *begin), x(range, size, end.min(range.to)));
            write!(
                svg,
                "<rect x='{from:.1}' y='{top:.1}' width='{:.1}' height='{height:.1}' fill='{}' opacity='.75'><title>{name}: \
                 {words}</title></rect>",
                to - from,
                colour.unwrap_or_default()
            )
            .unwrap();
            if to - from > 7.0 * words.len() as f64 {
                let middle = top + height / 2.0 + 4.0;
                write!(
                    svg,
                    "<text x='{:.1}' y='{middle:.1}' class='in'>{words}</text>",
                    from + 5.0
                )
                .unwrap();
            }
            rest = &rest[count..];
        }
        let middle = top + height / 2.0 + 4.0;
        write!(
            svg,
            "<text x='4' y='{middle:.1}' class='name'>{name}</text>"
        )
        .unwrap();
    }
    svg + "</svg>"
}

/// Axis and a hair line at now, which Grafana has not.
fn frame(range: Range, size: Size) -> String {
    let Size(width, height) = size;
    let mut svg =
        format!("<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0}' height='{height:.0}'>");
    for (at, words) in ticks(range) {
        let (at, bottom) = (x(range, size, at), height - BOTTOM);
        write!(svg, "<path d='M{at:.1} {TOP}V{bottom}' class='grid'/>").unwrap();
        write!(
            svg,
            "<text x='{at:.1}' y='{}' class='mid'>{words}</text>",
            height - 6.0
        )
        .unwrap();
    }
    let now = x(range, size, range.now);
    write!(
        svg,
        "<path d='M{now:.1} {TOP}V{}' class='now'/>",
        height - BOTTOM
    )
    .unwrap();
    svg
}

/// 1, 2 or 5 times a power of ten, at least this.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let found = [1.0, 2.0, 5.0]
        .iter()
        .map(|n| n * power)
        .find(|n| *n >= step);
    found.unwrap_or(10.0 * power)
}
