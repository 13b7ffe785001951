//! Bodies of answers: a large part that all answers about one board share, and a small part of each answer's own.
//! The shared part is kept and compressed once, so that neither many nor slow readers cost memory or time.

use std::convert::Infallible;
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use futures_util::stream;

use super::negotiate;

/// How many compressed parts are kept: page, scorecard and both exposition formats, each for two boards.
const KEPT: usize = 8;
/// RFC 1952, 2.3: deflate, no flags, no time, no extra flags, unknown system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A text in two parts, sent one after the other.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The same for many answers; recognised by its address.
    pub shared: Arc<String>,
    /// This answer's own.
    pub own: String,
}

/// Compressed shared parts, last used first.
#[derive(Debug, Default)]
pub struct Gzip {
    kept: Mutex<Vec<Arc<Packed>>>,
}

/// A shared part, compressed by whoever asks first; others wait for that.
#[derive(Debug)]
struct Packed {
    /// Weak, so that a text goes with its board; its address is not given away meanwhile.
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
            vec![
                Bytes::from_owner(Shared(parts.shared)),
                Bytes::from(parts.own),
            ]
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

    /// One gzip member: the shared part deflated up to a byte boundary, then the own part, then one checksum of both.
    fn pack(&self, parts: &Parts) -> Vec<Bytes> {
        let (shared, mut crc) = self.deflated(&parts.shared);
        let mut tail = deflate(parts.own.as_bytes(), FlushCompress::Finish);
        crc.update(parts.own.as_bytes());
        tail.extend(crc.sum().to_le_bytes());
        tail.extend(crc.amount().to_le_bytes());
        vec![Bytes::from_static(&GZIP_HEAD), shared, tail.into()]
    }

    /// Compresses a shared part that will be asked for.
    pub fn prepare(&self, shared: &Arc<String>) {
        let _ = self.deflated(shared);
    }

    fn deflated(&self, text: &Arc<String>) -> (Bytes, Crc) {
        let packed = self.packed(text);
        let (deflated, known) = packed.made.get_or_init(|| {
            let mut crc = Crc::new();
            crc.update(text.as_bytes());
            (deflate(text.as_bytes(), FlushCompress::Sync).into(), crc)
        });
        let mut crc = Crc::new();
        crc.combine(known);
        (deflated.clone(), crc)
    }

    fn packed(&self, text: &Arc<String>) -> Arc<Packed> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|packed| packed.of.strong_count() > 0);
        let same = |packed: &Arc<Packed>| ptr::eq(packed.of.as_ptr(), Arc::as_ptr(text));
        let known = kept.iter().position(same);
        let packed = known.map_or_else(
            || {
                Arc::new(Packed {
                    of: Arc::downgrade(text),
                    made: OnceLock::new(),
                })
            },
            |place| kept.remove(place),
        );
        kept.insert(0, Arc::clone(&packed));
        kept.truncate(KEPT);
        packed
    }
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
        fn two_parts_make_one_gzip_member(shared in any::<String>(), own in any::<String>(), times in 0_usize..400) {
            let gzip = Gzip::default();
            let parts = Parts { shared: shared.repeat(times).into(), own };
            let whole = format!("{}{}", parts.shared, parts.own);
            prop_assert_eq!(unpack(&gzip.pack(&parts)), whole.clone());
            prop_assert_eq!(unpack(&gzip.pack(&parts)), whole);
        }
    }

    #[test]
    fn a_shared_part_is_compressed_once_and_goes_with_its_board() {
        let gzip = Gzip::default();
        let text = Arc::new("a scorecard ".repeat(10_000));
        let (first, _) = gzip.deflated(&text);
        assert!(first.len() < text.len() / 10);
        assert_eq!(first.as_ptr(), gzip.deflated(&text).0.as_ptr());
        assert_eq!(Arc::strong_count(&text), 1);
        drop(text);
        let next = Arc::new(String::from("another"));
        let _ = gzip.deflated(&next);
        assert_eq!(gzip.kept.lock().unwrap().len(), 1);
        let more: Vec<_> = (0..KEPT).map(|i| Arc::new(i.to_string())).collect();
        for text in &more {
            let _ = gzip.deflated(text);
        }
        assert_eq!(gzip.kept.lock().unwrap().len(), KEPT);
    }
}
