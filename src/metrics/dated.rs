//! Families over a stretch of time, as OpenMetrics with timestamps: what a scrape would have shown at each step, put in the
//! order that the format asks for, each series whole before the next one begins (OpenMetrics 1.0, "Interleaving of
//! metrics"). Memory does not grow with the stretch: what is not the same for long lies in a file until it is written.
//! Knows no store and judges nothing.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::names::Metric;
use super::writer::{Family, Format, Labels, Value, finish, float, head};

/// So many steps of a series are held in memory before they are put into the file.
const CHUNK: usize = 512;
/// Bits that no sample has: samples are finite.
const ABSENT: u64 = f64::NAN.to_bits();
/// What is gathered before it is handed on.
const BUFFER: usize = 64 * 1024;

/// The steps: so many instants at the same distance, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The first.
    pub first: i64,
    /// The distance, above 0.
    pub every: i64,
    /// How many.
    pub count: usize,
}

/// Families as they come, step by step.
#[derive(Debug)]
pub struct Dated<F> {
    steps: Steps,
    /// Labels that each series has beside its own.
    labels: String,
    file: F,
    end: u64,
    families: Vec<Tracks>,
    /// The steps that have come.
    came: usize,
}

/// All series of one metric.
#[derive(Debug)]
struct Tracks {
    metric: &'static Metric,
    all: Vec<Track>,
    places: HashMap<String, usize>,
    /// Where the next sample is looked for first: they come in the same order at nearly every step.
    next: usize,
}

/// One series.
#[derive(Debug)]
struct Track {
    labels: String,
    chunks: Vec<Chunk>,
    current: Vec<u64>,
}

/// The steps of one chunk.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// The same at all of them, or at none.
    Same(u64),
    /// They stand in the file, from there on.
    At(u64),
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Series of all metrics.
    pub series: usize,
    /// Samples of all series.
    pub samples: u64,
}

impl Steps {
    /// The instant of a step.
    #[must_use]
    pub fn at(&self, step: usize) -> i64 {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.first.saturating_add(self.every.saturating_mul(step))
    }
}

impl<F: Read + Write + Seek> Dated<F> {
    /// Nothing yet. `file` is empty and belongs to no one else; `labels` are written behind those of each series.
    pub fn new(steps: Steps, labels: &[(String, String)], file: F) -> Self {
        Self {
            steps,
            labels: Labels::text_of(labels),
            file,
            end: 0,
            families: Vec::new(),
            came: 0,
        }
    }

    /// Takes the families of the next step. Of histograms nothing is kept: they count and have no past.
    ///
    /// # Errors
    /// When the file takes no more.
    pub fn step(&mut self, families: &[Family]) -> io::Result<()> {
        let (chunk, place) = (self.came / CHUNK, self.came % CHUNK);
        for family in families {
            let tracks = tracks(&mut self.families, family.metric());
            for (labels, value) in family.samples() {
                if let Value::Number(number) = value {
                    let track = tracks.find(labels.text(), chunk);
                    track.current[place] = number.to_bits();
                }
            }
        }
        self.came += 1;
        if self.came.is_multiple_of(CHUNK) {
            self.put_away()?;
        }
        Ok(())
    }

    fn put_away(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.end))?;
        for track in self.families.iter_mut().flat_map(|tracks| &mut tracks.all) {
            let first = track.current[0];
            if track.current.iter().all(|bits| *bits == first) {
                track.chunks.push(Chunk::Same(first));
            } else {
                track.chunks.push(Chunk::At(self.end));
                bytes.clear();
                bytes.extend(track.current.iter().flat_map(|bits| bits.to_le_bytes()));
                self.file.write_all(&bytes)?;
                self.end += bytes.len() as u64;
            }
            track.current.fill(ABSENT);
        }
        Ok(())
    }

    /// Writes all that came, and the end of the exposition.
    ///
    /// # Errors
    /// When the file or `out` is at fault.
    pub fn write(mut self, out: &mut dyn Write) -> io::Result<Written> {
        let whole = self.came.div_ceil(CHUNK);
        if !self.came.is_multiple_of(CHUNK) {
            self.put_away()?;
        }
        let mut written = Written::default();
        let mut text = String::with_capacity(2 * BUFFER);
        let mut bytes = vec![0; CHUNK * 8];
        for mut tracks in std::mem::take(&mut self.families) {
            tracks.all.sort_by(|a, b| a.labels.cmp(&b.labels));
            if tracks.all.is_empty() {
                continue;
            }
            head(&mut text, tracks.metric, Format::OpenMetrics);
            for track in &tracks.all {
                written.series += 1;
                let comma = if track.labels.is_empty() || self.labels.is_empty() {
                    ""
                } else {
                    ","
                };
                let name = tracks.metric.name;
                let name = format!("{name}{{{}{comma}{}}} ", track.labels, self.labels);
                let mut line = Line::new(name);
                for nth in 0..whole {
                    let first = nth * CHUNK;
                    let steps = CHUNK.min(self.came - first);
                    match track.chunks[nth] {
                        Chunk::Same(ABSENT) => continue,
                        Chunk::Same(bits) => {
                            bytes
                                .chunks_exact_mut(8)
                                .for_each(|b| b.copy_from_slice(&bits.to_le_bytes()));
                        }
                        Chunk::At(place) => {
                            self.file.seek(SeekFrom::Start(place))?;
                            self.file.read_exact(&mut bytes)?;
                        }
                    }
                    for (step, bits) in bytes.as_chunks::<8>().0.iter().take(steps).enumerate() {
                        let bits = u64::from_le_bytes(*bits);
                        if bits != ABSENT {
                            line.write(&mut text, bits, self.steps.at(first + step));
                            written.samples += 1;
                        }
                    }
                    if text.len() >= BUFFER {
                        out.write_all(text.as_bytes())?;
                        text.clear();
                    }
                }
            }
        }
        finish(&mut text, Format::OpenMetrics);
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(written)
    }
}

fn tracks<'f>(families: &'f mut Vec<Tracks>, metric: &'static Metric) -> &'f mut Tracks {
    let place = families
        .iter()
        .position(|tracks| std::ptr::eq(tracks.metric, metric));
    let place = place.unwrap_or_else(|| {
        families.push(Tracks {
            metric,
            all: Vec::new(),
            places: HashMap::new(),
            next: 0,
        });
        families.len() - 1
    });
    let tracks = &mut families[place];
    tracks.next = 0;
    tracks
}

impl Tracks {
    /// The series of these labels; one that was not there before has no samples in the chunks that have passed.
    fn find(&mut self, labels: &str, chunks: usize) -> &mut Track {
        let same = |place: &usize| {
            self.all
                .get(*place)
                .is_some_and(|track| track.labels == labels)
        };
        let known = Some(self.next).filter(same);
        let place = known
            .or_else(|| self.places.get(labels).copied())
            .unwrap_or_else(|| {
                self.places.insert(labels.to_owned(), self.all.len());
                self.all.push(Track {
                    labels: labels.to_owned(),
                    chunks: vec![Chunk::Same(ABSENT); chunks],
                    current: vec![ABSENT; CHUNK],
                });
                self.all.len() - 1
            });
        self.next = place + 1;
        &mut self.all[place]
    }
}

/// The lines of one series: most are like the one before but for the time.
struct Line {
    /// Name, labels and, behind them, the newest number.
    begin: String,
    name: usize,
    bits: u64,
}

impl Line {
    fn new(name: String) -> Self {
        Self {
            name: name.len(),
            begin: name,
            bits: ABSENT,
        }
    }

    fn write(&mut self, out: &mut String, bits: u64, ms: i64) {
        if bits != self.bits {
            self.bits = bits;
            self.begin.truncate(self.name);
            float(&mut self.begin, f64::from_bits(bits));
            self.begin.push(' ');
        }
        out.push_str(&self.begin);
        let (seconds, rest) = (ms.div_euclid(1000), ms.rem_euclid(1000));
        // Times before 1970 have no whole seconds to stand beside a fraction; nothing was measured then.
        let _ = match rest {
            0 => writeln!(out, "{seconds}"),
            _ => writeln!(out, "{seconds}.{rest:03}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::names;

    fn family(metric: &'static Metric, samples: &[(&str, f64)]) -> Family {
        let sample = |(source, number): &(&str, f64)| {
            let labels = Labels::new([("source", (*source).to_owned())]);
            (Arc::new(labels), Value::Number(*number))
        };
        Family::new(metric, samples.iter().map(sample))
    }

    fn written(steps: Steps, all: &[Vec<Family>]) -> (String, Written) {
        let labels = [("job".to_owned(), "a \"b\"".to_owned())];
        let mut dated = Dated::new(steps, &labels, Cursor::new(Vec::new()));
        for families in all {
            dated.step(families).unwrap();
        }
        let mut out = Vec::new();
        let written = dated.write(&mut out).unwrap();
        (String::from_utf8(out).unwrap(), written)
    }

    #[test]
    fn each_series_is_whole_before_the_next_begins() {
        let steps = Steps {
            first: 1_000_500,
            every: 300_000,
            count: 3,
        };
        let (up, info) = (&names::SOURCE_UP, &names::SOURCE_INFO);
        let (text, count) = written(
            steps,
            &[
                vec![family(up, &[("b", 1.0)]), family(info, &[("b", 1.0)])],
                vec![
                    family(up, &[("a", 0.5), ("b", 1.0)]),
                    family(info, &[("b", 1.0)]),
                ],
                vec![family(up, &[("a", 0.25)]), family(info, &[])],
            ],
        );
        assert_eq!(
            text,
            "# HELP okrd_source_up 1 when the newest poll worked, 0 when it failed, absent before the first\n\
             # TYPE okrd_source_up gauge\n\
             okrd_source_up{source=\"a\",job=\"a \\\"b\\\"\"} 0.5 1300.500\n\
             okrd_source_up{source=\"a\",job=\"a \\\"b\\\"\"} 0.25 1600.500\n\
             okrd_source_up{source=\"b\",job=\"a \\\"b\\\"\"} 1 1000.500\n\
             okrd_source_up{source=\"b\",job=\"a \\\"b\\\"\"} 1 1300.500\n\
             # HELP okrd_source What the source is, always 1\n\
             # TYPE okrd_source info\n\
             okrd_source_info{source=\"b\",job=\"a \\\"b\\\"\"} 1 1000.500\n\
             okrd_source_info{source=\"b\",job=\"a \\\"b\\\"\"} 1 1300.500\n\
             # EOF\n"
        );
        assert_eq!((count.series, count.samples), (3, 6));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Over several chunks: whatever comes, vanishes and comes again is found at its step.
        #[test]
        fn what_came_is_written(
            runs in prop::collection::vec((0..3_usize, 1..900_usize, prop::option::of(-1e9..1e9_f64)), 1..12),
        ) {
            let count: usize = runs.iter().map(|(_, long, _)| long).sum();
            let steps = Steps { first: 0, every: 1000, count };
            let sources = ["x", "y", "z"];
            let mut all = Vec::new();
            let mut expected = vec![Vec::new(); 3];
            for (source, long, value) in runs {
                for _ in 0..long {
                    if let Some(value) = value {
                        expected[source].push((value, all.len()));
                    }
                    let samples: Vec<_> = value.map(|v| (sources[source], v)).into_iter().collect();
                    all.push(vec![family(&names::SOURCE_UP, &samples)]);
                }
            }
            let (text, _) = written(steps, &all);
            for (source, expected) in sources.iter().zip(expected) {
                let begin = format!("okrd_source_up{{source=\"{source}\",");
                let lines = text.lines().filter(|line| line.starts_with(&begin));
                let found: Vec<(f64, usize)> = lines.map(|line| {
                    let mut words = line.rsplit(' ');
                    let at = words.next().unwrap().parse().unwrap();
                    (words.next().unwrap().parse().unwrap(), at)
                }).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
