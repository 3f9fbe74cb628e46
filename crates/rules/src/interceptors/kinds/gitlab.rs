//! GitLab: the event's name in a header, and the Secret itself as a token.

use crate::interceptors::authentication::{Authentication, Scheme};
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::event_types::EventTypes;
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::{GuardWords, SecretGuard};
use crate::interceptors::status::Code;

const NAME: &str = "gitlab";
const EVENT: &str = "X-Gitlab-Event";
const TOKEN: &str = "X-Gitlab-Token";

const WORDS: GuardWords = GuardWords {
    missing: Code::INVALID_ARGUMENT,
    refused: Code::INVALID_ARGUMENT,
    refusal: "Invalid X-GitLab-Token",
    prefix: "",
};

/// The kind.
pub(super) struct GitLab;

#[derive(Debug)]
struct GitLabInterceptor {
    events: Option<EventTypes>,
    guard: Option<SecretGuard>,
}

impl CoreKind for GitLab {
    fn name(&self) -> &'static str {
        NAME
    }

    fn event_header(&self) -> Option<&'static str> {
        Some(EVENT)
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        let scheme = Scheme::Token { header: TOKEN };
        let guard = SecretGuard::compile(NAME, scheme, WORDS, params, namespace)?;
        Ok(Box::new(GitLabInterceptor { events: EventTypes::compile(params)?, guard }))
    }
}

impl Interceptor for GitLabInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        self.events.iter().try_for_each(|events| events.check(run, EVENT))?;
        self.guard.iter().try_for_each(|guard| guard.check(run))?;
        Ok(Passage::default())
    }

    fn authentication(&self) -> Authentication<'_> {
        SecretGuard::authentication(self.guard.as_ref())
    }

    fn most_asks(&self) -> usize {
        usize::from(self.guard.is_some())
    }
}
