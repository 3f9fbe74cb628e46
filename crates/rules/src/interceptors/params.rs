//! Parameters of interceptors, decoded as Go decodes them into a struct: names without regard to case, unknown names
//! ignored, `null` as absent.

use serde_json::{Map, Value};
use trigger_core::{KeyRef, ObjectKey, is_dns_subdomain};

use crate::limits::{LONGEST_PARAM_ITEM, LONGEST_SECRET_ENTRY, MOST_PARAM_ITEMS};
use crate::text::quoted;

/// The fields of an object in an interceptor's parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'a> {
    fields: &'a Map<String, Value>,
    /// The name of the object, with a dot at its end; empty for the parameters themselves.
    path: &'a str,
}

/// A parameter has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// The value has another type.
    #[error("the parameter `{name}` has the wrong type: {expected} is expected")]
    Type {
        /// The parameter, with those that it is part of.
        name: String,
        /// The type that it should have.
        expected: &'static str,
    },
    /// The list is too long.
    #[error("the parameter `{name}` has {found} items, at most {MOST_PARAM_ITEMS} are allowed; use fewer")]
    TooMany {
        /// The parameter.
        name: String,
        /// The number of items.
        found: usize,
    },
    /// An item of a list is too long.
    #[error(
        "an item of the parameter `{name}` has {found} bytes, at most {LONGEST_PARAM_ITEM} are allowed; shorten it"
    )]
    TooLong {
        /// The parameter.
        name: String,
        /// The length of the item.
        found: usize,
    },
    /// No Secret can have the name.
    #[error(
        "the parameter `{name}` names the Secret {secret}, which cannot exist: use lower-case letters, digits, `-` and `.`"
    )]
    SecretName {
        /// The parameter.
        name: String,
        /// The name of the Secret, cut.
        secret: String,
    },
    /// The value is not one of those with a meaning.
    #[error("the parameter `{name}` is {found}: {expected}")]
    Value {
        /// The parameter.
        name: String,
        /// The value, cut.
        found: String,
        /// The expected form, and the remedy.
        expected: String,
    },
}

/// A reference to an entry of a Secret in the trigger's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretRef {
    /// The entry.
    Entry(KeyRef),
    /// The reference names no entry, so no event passes.
    NoEntry,
}

impl<'a> Params<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, path: "" }
    }

    /// The fields of an object in a list. `path` is its place with a dot at its end.
    pub(super) fn nested(fields: &'a Map<String, Value>, path: &'a str) -> Self {
        Self { fields, path }
    }

    /// The value of a field that is there. Of several spellings, the last in the order of the names counts.
    fn get(self, name: &str) -> Option<&'a Value> {
        let is_spelled =
            |(key, value): &(&String, &Value)| key.eq_ignore_ascii_case(name) && !value.is_null();
        self.fields.iter().rfind(is_spelled).map(|(_, value)| value)
    }

    fn name(self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    fn wrong_type(self, name: &str, expected: &'static str) -> ParamsError {
        ParamsError::Type { name: self.name(name), expected }
    }

    pub(super) fn wrong_value(self, name: &str, found: &str, expected: impl Into<String>) -> ParamsError {
        ParamsError::Value { name: self.name(name), found: quoted(found), expected: expected.into() }
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, ParamsError> {
        let read = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong_type(name, "a string"));
        self.get(name).map(read).transpose()
    }

    pub(super) fn flag(self, name: &str) -> Result<bool, ParamsError> {
        let read = |value: &Value| value.as_bool().ok_or_else(|| self.wrong_type(name, "true or false"));
        self.get(name).map_or(Ok(false), read)
    }

    /// The object in a field. `path` is its name with a dot at its end.
    pub(super) fn object(self, name: &str, path: &'a str) -> Result<Option<Self>, ParamsError> {
        let read = |value: &'a Value| match value {
            Value::Object(fields) => Ok(Self { fields, path }),
            _ => Err(self.wrong_type(name, "an object")),
        };
        self.get(name).map(read).transpose()
    }

    /// The items of a list; `None` if the field is absent, which is not the same as an empty list.
    pub(super) fn items(self, name: &str) -> Result<Option<&'a [Value]>, ParamsError> {
        let items = match self.get(name) {
            None => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong_type(name, "a list")),
        };
        if items.len() > MOST_PARAM_ITEMS {
            return Err(ParamsError::TooMany { name: self.name(name), found: items.len() });
        }
        Ok(Some(items))
    }

    /// A list of strings; `None` if the field is absent. An item `null` is an empty string.
    pub(super) fn texts(self, name: &str) -> Result<Option<Box<[Box<str>]>>, ParamsError> {
        let Some(items) = self.items(name)? else { return Ok(None) };
        let read = |item: &Value| match item {
            Value::Null => Ok(Box::default()),
            Value::String(item) if item.len() > LONGEST_PARAM_ITEM => {
                Err(ParamsError::TooLong { name: self.name(name), found: item.len() })
            }
            Value::String(item) => Ok(item.as_str().into()),
            _ => Err(self.wrong_type(name, "a list of strings")),
        };
        items.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// The reference `{secretName, secretKey}` to a Secret in `namespace`; `None` if the field is absent.
    pub(super) fn secret_ref(self, name: &str, namespace: &str) -> Result<Option<SecretRef>, ParamsError> {
        let path = format!("{}{name}.", self.path);
        let fields = match self.get(name) {
            None => return Ok(None),
            Some(Value::Object(fields)) => Params { fields, path: &path },
            Some(_) => return Err(self.wrong_type(name, "an object")),
        };
        let secret = fields.text("secretName")?.unwrap_or_default();
        let entry = fields.text("secretKey")?.unwrap_or_default();
        if entry.is_empty() {
            return Ok(Some(SecretRef::NoEntry));
        }
        if !is_dns_subdomain(secret) {
            let (name, secret) = (fields.name("secretName"), quoted(secret));
            return Err(ParamsError::SecretName { name, secret });
        }
        if entry.len() > LONGEST_PARAM_ITEM {
            return Err(ParamsError::TooLong { name: fields.name("secretKey"), found: entry.len() });
        }
        Ok(Some(SecretRef::Entry(KeyRef::new(ObjectKey::new(namespace, secret), entry))))
    }
}

/// Whether an entry of a Secret can have the name.
pub(super) fn is_secret_entry(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=LONGEST_SECRET_ENTRY).contains(&name.len()) && name.bytes().all(is_legal)
}

impl SecretRef {
    /// The entry, if it names one.
    pub(super) fn entry(&self) -> Option<&KeyRef> {
        match self {
            Self::Entry(key) => Some(key),
            Self::NoEntry => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn names_are_found_in_any_case_and_null_is_absent() {
        for (params, expected) in [
            (json!({"eventTypes": ["a"]}), Some(vec!["a"])),
            (json!({"EVENTTYPES": ["a"]}), Some(vec!["a"])),
            (json!({"EventTypes": ["a"], "eventTypes": ["b"]}), Some(vec!["b"])),
            (json!({"EventTypes": ["a"], "eventTypes": null}), Some(vec!["a"])),
            (json!({"eventTypes": []}), Some(vec![])),
            (json!({"eventTypes": ["a", null]}), Some(vec!["a", ""])),
            (json!({"eventTypes": null}), None),
            (json!({"other": 1}), None),
        ] {
            let fields = fields(&params);
            let found = Params::new(&fields).texts("eventTypes").unwrap();
            let found = found.map(|items| items.iter().map(ToString::to_string).collect::<Vec<_>>());
            let expected = expected.map(|items: Vec<&str>| items.iter().map(ToString::to_string).collect());
            assert_eq!(found, expected, "{params}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let long = "x".repeat(LONGEST_PARAM_ITEM + 1);
        let many = vec!["x"; MOST_PARAM_ITEMS + 1];
        for (params, expected) in [
            (json!({"list": "push"}), "the parameter `list` has the wrong type: a list is expected"),
            (json!({"list": [1]}), "the parameter `list` has the wrong type: a list of strings is expected"),
            (json!({"list": many}), "the parameter `list` has 257 items, at most 256 are allowed; use fewer"),
            (
                json!({"list": [long]}),
                "an item of the parameter `list` has 1025 bytes, at most 1024 are allowed; shorten it",
            ),
            (json!({"flag": "true"}), "the parameter `flag` has the wrong type: true or false is expected"),
            (json!({"object": []}), "the parameter `object` has the wrong type: an object is expected"),
            (
                json!({"object": {"flag": 1}}),
                "the parameter `object.flag` has the wrong type: true or false is expected",
            ),
            (json!({"secret": "hook"}), "the parameter `secret` has the wrong type: an object is expected"),
            (
                json!({"secret": {"secretKey": 1}}),
                "the parameter `secret.secretKey` has the wrong type: a string is expected",
            ),
            (
                json!({"secret": {"secretKey": "k", "secretName": "No_Name"}}),
                "the parameter `secret.secretName` names the Secret `No_Name`, which cannot exist: use lower-case \
                 letters, digits, `-` and `.`",
            ),
            (
                json!({"secret": {"secretKey": "k"}}),
                "the parameter `secret.secretName` names the Secret ``, which cannot exist: use lower-case letters, \
                 digits, `-` and `.`",
            ),
        ] {
            let fields = fields(&params);
            let params = Params::new(&fields);
            let read = || {
                params.texts("list")?;
                params.flag("flag")?;
                if let Some(object) = params.object("object", "object.")? {
                    object.flag("flag")?;
                }
                params.secret_ref("secret", "team-a")
            };
            assert_eq!(read().unwrap_err().to_string(), expected, "{fields:?}");
        }
    }

    #[test]
    fn only_names_that_an_entry_of_a_secret_can_have_are_entries() {
        let longest = "a".repeat(LONGEST_SECRET_ENTRY);
        for name in ["token", "a", "Web_hook.KEY-2", "..data", &longest] {
            assert!(is_secret_entry(name), "{name:?}");
        }
        for name in ["", "a b", "a/b", "é", "a\n", &format!("{longest}a")] {
            assert!(!is_secret_entry(name), "{name:?}");
        }
    }

    #[test]
    fn a_secret_ref_without_an_entry_is_no_error() {
        for (params, expected) in [
            (json!({"secretRef": {"secretName": "hook", "secretKey": "token"}}), "team-a/hook token"),
            (json!({"SecretRef": {"SECRETNAME": "hook", "secretkey": "token"}}), "team-a/hook token"),
            (json!({"secretRef": {"secretName": "hook"}}), "no entry"),
            (json!({"secretRef": {}}), "no entry"),
            (json!({"secretRef": null}), "absent"),
            (json!({}), "absent"),
        ] {
            let fields = fields(&params);
            let found = match Params::new(&fields).secret_ref("secretRef", "team-a").unwrap() {
                Some(SecretRef::Entry(key)) => format!("{} {}", key.secret, key.entry),
                Some(SecretRef::NoEntry) => "no entry".to_owned(),
                None => "absent".to_owned(),
            };
            assert_eq!(found, expected, "{params}");
        }
    }
}
