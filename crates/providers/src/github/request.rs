//! Headers and body. The hook's settings decide whether the JSON is the body (`application/json`) or the
//! only field, `payload`, of a form. The signature is over the body in both cases, and not over the content type: so no
//! body may be read in both ways. A form begins with the name of its field, and JSON never does.

use std::borrow::Cow;

use http::HeaderMap;

use super::{DELIVERY, EVENT};
use crate::header::{delivery, event, is_name, media_type};
use crate::{PayloadError, RequestPayload};

/// The only field of a form.
const FIELD: &str = "payload";
/// The beginning of every form.
const BEGINNING: &[u8] = b"payload=";

/// How a body holds the JSON.
enum Form<'a> {
    /// It is the body.
    Json(&'a [u8]),
    /// It is the value of the one field, which is percent-encoded.
    Field(&'a [u8]),
}

/// Takes a request apart.
pub(super) fn take_apart<'a>(
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> Result<RequestPayload<'a>, PayloadError> {
    let event = event(headers, EVENT, is_name)?;
    let json = match form(headers, body)? {
        Form::Json(json) => Cow::Borrowed(std::str::from_utf8(json).map_err(|_| PayloadError::NotText)?),
        Form::Field(value) => Cow::Owned(decode(value)?),
    };
    Ok(RequestPayload { event, delivery: delivery(headers, DELIVERY), server: None, json })
}

fn form<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Form<'a>, PayloadError> {
    let media_type = media_type(headers)?;
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(Form::Json(body))
    } else if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        body.strip_prefix(BEGINNING).map(Form::Field).ok_or(PayloadError::Form(FIELD))
    } else {
        Err(PayloadError::UnsupportedMediaType)
    }
}

/// The text of a field. Every byte that could end the field, or begin something else, has to be escaped.
fn decode(value: &[u8]) -> Result<String, PayloadError> {
    // No longer than the body, and never moved.
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(PayloadError::Form(FIELD)),
            },
            b'-' | b'.' | b'_' | b'~' | b'*' | b'!' | b'\'' | b'(' | b')' => byte,
            byte if byte.is_ascii_alphanumeric() => byte,
            _ => return Err(PayloadError::Form(FIELD)),
        });
    }
    String::from_utf8(decoded).map_err(|_| PayloadError::NotText)
}

fn digit(byte: Option<u8>) -> Option<u8> {
    u8::try_from(char::from(byte?).to_digit(16)?).ok()
}
