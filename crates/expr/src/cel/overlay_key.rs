//! Keys of overlays: paths into the extensions, as the library behind Tekton's interceptor reads them.

use serde_json::{Map, Value};
use thiserror::Error;

use super::limits::{DEEPEST_KEY, LARGEST_PLACE, LONGEST_KEY};

/// A key that names no place in the extensions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OverlayKeyError {
    /// The key is empty.
    #[error("path cannot be empty")]
    Empty,
    /// A part of the key names a place in a list and is not a number.
    #[error("cannot set array element for non-numeric key '{part}'")]
    NotANumber {
        /// The part.
        part: String,
    },
    /// The key exceeds a bound of `limits`.
    #[error(
        "the overlay key is too large; it may have {LONGEST_KEY} bytes, {DEEPEST_KEY} levels and places in lists up \
         to {LARGEST_PLACE}"
    )]
    TooLarge,
}

/// A part of a key, between dots.
struct Part {
    name: String,
    /// Whether it is a name even if it looks like a number.
    is_name: bool,
}

/// Where a part leads inside a list.
enum Place {
    At(usize),
    /// `-1`: behind the last element.
    End,
    No,
}

/// Writes the result of an overlay.
///
/// `a.b` is a field of an object, `a\.b` a name with a dot, `a.0` a place in a list, `a.-1` the end of a list. A leading
/// colon makes a number a name. A key with `#`, `*`, `?`, `|` or `@` writes nothing, as with Tekton.
pub fn set_overlay(
    extensions: &mut Map<String, Value>,
    key: &str,
    value: Value,
) -> Result<(), OverlayKeyError> {
    let Some(parts) = parts(key)? else { return Ok(()) };
    let Some((first, rest)) = parts.split_first() else { return Err(OverlayKeyError::Empty) };
    // Written to a copy of what is there, so that a key that fails halfway leaves no trace.
    let mut field = extensions.get(&first.name).cloned().unwrap_or(Value::Null);
    write(&mut field, rest, value)?;
    extensions.insert(first.name.clone(), field);
    Ok(())
}

fn write(at: &mut Value, parts: &[Part], value: Value) -> Result<(), OverlayKeyError> {
    let Some((first, rest)) = parts.split_first() else {
        *at = value;
        return Ok(());
    };
    let place = first.place()?;
    // A scalar gives way.
    if !at.is_object() && !at.is_array() {
        *at = match place {
            Place::No => Value::Object(Map::new()),
            Place::At(_) | Place::End => Value::Array(Vec::new()),
        };
    }
    match (at, place) {
        (Value::Array(items), Place::At(place)) => {
            if items.len() <= place {
                items.resize(place + 1, Value::Null);
            }
            items.get_mut(place).map_or(Ok(()), |item| write(item, rest, value))
        }
        (Value::Array(items), Place::End) => {
            let mut item = Value::Null;
            write(&mut item, rest, value)?;
            items.push(item);
            Ok(())
        }
        (Value::Object(fields), _) => {
            write(fields.entry(first.name.clone()).or_insert(Value::Null), rest, value)
        }
        _ => Err(OverlayKeyError::NotANumber { part: first.name.clone() }),
    }
}

impl Part {
    fn place(&self) -> Result<Place, OverlayKeyError> {
        if self.is_name {
            return Ok(Place::No);
        }
        if self.name == "-1" {
            return Ok(Place::End);
        }
        if !self.name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Place::No);
        }
        // An empty part is the first place.
        let place = if self.name.is_empty() { Ok(0) } else { self.name.parse() };
        place.ok().filter(|place| *place <= LARGEST_PLACE).map(Place::At).ok_or(OverlayKeyError::TooLarge)
    }
}

/// The parts of a key; `None` for a key with a character of a query, which writes nothing.
fn parts(key: &str) -> Result<Option<Vec<Part>>, OverlayKeyError> {
    if key.is_empty() {
        return Err(OverlayKeyError::Empty);
    }
    if key.len() > LONGEST_KEY {
        return Err(OverlayKeyError::TooLarge);
    }
    let mut parts = Vec::new();
    let mut rest = Some(key);
    while let Some(text) = rest.take() {
        let (is_name, text) = text.strip_prefix(':').map_or((false, text), |text| (true, text));
        let mut name = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '.' => {
                    rest = Some(letters.as_str());
                    break;
                }
                '\\' => name.extend(letters.next()),
                '|' | '#' | '@' | '*' | '?' => return Ok(None),
                other => name.push(other),
            }
        }
        parts.push(Part { name, is_name });
        if parts.len() > DEEPEST_KEY {
            return Err(OverlayKeyError::TooLarge);
        }
    }
    Ok(Some(parts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(keys: &[(&str, Value)]) -> Value {
        let mut extensions = Map::new();
        for (key, value) in keys {
            set_overlay(&mut extensions, key, value.clone()).unwrap();
        }
        Value::Object(extensions)
    }

    #[test]
    fn a_key_is_a_path() {
        for (key, expected) in [
            ("a", json!({"a": 1})),
            ("a.b", json!({"a": {"b": 1}})),
            (r"a\.b", json!({"a.b": 1})),
            (r"a\*", json!({"a*": 1})),
            ("extensions.foo", json!({"extensions": {"foo": 1}})),
            ("with space", json!({"with space": 1})),
            ("5", json!({"5": 1})),
            ("-1", json!({"-1": 1})),
            ("l.0", json!({"l": [1]})),
            ("l.2", json!({"l": [null, null, 1]})),
            ("l.-1", json!({"l": [1]})),
            ("l.:0", json!({"l": {"0": 1}})),
            (":1", json!({"1": 1})),
            ("a..b", json!({"a": [{"b": 1}]})),
            (".a", json!({"": {"a": 1}})),
            ("a.", json!({"a": [1]})),
            ("l.1.x", json!({"l": [null, {"x": 1}]})),
        ] {
            assert_eq!(written(&[(key, json!(1))]), expected, "{key}");
        }
    }

    #[test]
    fn a_key_with_a_character_of_a_query_writes_nothing() {
        for key in ["#", "a#b", "a*", "a?", "a|b", "a.#", "@x"] {
            assert_eq!(written(&[(key, json!(1))]), json!({}), "{key}");
        }
    }

    #[test]
    fn keys_meet_what_earlier_ones_wrote() {
        for (keys, expected) in [
            (vec![("a.b", json!(1)), ("a.c", json!(2))], json!({"a": {"b": 1, "c": 2}})),
            (vec![("a.b", json!(1)), ("a", json!({"c": 9}))], json!({"a": {"c": 9}})),
            (vec![("d", json!(1)), ("d", json!(2))], json!({"d": 2})),
            (vec![("l.0", json!(1)), ("l.1", json!(2)), ("l.0", json!(3))], json!({"l": [3, 2]})),
            (vec![("l.-1", json!(1)), ("l.-1", json!(2))], json!({"l": [1, 2]})),
            (vec![("a", json!(1)), ("a.b", json!(2))], json!({"a": {"b": 2}})),
            (vec![("a", json!("x")), ("a.0", json!(2))], json!({"a": [2]})),
            (vec![("a", json!({"k": 1})), ("a.0", json!(2))], json!({"a": {"k": 1, "0": 2}})),
        ] {
            assert_eq!(written(&keys), expected, "{keys:?}");
        }
    }

    #[test]
    fn a_key_without_a_place_is_refused_and_changes_nothing() {
        let long = "a".repeat(LONGEST_KEY + 1);
        let deep = "a.".repeat(DEEPEST_KEY) + "a";
        for (key, expected) in [
            ("", OverlayKeyError::Empty),
            ("l.x", OverlayKeyError::NotANumber { part: "x".to_owned() }),
            ("new.b.0.1001", OverlayKeyError::TooLarge),
            ("l.99999999999999999999", OverlayKeyError::TooLarge),
            (&long, OverlayKeyError::TooLarge),
            (&deep, OverlayKeyError::TooLarge),
        ] {
            let before = json!({"l": [1]});
            let mut extensions = before.as_object().unwrap().clone();
            assert_eq!(set_overlay(&mut extensions, key, json!(1)), Err(expected), "{key}");
            assert_eq!(Value::Object(extensions), before, "{key}");
        }
    }
}
