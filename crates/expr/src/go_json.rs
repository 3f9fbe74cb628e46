//! JSON as Go's `encoding/json` writes it: keys in order, numbers as 64-bit floats, `<`, `>` and `&` escaped.

use std::fmt::Write as _;

use serde_json::Value;

/// A text cannot become what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonTextError {
    /// It would be longer than its bound.
    TooLong,
    /// It would have more levels than [`DEEPEST`].
    TooDeep,
}

/// The most levels of lists and objects. Parsers of JSON permit 128; functions call themselves for each level.
pub(crate) const DEEPEST: usize = 256;

/// A text that becomes neither longer nor deeper than its bounds.
pub(crate) struct JsonText {
    text: String,
    most: usize,
    /// The lists and objects that are open.
    levels: usize,
}

impl JsonText {
    /// An empty text, which may grow to `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { text: String::new(), most, levels: 0 }
    }

    /// Adds text that is JSON already.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), JsonTextError> {
        if text.len() > self.most - self.text.len() {
            return Err(JsonTextError::TooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Adds the content of a JSON string, without the quotes around it.
    pub(crate) fn content(&mut self, text: &str) -> Result<(), JsonTextError> {
        let mut plain = 0;
        for (at, letter) in text.char_indices() {
            if needs_escape(letter) {
                self.raw(text.get(plain..at).unwrap_or_default())?;
                self.escape(letter)?;
                plain = at + letter.len_utf8();
            }
        }
        self.raw(text.get(plain..).unwrap_or_default())
    }

    /// Adds a JSON string.
    pub(crate) fn string(&mut self, text: &str) -> Result<(), JsonTextError> {
        self.raw("\"")?;
        self.content(text)?;
        self.raw("\"")
    }

    /// Adds a number, in the shortest form that reads back as the same float.
    pub(crate) fn float(&mut self, number: f64) -> Result<(), JsonTextError> {
        let size = number.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{number:e}");
            return match text.split_once('e') {
                Some((digits, exponent)) if !exponent.starts_with('-') => {
                    self.raw(digits)?;
                    self.raw("e+")?;
                    self.raw(exponent)
                }
                _ => self.raw(&text),
            };
        }
        self.raw(&number.to_string())
    }

    /// Adds any value. Objects are written in the order of their keys, which is the order of `serde_json`'s map.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), JsonTextError> {
        match value {
            Value::Null => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            Value::Number(number) => self.float(number.as_f64().unwrap_or_default()),
            Value::String(text) => self.string(text),
            Value::Array(values) => self.list(values.iter(), Self::value),
            Value::Object(fields) => self.object(fields.iter().map(|(key, value)| (key.as_str(), value))),
        }
    }

    /// Adds an object with these fields.
    pub(crate) fn object<'a>(
        &mut self,
        fields: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Result<(), JsonTextError> {
        self.fields(fields, Self::value)
    }

    /// Adds an object whose values `write` adds.
    pub(crate) fn fields<'a, T>(
        &mut self,
        fields: impl Iterator<Item = (&'a str, T)>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), JsonTextError>,
    ) -> Result<(), JsonTextError> {
        self.open("{")?;
        for (place, (key, value)) in fields.enumerate() {
            if place > 0 {
                self.raw(",")?;
            }
            self.string(key)?;
            self.raw(":")?;
            write(self, value)?;
        }
        self.close("}")
    }

    /// Adds a list whose elements `write` adds.
    pub(crate) fn list<T>(
        &mut self,
        values: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), JsonTextError>,
    ) -> Result<(), JsonTextError> {
        self.open("[")?;
        for (place, value) in values.enumerate() {
            if place > 0 {
                self.raw(",")?;
            }
            write(self, value)?;
        }
        self.close("]")
    }

    fn open(&mut self, bracket: &str) -> Result<(), JsonTextError> {
        if self.levels == DEEPEST {
            return Err(JsonTextError::TooDeep);
        }
        self.levels += 1;
        self.raw(bracket)
    }

    fn close(&mut self, bracket: &str) -> Result<(), JsonTextError> {
        self.levels -= 1;
        self.raw(bracket)
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn escape(&mut self, letter: char) -> Result<(), JsonTextError> {
        match letter {
            '"' => self.raw("\\\""),
            '\\' => self.raw("\\\\"),
            '\n' => self.raw("\\n"),
            '\r' => self.raw("\\r"),
            '\t' => self.raw("\\t"),
            '\u{8}' => self.raw("\\b"),
            '\u{c}' => self.raw("\\f"),
            other => {
                let mut escape = String::new();
                // Writing to a String cannot fail.
                let _ = write!(escape, "\\u{:04x}", u32::from(other));
                self.raw(&escape)
            }
        }
    }
}

fn needs_escape(letter: char) -> bool {
    matches!(letter, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        let mut text = JsonText::new(1 << 20);
        text.value(value).unwrap();
        text.finish()
    }

    #[test]
    fn numbers_are_those_of_a_float() {
        for (json, expected) in [
            ("2.50", "2.5"),
            ("3.0", "3"),
            ("18446744073709551615", "18446744073709552000"),
            ("98765432109876543210", "98765432109876540000"),
            ("9007199254740993", "9007199254740992"),
            ("1687000000123", "1687000000123"),
            ("2e20", "200000000000000000000"),
            ("999999999999999999999", "1e+21"),
            ("2.5e30", "2.5e+30"),
            ("0.000002", "0.000002"),
            ("0.00000025", "2.5e-7"),
            ("-0", "-0"),
            ("-0.0", "-0"),
            ("-7.250", "-7.25"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
        ] {
            assert_eq!(text(&serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn strings_are_escaped_for_html_too() {
        for (value, expected) in [
            ("a<b> & \"c\"", r#"a\u003cb\u003e \u0026 \"c\""#),
            ("\\ \n\r\t\u{8}\u{c}", r"\\ \n\r\t\b\f"),
            ("\0\u{1f}\u{7f}", "\\u0000\\u001f\u{7f}"),
            ("\u{2028}é\u{2029}", r"\u2028é\u2029"),
            ("", ""),
        ] {
            assert_eq!(text(&json!(value)), format!("\"{expected}\""), "{value:?}");
        }
    }

    #[test]
    fn keys_are_in_order_and_nothing_is_padded() {
        let value: Value = serde_json::from_str(r#" {"b": [1, {}], "a&": null, "B": [] } "#).unwrap();
        assert_eq!(text(&value), r#"{"B":[],"a\u0026":null,"b":[1,{}]}"#);
    }

    #[test]
    fn a_text_never_exceeds_its_bound() {
        let value = json!({"list": [1, "two"], "text": "<"});
        let whole = text(&value);
        for most in 0..whole.len() {
            assert_eq!(JsonText::new(most).value(&value), Err(JsonTextError::TooLong), "{most}");
        }
        assert_eq!(JsonText::new(whole.len()).value(&value), Ok(()));
    }

    #[test]
    fn a_text_has_no_more_levels_than_its_bound() {
        let nested = |levels| (1..levels).fold(json!([]), |inner, _| json!([inner]));
        assert_eq!(JsonText::new(1 << 20).value(&nested(DEEPEST)), Ok(()));
        assert_eq!(JsonText::new(1 << 20).value(&nested(DEEPEST + 1)), Err(JsonTextError::TooDeep));
    }

    proptest! {
        #[test]
        fn strings_and_floats_read_back_as_they_were(string: String, bits: u64) {
            prop_assert_eq!(serde_json::from_str::<String>(&text(&json!(string))).unwrap(), string);
            let number = f64::from_bits(bits);
            if number.is_finite() {
                prop_assert_eq!(text(&json!(number)).parse::<f64>().unwrap().to_bits(), bits);
            }
        }
    }
}
