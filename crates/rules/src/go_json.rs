use std::fmt::Write as _;

use serde::Serialize;

/// The JSON of a value as Go writes it: with `<`, `>`, `&` and the two line separators of Unicode escaped. `None` if a
/// value cannot be JSON.
pub(crate) fn go_json(value: &impl Serialize) -> Option<String> {
    const ESCAPED: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    let plain = serde_json::to_string(value).ok()?;
    if !plain.contains(ESCAPED) {
        return Some(plain);
    }
    let mut text = String::with_capacity(plain.len() + 64);
    let mut rest = plain.as_str();
    // These characters stand in strings only.
    while let Some(at) = rest.find(ESCAPED) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let mut characters = after.chars();
        if let Some(character) = characters.next() {
            write!(text, "\\u{:04x}", u32::from(character)).ok()?;
        }
        rest = characters.as_str();
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn markup_is_escaped_and_the_rest_is_not() {
        let value = json!({"k<": "a>b&c\u{2028}\u{2029}ü\"\\", "n": [1, 1.5, null, true]});
        let expected = r#"{"k\u003c":"a\u003eb\u0026c\u2028\u2029ü\"\\","n":[1,1.5,null,true]}"#;
        assert_eq!(go_json(&value).as_deref(), Some(expected));
        assert_eq!(go_json(&"plain").as_deref(), Some("\"plain\""));
    }
}
