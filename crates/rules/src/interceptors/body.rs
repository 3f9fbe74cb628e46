//! The body of an event: its exact bytes, and the JSON in them as Go reads it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value};
use trigger_core::{check_memory, memory_of};

use crate::limits::LARGEST_BODY;
use crate::payload_check::{check_json, check_object};

/// The body that interceptors and bindings see. Its JSON is read once, and clones share it.
#[derive(Clone)]
pub struct Body {
    bytes: Bytes,
    value: Arc<OnceLock<Result<Value, BodyError>>>,
}

/// The memory of a form's field, which becomes a list.
const BYTES_OF_A_FIELD: usize = 384;

/// The body is no JSON, would take too much memory, or is not the JSON that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(String);

impl Body {
    /// The body with these bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), value: Arc::default() }
    }

    /// The memory that a body with these bytes takes once it is read, at most, about, in bytes: as JSON, or as the lists
    /// that a form is made into.
    pub fn memory_of(bytes: &[u8]) -> usize {
        let fields: usize = bytes.iter().map(|byte| usize::from(*byte == b'&')).sum();
        // Each byte that is no UTF-8 becomes three, in the text and in the value.
        let replaced = if str::from_utf8(bytes).is_ok() { 0 } else { 5 * bytes.len() };
        memory_of(bytes) + replaced + BYTES_OF_A_FIELD * fields
    }

    /// The exact bytes, which signatures cover.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body as text, with U+FFFD for each byte that is no UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        go_text(&self.bytes)
    }

    /// The JSON value; `null` for an empty body.
    pub fn value(&self) -> Result<&Value, &BodyError> {
        static EMPTY: Value = Value::Null;
        if self.bytes.is_empty() {
            return Ok(&EMPTY);
        }
        let read = || {
            let text = self.text();
            check_memory(&text, LARGEST_BODY)
                .map_err(|why| BodyError(format!("the body {why}; send fewer values")))?;
            let words =
                |error: serde_json::Error| check_json(text.as_bytes()).err().unwrap_or(error.to_string());
            read_json(&text).map_err(|error| BodyError(words(error)))
        };
        self.value.get_or_init(read).as_ref()
    }

    /// Whether its JSON was read.
    #[cfg(test)]
    pub(crate) fn is_read(&self) -> bool {
        self.value.get().is_some()
    }

    /// The JSON object; `None` for an empty body and for `null`. The error has the words of Go's decoder for the other
    /// values.
    pub(super) fn object(&self) -> Result<Option<&Map<String, Value>>, BodyError> {
        match self.value().map_err(Clone::clone)? {
            Value::Object(object) => Ok(Some(object)),
            Value::Null => Ok(None),
            _ => check_object(self.text().as_bytes()).map(|()| None).map_err(BodyError),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::new(Bytes::new())
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// Without the content, which may hold secrets.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// The text of a Go string with these bytes once it has been JSON: U+FFFD stands for each byte that is no UTF-8.
pub fn go_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// Reads JSON. Go accepts an escaped half of a surrogate pair, and takes it as U+FFFD.
pub(super) fn read_json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match without_lone_surrogates(text) {
        Some(text) => serde_json::from_str(&text),
        None => Err(error),
    })
}

/// The text with U+FFFD in place of halves of surrogate pairs; `None` if there is none.
fn without_lone_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        all_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let mut replaced: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match (unit(at), unit(at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => at += 12,
            (Some(0xD800..=0xDFFF), _) => {
                let replaced = replaced.get_or_insert_default();
                replaced.push_str(text.get(copied..at)?);
                replaced.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // The backslash escapes the character behind it, which may be a backslash.
            _ => at += 1 + text.get(at + 1..)?.chars().next()?.len_utf8(),
        }
    }
    let mut replaced = replaced?;
    replaced.push_str(text.get(copied..)?);
    Some(replaced)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_and_bytes_that_are_no_text_take_more_memory() {
        let plain = Body::memory_of(b"a=1+b=2");
        assert_eq!(Body::memory_of(b"a=1&b=2"), plain + BYTES_OF_A_FIELD);
        assert_eq!(Body::memory_of(b"a=1\xffb=2"), plain + 5 * 7);
    }

    #[test]
    fn a_body_is_read_as_go_reads_it() {
        for (bytes, expected) in [
            (b"".as_slice(), Some(json!(null))),
            (b"null", Some(json!(null))),
            (b" \n{} \n", Some(json!({}))),
            (b"{\"s\":\"a\xff\xfeb\"}", Some(json!({"s": "a\u{fffd}\u{fffd}b"}))),
            (b"{\"s\":\"\xe2\x82\"}", Some(json!({"s": "\u{fffd}\u{fffd}"}))),
            (br#"{"s":"\ud83d\ude00"}"#, Some(json!({"s": "\u{1f600}"}))),
            (br#"{"s":"\ud83d"}"#, Some(json!({"s": "\u{fffd}"}))),
            (br#"{"s":"\ud83dx\ude00"}"#, Some(json!({"s": "\u{fffd}x\u{fffd}"}))),
            (br#"{"s":"\ud83d\ud83d\ude00"}"#, Some(json!({"s": "\u{fffd}\u{1f600}"}))),
            (br#"{"s":"\\ud83d\ud83d"}"#, Some(json!({"s": "\\ud83d\u{fffd}"}))),
            (br#"{"s":"\u0000"}"#, Some(json!({"s": "\u{0}"}))),
            (br#"{"a":1,"a":2}"#, Some(json!({"a": 2}))),
            (br#"{"s":"\ud83"}"#, None),
            (br#"{"s":"\ud83d\"#, None),
            (br#"{"s":"\ud83d\u"#, None),
            (b"{} {}", None),
            (b"just text", None),
            (b"1e400", None),
            (b"\xef\xbb\xbf{}", None),
        ] {
            let body = Body::new(bytes);
            assert_eq!(body.value().ok().cloned(), expected, "{:?}", body.text());
            assert_eq!(body.bytes(), bytes);
        }
    }

    #[test]
    fn only_an_object_or_null_is_an_object() {
        for (text, expected) in [
            ("", Ok(None)),
            ("null", Ok(None)),
            ("{}", Ok(Some(Map::new()))),
            ("[]", Err("json: cannot unmarshal array into Go value of type map[string]interface {}")),
            ("\"s\"", Err("json: cannot unmarshal string into Go value of type map[string]interface {}")),
            ("5", Err("json: cannot unmarshal number into Go value of type map[string]interface {}")),
            ("true", Err("json: cannot unmarshal bool into Go value of type map[string]interface {}")),
            ("nope", Err("invalid character 'o' in literal null (expecting 'u')")),
            ("payload=x", Err("invalid character 'p' looking for beginning of value")),
            (" \n<xml>", Err("invalid character '<' looking for beginning of value")),
            (" ", Err("unexpected end of JSON input")),
            ("{\"a\":", Err("unexpected end of JSON input")),
            ("{\"a\":1,}", Err("invalid character '}' looking for beginning of object key string")),
        ] {
            let found = Body::new(text);
            let found = found.object().map(Option::<&_>::cloned).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(ToOwned::to_owned), "{text}");
        }
    }

    #[test]
    fn a_body_is_read_within_a_bound_of_memory() {
        let list = |items: usize| Body::new(format!("[0{}]", ",0".repeat(items)));
        assert!(list(LARGEST_BODY / 64 / 2).value().is_ok());
        let error = list(LARGEST_BODY / 64).value().unwrap_err().to_string();
        let expected = "the body takes 34 MiB of memory to read, at most 32 are allowed; send fewer values";
        assert_eq!(error, expected);
    }

    #[test]
    fn deep_nesting_is_an_error_and_content_is_never_printed() {
        assert!(Body::new("[".repeat(1 << 20)).value().is_err());
        let body = Body::new("[".repeat(LARGEST_BODY / 128));
        assert_eq!(body.value().unwrap_err().to_string(), "exceeded max depth");
        assert_eq!(format!("{:?}", Body::new("token")), "Body { length: 5, .. }");
    }
}
