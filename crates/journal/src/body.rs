use std::borrow::Cow;
use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

/// Kept as it is.
const IDENTITY: &str = "identity";
/// Compressed as RFC 8878 says.
const ZSTD: &str = "zstd";

/// One of the fast levels: webhook JSON shrinks to about a quarter in a third of the time that the first of
/// the ordinary levels takes to gain another twentieth.
const LEVEL: i32 = -1;
/// Shorter bodies are not worth it.
const SHORTEST: usize = 256;

/// A frame says how long its content is. Up to so much is believed before it is seen.
const BELIEVED: u64 = 64 << 20;

thread_local! {
    /// Making one costs more than compressing an ordinary body.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    /// The same holds the other way round.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A body in the form it is stored in. `encoding` names what was done to the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) encoding: Cow<'static, str>,
    pub(crate) bytes: Bytes,
}

/// Why a stored body cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("this program does not know the encoding {0:?}")]
    Encoding(String),
    #[error("it cannot be decompressed: {0}")]
    Damaged(#[from] io::Error),
}

impl Stored {
    /// Compresses `body`, unless that makes it no shorter.
    pub(crate) fn of(body: &Bytes) -> Self {
        let shorter = if body.len() < SHORTEST { None } else { compress(body) };
        match shorter.filter(|compressed| compressed.len() < body.len()) {
            Some(compressed) => Self { encoding: ZSTD.into(), bytes: compressed.into() },
            None => Self { encoding: IDENTITY.into(), bytes: body.clone() },
        }
    }

    /// The body as it was.
    pub(crate) fn open(self) -> Result<Bytes, Unreadable> {
        match self.encoding.as_ref() {
            IDENTITY => Ok(self.bytes),
            ZSTD => Ok(decompress(&self.bytes)?.into()),
            other => Err(Unreadable::Encoding(other.to_owned())),
        }
    }
}

/// Nothing if there is no memory for it; the body is then kept as it is.
fn compress(body: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        if compressor.is_none() {
            *compressor = Compressor::new(LEVEL).ok();
        }
        compressor.as_mut()?.compress(body).ok()
    })
}

fn decompress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let Some(size) = size.filter(|size| *size <= BELIEVED).and_then(|size| usize::try_from(size).ok()) else {
        return zstd::decode_all(bytes);
    };
    DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
        Some(decompressor) => decompressor.decompress(bytes, size),
        none => none.insert(Decompressor::new()?).decompress(bytes, size),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_survive_and_shrink_where_they_can() {
        let json = Bytes::from(r#"{"url":"https://api.github.com/repos/acme/web"},"#.repeat(100));
        let noise: Bytes =
            (0..4000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        for (body, encoding) in [(json, ZSTD), (noise, IDENTITY), (Bytes::new(), IDENTITY)] {
            let stored = Stored::of(&body);
            assert_eq!(stored.encoding, encoding);
            assert!(stored.bytes.len() <= body.len());
            assert_eq!(stored.open().unwrap(), body);
        }
    }

    #[test]
    fn what_cannot_be_opened_is_told() {
        let open = |encoding: &'static str| {
            Stored { encoding: encoding.into(), bytes: Bytes::from_static(b"no") }.open()
        };
        assert!(matches!(open("rot13"), Err(Unreadable::Encoding(_))));
        assert!(matches!(open(ZSTD), Err(Unreadable::Damaged(_))));
    }
}
