//! Headers and body. The hook's settings decide whether the JSON is the body (`application/json`) or the
//! field `payload` of a form; the signature is over the body in both cases.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode;

use super::{CONTENT_TYPE, DELIVERY, EVENT};
use crate::header::{LONGEST_VALUE, single};
use crate::{PayloadError, RequestPayload};

/// The longest name of an event or action, in bytes. GitHub's longest has 35.
const LONGEST_NAME: usize = 64;

/// The longest delivery id, in bytes. GitHub's are UUIDs, of 36.
const LONGEST_DELIVERY: usize = 128;

const FORM_FIELD: &str = "payload";

enum Content {
    Json,
    Form,
}

/// Takes a request apart.
pub(super) fn take_apart<'a>(
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> Result<RequestPayload<'a>, PayloadError> {
    let event = single(headers, EVENT)
        .map_err(|_| PayloadError::RepeatedHeader(EVENT))?
        .ok_or(PayloadError::MissingHeader(EVENT))?;
    let event =
        event.to_str().ok().filter(|name| is_name(name)).ok_or(PayloadError::MalformedHeader(EVENT))?;
    let json = match content(headers)? {
        Content::Json => Cow::Borrowed(std::str::from_utf8(body).map_err(|_| PayloadError::NotText)?),
        Content::Form => Cow::Owned(from_form(body)?),
    };
    Ok(RequestPayload { event, delivery: delivery(headers), json })
}

/// Whether a text can be the name of an event or action.
pub(super) fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(legal)
}

/// Nothing depends on the id, so one that is not as it should be is dropped and the delivery goes on.
fn delivery(headers: &HeaderMap) -> Option<&str> {
    let id = single(headers, DELIVERY).ok()??.to_str().ok()?;
    let legal = (1..=LONGEST_DELIVERY).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    legal.then_some(id)
}

fn content(headers: &HeaderMap) -> Result<Content, PayloadError> {
    let value = single(headers, CONTENT_TYPE)
        .map_err(|_| PayloadError::RepeatedHeader(CONTENT_TYPE))?
        .filter(|value| value.len() <= LONGEST_VALUE)
        .and_then(|value| value.to_str().ok())
        .ok_or(PayloadError::UnsupportedMediaType)?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(Content::Json)
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(Content::Form)
    } else {
        Err(PayloadError::UnsupportedMediaType)
    }
}

fn from_form(body: &[u8]) -> Result<String, PayloadError> {
    // The form parser replaces what is not UTF-8. Another reader might not, so it is refused.
    percent_decode(body).decode_utf8().map_err(|_| PayloadError::NotText)?;
    let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == FORM_FIELD);
    match (fields.next(), fields.next()) {
        (Some((_, json)), None) => Ok(json.into_owned()),
        _ => Err(PayloadError::Form(FORM_FIELD)),
    }
}
