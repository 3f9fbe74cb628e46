//! Headers and body. The hook's settings decide whether the JSON is the body (`application/json`) or the
//! field `payload` of a form; the signature is over the body in both cases.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode;

use super::{DELIVERY, EVENT};
use crate::header::{delivery, event, is_name, media_type};
use crate::{PayloadError, RequestPayload};

const FORM_FIELD: &str = "payload";

/// Takes a request apart.
pub(super) fn take_apart<'a>(
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> Result<RequestPayload<'a>, PayloadError> {
    let event = event(headers, EVENT, is_name)?;
    let media_type = media_type(headers)?;
    let json = if media_type.eq_ignore_ascii_case("application/json") {
        Cow::Borrowed(std::str::from_utf8(body).map_err(|_| PayloadError::NotText)?)
    } else if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Cow::Owned(from_form(body)?)
    } else {
        return Err(PayloadError::UnsupportedMediaType);
    };
    Ok(RequestPayload { event, delivery: delivery(headers, DELIVERY), json })
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
