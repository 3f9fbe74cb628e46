//! The check of a JSON payload, with the messages of Go's decoder, which users of Tekton know.

use crate::limits::{DEEPEST_PAYLOAD, LONGEST_QUOTE};
use crate::text::cut;

/// The type that Tekton reads a payload into.
const OBJECT: &str = "map[string]interface {}";
/// What is missing if a payload ends too early.
const UNEXPECTED_END: &str = "unexpected end of JSON input";

/// Checks that a payload is a JSON object or `null`. The error is the message of Go's decoder.
pub(crate) fn check_object(payload: &[u8]) -> Result<(), String> {
    let mut scanner = Scanner::new(payload);
    scanner.skip_space();
    let first = scanner.peek();
    scanner.scan()?;
    let found = match first {
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        Some(b'-' | b'0'..=b'9') => "number",
        _ => return scanner.too_large.map_or(Ok(()), Err),
    };
    Err(format!("json: cannot unmarshal {found} into Go value of type {OBJECT}"))
}

/// Checks that a payload is JSON. The error is the message of Go's decoder.
pub(crate) fn check_json(payload: &[u8]) -> Result<(), String> {
    let mut scanner = Scanner::new(payload);
    scanner.scan()?;
    scanner.too_large.map_or(Ok(()), Err)
}

/// Reads JSON without building anything.
struct Scanner<'a> {
    payload: &'a [u8],
    at: usize,
    /// The objects and lists that are open.
    open: Vec<Open>,
    /// The first number that no `float64` holds.
    too_large: Option<String>,
}

/// An object or a list that is open.
enum Open {
    /// An object, with the place of the key that is read.
    Object { key: (usize, usize) },
    /// A list, with the place of the item that is read.
    List { index: usize },
}

/// What may come next.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

impl<'a> Scanner<'a> {
    fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0, open: Vec::new(), too_large: None }
    }

    fn scan(&mut self) -> Result<(), String> {
        let mut expected = Expected::Value;
        loop {
            self.skip_space();
            let Some(byte) = self.peek() else {
                let is_whole = expected == Expected::CommaOrEnd && self.open.is_empty();
                return if is_whole { Ok(()) } else { Err(UNEXPECTED_END.to_owned()) };
            };
            expected = match (expected, byte) {
                (Expected::ValueOrEnd, b']') | (Expected::KeyOrEnd, b'}') => self.close(),
                (Expected::Value | Expected::ValueOrEnd, _) => self.value(byte)?,
                (Expected::Key | Expected::KeyOrEnd, b'"') => {
                    let start = self.at + 1;
                    self.string()?;
                    if let Some(Open::Object { key }) = self.open.last_mut() {
                        *key = (start, self.at - 1);
                    }
                    Expected::Colon
                }
                (Expected::Key | Expected::KeyOrEnd, _) => {
                    return Err(self.invalid("looking for beginning of object key string"));
                }
                (Expected::Colon, b':') => {
                    self.at += 1;
                    Expected::Value
                }
                (Expected::Colon, _) => return Err(self.invalid("after object key")),
                (Expected::CommaOrEnd, _) => self.behind_value(byte)?,
            };
        }
    }

    fn value(&mut self, first: u8) -> Result<Expected, String> {
        match first {
            b'{' => return self.open(Open::Object { key: (0, 0) }, Expected::KeyOrEnd),
            b'[' => return self.open(Open::List { index: 0 }, Expected::ValueOrEnd),
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            _ => return Err(self.invalid("looking for beginning of value")),
        }
        Ok(Expected::CommaOrEnd)
    }

    fn behind_value(&mut self, byte: u8) -> Result<Expected, String> {
        match (self.open.last_mut(), byte) {
            (None, _) => Err(self.invalid("after top-level value")),
            (Some(Open::Object { .. }), b'}') | (Some(Open::List { .. }), b']') => Ok(self.close()),
            (Some(Open::Object { .. }), b',') => {
                self.at += 1;
                Ok(Expected::Key)
            }
            (Some(Open::List { index }), b',') => {
                *index += 1;
                self.at += 1;
                Ok(Expected::Value)
            }
            (Some(Open::Object { .. }), _) => Err(self.invalid("after object key:value pair")),
            (Some(Open::List { .. }), _) => Err(self.invalid("after array element")),
        }
    }

    fn open(&mut self, open: Open, next: Expected) -> Result<Expected, String> {
        if self.open.len() >= DEEPEST_PAYLOAD {
            return Err("exceeded max depth".to_owned());
        }
        self.open.push(open);
        self.at += 1;
        Ok(next)
    }

    fn close(&mut self) -> Expected {
        self.open.pop();
        self.at += 1;
        Expected::CommaOrEnd
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        self.skip_plain();
        loop {
            match self.peek().ok_or(UNEXPECTED_END)? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    match self.peek().ok_or(UNEXPECTED_END)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            for _ in 0..4 {
                                self.at += 1;
                                if !self.peek().ok_or(UNEXPECTED_END)?.is_ascii_hexdigit() {
                                    return Err(self.invalid("in \\u hexadecimal character escape"));
                                }
                            }
                        }
                        _ => return Err(self.invalid("in string escape code")),
                    }
                    self.at += 1;
                    self.skip_plain();
                    continue;
                }
                byte if byte < b' ' => return Err(self.invalid("in string literal")),
                _ => {}
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(())
    }

    /// Skips characters of a text that stand for themselves. Most of a payload is such text, so many are looked at together;
    /// the last few may be left.
    fn skip_plain(&mut self) {
        const TOGETHER: usize = 16;
        let special = |byte: &u8| u8::from(matches!(byte, b'"' | b'\\' | ..b' '));
        while let Some(bytes) = self.payload.get(self.at..).and_then(<[u8]>::first_chunk::<TOGETHER>) {
            // Without a branch for each byte the compiler compares them in one instruction.
            if bytes.iter().map(special).sum::<u8>() > 0 {
                return;
            }
            self.at += TOGETHER;
        }
    }

    fn number(&mut self) -> Result<(), String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek().ok_or(UNEXPECTED_END)? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.skip_digits(),
            _ => return Err(self.invalid("in numeric literal")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text =
            self.payload.get(start..self.at).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
        if self.too_large.is_none() && text.parse().is_ok_and(f64::is_infinite) {
            let text = cut(text.to_owned(), LONGEST_QUOTE);
            let message = format!(
                "json: cannot unmarshal number {text} into Go struct field .{} of type float64",
                self.path()
            );
            self.too_large = Some(message);
        }
        Ok(())
    }

    fn digits(&mut self, place: &str) -> Result<(), String> {
        if !self.peek().ok_or(UNEXPECTED_END)?.is_ascii_digit() {
            return Err(self.invalid(place));
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        for expected in literal.bytes() {
            if self.peek().ok_or(UNEXPECTED_END)? != expected {
                let place = format!("in literal {literal} (expecting '{}')", char::from(expected));
                return Err(self.invalid(&place));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.payload.get(self.at).copied()
    }

    /// The place of the value that is read, such as `commits.0.size`.
    fn path(&self) -> String {
        let steps = self.open.iter().map(|open| match open {
            Open::Object { key: (start, end) } => {
                String::from_utf8_lossy(self.payload.get(*start..*end).unwrap_or_default()).into_owned()
            }
            Open::List { index } => index.to_string(),
        });
        cut(steps.collect::<Vec<_>>().join("."), LONGEST_QUOTE)
    }

    /// The message about the character at this place.
    fn invalid(&self, place: &str) -> String {
        format!("invalid character {} {place}", quote_rune(self.payload.get(self.at..).unwrap_or_default()))
    }
}

/// The first character of a text as Go quotes it, such as `'\n'`.
fn quote_rune(text: &[u8]) -> String {
    let valid = text.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let Some(character) = valid else {
        return format!("'\\x{:02x}'", text.first().copied().unwrap_or_default());
    };
    match character {
        '\'' => "'\\''".to_owned(),
        '\\' => "'\\\\'".to_owned(),
        '"' => "'\"'".to_owned(),
        '\n' => "'\\n'".to_owned(),
        '\r' => "'\\r'".to_owned(),
        '\t' => "'\\t'".to_owned(),
        '\u{7}' => "'\\a'".to_owned(),
        '\u{8}' => "'\\b'".to_owned(),
        '\u{b}' => "'\\v'".to_owned(),
        '\u{c}' => "'\\f'".to_owned(),
        _ if character.is_ascii_control() => format!("'\\x{:02x}'", u32::from(character)),
        _ if character.escape_debug().len() == 1 => format!("'{character}'"),
        _ if u32::from(character) < 0x10000 => format!("'\\u{:04x}'", u32::from(character)),
        _ => format!("'\\U{:08x}'", u32::from(character)),
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn a_sign_is_found_at_any_place_of_a_long_text() {
        for place in 0..48 {
            for sign in ["", "\"", "\\", "\\n", "\\u12aF", "\\u12x4", "\u{1}", "\u{1f}", " ", "é", "\\\"\\\\"]
            {
                let text = format!("[\"{}{sign}{}\"]", "x".repeat(place), "y".repeat(48 - place));
                let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
                assert_eq!(check_json(text.as_bytes()).is_ok(), expected, "{text}");
                assert!(check_json(&text.as_bytes()[..text.len() - 2]).is_err(), "{text}");
            }
        }
    }
}
