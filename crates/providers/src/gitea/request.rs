//! Headers and body. The hook's settings decide whether the JSON is the body or the only field, `payload`, of a form.
//!
//! The signature is over the JSON in both cases, and not over the content type. So the body itself says how it is read:
//! a form begins with the name of its field, and JSON never does.

use http::HeaderMap;
use trigger_core::FormPayload;

use super::{DELIVERIES, EVENTS};
use crate::body::{Encoding, json_of_body, json_of_form};
use crate::header::{delivery, event, is_name};
use crate::{PayloadError, RequestPayload};

/// Takes a request apart.
pub(super) fn take_apart<'a>(
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> Result<RequestPayload<'a>, PayloadError> {
    let events = EVENTS.into_iter().filter(|name| headers.contains_key(*name));
    let event = agreed(events.map(|name| Ok((name, event(headers, name, is_name)?))))?;
    let event = event.ok_or(PayloadError::MissingHeader(EVENTS[0]))?;
    let deliveries = DELIVERIES.into_iter().filter_map(|name| Some((name, delivery(headers, name)?)));
    let delivery = agreed(deliveries.map(Ok))?;
    let json = match (Encoding::of(headers)?, FormPayload::of(body)) {
        (Encoding::Json, None) => json_of_body(body)?,
        (_, form) => json_of_form(form)?,
    };
    Ok(RequestPayload { event, delivery, server: None, json })
}

/// The value of a header that occurs under several names: the same for each.
fn agreed<'a>(
    values: impl Iterator<Item = Result<(&'static str, &'a str), PayloadError>>,
) -> Result<Option<&'a str>, PayloadError> {
    let mut agreed = None;
    for named in values {
        let (name, value) = named?;
        if *agreed.get_or_insert(value) != value {
            return Err(PayloadError::MalformedHeader(name));
        }
    }
    Ok(agreed)
}
