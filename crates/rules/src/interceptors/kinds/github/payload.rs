use serde_json::{Map, Value};

use crate::interceptors::body::Body;
use crate::interceptors::interceptor::Halt;
use crate::interceptors::status::Code;

/// The payload of a GitHub event, or an object in it. `None` has no field.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a>(Option<&'a Map<String, Value>>);

/// A repository, as the two segments of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryName {
    pub(super) owner: String,
    pub(super) name: String,
}

/// GitHub's bounds are 39 and 100 characters.
const LONGEST_SEGMENT: usize = 100;

impl<'a> Payload<'a> {
    /// The payload in a body. `empty` is the error for an empty one.
    pub(super) fn of(body: &'a Body, empty: &str) -> Result<Self, Halt> {
        if body.bytes().is_empty() {
            return Err(unreadable(empty));
        }
        body.object().map(Self).map_err(|error| unreadable(&error.to_string()))
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name)
    }

    /// A field, or the error `missing`.
    pub(super) fn field(self, name: &str, missing: &str) -> Result<&'a Value, Halt> {
        self.get(name).ok_or_else(|| unreadable(missing))
    }

    /// An object in a field, or the error `missing`.
    pub(super) fn object(self, name: &str, missing: &str) -> Result<Self, Halt> {
        let object = self.field(name, missing)?.as_object().ok_or_else(|| unreadable(missing))?;
        Ok(Self(Some(object)))
    }

    /// A list in a field, or the error `missing`.
    pub(super) fn list(self, name: &str, missing: &str) -> Result<&'a [Value], Halt> {
        let list = self.field(name, missing)?.as_array();
        list.map(Vec::as_slice).ok_or_else(|| unreadable(missing))
    }

    /// A text in a field, or the error `missing`.
    pub(super) fn text(self, name: &str, missing: &str) -> Result<&'a str, Halt> {
        self.field(name, missing)?.as_str().ok_or_else(|| unreadable(missing))
    }

    /// A whole number in a field, or the error `missing`.
    pub(super) fn number(self, name: &str, missing: &str) -> Result<u64, Halt> {
        self.field(name, missing)?.as_u64().ok_or_else(|| unreadable(missing))
    }

    /// The objects of a list; an empty list if there is none.
    pub(super) fn objects(self, name: &str) -> impl Iterator<Item = Self> {
        let items = self.get(name).and_then(Value::as_array).into_iter().flatten();
        items.map(|item| Self(item.as_object()))
    }

    /// The repository by `repository.full_name`.
    pub(super) fn repository(self) -> Result<RepositoryName, Halt> {
        let missing = "payload body missing 'repository.full_name' field";
        let repository = self.object("repository", "payload body missing 'repository' field")?;
        let full_name = repository.text("full_name", missing)?;
        let (owner, name) = full_name.split_once('/').ok_or_else(|| unreadable(missing))?;
        // They become segments of a path.
        let is_segment = |text: &str| {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (1..=LONGEST_SEGMENT).contains(&text.len())
                && text.bytes().all(legal)
                && ![".", ".."].contains(&text)
        };
        if !is_segment(owner) || !is_segment(name) {
            return Err(unreadable("'repository.full_name' is no name of a repository"));
        }
        Ok(RepositoryName { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The addresses of the repository in the payload.
    pub(super) fn repository_urls(self) -> impl Iterator<Item = &'a str> {
        let repository = Self(self.get("repository").and_then(Value::as_object));
        let fields = ["html_url", "url", "clone_url"].into_iter();
        fields.filter_map(move |field| repository.get(field)?.as_str())
    }
}

/// The event stops because a field of the payload is missing.
pub(super) fn unreadable(error: &str) -> Halt {
    Halt::stop(Code::FAILED_PRECONDITION, format!("error parsing body: {error}"))
}
