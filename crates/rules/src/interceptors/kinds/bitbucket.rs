//! Bitbucket, Cloud and Data Center: the event's name in a header, and an HMAC of the body.

use crate::interceptors::authentication::{Authentication, Scheme};
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::event_types::EventTypes;
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::{GuardWords, SecretGuard};
use crate::interceptors::status::Code;

const NAME: &str = "bitbucket";
const EVENT: &str = "X-Event-Key";
const SIGNATURE: &str = "X-Hub-Signature";

const WORDS: GuardWords = GuardWords {
    missing: Code::INVALID_ARGUMENT,
    refused: Code::FAILED_PRECONDITION,
    refusal: "payload signature check failed",
    prefix: "error validating signature: ",
};

/// The kind.
pub(super) struct Bitbucket;

#[derive(Debug)]
struct BitbucketInterceptor {
    events: Option<EventTypes>,
    guard: Option<SecretGuard>,
}

impl CoreKind for Bitbucket {
    fn name(&self) -> &'static str {
        NAME
    }

    fn event_header(&self) -> Option<&'static str> {
        Some(EVENT)
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        let scheme = Scheme::HubSignature { header: SIGNATURE };
        let guard = SecretGuard::compile(NAME, scheme, WORDS, params, namespace)?;
        Ok(Box::new(BitbucketInterceptor { events: EventTypes::compile(params)?, guard }))
    }
}

impl Interceptor for BitbucketInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        self.events.iter().try_for_each(|events| events.check(run, EVENT))?;
        self.guard.iter().try_for_each(|guard| guard.check(run))?;
        Ok(Passage { body_is_verified: self.guard.is_some(), ..Passage::default() })
    }

    fn authentication(&self) -> Authentication<'_> {
        SecretGuard::authentication(self.guard.as_ref())
    }

    fn most_asks(&self) -> usize {
        usize::from(self.guard.is_some())
    }
}
