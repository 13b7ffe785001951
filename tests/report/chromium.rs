//! Report and slides in a real Chromium (Debian: `chromium`): nothing is cut, nothing reaches over its edge, each slide is
//! a page, and nothing is asked for outside.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use okrd::domain::language::Language;
use okrd::report::deck::deck;
use okrd::report::html::html;

use crate::sample::{last, material, of_cycles, report, with_text};

/// Runs Chromium to its end with a home of its own. A page that complains on its console fails.
fn chromium(folder: &Path, arguments: &[&str]) -> String {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let done = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--hide-scrollbars",
            &profile,
        ])
        .args(["--enable-logging=stderr"])
        .args(arguments)
        .env("HOME", folder)
        .output()
        .unwrap_or_else(|error| panic!("chromium is not there ({error}): tests/install-servers"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    assert!(!said.contains("CONSOLE"), "{arguments:?}: {said}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    format!("file://{}", path.display())
}

/// The sizes of the pages of what Chromium prints, in points.
fn printed(folder: &Path, text: &str) -> Vec<(f64, f64)> {
    let (page, pdf) = (write(folder, "page.html", text), folder.join("page.pdf"));
    let to = format!("--print-to-pdf={}", pdf.display());
    chromium(folder, &["--no-pdf-header-footer", &to, &page]);
    let pdf = fs::read(pdf).unwrap();
    let pdf = String::from_utf8_lossy(&pdf).into_owned();
    let boxes = pdf.split("/MediaBox [").skip(1).map(|rest| {
        let numbers = rest.split(']').next().unwrap().split_whitespace();
        let numbers: Vec<f64> = numbers.map(|number| number.parse().unwrap()).collect();
        (numbers[2], numbers[3])
    });
    let boxes: Vec<_> = boxes.collect();
    let pages = pdf.matches("/Type /Page\n").count();
    assert_eq!(boxes.len(), pages, "each page tells its size");
    boxes
}

/// What a script finds in each of these pages, shown in a window so wide and high.
fn found(folder: &Path, pages: &[(&str, (u32, u32))], script: &str) -> Vec<String> {
    // A window of Chromium is never as narrow as a phone; a frame is. Its policy holds for the page, not for who looks.
    let frames = pages.iter().map(|(text, (width, height))| {
        let quoted = text.replace('&', "&amp;").replace('"', "&quot;");
        format!(
            "<iframe width={width} height={height} style='border:0' srcdoc=\"{quoted}\"></iframe>"
        )
    });
    let frames: String = frames.collect();
    let outside = format!(
        "<!DOCTYPE html>{frames}<script>onload = () => {{\
         for (const frame of document.querySelectorAll('iframe')) {{\
         const page = frame.contentDocument; const answer = document.createElement('code');\
         answer.textContent = String((() => {{ {script} }})()); document.body.append(answer); }} }}</script>"
    );
    let page = write(folder, "measure.html", &outside);
    let dom = chromium(folder, &["--window-size=1400,900", "--dump-dom", &page]);
    let answers = dom.split("<code>").skip(1);
    let answers = answers.map(|rest| rest.split("</code>").next().unwrap().to_owned());
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers.len(), pages.len(), "{dom}");
    answers
}

/// How many pixels lie right of the edge.
const OVER: &str = "return page.documentElement.scrollWidth - page.documentElement.clientWidth";

/// What reaches below its slide or out of its sides; what a slide hides on purpose is its running foot alone.
const CUT: &str = "
    const wrong = [];
    for (const slide of page.querySelectorAll('.slide')) {
        const edge = slide.getBoundingClientRect();
        if (edge.height > 720.5) wrong.push(slide.id + ' is ' + edge.height + ' high');
        for (const inside of slide.querySelectorAll('*:not(footer *)')) {
            const own = inside.getBoundingClientRect();
            if (own.right > edge.right + 1 || own.bottom > edge.bottom + 1)
                wrong.push(slide.id + ': ' + inside.className + ' ' + inside.textContent.slice(0, 40));
        }
        const foot = slide.querySelector('footer').getBoundingClientRect();
        const body = slide.querySelector('.body').getBoundingClientRect();
        if (body.bottom > foot.top + 1) wrong.push(slide.id + ': text runs into the foot');
    }
    return wrong.length ? wrong.join('; ') : 'nothing'";

fn slides_of(text: &str) -> usize {
    text.matches("<section class=\"slide ").count()
}

/// Words as people write them, and far more of them than anybody should.
fn endless() -> String {
    "Whoever reads this to the end has earned Wörter, MWWWM, 日本語の文章, andaveryverylongwordthatnobodyeverbreaks. ".repeat(14)
}

#[test]
fn each_slide_is_a_page_and_nothing_on_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut decks = Vec::new();
    for language in [Language::English, Language::Dutch] {
        let material = material(language);
        decks.push(deck(&report(&material, None), Some(&last(&material))));
    }
    for text in [crate::HOSTILE.to_owned(), endless()] {
        let material = with_text(&text);
        decks.push(deck(&report(&material, None), Some(&last(&material))));
    }
    // Several cycles at once, one of them closed.
    let material = material(Language::English);
    let both = of_cycles(&material, &["2026-Q3", "2026-Q4"], None);
    decks.push(deck(&both, None));
    assert!(slides_of(&decks[0]) >= 10 && slides_of(&decks[3]) > 2 * slides_of(&decks[0]));
    let shown: Vec<_> = decks
        .iter()
        .map(|text| (text.as_str(), (1280, 720)))
        .collect();
    let cut = found(folder.path(), &shown, CUT);
    assert!(cut.iter().all(|found| found == "nothing"), "{cut:#?}");
    for (nth, text) in decks.iter().enumerate() {
        let pages = printed(folder.path(), text);
        assert_eq!(pages.len(), slides_of(text), "deck {nth}");
        for (width, height) in pages {
            let is_slide = (width - 960.0).abs() < 1.0 && (height - 540.0).abs() < 1.0;
            assert!(is_slide, "{width} x {height}");
        }
    }
}

#[test]
fn a_report_and_slides_fit_a_phone_and_a_desk() {
    let folder = tempfile::tempdir().unwrap();
    let mut texts = Vec::new();
    for material in [material(Language::Dutch), with_text(crate::HOSTILE)] {
        let report = report(&material, None);
        texts.push(html(&report));
        texts.push(deck(&report, Some(&last(&material))));
    }
    let pages = texts
        .iter()
        .flat_map(|text| [(360, 740), (1280, 720)].map(|size| (text.as_str(), size)));
    let pages: Vec<_> = pages.collect();
    assert_eq!(found(folder.path(), &pages, OVER), ["0"; 8]);
}

#[test]
fn the_measure_of_this_test_sees_what_is_too_wide() {
    let folder = tempfile::tempdir().unwrap();
    let wide = "<body style='margin:0'><p style='width:400px'>x";
    assert_eq!(found(folder.path(), &[(wide, (360, 740))], OVER), ["40"]);
}

/// Where a window stands after each of these keys, in slides from the first.
const KEYS: &str = "
    const view = page.defaultView;
    const slides = [...page.querySelectorAll('.slide')];
    const at = (view.innerHeight - slides[0].offsetHeight) / 2;
    const stands = (key, more) => {
        view.dispatchEvent(new view.KeyboardEvent('keydown', { key, cancelable: true, ...more }));
        return slides.findIndex((slide) => Math.abs(slide.getBoundingClientRect().top - at) < 2);
    };
    const back = { shiftKey: true };
    return [stands('ArrowRight'), stands(' '), stands('ArrowLeft'), stands('PageDown'), stands(' ', back),
        stands('Home'), stands('ArrowUp'), stands('x'), stands('ArrowRight', { ctrlKey: true })].join(' ')
        + ' ' + (stands('End') === slides.length - 1)";

#[test]
fn keys_lead_from_slide_to_slide() {
    let folder = tempfile::tempdir().unwrap();
    let material = material(Language::English);
    let slides = deck(&report(&material, None), Some(&last(&material)));
    let pages = [(1280, 720), (1024, 768)].map(|size| (slides.as_str(), size));
    let stands = found(folder.path(), &pages, KEYS);
    assert_eq!(stands, ["1 2 1 2 1 0 0 0 0 true"; 2]);
}

#[test]
fn nothing_is_asked_for_outside() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("--proxy-server=http://{}", proxy.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        use std::io::Read as _;
        for stream in proxy.incoming() {
            let mut head = [0; 2048];
            let length = stream
                .and_then(|mut stream| stream.read(&mut head))
                .unwrap_or(0);
            *heard.lock().unwrap() += &String::from_utf8_lossy(&head[..length]);
        }
    });
    let material = with_text(crate::HOSTILE);
    let report = report(&material, None);
    for text in [html(&report), deck(&report, Some(&last(&material)))] {
        let page = write(folder.path(), "page.html", &text);
        chromium(folder.path(), &[&address, "--dump-dom", &page]);
        assert!(!asked.lock().unwrap().contains("outside.example"));
    }
    // A page that asks is heard.
    let page = write(
        folder.path(),
        "asks.html",
        "<img src='http://outside.example/z'>",
    );
    chromium(folder.path(), &[&address, "--dump-dom", &page]);
    assert!(asked.lock().unwrap().contains("outside.example/z"));
}
