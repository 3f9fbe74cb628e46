use data_encoding::{BASE32_NOPAD, Encoding};
use jiff::Timestamp;

use crate::JournalError;
use crate::timestamp::{from_nanoseconds, to_nanoseconds};

/// Cursors of another layout begin with another number, so an old one is rejected rather than misread.
const LAYOUT: u8 = 1;
const LENGTH: usize = 1 + 8 + 8;
const ENCODING: &Encoding = &BASE32_NOPAD;

/// The end of a history page: the sort key of its last delivery.
///
/// It is a key, not a count of rows to skip. So the last page is as cheap as the first, and new deliveries shift
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When the last delivery was received.
    pub(crate) received_at: Timestamp,
    /// Its sequence number, which orders deliveries received at one moment.
    pub(crate) sequence: i64,
}

impl Cursor {
    /// The text of [`crate::Page::next`].
    pub(crate) fn to_text(self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(LAYOUT);
        bytes.extend(to_nanoseconds(self.received_at).to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        ENCODING.encode(&bytes).to_ascii_lowercase()
    }

    /// Reads the text of [`Cursor::to_text`].
    pub(crate) fn parse(text: &str) -> Result<Self, JournalError> {
        Self::parse_bytes(text).ok_or(JournalError::BadCursor)
    }

    fn parse_bytes(text: &str) -> Option<Self> {
        let bytes = ENCODING.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
        let (layout, rest) = bytes.split_first()?;
        let (received_at, sequence) = rest.split_first_chunk::<8>()?;
        let sequence: [u8; 8] = sequence.try_into().ok()?;
        (*layout == LAYOUT).then(|| Self {
            received_at: from_nanoseconds(i64::from_be_bytes(*received_at)),
            sequence: i64::from_be_bytes(sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_wrote() {
        for (nanoseconds, sequence) in [(0, 0), (-1, i64::MIN), (i64::MAX, i64::MAX), (1_700_000_000, 7)] {
            let cursor = Cursor { received_at: from_nanoseconds(nanoseconds), sequence };
            assert_eq!(Cursor::parse(&cursor.to_text()).ok(), Some(cursor));
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        let good = Cursor { received_at: Timestamp::UNIX_EPOCH, sequence: 1 }.to_text();
        let other_layout = format!("b{}", &good[1..]);
        for bad in ["", "1", "page-2", "é", &good[1..], &format!("{good}aa"), &other_layout] {
            assert!(matches!(Cursor::parse(bad), Err(JournalError::BadCursor)), "{bad:?}");
        }
    }
}
