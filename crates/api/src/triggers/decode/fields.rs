use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use trigger_core::json_size;

use super::{DecodeError, LegacyField, Notes};
use crate::limits::LONGEST_TEXT;

/// A type that is read from JSON by Go's rules. `null` reads as the empty value.
pub(in crate::triggers) trait Decode: Sized {
    /// Reads the value that `decoder` stands at.
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError>;
}

/// Where reading stands, and what was odd so far.
#[derive(Debug, Default)]
pub(in crate::triggers) struct Decoder {
    path: String,
    notes: Notes,
}

impl Decoder {
    /// What was odd.
    pub(in crate::triggers) fn into_notes(self) -> Notes {
        self.notes
    }

    /// The fields of an object. `null` has none.
    pub(in crate::triggers) fn fields(&mut self, value: Value) -> Result<Fields, DecodeError> {
        match value {
            Value::Null => Ok(Fields(Map::new())),
            Value::Object(fields) => Ok(Fields(fields)),
            other => Err(self.type_error("an object", &other)),
        }
    }

    /// Notes that the entry of a list is `null`.
    pub(in crate::triggers) fn note_null(&mut self) {
        self.notes.nulls.insert(self.path.clone());
    }

    /// Notes a field of an interceptor that only `v1alpha1` has.
    pub(in crate::triggers) fn note_legacy(&mut self, name: &'static str, is_rewritten: bool) {
        let fields = self.notes.legacy.entry(self.path.clone()).or_default();
        fields.push(LegacyField { name, is_rewritten });
    }

    /// An error about the value that reading stands at.
    pub(in crate::triggers) fn form_error(&self, reason: impl fmt::Display) -> DecodeError {
        DecodeError::Form { path: self.here(), reason: reason.to_string() }
    }

    /// The path in a message.
    fn here(&self) -> String {
        if self.path.is_empty() { "the manifest".to_owned() } else { self.path.clone() }
    }

    fn type_error(&self, expected: &'static str, found: &Value) -> DecodeError {
        DecodeError::Type { path: self.here(), expected, found: describe(found) }
    }

    /// Reads something at a field of the present object.
    pub(in crate::triggers) fn at<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let end = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
        let result = read(self);
        self.path.truncate(end);
        result
    }

    /// Reads an entry of the present list.
    fn at_index<T>(
        &mut self,
        index: usize,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let end = self.path.len();
        // A string takes all that is written to it.
        let _ = write!(self.path, "[{index}]");
        let result = read(self);
        self.path.truncate(end);
        result
    }

    /// The value as a text; `None` if it is `null`.
    pub(in crate::triggers) fn text(&mut self, value: Value) -> Result<Option<String>, DecodeError> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => {
                self.check_size(text.len(), LONGEST_TEXT)?;
                Ok(Some(text))
            }
            other => Err(self.type_error("a string", &other)),
        }
    }

    /// The entries of a list, each read by `read`; none if the value is `null`.
    pub(in crate::triggers) fn list<T>(
        &mut self,
        value: Value,
        most: usize,
        mut read: impl FnMut(Value, &mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let entries = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(entries) => entries,
            other => return Err(self.type_error("a list", &other)),
        };
        self.check_count(entries.len(), most)?;
        let read_entry = |(index, entry)| self.at_index(index, |decoder: &mut Self| read(entry, decoder));
        entries.into_iter().enumerate().map(read_entry).collect()
    }

    fn check_count(&self, found: usize, most: usize) -> Result<(), DecodeError> {
        if found > most {
            return Err(DecodeError::TooMany { path: self.here(), found, most });
        }
        Ok(())
    }

    fn check_size(&self, found: usize, most: usize) -> Result<(), DecodeError> {
        if found > most {
            return Err(DecodeError::TooLarge { path: self.here(), found, most });
        }
        Ok(())
    }
}

/// The fields of an object that were not read yet.
#[derive(Debug)]
pub(in crate::triggers) struct Fields(Map<String, Value>);

impl Fields {
    /// Takes the value of a field, `null` if it is absent. Of several spellings, the canonical one counts, else the
    /// last in the order of bytes.
    pub(in crate::triggers) fn take(&mut self, name: &str) -> Value {
        let exact = self.0.remove(name);
        let spellings = self.0.keys().filter(|key| key.eq_ignore_ascii_case(name));
        let mut folded = None;
        for spelling in spellings.cloned().collect::<Vec<_>>() {
            folded = self.0.remove(&spelling);
        }
        exact.or(folded).unwrap_or_default()
    }

    /// Takes a field and reads it.
    pub(in crate::triggers) fn read<T>(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
        read: impl FnOnce(Value, &mut Decoder) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let value = self.take(name);
        decoder.at(name, |decoder| read(value, decoder))
    }

    /// A field that is an object of a type; the empty one if it is absent.
    pub(in crate::triggers) fn object<T: Decode>(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
    ) -> Result<T, DecodeError> {
        self.read(decoder, name, T::decode)
    }

    /// A field that is an object of a type, and may be absent.
    pub(in crate::triggers) fn optional_object<T: Decode>(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
    ) -> Result<Option<T>, DecodeError> {
        self.read(
            decoder,
            name,
            |value, decoder| {
                if value.is_null() { Ok(None) } else { T::decode(value, decoder).map(Some) }
            },
        )
    }

    /// A text, empty if it is absent.
    pub(in crate::triggers) fn text(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
    ) -> Result<String, DecodeError> {
        Ok(self.optional_text(decoder, name)?.unwrap_or_default())
    }

    /// A text that is present, empty or not.
    pub(in crate::triggers) fn optional_text(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
    ) -> Result<Option<String>, DecodeError> {
        self.read(decoder, name, |value, decoder| decoder.text(value))
    }

    /// A text for which empty is the same as absent.
    pub(in crate::triggers) fn nonempty_text(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
    ) -> Result<Option<String>, DecodeError> {
        Ok(self.optional_text(decoder, name)?.filter(|text| !text.is_empty()))
    }

    /// A whole number of 32 bits that may be absent.
    pub(in crate::triggers) fn optional_number(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
    ) -> Result<Option<i32>, DecodeError> {
        self.read(decoder, name, |value, decoder| {
            if value.is_null() {
                return Ok(None);
            }
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            number.map(Some).ok_or_else(|| decoder.type_error("a whole number of 32 bits", &value))
        })
    }

    /// A list of objects of a type, of `most` entries at most.
    pub(in crate::triggers) fn list<T: Decode>(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
        most: usize,
    ) -> Result<Vec<T>, DecodeError> {
        self.read(decoder, name, |value, decoder| decoder.list(value, most, T::decode))
    }

    /// A list of texts, of `most` entries at most. A `null` among them is empty.
    pub(in crate::triggers) fn texts(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
        most: usize,
    ) -> Result<Vec<String>, DecodeError> {
        self.read(decoder, name, |value, decoder| {
            decoder.list(value, most, |entry, decoder| Ok(decoder.text(entry)?.unwrap_or_default()))
        })
    }

    /// A list of values of any type, of `most` entries and `largest` bytes of JSON at most.
    pub(in crate::triggers) fn values(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
        most: usize,
        largest: usize,
    ) -> Result<Vec<Value>, DecodeError> {
        self.read(decoder, name, |value, decoder| {
            decoder.check_size(json_size(&value), largest)?;
            decoder.list(value, most, |entry, _| Ok(entry))
        })
    }

    /// A map of the user's from texts to texts, of `most` entries at most. Its keys are left alone, and a `null` is
    /// empty.
    pub(in crate::triggers) fn map(
        &mut self,
        decoder: &mut Decoder,
        name: &str,
        most: usize,
    ) -> Result<BTreeMap<String, String>, DecodeError> {
        self.read(decoder, name, |value, decoder| {
            let Fields(entries) = decoder.fields(value)?;
            decoder.check_count(entries.len(), most)?;
            let mut map = BTreeMap::new();
            for (key, value) in entries {
                let text = decoder.at(&key, |decoder| decoder.text(value))?;
                map.insert(key, text.unwrap_or_default());
            }
            Ok(map)
        })
    }

    /// Refuses a field that has more than `largest` bytes of JSON.
    pub(in crate::triggers) fn check_size(
        &self,
        decoder: &mut Decoder,
        name: &str,
        largest: usize,
    ) -> Result<(), DecodeError> {
        let spelled = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let size = spelled.map(|(_, value)| json_size(value)).fold(0, usize::saturating_add);
        decoder.at(name, |decoder| decoder.check_size(size, largest))
    }

    /// The fields that were not read. They are noted as unknown.
    pub(in crate::triggers) fn other(self, decoder: &mut Decoder) -> Map<String, Value> {
        for key in self.0.keys() {
            let separator = if decoder.path.is_empty() { "" } else { "." };
            decoder.notes.unknown.push(format!("{}{separator}{key}", decoder.path));
        }
        self.0
    }
}

/// A value in a message. Texts are not repeated: one could be a secret in the wrong place.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
