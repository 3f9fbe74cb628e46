use super::authentication::{Authentication, Scheme};
use super::event_types::EventTypes;
use super::interceptor::{Halt, Interceptor, Passage, Run};
use super::params::{Params, ParamsError};
use super::secret_guard::{GuardWords, SecretGuard};

/// The checks of a Git provider's hooks: the type of the event, then the credential of its sender. Some kinds of
/// interceptors are these checks, and no more.
#[derive(Debug)]
pub(super) struct HookCheck {
    /// The header with the type of the event.
    header: &'static str,
    events: Option<EventTypes>,
    guard: Option<SecretGuard>,
}

/// The properties of a Git provider's hooks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hook {
    /// The kind of interceptor, for messages.
    pub(super) kind: &'static str,
    /// The header with the type of the event.
    pub(super) event: &'static str,
    /// How a sender presents a credential.
    pub(super) scheme: Scheme,
    /// The words for checks that fail.
    pub(super) words: GuardWords,
}

impl HookCheck {
    /// The checks that the parameters ask for.
    pub(super) fn compile(hook: Hook, params: Params<'_>, namespace: &str) -> Result<Self, ParamsError> {
        let Hook { kind, event, scheme, words } = hook;
        let events = EventTypes::compile(params)?;
        let guard = SecretGuard::compile(kind, scheme, words, params, namespace)?;
        Ok(Self { header: event, events, guard })
    }

    /// Stops an event that does not pass all checks.
    pub(super) fn check(&self, run: &Run<'_>) -> Result<(), Halt> {
        self.events.iter().try_for_each(|events| events.check(run, self.header))?;
        self.guard.iter().try_for_each(|guard| guard.check(run))
    }

    /// Whether the body of an event that has passed them is verified.
    pub(super) fn verifies_body(&self) -> bool {
        self.guard.as_ref().is_some_and(SecretGuard::covers_body)
    }
}

impl Interceptor for HookCheck {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        self.check(run)?;
        Ok(Passage { body_is_verified: self.verifies_body(), ..Passage::default() })
    }

    fn authentication(&self) -> Authentication<'_> {
        SecretGuard::authentication(self.guard.as_ref())
    }

    fn most_asks(&self) -> usize {
        usize::from(self.guard.is_some())
    }
}
