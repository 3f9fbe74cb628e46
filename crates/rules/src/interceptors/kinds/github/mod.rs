//! GitHub: the event's name in a header, an HMAC of the body, the files that changed, and who may start something.
//!
//! Checks are in Tekton's order: content type, event, signature, people, files. Different from Tekton's interceptor:
//!
//! - `addChangedFiles` and `githubOwners` are both evaluated. There, the former switches the latter off.
//! - All pages of members and collaborators count. There, the first page of 30 does.
//! - The host of GitHub Enterprise comes from the parameter `enterpriseHost`, which is ours. The header
//!   `X-GitHub-Enterprise-Host` counts if `secretRef` has verified the body and an address in the body has the same host.
//!   There, any sender chooses the host that gets the token and decides who is a member.
//! - A missing field of the payload never stops the process.

mod changed_files;
mod host;
mod owners;
mod payload;

use serde_json::Value;

use self::changed_files::ChangedFiles;
use self::host::Host;
use self::owners::Owners;
use crate::interceptors::authentication::{Authentication, Scheme};
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::form;
use crate::interceptors::hook_check::{Hook, HookCheck};
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::GuardWords;
use crate::interceptors::status::Code;

const NAME: &str = "github";
const EVENT: &str = "X-Github-Event";

const PULL_REQUEST: &str = "pull_request";
const PUSH: &str = "push";
const ISSUE_COMMENT: &str = "issue_comment";

const HOOK: Hook = Hook {
    kind: NAME,
    event: EVENT,
    scheme: Scheme::HubSignature { header: "X-Hub-Signature-256" },
    words: GuardWords {
        missing: Code::FAILED_PRECONDITION,
        refused: Code::FAILED_PRECONDITION,
        refusal: "payload signature check failed",
        prefix: "",
    },
};

/// The kind.
pub(super) struct GitHub;

#[derive(Debug)]
struct GitHubInterceptor {
    hook: HookCheck,
    host: Host,
    files: Option<ChangedFiles>,
    owners: Option<Owners>,
}

impl CoreKind for GitHub {
    fn name(&self) -> &'static str {
        NAME
    }

    fn event_header(&self) -> Option<&'static str> {
        Some(EVENT)
    }

    /// Gitea, Forgejo and Gogs send their own beside the signature of GitHub.
    fn delivery_headers(&self) -> &'static [&'static str] {
        &["X-Github-Delivery", "X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Gogs-Delivery"]
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        Ok(Box::new(GitHubInterceptor {
            hook: HookCheck::compile(HOOK, params, namespace)?,
            host: Host::compile(params)?,
            files: ChangedFiles::compile(params, namespace)?,
            owners: Owners::compile(params, namespace)?,
        }))
    }
}

impl Interceptor for GitHubInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        if run.header(form::HEADER) == form::MEDIA_TYPE {
            let message =
                "form parameter encoding not supported, please change the hook to send JSON payloads";
            return Err(Halt::stop(Code::INVALID_ARGUMENT, message));
        }
        self.hook.check(run)?;
        let body_is_verified = self.hook.verifies_body();
        let event = run.header(EVENT);
        let host = || self.host.of(run, body_is_verified || run.state.body_is_verified());
        if let Some(owners) = self.owners.as_ref().filter(|_| [PULL_REQUEST, ISSUE_COMMENT].contains(&event))
        {
            owners.check(run, event, host)?;
        }
        let passage = match self.files.as_ref().filter(|_| [PULL_REQUEST, PUSH].contains(&event)) {
            Some(files) => Passage::with("changed_files", Value::String(files.list(run, event, host)?)),
            None => Passage::default(),
        };
        Ok(Passage { body_is_verified, ..passage })
    }

    fn authentication(&self) -> Authentication<'_> {
        self.hook.authentication()
    }

    fn most_asks(&self) -> usize {
        let owners = self.owners.as_ref().map_or(0, |_| Owners::MOST_ASKS);
        self.hook.most_asks() + usize::from(self.files.is_some()) + owners
    }
}
