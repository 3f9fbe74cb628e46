use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value};
use trigger_expr::{EventInput, Headers};

use super::body::{Body, BodyError};
use super::form;
use super::git_webhook::GitWebhook;
use super::interceptor::Halt;
use super::status::Code;
use crate::limits::MOST_STEPS_OF_EVENT;

/// A request as it was received. It is the same for all triggers of a listener, and no interceptor changes it.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// The body.
    pub body: Body,
    /// The headers, without `Host`.
    pub headers: Arc<Headers>,
    /// Path and query, or the whole URL if the request line held it.
    pub url: Arc<str>,
    /// The id of the event.
    pub event_id: Arc<str>,
    /// When it had arrived. Signatures with a timestamp are compared with this time, so a replay decides alike.
    pub at: Timestamp,
}

/// An event on its way through chains: first through that of a group, then through that of a trigger.
///
/// Cheap to clone, since every trigger of a listener begins with the same one.
#[derive(Clone)]
pub struct State {
    request: Arc<ReceivedRequest>,
    body: Body,
    headers: Arc<Headers>,
    extensions: Arc<Map<String, Value>>,
    form: Form,
    /// The request as a webhook of a Git provider, read by the first interceptor that asks.
    git: Arc<OnceLock<Result<GitWebhook, String>>>,
    /// Whether a signature has verified the body as it is now.
    body_is_verified: bool,
    /// The steps of CEL that were taken for the event. Clones count together.
    steps: Arc<AtomicUsize>,
}

/// Whether the body may still have to be read as a form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Unread,
    /// A chain has begun: the body is what its interceptors made of it.
    Read,
}

impl State {
    /// The request before any interceptor.
    pub fn new(request: ReceivedRequest) -> Self {
        let (body, headers) = (request.body.clone(), Arc::clone(&request.headers));
        Self {
            request: Arc::new(request),
            body,
            headers,
            extensions: Arc::default(),
            form: Form::Unread,
            git: Arc::default(),
            body_is_verified: false,
            steps: Arc::default(),
        }
    }

    /// The same event, for which no steps of CEL were taken yet.
    pub(crate) fn afresh(&self) -> Self {
        Self { steps: Arc::default(), ..self.clone() }
    }

    /// Stops the event if the triggers of its listener have taken too many steps for it.
    pub(super) fn check_steps(&self) -> Result<(), Halt> {
        if self.steps.load(Ordering::Relaxed) < MOST_STEPS_OF_EVENT {
            return Ok(());
        }
        let message = format!(
            "the expressions and patterns of the listener's triggers take more than {MOST_STEPS_OF_EVENT} steps together for \
             the event; have them look at less of it, or use several listeners"
        );
        Err(Halt::stop(Code::INVALID_ARGUMENT, message))
    }

    /// Counts the steps that an evaluation, or a comparison with patterns, has taken.
    pub(super) fn spend(&self, steps: usize) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    /// The request as it was received.
    pub fn request(&self) -> &ReceivedRequest {
        &self.request
    }

    /// The body now.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The body that the interceptors of a chain would get, unless it begins with a legacy webhook.
    pub(crate) fn body_in_chain(&self) -> Body {
        let mut state = self.clone();
        state.read_form(false);
        state.body
    }

    /// The headers now.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The extensions now.
    pub fn extensions(&self) -> &Map<String, Value> {
        &self.extensions
    }

    /// The event as bindings see it. A body that is neither empty nor JSON is an error, even if no binding reads it.
    pub fn event_input(&self) -> Result<EventInput<'_>, &BodyError> {
        Ok(EventInput {
            body: self.body.value()?,
            header: &self.headers,
            extensions: &self.extensions,
            request_url: &self.request.url,
            event_id: &self.request.event_id,
        })
    }

    /// The request, as it was received, as a webhook of a Git provider; or why it is none.
    pub(crate) fn git_webhook(&self) -> Result<&GitWebhook, &str> {
        self.git.get_or_init(|| GitWebhook::read(&self.request)).as_ref().map_err(String::as_str)
    }

    /// Whether a signature has verified the body as it is now.
    pub(super) fn body_is_verified(&self) -> bool {
        self.body_is_verified
    }

    /// Puts the JSON of a form in the place of the body before the first interceptor, as Tekton's listener does.
    ///
    /// A legacy webhook at the beginning gets the form itself, unless a group has added extensions. The body is read as a
    /// form once: the triggers of a group get the JSON that the group made of it.
    pub(super) fn read_form(&mut self, begins_with_webhook: bool) {
        let applies = self.form == Form::Unread && (!begins_with_webhook || !self.extensions.is_empty());
        self.form = Form::Read;
        if applies && self.headers.first(form::HEADER) == Some(form::MEDIA_TYPE) {
            let converted = form::to_json(self.body.bytes());
            self.body = converted.map_or_else(|| self.body.clone(), Body::new);
        }
    }

    pub(super) fn verify_body(&mut self) {
        self.body_is_verified = true;
    }

    /// Puts the answer of a legacy webhook in the place of body and headers.
    pub(super) fn replace(&mut self, body: Body, headers: Headers) {
        self.body_is_verified &= body == self.body;
        (self.body, self.headers) = (body, Arc::new(headers));
    }

    /// Adds extensions. A key that exists gets the new value as a whole.
    pub(super) fn extend(&mut self, extensions: Map<String, Value>) {
        if !extensions.is_empty() {
            Arc::make_mut(&mut self.extensions).extend(extensions);
        }
    }
}

/// Without content, which may hold secrets.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("event_id", &self.request.event_id)
            .field("body", &self.body)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
