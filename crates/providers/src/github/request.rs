//! Headers and body. The hook's settings decide whether the JSON is the body (`application/json`) or the
//! only field, `payload`, of a form. The signature is over the body in both cases, and not over the content type: so no
//! body may be read in both ways. A form begins with the name of its field, and JSON never does.

use http::HeaderMap;
use trigger_core::FormPayload;

use super::{DELIVERY, EVENT};
use crate::body::{Encoding, json_of_body, json_of_form};
use crate::header::{delivery, event, is_name};
use crate::{PayloadError, RequestPayload};

/// Takes a request apart.
pub(super) fn take_apart<'a>(
    headers: &'a HeaderMap,
    body: &'a [u8],
) -> Result<RequestPayload<'a>, PayloadError> {
    let event = event(headers, EVENT, is_name)?;
    let json = match Encoding::of(headers)? {
        Encoding::Json => json_of_body(body)?,
        Encoding::Form => json_of_form(FormPayload::of(body))?,
    };
    Ok(RequestPayload { event, delivery: delivery(headers, DELIVERY), server: None, json })
}
