use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use trigger_core::canonical_header_name;

/// The headers of a request under their canonical names as Go writes them (`X-Github-Event`), each with its values in the
/// order in which they arrived.
///
/// Its JSON is an object of lists. Reading it brings the names into their canonical form. `Debug` shows names only,
/// because values may be tokens.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value behind those that the header has.
    pub fn append(&mut self, name: &str, value: String) {
        self.values_mut(name).push(value);
    }

    /// Gives a header these values in place of those that it has.
    pub fn insert(&mut self, name: &str, values: Vec<String>) {
        *self.values_mut(name) = values;
    }

    /// Removes a header, and returns its values.
    pub fn remove(&mut self, name: &str) -> Option<Vec<String>> {
        self.0.remove(&*canonical_header_name(name))
    }

    /// The values of a header, under any spelling of its name.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(&*canonical_header_name(name)).map(Vec::as_slice)
    }

    /// The first value of a header, under any spelling of its name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.get(name)?.first().map(String::as_str)
    }

    /// The headers in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn values_mut(&mut self, name: &str) -> &mut Vec<String> {
        self.0.entry(canonical_header_name(name).into_owned()).or_default()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lists = BTreeMap::<String, Vec<String>>::deserialize(deserializer)?;
        let mut headers = Self::new();
        for (name, values) in lists {
            headers.values_mut(&name).extend(values);
        }
        Ok(headers)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_order_under_one_name() {
        let mut headers = Headers::new();
        for (name, value) in [("x-part", "1"), ("X-PART", "2"), ("accept", "*/*"), ("X-Part", "")] {
            headers.append(name, value.to_owned());
        }
        assert_eq!(headers.get("x-PART"), Some(&["1".to_owned(), "2".to_owned(), String::new()][..]));
        assert_eq!(headers.first("x-part"), Some("1"));
        assert_eq!(headers.get("x-other"), None);
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Accept", "X-Part"]);
        headers.insert("ACCEPT", vec!["text/plain".to_owned()]);
        assert_eq!(headers.remove("accept"), Some(vec!["text/plain".to_owned()]));
        assert_eq!(headers.remove("accept"), None);
    }

    #[test]
    fn the_json_is_an_object_of_lists() {
        let headers: Headers =
            serde_json::from_value(json!({"x-one": ["b"], "X-One": ["a"], "x-none": []})).unwrap();
        assert_eq!(serde_json::to_value(&headers).unwrap(), json!({"X-One": ["a", "b"], "X-None": []}));
    }

    #[test]
    fn debug_shows_no_value() {
        let mut headers = Headers::new();
        headers.append("authorization", "hush".to_owned());
        assert_eq!(format!("{headers:?}"), r#"{"Authorization"}"#);
    }
}
