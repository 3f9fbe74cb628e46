//! Slack: slash commands, which are forms. Requested fields become extensions.
//!
//! Tekton's interceptor asks for the header with the signature and never verifies it. Here the parameter `secretRef`, which
//! is ours, verifies it with the app's signing secret.

use serde_json::{Map, Value};

use crate::interceptors::authentication::{Authentication, SLACK_SIGNATURE, Scheme};
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::form;
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::{GuardWords, SecretGuard};
use crate::interceptors::status::Code;

const NAME: &str = "slack";

const WORDS: GuardWords = GuardWords {
    missing: Code::INVALID_ARGUMENT,
    refused: Code::FAILED_PRECONDITION,
    refusal: "payload signature check failed",
    prefix: "error validating signature: ",
};

/// The kind.
pub(super) struct Slack;

#[derive(Debug)]
struct SlackInterceptor {
    /// Absent: no event passes.
    fields: Option<Box<[Box<str>]>>,
    guard: Option<SecretGuard>,
}

impl CoreKind for Slack {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        let guard = SecretGuard::compile(NAME, Scheme::Slack, WORDS, params, namespace)?;
        Ok(Box::new(SlackInterceptor { fields: params.texts("requestedFields")?, guard }))
    }
}

impl Interceptor for SlackInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        // With a Secret, the guard misses the signature itself, unless its verdict is known.
        let is_unsigned = self.guard.is_none() && run.header(SLACK_SIGNATURE).is_empty();
        if run.header(form::HEADER) != form::MEDIA_TYPE || is_unsigned {
            let message = format!("missing header in payload: ContentType {}", form::MEDIA_TYPE);
            return Err(Halt::stop(Code::INVALID_ARGUMENT, message));
        }
        self.guard.iter().try_for_each(|guard| guard.check(run))?;
        let payload = payload(run)?;
        let Some(fields) = &self.fields else {
            return Err(Halt::stop(Code::NOT_FOUND, "missing requested field definition"));
        };
        let mut extensions = Map::new();
        for field in fields {
            // Tekton quotes the payload here, which holds a token.
            let value = payload.get(&**field).ok_or_else(|| {
                Halt::stop(Code::NOT_FOUND, format!("requested field does not exists in payload: {field:?}"))
            })?;
            extensions.insert(field.to_string(), value.clone());
        }
        Ok(Passage { extensions, ..Passage::default() })
    }

    fn authentication(&self) -> Authentication<'_> {
        SecretGuard::authentication(self.guard.as_ref())
    }

    fn most_asks(&self) -> usize {
        usize::from(self.guard.is_some())
    }
}

/// The form as an object of lists of strings, which the chain has made of it.
fn payload(run: &Run<'_>) -> Result<Map<String, Value>, Halt> {
    // Spelled as Tekton spells it: people search their logs for the text.
    let failed = |error: &str| {
        Halt::stop(Code::INVALID_ARGUMENT, format!("failed to unmarshl slack payload: {error}"))
    };
    if run.state.body().bytes().is_empty() {
        return Err(failed("unexpected end of JSON input"));
    }
    let object = run.state.body().object().map_err(|error| failed(&error.to_string()))?;
    let is_list = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(|item| item.is_string() || item.is_null()),
        _ => false,
    };
    let object = object.cloned().unwrap_or_default();
    if object.values().all(is_list) {
        Ok(object)
    } else {
        Err(failed("a form with at least two fields is expected"))
    }
}
