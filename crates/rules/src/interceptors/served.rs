//! A request to an interceptor of this process from a listener that Tekton runs, by the contract of ClusterInterceptors.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use trigger_core::is_dns_label;
use trigger_expr::Headers;

use super::body::Body;
use super::chain::Chain;
use super::compile_error::CompileError;
use super::declaration::{Declaration, Reference};
use super::record::{Course, RecordedVerdict, Step};
use super::settings::CallSettings;
use super::state::{ReceivedRequest, State};
use super::status::Code;
use super::trigger_id::{ChainScope, TriggerId};

/// `InterceptorRequest` of Tekton Triggers. Unknown fields are ignored.
#[derive(Deserialize)]
pub struct ServedRequest {
    /// The body of the event, as text: signatures cover its bytes.
    #[serde(default)]
    body: String,
    #[serde(default)]
    header: Headers,
    #[serde(default)]
    interceptor_params: Map<String, Value>,
    #[serde(default)]
    context: Context,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    event_url: String,
    #[serde(default)]
    event_id: String,
    #[serde(default)]
    trigger_id: String,
}

/// The part of a request that names its trigger.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    context: Context,
}

/// A request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServedError {
    /// It is not JSON of this shape.
    #[error("the request is no interceptor request, at line {line} column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// It names no trigger.
    #[error(
        "`context.trigger_id` is none: `namespaces/NAMESPACE/triggers/NAME` or `namespaces/NAMESPACE/triggerGroups/NAME` is \
         expected"
    )]
    UnknownTrigger,
}

impl From<serde_json::Error> for ServedError {
    /// Without the message of the parser, which quotes the request.
    fn from(error: serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}

impl ServedRequest {
    /// Reads a request.
    pub fn read(json: &[u8]) -> Result<Self, ServedError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// The trigger or the group that asks, of which the namespace has the Secrets. Nothing else of the request is kept in
    /// memory.
    pub fn trigger_of(json: &[u8]) -> Result<TriggerId, ServedError> {
        let Named { context } = serde_json::from_slice(json)?;
        let parts: Vec<_> = context.trigger_id.splitn(4, '/').collect();
        let ["namespaces", namespace, collection, name] = parts[..] else {
            return Err(ServedError::UnknownTrigger);
        };
        let scope = match collection {
            "triggers" => ChainScope::Trigger,
            "triggerGroups" => ChainScope::Group,
            _ => return Err(ServedError::UnknownTrigger),
        };
        if !is_dns_label(namespace) {
            return Err(ServedError::UnknownTrigger);
        }
        Ok(TriggerId { scope, namespace: namespace.into(), name: name.into() })
    }

    /// The interceptor called `name` with the parameters of the request, as a chain.
    pub fn chain(&self, name: &str, trigger: TriggerId) -> Result<Chain, CompileError> {
        let reference = Reference { name, kind: Reference::CLUSTER, address: None };
        let declaration = Declaration {
            name: "",
            reference: Some(reference),
            params: &self.interceptor_params,
            webhook: None,
        };
        Chain::compile(trigger, &[declaration], &CallSettings::default())
    }

    /// The event, which arrived at `at`.
    pub fn into_event(self, at: Timestamp) -> State {
        State::new(ReceivedRequest {
            body: Body::new(Bytes::from(self.body)),
            headers: Arc::new(self.header),
            url: self.context.event_url.into(),
            event_id: self.context.event_id.into(),
            at,
        })
    }
}

/// The answer to a request: `InterceptorResponse` of Tekton Triggers.
pub fn served_answer(step: &Step) -> Value {
    let stopped =
        |code: Code, message: &str| json!({"continue": false, "status": {"code": code, "message": message}});
    let last = |course: &Course| match course.records().last().map(|record| &record.verdict) {
        Some(RecordedVerdict::Stopped { code, message, .. }) => {
            stopped(code.unwrap_or(Code::FAILED_PRECONDITION), message)
        }
        Some(RecordedVerdict::Failed { message }) => stopped(Code::UNAVAILABLE, message),
        Some(RecordedVerdict::Passed { .. }) | None => stopped(Code::INTERNAL, "there is no decision"),
    };
    match step {
        Step::Passed(course) => json!({"continue": true, "extensions": course.state().extensions()}),
        Step::Stopped(course) | Step::Failed(course) | Step::Asks(_, course) => last(course),
    }
}
