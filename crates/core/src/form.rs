use serde::{Deserialize, Serialize};

/// A body that is the form with the one field `payload`, in which some providers send JSON.
///
/// It begins with the name of the field, as JSON never does: no body can be read in both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormPayload<'a>(&'a [u8]);

/// The part of a body that an HMAC covers, behind its prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SignedText {
    /// The body as it was received.
    #[default]
    Body,
    /// The JSON in it: of a form with the one field `payload` the text of that field, else the body.
    Json,
}

/// The field is decoded in pieces of so many bytes.
const PIECE: usize = 1024;

impl<'a> FormPayload<'a> {
    /// The name of the field.
    pub const FIELD: &'static str = "payload";

    /// The form that `body` is; `None` if it does not begin as one.
    pub fn of(body: &'a [u8]) -> Option<Self> {
        body.strip_prefix(Self::FIELD.as_bytes())?.strip_prefix(b"=").map(Self)
    }

    /// The text of the field, which is no longer than the body. `None` if a byte that could end the field, or begin
    /// something else, is not escaped.
    pub fn decode(self) -> Option<Vec<u8>> {
        // Never moved.
        let mut decoded = Vec::with_capacity(self.0.len());
        self.pieces(|piece| decoded.extend_from_slice(piece)).then_some(decoded)
    }

    /// Gives the text of the field to `take`, in pieces. False if it cannot be decoded: then `take` got the text before
    /// that.
    fn pieces(self, mut take: impl FnMut(&[u8])) -> bool {
        let mut piece = [0; PIECE];
        let mut length = 0;
        let mut bytes = self.0.iter().copied();
        while let Some(byte) = bytes.next() {
            let Some(byte) = decoded(byte, &mut bytes) else { return false };
            if let Some(place) = piece.get_mut(length) {
                *place = byte;
                length += 1;
            }
            if length == PIECE {
                take(&piece);
                length = 0;
            }
        }
        take(piece.get(..length).unwrap_or_default());
        true
    }
}

impl SignedText {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Gives the signed text of `body` to `take`, in pieces and without a copy of it. False if the body is a form that
    /// cannot be decoded.
    pub(crate) fn pieces(self, body: &[u8], mut take: impl FnMut(&[u8])) -> bool {
        match (self, FormPayload::of(body)) {
            (Self::Json, Some(form)) => form.pieces(take),
            (Self::Json, None) | (Self::Body, _) => {
                take(body);
                true
            }
        }
    }
}

/// The byte that `first` and what follows it stand for.
fn decoded(first: u8, rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    match first {
        b'+' => Some(b' '),
        b'%' => Some(digit(rest.next())? << 4 | digit(rest.next())?),
        b'-' | b'.' | b'_' | b'~' | b'*' | b'!' | b'\'' | b'(' | b')' => Some(first),
        _ => first.is_ascii_alphanumeric().then_some(first),
    }
}

fn digit(byte: Option<u8>) -> Option<u8> {
    u8::try_from(char::from(byte?).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &[u8]) -> Option<Vec<u8>> {
        FormPayload::of(body).and_then(FormPayload::decode)
    }

    #[test]
    fn a_form_is_the_one_field_and_nothing_else() {
        for (body, expected) in [
            ("payload=", ""),
            ("payload=%7b%7D", "{}"),
            ("payload=a+%2B%20%26%3d~-._*!'()", "a + &=~-._*!'()"),
            ("payload=%C3%A9", "é"),
        ] {
            assert_eq!(decode(body.as_bytes()).as_deref(), Some(expected.as_bytes()), "{body}");
        }
        for body in ["", "{}", "payload", "Payload=1", "&payload=1", "payload=1&", "payload=1&payload=2"] {
            assert_eq!(decode(body.as_bytes()), None, "{body}");
        }
        for body in ["payload={}", "payload=a=b", "payload=1\n", "payload=%", "payload=%4", "payload=%+4"] {
            assert_eq!(decode(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_long_field_is_decoded_in_pieces() {
        for length in [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let body = format!("payload={}", "%41+".repeat(length));
            let mut pieces = Vec::new();
            assert!(SignedText::Json.pieces(body.as_bytes(), |piece| pieces.push(piece.to_vec())));
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE), "{length}");
            assert_eq!(pieces.concat(), "A ".repeat(length).into_bytes(), "{length}");
        }
    }

    #[test]
    fn a_body_that_is_no_form_is_the_signed_text_itself() {
        for (text, body, expected) in [
            (SignedText::Body, "payload=%41", Some("payload=%41")),
            (SignedText::Body, "{}", Some("{}")),
            (SignedText::Json, "payload=%41", Some("A")),
            (SignedText::Json, "{}", Some("{}")),
            (SignedText::Json, "payload=&", None),
        ] {
            let mut signed = Vec::new();
            let is_text = text.pieces(body.as_bytes(), |piece| signed.extend_from_slice(piece));
            assert_eq!(is_text.then_some(signed).as_deref(), expected.map(str::as_bytes), "{text:?} {body}");
        }
    }
}
