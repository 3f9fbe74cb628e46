//! Forms in place of JSON, which slash commands of Slack and old hooks send.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::body::go_text;
use crate::go_json::go_json;

pub(super) const HEADER: &str = "Content-Type";
/// The only value that makes a body a form. With a parameter such as a character set, it is none.
pub(super) const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The JSON of a form with two keys or more: an object of lists, as Go writes it. `None` for any other body, which
/// stays as it is.
pub(super) fn to_json(body: &[u8]) -> Option<Bytes> {
    let mut fields: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        // As in Go, a pair that cannot be read is left out.
        if pair.contains(&b';') {
            continue;
        }
        let (key, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
            None => (pair, [].as_slice()),
        };
        if let (Some(key), Some(value)) = (decoded(key), decoded(value)) {
            fields.entry(key).or_default().push(value);
        }
    }
    if fields.len() < 2 {
        return None;
    }
    let text = |bytes: &[u8]| go_text(bytes).into_owned();
    let mut object = BTreeMap::new();
    for (key, values) in fields {
        object.insert(text(&key), values.iter().map(|value| text(value)).collect::<Vec<_>>());
    }
    go_json(&object).map(Bytes::from)
}

/// Resolves `+` and `%41`. `None` for a percent sign without two hexadecimal digits.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let [high, low] = <[u8; 2]>::try_from(digits).ok()?;
                u8::try_from(digit(high)? * 16 + digit(low)?).ok()?
            }
            other => *other,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_two_keys_becomes_an_object_of_lists() {
        for (form, expected) in [
            ("a=1&b=x+y%26z&a=%C3%BC", Some(r#"{"a":["1","ü"],"b":["x y\u0026z"]}"#)),
            (
                "token=T&command=%2Fdeploy&text=&text=b",
                Some(r#"{"command":["/deploy"],"text":["","b"],"token":["T"]}"#),
            ),
            // A JSON text with an ampersand is taken apart too.
            (r#"{"n":"a&b=c"}"#, Some(r#"{"b":["c\"}"],"{\"n\":\"a":[""]}"#)),
            ("a&b", Some(r#"{"a":[""],"b":[""]}"#)),
            ("=1&b=2", Some(r#"{"":["1"],"b":["2"]}"#)),
            ("a=1&&b=2&", Some(r#"{"a":["1"],"b":["2"]}"#)),
            ("a=1=2&b=%3d", Some(r#"{"a":["1=2"],"b":["="]}"#)),
            ("a=%ff%fe&b=<", Some("{\"a\":[\"\u{fffd}\u{fffd}\"],\"b\":[\"\\u003c\"]}")),
            // Pairs that cannot be read are left out.
            ("a=1&b=2&c=%zz&d;e=1&%=1&f=%4", Some(r#"{"a":["1"],"b":["2"]}"#)),
            ("payload=%7B%7D", None),
            ("a=1&a=2", None),
            (r#"{"n":1}"#, None),
            (r#"{"n":"a;b"}"#, None),
            ("a=1&b;c=2", None),
            ("", None),
            ("&&&", None),
        ] {
            let found = to_json(form.as_bytes());
            let found = found.as_deref().map(|json| str::from_utf8(json).unwrap());
            assert_eq!(found, expected, "{form}");
        }
    }
}
