//! Headers and body. The body is always JSON.

use std::borrow::Cow;

use http::HeaderMap;

use super::{EVENT, IDS, INSTANCE};
use crate::header::{address, are_names, delivery, event, media_type};
use crate::{PayloadError, RequestPayload};

/// Takes a request apart.
pub(super) fn take_apart<'a>(
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> Result<RequestPayload<'a>, PayloadError> {
    let event = event(headers, EVENT, are_names)?;
    if !media_type(headers)?.eq_ignore_ascii_case("application/json") {
        return Err(PayloadError::UnsupportedMediaType);
    }
    let json = std::str::from_utf8(body).map_err(|_| PayloadError::NotText)?;
    let delivery = IDS.iter().find_map(|name| delivery(headers, name));
    Ok(RequestPayload { event, delivery, server: address(headers, INSTANCE), json: Cow::Borrowed(json) })
}
