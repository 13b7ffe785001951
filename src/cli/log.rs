//! The log: set up once, on stderr; and the engine's events as lines. Source failures are told when they begin and
//! when they end, not at each poll: a tracker that is down for a night must not fill the journal.

use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Write as _};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::exit::Failure;
use crate::config::schedule::show_duration;
use crate::domain::fault::is_bidi_control;
use crate::domain::id::Slug;
use crate::engine::event::{Event, Observe, Skip};
use crate::engine::lane::{Held, Why};
use crate::engine::past::Slots;
use crate::metrics::daemon::LogCounter;

/// Sets the log up. `OKRD_LOG` names the level (`info` when unset), `OKRD_LOG_FORMAT=json` makes each line a JSON
/// object.
///
/// # Errors
/// When `OKRD_LOG` or `OKRD_LOG_FORMAT` holds another word.
pub fn start(counter: LogCounter) -> Result<(), Failure> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let fields = debug_fn(write_field).delimited(" ");
    let registry = tracing_subscriber::registry().with(filter()?).with(counter);
    let format = std::env::var("OKRD_LOG_FORMAT").unwrap_or_default();
    match format.as_str() {
        "" | "text" => {
            let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let lines = lines.fmt_fields(fields).with_ansi(ansi).with_target(false);
            // A second start, as in tests, keeps the first log.
            let _ = registry.with(lines).try_init();
        }
        "json" => {
            let _ = registry.with(lines.json().flatten_event(true)).try_init();
        }
        other => {
            return Err(Failure::usage(format!(
                "OKRD_LOG_FORMAT is `{}`: expected text or json",
                other.escape_debug()
            )));
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("okrd itself failed: {panic}: please report this line");
    }));
    Ok(())
}

/// Writes a field of a line. What others say may stand in it, so nothing in it can end the line or command a terminal.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    match field.name() {
        // What the `log` crate tells of itself.
        name if name.starts_with("log.") => Ok(()),
        "message" => write!(OneLine(writer), "{value:?}"),
        name => write!(OneLine(writer), "{name}={value:?}"),
    }
}

/// Lets no control and no direction character through.
struct OneLine<'a, 'w>(&'a mut Writer<'w>);

impl std::fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let breaks =
            |c: char| c.is_control() || is_bidi_control(c) || matches!(c, '\u{2028}' | '\u{2029}');
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, c)| breaks(*c)) {
            let (before, after) = rest.split_at(at);
            write!(self.0, "{before}{}", found.escape_default())?;
            rest = after.strip_prefix(found).unwrap_or_default();
        }
        self.0.write_str(rest)
    }
}

/// Our own lines at the level asked for. Libraries tell warnings only: some print whole answers at lower levels.
fn filter() -> Result<EnvFilter, Failure> {
    let level = std::env::var("OKRD_LOG").unwrap_or_else(|_| "info".into());
    if !["error", "warn", "info", "debug", "trace"].contains(&level.as_str()) {
        return Err(Failure::usage(format!(
            "OKRD_LOG is `{}`: expected error, warn, info, debug or trace",
            level.escape_debug()
        )));
    }
    // A certificate that does not verify is a fault of its poll; the verifier's own line would only repeat it.
    let quiet = "sqlx=error,jira_query=warn,rustls_platform_verifier=off";
    let directives = format!("warn,okrd={level},{quiet}");
    EnvFilter::try_new(directives).map_err(|error| Failure::usage(format!("OKRD_LOG: {error}")))
}

/// Writes the engine's events to the log.
#[derive(Default)]
pub struct EventLog {
    failing: Mutex<HashSet<String>>,
    /// Why sources are left alone.
    held: Mutex<HashMap<String, Why>>,
    store_down: Mutex<bool>,
}

impl Observe for EventLog {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::PollStarted { .. } => {}
            Event::PollEnded {
                source,
                key_result,
                fault: None,
                ..
            } => {
                let key = format!("{key_result}");
                if self.failing().remove(&key) {
                    tracing::info!(%source, %key_result, "measured again");
                }
            }
            Event::PollEnded {
                source,
                key_result,
                fault: Some(fault),
                ..
            } => {
                let class = fault.class.as_str();
                if self.failing().insert(format!("{key_result}")) {
                    tracing::warn!(%source, %key_result, class, "not measured: {fault}");
                } else {
                    tracing::debug!(%source, %key_result, class, "still not measured: {fault}");
                }
            }
            Event::PollSkipped {
                source,
                key_result,
                why,
            } => tracing::debug!(%source, %key_result, "slot passed by: {}", reason(*why)),
            Event::HeldBack { source, held } => self.held_back(source, *held),
            Event::LetGo { source } => {
                if self.held().remove(source.as_str()).is_some() {
                    tracing::info!(%source, "asked as ever again");
                }
            }
            Event::SlotsPassed {
                source,
                key_result,
                missed,
                owed,
            } => {
                if let Some(Slots { count, first, last }) = missed {
                    tracing::info!(%source, %key_result, count, %first, %last, "slots passed without a poll; their numbers are not asked for");
                }
                if let Some(Slots { count, first, last }) = owed {
                    tracing::info!(%source, %key_result, count, %first, %last, "slots passed without a poll; they are filled afterwards");
                }
            }
            Event::SlotFilled {
                source,
                key_result,
                slot,
                fault,
                ..
            } => match fault {
                None => tracing::debug!(%source, %key_result, %slot, "past slot filled"),
                Some(fault) => {
                    tracing::debug!(%source, %key_result, %slot, "past slot not filled: {fault}");
                }
            },
            Event::FillingRests { source, key_result } => {
                tracing::warn!(%source, %key_result, "the source is in trouble: past slots are filled on in an hour, or after a restart");
            }
            Event::ClockJumped { by } => {
                let rounded = Duration::from_secs(by.unsigned_abs().as_secs());
                let length = show_duration(rounded);
                if by.is_positive() {
                    tracing::warn!(
                        "the clock jumped forward by {length}, or the machine slept: each key result is asked once, for its newest slot"
                    );
                } else {
                    tracing::warn!(
                        "the clock was set back by {length}: no slot is asked twice, and intervals go on at their pace"
                    );
                }
            }
            Event::StoreWrote => {
                if std::mem::take(&mut *self.store_down()) {
                    tracing::info!("the store takes writes again; nothing was lost");
                }
            }
            Event::StoreFailed { message } => {
                if !std::mem::replace(&mut *self.store_down(), true) {
                    tracing::error!("{message}: polling waits until it takes writes again");
                }
            }
            // Told with the difference, or with what was found, by whoever read the files.
            Event::Reloaded { .. } => {}
        }
    }
}

impl EventLog {
    fn failing(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, Why>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells once why a source is left alone; that it goes on so is told to whoever wants to know more.
    fn held_back(&self, source: &Slug, held: Held) {
        let news = self.held().insert(source.to_string(), held.why()) != Some(held.why());
        match held {
            Held::Login { since } if news => {
                tracing::warn!(%source, %since, "the source refused the login and is not asked until its secret changes or somebody runs: okrd resume {source}");
            }
            Held::Login { .. } => {}
            Held::Patience { until, cut: true } => {
                tracing::warn!(%source, %until, "the source asked for longer patience than polling.max_retry_after grants; it is left alone for that long");
            }
            Held::Patience { until, cut: false } if news => {
                tracing::warn!(%source, %until, "the source asked for patience and is left alone");
            }
            Held::Patience { until, .. } => {
                tracing::debug!(%source, %until, "the source asked for more patience");
            }
            Held::Trouble { until, .. } if news => {
                tracing::warn!(%source, %until, "the source failed several times in a row and is left alone; then one question tells whether it is back");
            }
            Held::Trouble { until, times } => {
                tracing::debug!(%source, %until, times, "the source is not back yet");
            }
        }
    }

    fn store_down(&self) -> std::sync::MutexGuard<'_, bool> {
        self.store_down
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason(why: Skip) -> &'static str {
    match why {
        Skip::StillRunning => "the poll before it still runs",
        Skip::SourceHeld(Why::Login) => "its source refused the login",
        Skip::SourceHeld(Why::Patience) => "its source asked for patience",
        Skip::SourceHeld(Why::Trouble) => "its source failed several times in a row",
    }
}

/// Tells two listeners of each event.
pub struct Both<A, B>(pub A, pub B);

impl<A: Observe, B: Observe> Observe for Both<A, B> {
    fn observe(&self, event: &Event<'_>) {
        self.0.observe(event);
        self.1.observe(event);
    }
}

impl<T: Observe + ?Sized> Observe for std::sync::Arc<T> {
    fn observe(&self, event: &Event<'_>) {
        (**self).observe(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a field becomes in a line of text.
    #[test]
    fn f75_nothing_in_a_line_ends_it_or_commands_a_terminal() {
        let written = |text: &str| {
            let mut line = String::new();
            OneLine(&mut Writer::new(&mut line))
                .write_str(text)
                .unwrap();
            line
        };
        for (text, shown) in [
            ("plain – ä ✓", "plain – ä ✓"),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}1m\u{7f}", "\\u{9b}1m\\u{7f}"),
            ("\u{202e}x\u{2028}", "\\u{202e}x\\u{2028}"),
            ("\t", "\\t"),
            ("", ""),
        ] {
            assert_eq!(written(text), shown);
        }
    }

    #[test]
    fn libraries_tell_warnings_and_the_certificate_verifier_nothing() {
        let registry = tracing_subscriber::registry().with(filter().unwrap());
        tracing::subscriber::with_default(registry, || {
            assert!(tracing::enabled!(target: "okrd::engine", tracing::Level::ERROR));
            assert!(tracing::enabled!(target: "hyper", tracing::Level::WARN));
            assert!(!tracing::enabled!(target: "hyper", tracing::Level::INFO));
            assert!(!tracing::enabled!(
                target: "rustls_platform_verifier::verification::others",
                tracing::Level::ERROR
            ));
        });
    }
}
