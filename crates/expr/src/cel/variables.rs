use std::fmt;

use serde_json::{Map, Value};

use super::SecretError;
use crate::{EventInput, Headers};

/// The names that an expression may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// `body`, `header`, `extensions` and `requestURL`, as Tekton's interceptor has them.
    Interceptor,
    /// `body`, `header` and `event`, for the filter of a Build. `event` is our provider-neutral description.
    Build,
}

/// The values of the variables of an evaluation.
///
/// `Debug` shows no content, because payloads and headers may hold secrets.
#[derive(Clone, Copy)]
pub struct Variables<'a> {
    /// The body: an object, or `null` for an empty one.
    pub body: &'a Value,
    /// The headers.
    pub header: &'a Headers,
    /// The extensions that interceptors have added.
    pub extensions: &'a Map<String, Value>,
    /// Path and query of the request.
    pub request_url: &'a str,
    /// The event in words of our own, for [`Vocabulary::Build`].
    pub event: &'a Value,
}

impl<'a> From<EventInput<'a>> for Variables<'a> {
    /// The variables of an interceptor. `event` is `null`.
    fn from(input: EventInput<'a>) -> Self {
        let EventInput { body, header, extensions, request_url, event_id: _ } = input;
        Self { body, header, extensions, request_url, event: &Value::Null }
    }
}

impl fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").field("header", self.header).finish_non_exhaustive()
    }
}

/// Compares what a sender presented with a Secret of the trigger's namespace.
pub trait SecretLookup {
    /// Whether `presented` equals the value under `key`, in a time that does not depend on where they differ.
    fn compare(&self, presented: &str, name: &str, key: &str) -> Result<bool, SecretError>;
}

/// Has no Secret: each comparison needs it. For expressions that read none, and to learn which ones they read.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretLookup for NoSecrets {
    fn compare(&self, _presented: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        Err(SecretError::NeedsSecret { name: name.to_owned(), key: key.to_owned() })
    }
}
