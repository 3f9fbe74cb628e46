//! The interface between a chain and its interceptors.

use std::fmt;

use serde_json::{Map, Value};
use trigger_core::RepoId;
use trigger_expr::Headers;
use trigger_expr::cel::{DemandedText, Operand};

use super::answer::{Answer, Answers, SecretAnswer};
use super::ask::{Ask, AskKey, Question, SecretCheck};
use super::authentication::Authentication;
use super::body::Body;
use super::compile_error::CompileFault;
use super::params::Params;
use super::state::State;
use super::status::Code;
use super::trigger_id::TriggerId;
use crate::limits::LONGEST_ERROR;
use crate::rule_error::RuleError;
use crate::text::cut;

/// A kind of interceptor that works in process: a file or folder in `kinds` and a line in `KINDS`.
pub(super) trait CoreKind: Send + Sync {
    /// The name of its ClusterInterceptor, which is also the name of its file or folder.
    fn name(&self) -> &'static str;

    /// The header that its parameter `eventTypes` is compared with before anything is asked, if it has this parameter.
    fn event_header(&self) -> Option<&'static str> {
        None
    }

    /// The headers by which its senders name a delivery, the same when they send it again. The first one present counts.
    fn delivery_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// The header in which its senders present a key itself, so that it must not be stored.
    fn token_header(&self) -> Option<&'static str> {
        None
    }

    /// An interceptor of this kind with these parameters, whose Secrets are in `namespace`.
    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault>;
}

/// One interceptor of a chain, compiled.
pub(super) trait Interceptor: fmt::Debug + Send + Sync {
    /// Decides about the event as it is now. The decision follows from the event and the answers alone.
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt>;

    /// Decides about the content alone, as if the sender were known: for people who ask why a trigger does not run.
    fn inspect(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        self.intercept(run)
    }

    /// Whether it authenticates senders before it asks anything else.
    fn authentication(&self) -> Authentication<'_> {
        Authentication::Open
    }

    /// The largest number of questions about one event.
    fn most_asks(&self) -> usize;

    /// The number of expressions that are evaluated for an event.
    fn expressions(&self) -> usize {
        0
    }

    /// The text that the body of every event has that it lets pass, as far as its parameters show it.
    fn demanded_text(&self) -> Option<&DemandedText> {
        None
    }

    /// Whether it is outside this process. It sees every event that reaches it, and could change the body.
    fn is_outside(&self) -> bool {
        false
    }

    /// The repository whose webhooks alone can pass, if it takes webhooks of a Git provider.
    fn repository(&self) -> Option<&RepoId> {
        None
    }

    /// Parameters that are valid, and are likely mistakes.
    fn hints(&self) -> &[RuleError] {
        &[]
    }
}

/// The additions of an interceptor to the event that it lets pass.
#[derive(Debug, Default)]
pub(super) struct Passage {
    pub(super) extensions: Map<String, Value>,
    /// The new body and headers, in place of those that the event has.
    pub(super) replaced: Option<(Body, Headers)>,
    /// Whether a signature has verified the body.
    pub(super) body_is_verified: bool,
}

/// Why an interceptor does not let the event pass, or not yet.
#[derive(Debug)]
pub(super) enum Halt {
    Stop { code: Option<Code>, message: String, operands: Vec<Operand> },
    Fail { message: String },
    Ask(Box<Ask>),
}

/// The event at one interceptor of a chain.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) state: &'a State,
    pub(super) trigger: &'a TriggerId,
    pub(super) place: usize,
    pub(super) answers: &'a Answers,
}

impl Passage {
    /// With one extension.
    pub(super) fn with(key: &str, value: Value) -> Self {
        Self { extensions: Map::from_iter([(key.to_owned(), value)]), ..Self::default() }
    }
}

impl Halt {
    /// The event stops with this code.
    pub(super) fn stop(code: Code, message: impl Into<String>) -> Self {
        Self::stop_with(Some(code), message, Vec::new())
    }

    /// The event stops; with the operands of a filter.
    pub(super) fn stop_with(code: Option<Code>, message: impl Into<String>, operands: Vec<Operand>) -> Self {
        Self::Stop { code, message: cut(message.into(), LONGEST_ERROR), operands }
    }

    /// There is no decision.
    pub(super) fn fail(message: impl Into<String>) -> Self {
        Self::Fail { message: cut(message.into(), LONGEST_ERROR) }
    }
}

impl<'a> Run<'a> {
    /// The first value of a header; empty if there is none, as in Go.
    pub(super) fn header(&self, name: &str) -> &'a str {
        self.state.headers().first(name).unwrap_or_default()
    }

    fn key(&self, subject: &str) -> AskKey {
        AskKey { trigger: self.trigger.to_string(), place: self.place, subject: subject.to_owned() }
    }

    /// The answer under a key, if the question was asked. The chain fails if there is no answer after all retries.
    fn known(&self, key: &AskKey) -> Result<Option<&'a Answer>, Halt> {
        match self.answers.get(key) {
            Some(Answer::Unknown(reason)) => Err(Halt::fail(reason.clone())),
            answer => Ok(answer),
        }
    }

    /// The answer to a question. Without one, the chain asks it.
    pub(super) fn ask(&self, subject: &str, question: impl FnOnce() -> Question) -> Result<&'a Answer, Halt> {
        self.ask_with(subject, || Ok(question()))
    }

    /// The same for a question that cannot be asked about every event.
    pub(super) fn ask_with(
        &self,
        subject: &str,
        question: impl FnOnce() -> Result<Question, Halt>,
    ) -> Result<&'a Answer, Halt> {
        let key = self.key(subject);
        match self.known(&key)? {
            Some(answer) => Ok(answer),
            None => Err(Halt::Ask(Box::new(Ask { key, question: question()? }))),
        }
    }

    /// The verdict of a check with a Secret, if it was asked for.
    pub(super) fn known_secret(&self, subject: &str) -> Result<Option<SecretAnswer>, Halt> {
        match self.known(&self.key(subject))? {
            None => Ok(None),
            Some(Answer::Secret(verdict)) => Ok(Some(*verdict)),
            Some(_) => Err(Halt::mismatched(subject)),
        }
    }

    /// The verdict of a check with a Secret. Without one, the chain asks for it.
    pub(super) fn ask_secret(
        &self,
        subject: &str,
        check: impl FnOnce() -> SecretCheck,
    ) -> Result<SecretAnswer, Halt> {
        if let Some(verdict) = self.known_secret(subject)? {
            return Ok(verdict);
        }
        let (key, question) = (self.key(subject), Question::Secret(check()));
        Err(Halt::Ask(Box::new(Ask { key, question })))
    }
}

impl Halt {
    /// The stored answer belongs to another question: it was written by another version, or by hand.
    pub(super) fn mismatched(subject: &str) -> Self {
        Self::fail(format!("the stored answer to `{subject}` is of another kind; replay the delivery"))
    }
}
