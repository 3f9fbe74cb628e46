use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use trigger_core::Commit;

use crate::PayloadError;

/// A text of the payload, borrowed unless it has escapes.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// The longest text with escapes, in bytes as sent. A text without escapes is not copied and may have any length. All
/// texts that are read are names and addresses.
pub(crate) const LONGEST_ESCAPED: usize = 64 << 10;

/// A payload up to this length is read without a look at its shape: the reader copies no more than one field name with
/// escapes, and notes one byte for each level.
pub(crate) const ANY_SHAPE: usize = 1 << 20;

/// The most levels of a longer payload, and the longest name of a field with escapes in it, in bytes.
pub(crate) const LARGEST_SHAPE: usize = 1 << 20;

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    /// The text as sent is found first, without a copy. A reader of JSON would unescape it before its length is known.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = <&RawValue>::deserialize(deserializer)?.get();
        let inside = sent.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match inside {
            Some(inside) if !inside.contains('\\') => Ok(Self(Cow::Borrowed(inside))),
            Some(_) if sent.len() <= LONGEST_ESCAPED => {
                let text = serde_json::from_str(sent).map_err(|_| D::Error::custom("a damaged text"))?;
                Ok(Self(Cow::Owned(text)))
            }
            _ => Err(D::Error::custom("no text, or a long one with escapes")),
        }
    }
}

impl Text<'_> {
    /// The text of the field called `name`, which has to be there.
    pub(crate) fn required<'a>(field: Option<&'a Self>, name: &'static str) -> Result<&'a str, PayloadError> {
        field.map(|text| text.0.as_ref()).ok_or(PayloadError::Field(name))
    }
}

/// The number in a field that other events may use otherwise; `None` for anything else.
pub(crate) fn number(field: Option<&RawValue>) -> Option<i64> {
    field?.get().parse().ok()
}

/// The commit in a field that may be missing or hold anything.
pub(crate) fn commit(field: Option<&RawValue>) -> Option<Commit> {
    Commit::parse(field?.get().strip_prefix('"')?.strip_suffix('"')?).ok()
}

/// The place of an object's field among these names; `None` for another field. The name is not copied.
pub(crate) struct FieldAmong<'n>(pub(crate) &'n [&'static str]);

impl<'de> DeserializeSeed<'de> for FieldAmong<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldAmong<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|field| *field == name))
    }
}

/// Reads a payload, which is always an object. (`serde` would also fill a struct from an array.)
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, PayloadError> {
    if json.trim_start().starts_with('[') {
        return Err(PayloadError::UnexpectedJson { line: 1, column: 1 });
    }
    if json.len() > ANY_SHAPE && !is_within_shape(json) {
        return Err(PayloadError::Shape);
    }
    Ok(serde_json::from_str(json)?)
}

/// Whether reading `json` takes no more memory than [`LARGEST_SHAPE`] allows. A text that is no JSON is judged as far
/// as a reader could come.
fn is_within_shape(json: &str) -> bool {
    let mut objects = Vec::new();
    let mut before = b' ';
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' if objects.len() == LARGEST_SHAPE => return false,
            b'{' | b'[' => objects.push(byte == b'{'),
            b'}' | b']' => drop(objects.pop()),
            b'"' => {
                let is_name = matches!(before, b'{' | b',') && objects.last() == Some(&true);
                let (length, escapes) = skip_text(&mut bytes);
                if is_name && escapes && length > LARGEST_SHAPE {
                    return false;
                }
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    true
}

/// Skips the rest of a text. Its length as sent, and whether it has escapes.
fn skip_text(bytes: &mut impl Iterator<Item = u8>) -> (usize, bool) {
    let (mut length, mut escapes) = (0, false);
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => {
                escapes = true;
                length += 2;
                bytes.next();
            }
            _ => length += 1,
        }
    }
    (length, escapes)
}

/// The longest login that is shown, in bytes. Those of GitHub have at most 39 and a suffix.
const LONGEST_LOGIN: usize = 100;

/// The login of a sender. People only read it, so one that could confuse a reader is left out.
pub(crate) fn login(text: &str) -> Option<String> {
    let legal = (1..=LONGEST_LOGIN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    legal.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Option<Text<'a>>,
    }

    impl std::fmt::Debug for Text<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt(f)
        }
    }

    #[test]
    fn a_text_is_copied_only_if_it_is_short_and_has_escapes() {
        let plain = format!(r#"{{"name":"{}"}}"#, "a".repeat(2 * LONGEST_ESCAPED));
        assert!(matches!(parse::<Named<'_>>(&plain).unwrap().name, Some(Text(Cow::Borrowed(_)))));
        let short = parse::<Named<'_>>(r#"{"name":"\u0061\n\ud83d\ude00"}"#).unwrap();
        assert_eq!(short.name.unwrap().0, "a\n😀");
        assert!(parse::<Named<'_>>(r#"{"name":null}"#).unwrap().name.is_none());
        let long = format!(r#"{{"name":"{}"}}"#, r"\u0061".repeat(LONGEST_ESCAPED / 6 + 1));
        for refused in [&*long, r#"{"name":1}"#, r#"{"name":["a"]}"#, r#"{"name":"\ud800"}"#] {
            let error = parse::<Named<'_>>(refused).unwrap_err();
            assert!(matches!(error, PayloadError::UnexpectedJson { .. }), "{refused:.40}: {error:?}");
        }
    }

    #[test]
    fn a_shape_that_costs_a_reader_memory_is_refused() {
        let (most, escape) = (LARGEST_SHAPE, r"\u0061");
        let padded = |json: &str| format!("{json}{}", " ".repeat(ANY_SHAPE + 1));
        let text = escape.repeat(most / escape.len() + 1);
        for (json, expected) in [
            (padded(&format!(r#"{{"a":{}{}}}"#, "[".repeat(most - 1), "]".repeat(most - 1))), true),
            (padded(&format!(r#"{{"a":{}"#, "[".repeat(most))), false),
            (format!(r#"{{"{text}":1}}"#), false),
            (format!(r#"{{"a":1,"{text}":1}}"#), false),
            (format!(r#"{{"a":1, "{text}""#), false),
            (format!(r#"{{"a":["{text}","{text}"],"b":"{text}"}}"#), true),
            (format!(r#"{{"{}":1}}"#, "a".repeat(2 * most)), true),
        ] {
            let refused = matches!(parse::<Named<'_>>(&json), Err(PayloadError::Shape));
            assert_eq!(refused, !expected, "{json:.40}");
        }
    }
}
