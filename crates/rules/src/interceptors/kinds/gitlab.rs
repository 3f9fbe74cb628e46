//! GitLab: the event's name in a header, and the Secret itself as a token.

use crate::interceptors::authentication::Scheme;
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::hook_check::{Hook, HookCheck};
use crate::interceptors::interceptor::{CoreKind, Interceptor};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::GuardWords;
use crate::interceptors::status::Code;

const TOKEN: &str = "X-Gitlab-Token";

const HOOK: Hook = Hook {
    kind: "gitlab",
    event: "X-Gitlab-Event",
    scheme: Scheme::Token { header: TOKEN },
    words: GuardWords {
        missing: Code::INVALID_ARGUMENT,
        refused: Code::INVALID_ARGUMENT,
        refusal: "Invalid X-GitLab-Token",
        prefix: "",
    },
};

/// The kind.
pub(super) struct GitLab;

impl CoreKind for GitLab {
    fn name(&self) -> &'static str {
        HOOK.kind
    }

    fn event_header(&self) -> Option<&'static str> {
        Some(HOOK.event)
    }

    fn delivery_headers(&self) -> &'static [&'static str] {
        &["X-Gitlab-Event-Uuid"]
    }

    fn token_header(&self) -> Option<&'static str> {
        Some(TOKEN)
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        Ok(Box::new(HookCheck::compile(HOOK, params, namespace)?))
    }
}
