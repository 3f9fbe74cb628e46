//! Bitbucket, Cloud and Data Center: the event's name in a header, and an HMAC of the body.

use crate::interceptors::authentication::Scheme;
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::hook_check::{Hook, HookCheck};
use crate::interceptors::interceptor::{CoreKind, Interceptor};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::GuardWords;
use crate::interceptors::status::Code;

const HOOK: Hook = Hook {
    kind: "bitbucket",
    event: "X-Event-Key",
    scheme: Scheme::HubSignature { header: "X-Hub-Signature" },
    words: GuardWords {
        missing: Code::INVALID_ARGUMENT,
        refused: Code::FAILED_PRECONDITION,
        refusal: "payload signature check failed",
        prefix: "error validating signature: ",
    },
};

/// The kind.
pub(super) struct Bitbucket;

impl CoreKind for Bitbucket {
    fn name(&self) -> &'static str {
        HOOK.kind
    }

    fn event_header(&self) -> Option<&'static str> {
        Some(HOOK.event)
    }

    fn delivery_headers(&self) -> &'static [&'static str] {
        &["X-Request-Uuid"]
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        Ok(Box::new(HookCheck::compile(HOOK, params, namespace)?))
    }
}
