//! The labels of a pull request: objects with a name, in a list.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use trigger_core::Labels;

use crate::json::{FieldAmong, Text};

/// The labels in a list of objects whose field `name` is that of the label. `None` if the list is absent, has another
/// shape, or is longer than [`Labels`] permits.
pub(crate) fn labels(list: Option<&RawValue>, name: &'static str) -> Option<Labels> {
    let mut json = serde_json::Deserializer::from_str(list?.get());
    let found = json.deserialize_seq(LabelList(name)).ok()?;
    Labels::new(found.iter().map(|label| &*label.0))
}

struct LabelList(&'static str);

impl<'de> Visitor<'de> for LabelList {
    type Value = Vec<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of labels")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(label) = list.next_element_seed(Label(self.0))? {
            if found.len() == Labels::MOST {
                return Err(A::Error::custom("too many labels"));
            }
            found.push(label);
        }
        Ok(found)
    }
}

struct Label(&'static str);

impl<'de> DeserializeSeed<'de> for Label {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Label {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut label: A) -> Result<Text<'de>, A::Error> {
        let mut found = None;
        while let Some(field) = label.next_key_seed(FieldAmong(&[self.0]))? {
            if field.is_none() {
                label.next_value::<IgnoredAny>()?;
            } else if found.replace(label.next_value()?).is_some() {
                return Err(A::Error::duplicate_field(self.0));
            }
        }
        found.ok_or_else(|| A::Error::missing_field(self.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(list: &Value) -> Option<Labels> {
        labels(Some(&serde_json::value::to_raw_value(list).unwrap()), "title")
    }

    #[test]
    fn labels_are_read_by_their_name() {
        let list = json!([{"id": 1, "title": "ready"}, {"title": "caf\u{e9} \"x\"", "more": [{}]}]);
        assert_eq!(read(&list), Labels::new(["ready", "caf\u{e9} \"x\""]));
        assert_eq!(read(&json!([])), Labels::new([]));
    }

    #[test]
    fn labels_that_cannot_be_read_are_not_known() {
        for list in [json!(null), json!(["ready"]), json!([{"name": "ready"}]), json!([{"title": 1}])] {
            assert_eq!(read(&list), None, "{list}");
        }
        let twice = RawValue::from_string(r#"[{"title":"a","title":"b"}]"#.to_owned()).unwrap();
        assert_eq!(labels(Some(&twice), "title"), None);
        assert_eq!(read(&vec![json!({"title": "a"}); Labels::MOST + 1].into()), None);
        assert_eq!(labels(None, "title"), None);
    }
}
