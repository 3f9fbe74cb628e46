//! The JSON of a request, which is its body or the one field `payload` of a form.

use std::borrow::Cow;

use http::HeaderMap;
use trigger_core::FormPayload;

use crate::PayloadError;
use crate::header::media_type;

/// How a body holds the JSON, as the content type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// It is the body.
    Json,
    /// It is the value of the one field of a form, which is percent-encoded.
    Form,
}

impl Encoding {
    /// The encoding that the headers name.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, PayloadError> {
        let media_type = media_type(headers)?;
        if media_type.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else {
            Err(PayloadError::UnsupportedMediaType)
        }
    }
}

/// The JSON that is the body.
pub(crate) fn json_of_body(body: &[u8]) -> Result<Cow<'_, str>, PayloadError> {
    std::str::from_utf8(body).map(Cow::Borrowed).map_err(|_| PayloadError::NotText)
}

/// The JSON in a form. `None`, for a body that is no form, is an error.
pub(crate) fn json_of_form(form: Option<FormPayload<'_>>) -> Result<Cow<'static, str>, PayloadError> {
    let text = form.and_then(FormPayload::decode).ok_or(PayloadError::Form(FormPayload::FIELD))?;
    String::from_utf8(text).map(Cow::Owned).map_err(|_| PayloadError::NotText)
}
