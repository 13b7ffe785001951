//! The page in a real Chromium (Debian: `chromium`, `chromium-driver`), as people see it: on a telephone and on a wall, by
//! day and by night, by keyboard, with an eye for contrast, and without any script.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests may fail loudly"
)]

extern crate okrd;

mod browser;
mod house;

#[allow(dead_code, reason = "not every part is needed by every test program")]
#[path = "../sample/mod.rs"]
mod sample;
#[allow(dead_code, reason = "not every part is needed by every test program")]
#[path = "../sample/token.rs"]
mod token;

use std::sync::Arc;

use okrd::domain::language::Language;
use okrd::engine::board::Board;
use serde_json::Value;

use self::browser::Browser;
use self::house::House;

/// What can be looked at.
const PAGES: [&str; 6] = [
    "/",
    "/?team=content",
    "/?cycle=2026-Q3",
    "/?key_result=more-visitors/subscribers",
    "/?key_result=more-visitors/visitors",
    "/?team=nobody",
];

fn dutch() -> Board {
    let mut board = sample::board();
    Arc::make_mut(&mut board.scorecard.company).language = Language::Dutch;
    board
}

/// Words that nobody breaks, signs that stand above and below their line, and a change of direction.
fn endless() -> Board {
    let text = format!(
        "{}{}\u{202e}desrever {} 🎯",
        "Donaudampfschifffahrtsgesellschaft".repeat(12),
        "ẑ̸̢̛̖̬͎a̵̡̛̝͖l̶̨̛̲g̴̢͎̑o̷̳͆".repeat(20),
        "long and ".repeat(1_000)
    );
    let mut board = sample::hostile();
    let company = Arc::make_mut(&mut board.scorecard.company);
    company.vision = Some(text.clone());
    company.strategy = vec![text.clone()];
    for team in Arc::make_mut(&mut board.scorecard.teams).values_mut() {
        team.name = text.clone();
    }
    for objective in &mut board.scorecard.objectives {
        let objective = Arc::make_mut(objective);
        Arc::make_mut(&mut objective.objective).title = text.clone();
        for card in &mut objective.key_results {
            let card = Arc::make_mut(card);
            let key_result = Arc::make_mut(&mut card.key_result);
            (key_result.title, key_result.unit) = (text.clone(), "u".repeat(300));
        }
    }
    board
}

fn list(found: &Value) -> Vec<String> {
    let found = found.as_array().unwrap().iter();
    found.map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Of a page that could not be found alone the browser says that.
fn is_of_the_missing(complaint: &Value) -> bool {
    complaint["message"]
        .as_str()
        .is_some_and(|text| text.contains("?team=nobody") && text.contains("404"))
}

#[tokio::test]
async fn what_matters_comes_first_and_nothing_complains() {
    let browser = Browser::start().await;
    let house = House::start(sample::board()).await;
    for page in PAGES {
        browser.open(&house.url(page)).await;
        let complaints = browser.complaints().await;
        let complaints: Vec<_> = complaints
            .iter()
            .filter(|one| !is_of_the_missing(one))
            .collect();
        assert!(complaints.is_empty(), "{page}: {complaints:?}");
        let levels = browser.run(LEVELS).await;
        let levels: Vec<i64> = levels
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_i64().unwrap())
            .collect();
        assert_eq!(
            levels.iter().filter(|level| **level == 1).count(),
            1,
            "{page}: {levels:?}"
        );
        assert_eq!(levels[0], 1, "{page}: the vision is the first heading");
        assert!(
            levels.windows(2).all(|two| two[1] <= two[0] + 1),
            "{page}: a level is left out: {levels:?}"
        );
        assert_eq!(list(&browser.run(UNNAMED).await), [""; 0], "{page}");
        assert_eq!(
            browser.run("return document.documentElement.lang").await,
            "en"
        );
        assert_eq!(
            browser.run("return document.scripts.length").await,
            0,
            "{page}: no script is needed"
        );
    }
    browser.open(&house.url("/")).await;
    let order = list(&browser.run(ORDER).await);
    let place = |class: &str| order.iter().position(|found| found == class).unwrap();
    assert!(
        place("vision") < place("objective") && place("objective") < place("figure"),
        "{order:?}"
    );
    let board = sample::board();
    let key_results = board
        .scorecard
        .key_results()
        .filter(|(_, card)| card.key_result.id.cycle.as_str() == "2026-Q4");
    let shown = browser
        .run("return document.querySelectorAll('.key-results > li').length")
        .await;
    assert_eq!(shown, key_results.count());
    let dutch = House::start(dutch()).await;
    browser.open(&dutch.url("/")).await;
    assert_eq!(
        browser.run("return document.documentElement.lang").await,
        "nl"
    );
}

/// The levels of the headings, in order.
const LEVELS: &str =
    "return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])";

/// Drawings without a name, states without words, links that say nothing.
const UNNAMED: &str = "
    const bare = [];
    for (const svg of document.querySelectorAll('svg'))
        if (svg.getAttribute('role') !== 'img' || !svg.getAttribute('aria-label')?.trim()) bare.push(svg.outerHTML.slice(0, 90));
    for (const worded of document.querySelectorAll('.badge, a, h1, h2, h3, h4'))
        if (!worded.textContent.trim()) bare.push(worded.outerHTML.slice(0, 90));
    return bare";

/// What kinds of thing stand on the page, in order.
const ORDER: &str = "
    const kinds = [['h1', 'vision'], ['.objective h3', 'objective'], ['.figure', 'figure']];
    const all = [...document.querySelectorAll(kinds.map(k => k[0]).join(','))];
    return all.map(one => kinds.find(k => one.matches(k[0]))[1])";

#[tokio::test]
async fn nothing_reaches_over_the_edge_whatever_is_written() {
    let browser = Browser::start().await;
    for board in [sample::board(), dutch(), sample::hostile(), endless()] {
        let house = House::start(board).await;
        for page in PAGES {
            browser.open(&house.url(page)).await;
            for (medium, width) in [("", 360), ("", 768), ("", 1280), ("", 3840), ("print", 794)] {
                browser.medium(medium, &[]).await;
                browser.width(width).await;
                let over = browser.run(OVER).await;
                assert_eq!(list(&over), [""; 0], "{page} at {width} px {medium}");
            }
            browser.medium("", &[]).await;
        }
    }
}

/// What lies right of the window.
const OVER: &str = "
    const page = document.documentElement;
    if (page.scrollWidth <= page.clientWidth) return [];
    const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > page.clientWidth + 0.5);
    return ['page: ' + page.scrollWidth, ...wide.slice(0, 4).map(e => e.className + ' ' + e.outerHTML.slice(0, 120))]";

#[tokio::test]
async fn f73_hostile_titles_stay_text() {
    let browser = Browser::start().await;
    let house = House::start(sample::hostile()).await;
    for page in PAGES {
        browser.open(&house.url(page)).await;
        let foreign = "return [...document.querySelectorAll('script,img,iframe,object,form,input,[onerror],[onload],[style]')].map(e => e.outerHTML)";
        assert_eq!(list(&browser.run(foreign).await), [""; 0], "{page}");
        let vision = browser
            .run("return document.querySelector('h1').textContent")
            .await;
        assert!(
            vision
                .as_str()
                .unwrap()
                .contains("<script>alert(1)</script>"),
            "{vision}"
        );
        let elsewhere = "return [...document.links].map(a => new URL(a.href)).filter(u => u.origin !== location.origin && u.host !== 'wiki.acme.example').map(u => u.href)";
        assert_eq!(list(&browser.run(elsewhere).await), [""; 0], "{page}");
    }
}

#[tokio::test]
async fn every_text_can_be_read_by_day_and_by_night() {
    let browser = Browser::start().await;
    for board in [sample::board(), sample::large(5)] {
        let house = House::start(board).await;
        for page in PAGES {
            browser.open(&house.url(page)).await;
            for scheme in ["light", "dark"] {
                browser
                    .medium("", &[("prefers-color-scheme", scheme)])
                    .await;
                let faint = list(&browser.run(FAINT).await);
                assert_eq!(faint, [""; 0], "{page} {scheme}");
            }
            // Where the system sets the colours, what a status is stands in its words.
            browser
                .medium(
                    "",
                    &[
                        ("forced-colors", "active"),
                        ("prefers-reduced-motion", "reduce"),
                    ],
                )
                .await;
            assert_eq!(list(&browser.run(UNNAMED).await), [""; 0], "{page}");
        }
        browser.medium("", &[]).await;
    }
}

/// Texts whose contrast with what is behind them is below that of WCAG 2.2, 1.4.3 (4.5, or 3 for large ones), from the styles
/// as they were computed.
const FAINT: &str = "
    const colour = text => { const n = text.match(/[\\d.]+/g).map(Number); return {rgb: n.slice(0, 3), a: n.length > 3 ? n[3] : 1}; };
    const over = (top, below) => top.rgb.map((c, i) => c * top.a + below[i] * (1 - top.a));
    const behind = e => { if (!e) return [255, 255, 255];
        const own = colour(getComputedStyle(e).backgroundColor);
        return own.a === 1 ? own.rgb : over(own, behind(e.parentElement)); };
    const light = rgb => { const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const faint = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !e.getClientRects().length) continue;
        seen++;
        const style = getComputedStyle(e), ground = behind(e);
        const [a, b] = [light(over(colour(style.color), ground)), light(ground)].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
        const needed = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
        if (ratio < needed) faint.push(ratio.toFixed(2) + ' ' + e.className + ': ' + texts.currentNode.data.slice(0, 40));
    }
    return seen > 10 ? faint : ['only ' + seen + ' texts'];";

#[tokio::test]
async fn every_link_is_reached_by_keyboard_and_shows_it() {
    let browser = Browser::start().await;
    let house = House::start(sample::board()).await;
    for page in ["/", "/?key_result=more-visitors/subscribers"] {
        browser.open(&house.url(page)).await;
        let links = browser.run("return document.links.length").await;
        for nth in 0..links.as_u64().unwrap() {
            browser.tab().await;
            let at = browser.run(FOCUS).await;
            assert_eq!(at["nth"], nth, "{page}: {at}");
            assert!(at["outline"].as_f64().unwrap() >= 1.0, "{page}: {at}");
        }
    }
}

/// Which link has the focus, and how wide what shows it is.
const FOCUS: &str = "
    const e = document.activeElement, style = getComputedStyle(e);
    return {nth: [...document.links].indexOf(e), text: e.textContent.slice(0, 40), outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth)}";

/// The tests above would see it.
#[tokio::test]
async fn these_tests_see_what_is_wrong() {
    let browser = Browser::start().await;
    let wrong = "data:text/html,<body style='background:white'><h1>A</h1><h4></h4><svg></svg><div style='width:5000px'>wide</div>\
        <p style='color:rgb(150,150,150)'>faint</p><p>b</p><p>c</p><p>d</p><p>e</p><p>f</p><p>g</p><p>h</p><p>i</p><p>j</p><p>k</p>\
        <a href='/x' style='outline:none'>x</a><script>console.error('wrong')</script>";
    browser.open(wrong).await;
    browser.width(360).await;
    assert_eq!(list(&browser.run(UNNAMED).await).len(), 2);
    assert!(!list(&browser.run(OVER).await).is_empty());
    let faint = list(&browser.run(FAINT).await);
    assert!(faint.len() == 1 && faint[0].contains("faint"), "{faint:?}");
    browser.tab().await;
    assert_eq!(browser.run(FOCUS).await["outline"], 0);
    assert_eq!(browser.complaints().await.len(), 1);
}
