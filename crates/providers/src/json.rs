use std::borrow::Cow;

use serde::Deserialize;

use crate::PayloadError;

/// A text of the payload, borrowed unless it has escapes. (`Option<Cow<str>>` alone would always copy.)
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Text<'_> {
    /// The text of the field called `name`, which has to be there.
    pub(crate) fn required<'a>(field: Option<&'a Self>, name: &'static str) -> Result<&'a str, PayloadError> {
        field.map(|text| text.0.as_ref()).ok_or(PayloadError::Field(name))
    }
}

/// Reads a payload, which is always an object. (`serde` would also fill a struct from an array.)
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, PayloadError> {
    if json.trim_start().starts_with('[') {
        return Err(PayloadError::UnexpectedJson { line: 1, column: 1 });
    }
    Ok(serde_json::from_str(json)?)
}

/// The longest login that is shown, in bytes. Those of GitHub have at most 39 and a suffix.
const LONGEST_LOGIN: usize = 100;

/// The login of a sender. People only read it, so one that could confuse a reader is left out.
pub(crate) fn login(text: &str) -> Option<String> {
    let legal = (1..=LONGEST_LOGIN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    legal.then(|| text.to_owned())
}
