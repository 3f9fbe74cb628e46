use std::borrow::Cow;
use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

/// Stored as it is.
const IDENTITY: &str = "identity";
/// Compressed as RFC 8878 says.
const ZSTD: &str = "zstd";

/// A fast level. It shrinks webhook JSON to about a quarter. The first ordinary level takes three times as long and
/// gains another twentieth.
const LEVEL: i32 = -1;
/// Shorter bodies are stored as they are.
const SHORTEST: usize = 256;

/// A frame states the length of its content. Up to this length a buffer is allocated in advance.
const LARGEST_BUFFER: u64 = 64 << 20;

thread_local! {
    /// Creating a compressor costs more than compressing an ordinary body.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    /// The same holds for decompressing.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A body as stored. `encoding` names how the bytes are compressed.
#[derive(Debug, Clone)]
pub(crate) struct StoredBody {
    pub(crate) encoding: Cow<'static, str>,
    pub(crate) bytes: Bytes,
}

/// Why a stored body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("this version does not know the encoding {0:?}")]
    Encoding(String),
    #[error("it cannot be decompressed: {0}")]
    Damaged(#[from] io::Error),
}

impl StoredBody {
    /// Compresses `body`, unless that makes it no shorter.
    pub(crate) fn of(body: &Bytes) -> Self {
        let shorter = if body.len() < SHORTEST { None } else { compress(body) };
        match shorter.filter(|compressed| compressed.len() < body.len()) {
            Some(compressed) => Self { encoding: ZSTD.into(), bytes: compressed.into() },
            None => Self { encoding: IDENTITY.into(), bytes: body.clone() },
        }
    }

    /// The length of the body as it was, as far as it can be known without opening it.
    pub(crate) fn length(encoding: &str, bytes: &[u8]) -> u64 {
        let content = if encoding == ZSTD {
            zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten()
        } else {
            None
        };
        content.unwrap_or(bytes.len() as u64)
    }

    /// The body as it was.
    pub(crate) fn open(self) -> Result<Bytes, BodyError> {
        match self.encoding.as_ref() {
            IDENTITY => Ok(self.bytes),
            ZSTD => Ok(decompress(&self.bytes)?.into()),
            other => Err(BodyError::Encoding(other.to_owned())),
        }
    }
}

/// `None` if there is no memory for it; the body is then stored as it is.
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
    let Some(size) = size.filter(|size| *size <= LARGEST_BUFFER).and_then(|size| usize::try_from(size).ok())
    else {
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
            let stored = StoredBody::of(&body);
            assert_eq!(stored.encoding, encoding);
            assert!(stored.bytes.len() <= body.len());
            assert_eq!(stored.open().unwrap(), body);
        }
    }

    #[test]
    fn an_unknown_encoding_and_damaged_bytes_are_errors() {
        let open = |encoding: &'static str| {
            StoredBody { encoding: encoding.into(), bytes: Bytes::from_static(b"no") }.open()
        };
        assert!(matches!(open("rot13"), Err(BodyError::Encoding(_))));
        assert!(matches!(open(ZSTD), Err(BodyError::Damaged(_))));
    }
}
