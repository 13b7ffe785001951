//! Bodies of answers: a large part that all answers about one board share, and a small part of each answer's own.
//! The shared part is kept and compressed once, so that neither many nor slow readers cost memory or time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use futures_util::stream;

use super::negotiate;

/// How many compressed answers are kept: page, scorecard and both exposition formats, each for two boards.
const KEPT: usize = 8;
/// Texts are looked through for those that nobody holds any more when there are twice as many as were held then, and at
/// least so many.
const LOOKED_THROUGH: usize = 64;
/// RFC 1952, 2.3: deflate, no flags, no time, no extra flags, unknown system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A text in pieces, sent one after the other.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The same for many answers; recognised by its address, and so is each piece.
    pub shared: Arc<Vec<Arc<String>>>,
    /// This answer's own.
    pub own: String,
}

impl Parts {
    /// One shared text.
    #[must_use]
    pub fn shared(text: Arc<String>) -> Self {
        Self {
            shared: Arc::new(vec![text]),
            own: String::new(),
        }
    }
}

/// Compressed shared parts.
#[derive(Debug, Default)]
pub struct Gzip {
    /// Last used first.
    kept: Mutex<Vec<Arc<Joined>>>,
    texts: Mutex<Texts>,
}

/// Pieces compressed and put together by whoever asks first; others wait for that.
#[derive(Debug)]
struct Joined {
    /// Weak, so that the texts go with their board; their address is not given away meanwhile.
    of: Weak<Vec<Arc<String>>>,
    made: OnceLock<(Bytes, Crc)>,
}

/// Single texts by their address.
#[derive(Debug, Default)]
struct Texts {
    packed: HashMap<usize, Arc<Packed>>,
    held: usize,
}

#[derive(Debug)]
struct Packed {
    of: Weak<String>,
    made: OnceLock<(Bytes, Crc)>,
}

/// A shared text as the owner of bytes, so that all answers read the same memory.
struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Gzip {
    /// The answer 200 with this text, compressed when the client takes it.
    #[must_use]
    pub fn answer(&self, request: &HeaderMap, content_type: HeaderValue, parts: Parts) -> Response {
        let gzip = negotiate::gzip(request);
        let pieces = if gzip {
            self.pack(&parts)
        } else {
            let shared = parts.shared.iter().map(Arc::clone);
            let shared = shared.map(|text| Bytes::from_owner(Shared(text)));
            shared.chain([Bytes::from(parts.own)]).collect()
        };
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let mut response = Response::new(Body::from_stream(stream::iter(
            pieces.map(Ok::<_, Infallible>),
        )));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// The answer 200 with JSON of this answer's own.
    pub(super) fn json(&self, request: &HeaderMap, own: String) -> Response {
        let parts = Parts {
            shared: Arc::default(),
            own,
        };
        self.answer(request, HeaderValue::from_static("application/json"), parts)
    }

    /// One gzip member: the shared pieces, each deflated up to a byte boundary, then the own part, then one checksum of all.
    fn pack(&self, parts: &Parts) -> Vec<Bytes> {
        let (shared, mut crc) = self.joined(&parts.shared);
        let mut tail = deflate(parts.own.as_bytes(), FlushCompress::Finish);
        crc.update(parts.own.as_bytes());
        tail.extend(crc.sum().to_le_bytes());
        tail.extend(crc.amount().to_le_bytes());
        vec![Bytes::from_static(&GZIP_HEAD), shared, tail.into()]
    }

    /// Compresses a shared part that will be asked for.
    pub fn prepare(&self, shared: &Arc<Vec<Arc<String>>>) {
        let _ = self.joined(shared);
    }

    /// In one piece: to hand a thousand small ones to the socket takes longer than to put them together once.
    fn joined(&self, shared: &Arc<Vec<Arc<String>>>) -> (Bytes, Crc) {
        let joined = self.kept(shared);
        let (whole, known) = joined.made.get_or_init(|| {
            let (mut whole, mut crc) = (Vec::new(), Crc::new());
            for text in shared.iter() {
                let packed = self.packed(text);
                let (deflated, known) = packed.made.get_or_init(|| deflated(text));
                whole.extend_from_slice(deflated);
                crc.combine(known);
            }
            (whole.into(), crc)
        });
        let mut crc = Crc::new();
        crc.combine(known);
        (whole.clone(), crc)
    }

    fn kept(&self, shared: &Arc<Vec<Arc<String>>>) -> Arc<Joined> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|joined| joined.of.strong_count() > 0);
        let same = |joined: &Arc<Joined>| ptr::eq(joined.of.as_ptr(), Arc::as_ptr(shared));
        let known = kept.iter().position(same);
        let joined = known.map_or_else(
            || {
                Arc::new(Joined {
                    of: Arc::downgrade(shared),
                    made: OnceLock::new(),
                })
            },
            |place| kept.remove(place),
        );
        kept.insert(0, Arc::clone(&joined));
        kept.truncate(KEPT);
        joined
    }

    fn packed(&self, text: &Arc<String>) -> Arc<Packed> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.packed.len() > texts.held.max(LOOKED_THROUGH) * 2 {
            texts
                .packed
                .retain(|_, packed| packed.of.strong_count() > 0);
            texts.held = texts.packed.len();
        }
        let packed = texts.packed.entry(Arc::as_ptr(text) as usize);
        let packed = packed.or_insert_with(|| {
            Arc::new(Packed {
                of: Arc::downgrade(text),
                made: OnceLock::new(),
            })
        });
        Arc::clone(packed)
    }
}

fn deflated(text: &str) -> (Bytes, Crc) {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let mut packed = deflate(text.as_bytes(), FlushCompress::Sync);
    packed.shrink_to_fit();
    (packed.into(), crc)
}

/// Raw deflate (RFC 1951). `Sync` ends on a byte boundary with the stream still open, `Finish` closes it.
fn deflate(mut text: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut compress = Compress::new(Compression::fast(), false);
    let mut out = Vec::with_capacity(text.len() / 8 + 64);
    loop {
        let before = compress.total_in();
        let status = compress.compress_vec(text, &mut out, flush);
        let eaten = usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
        text = text.get(eaten..).unwrap_or_default();
        let all_written = text.is_empty() && out.len() < out.capacity();
        match status {
            Ok(Status::StreamEnd) | Err(_) => return out,
            Ok(_) if all_written && !matches!(flush, FlushCompress::Finish) => return out,
            Ok(_) => out.reserve(out.capacity().max(256)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn unpack(pieces: &[Bytes]) -> String {
        let whole = pieces.concat();
        let mut text = String::new();
        let mut decoder = GzDecoder::new(whole.as_slice());
        decoder.read_to_string(&mut text).unwrap();
        let rest = decoder.into_inner();
        assert!(rest.is_empty(), "bytes after the member");
        text
    }

    proptest! {
        #[test]
        fn all_parts_make_one_gzip_member(
            shared in proptest::collection::vec((any::<String>(), 0_usize..200), 0..6),
            own in any::<String>(),
        ) {
            let gzip = Gzip::default();
            let shared = shared.iter().map(|(text, times)| Arc::new(text.repeat(*times)));
            let parts = Parts { shared: Arc::new(shared.collect()), own };
            let shared: String = parts.shared.iter().map(|text| text.as_str()).collect();
            let whole = format!("{shared}{}", parts.own);
            prop_assert_eq!(unpack(&gzip.pack(&parts)), whole.clone());
            prop_assert_eq!(unpack(&gzip.pack(&parts)), whole);
        }
    }

    #[test]
    fn a_shared_text_is_compressed_once_and_goes_with_its_board() {
        let gzip = Gzip::default();
        let text = Arc::new("a scorecard ".repeat(10_000));
        let one = Parts::shared(Arc::clone(&text));
        let other = Parts::shared(Arc::clone(&text));
        let (first, _) = gzip.joined(&one.shared);
        assert!(first.len() < text.len() / 10);
        assert_eq!(first.as_ptr(), gzip.joined(&one.shared).0.as_ptr());
        let packed = gzip.packed(&text);
        gzip.prepare(&other.shared);
        assert!(Arc::ptr_eq(&packed, &gzip.packed(&text)));
        assert_eq!(gzip.texts.lock().unwrap().packed.len(), 1);
        drop((one, other));
        assert_eq!(Arc::strong_count(&text), 1);
        drop((text, first, packed));
        let next = Parts::shared(Arc::new(String::from("another")));
        let _ = gzip.joined(&next.shared);
        assert_eq!(gzip.kept.lock().unwrap().len(), 1);
        let more: Vec<_> = (0..KEPT)
            .map(|i| Parts::shared(Arc::new(i.to_string())))
            .collect();
        for parts in &more {
            let _ = gzip.joined(&parts.shared);
        }
        assert_eq!(gzip.kept.lock().unwrap().len(), KEPT);
        for i in 0..10 * LOOKED_THROUGH {
            let _ = gzip.joined(&Parts::shared(Arc::new(i.to_string())).shared);
        }
        assert!(gzip.texts.lock().unwrap().packed.len() <= 2 * LOOKED_THROUGH + 1);
    }
}
