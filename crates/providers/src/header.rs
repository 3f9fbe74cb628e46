use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::single;

use crate::PayloadError;

/// The headers of a request, of those that were kept of it: see [`Provider::keep`](crate::Provider::keep).
pub fn header_map(kept: &[(String, String)]) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    };
    kept.iter().filter_map(header).collect()
}

/// The headers called `names` that occur once, as they are kept.
pub(crate) fn kept(headers: &HeaderMap, names: &[&str]) -> Vec<(String, String)> {
    let kept = |name: &&str| {
        let value = single(headers, name).ok()??;
        let text = value.to_str().ok().filter(|text| text.len() <= LONGEST_VALUE)?;
        Some(((*name).to_owned(), text.to_owned()))
    };
    names.iter().filter_map(kept).collect()
}

/// The longest header value that is read or kept, in bytes. Providers stay under 200.
pub(crate) const LONGEST_VALUE: usize = 1024;

/// The longest name of an event or action, in bytes. The longest of any provider has 35.
const LONGEST_NAME: usize = 64;

/// The longest delivery id, in bytes. Those of providers are UUIDs, of 36.
const LONGEST_ID: usize = 128;

/// The name of the event in the header called `name`, if it is `legal`.
pub(crate) fn event<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    legal: impl Fn(&str) -> bool,
) -> Result<&'a str, PayloadError> {
    let value = single(headers, name)
        .map_err(|_| PayloadError::RepeatedHeader(name))?
        .ok_or(PayloadError::MissingHeader(name))?;
    value.to_str().ok().filter(|text| legal(text)).ok_or(PayloadError::MalformedHeader(name))
}

/// The delivery id in the header called `name`. One that occurs twice or is no id is left out.
pub(crate) fn delivery<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    single(headers, name).ok()??.to_str().ok().filter(|text| is_delivery_id(text))
}

/// The address of a server in a header, if there is one of HTTP or HTTPS, without a query.
pub(crate) fn address<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = single(headers, name).ok()??.to_str().ok().filter(|text| text.len() <= LONGEST_VALUE)?;
    let (scheme, rest) = text.split_once("://")?;
    (["http", "https"].contains(&scheme) && !rest.contains(['?', '#', '@'])).then_some(text)
}

/// Whether a text can be the id of a delivery.
pub(crate) fn is_delivery_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The media type of the body, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<&str, PayloadError> {
    const CONTENT_TYPE: &str = "content-type";
    let value = single(headers, CONTENT_TYPE)
        .map_err(|_| PayloadError::RepeatedHeader(CONTENT_TYPE))?
        .filter(|value| value.len() <= LONGEST_VALUE)
        .and_then(|value| value.to_str().ok())
        .ok_or(PayloadError::UnsupportedMediaType)?;
    Ok(value.split(';').next().unwrap_or_default().trim())
}

/// Whether a text can be the name of an action, or of an event without spaces.
pub(crate) fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(legal)
}

/// Whether a text can be the name of an event: names with single spaces between them.
pub(crate) fn are_names(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.split(' ').all(is_name)
}
