use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};
use trigger_expr::Headers;

use super::super::state::State;
use super::super::trigger_id::TriggerId;
use crate::go_json::go_json;

/// The request to an interceptor: `InterceptorRequest` of Tekton Triggers. Empty parts are left out, as Go leaves them
/// out.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    /// The body as text, so that an interceptor can verify a signature over it.
    #[serde(skip_serializing_if = "str::is_empty")]
    body: Cow<'a, str>,
    #[serde(skip_serializing_if = "Headers::is_empty")]
    header: &'a Headers,
    #[serde(skip_serializing_if = "Map::is_empty")]
    extensions: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    interceptor_params: &'a Map<String, Value>,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    event_url: &'a str,
    event_id: &'a str,
    trigger_id: String,
}

impl<'a> Envelope<'a> {
    /// The request about an event to an interceptor with these parameters.
    pub(crate) fn new(state: &'a State, trigger: &TriggerId, params: &'a Map<String, Value>) -> Self {
        let request = state.request();
        Self {
            body: state.body().text(),
            header: state.headers(),
            extensions: state.extensions(),
            interceptor_params: params,
            context: Context {
                event_url: &request.url,
                event_id: &request.event_id,
                trigger_id: trigger.to_string(),
            },
        }
    }

    /// As JSON. `None` if a value cannot be JSON, which no value of an event is.
    pub(crate) fn to_json(&self) -> Option<String> {
        go_json(self)
    }
}
