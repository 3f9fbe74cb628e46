//! Notifications of registries: from the request to the push hint.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use tracing::{debug, error, info};
use trigger_core::{DeliveryKey, PushHint};
use trigger_images::ImageNotifier;
use trigger_registries::notifications::{
    CredentialError, IdTokenError, IdTokens, KeyFile, KeyFileError, NotificationFormat, bearer, claims,
};

use super::Hooks;
use super::failure_limiter::FailureLimiter;
use super::rejections::{Rejected, RequestContext, RequestOrigin};
use super::response::{AuthFailure, HookResponse, MessageKind, UnavailableReason};
use crate::listener::Peer;
use crate::metrics::EventName;

/// The largest notification, in bytes. Registries tell of one push in a few KiB.
const LARGEST_BODY: usize = 1024 * 1024;

/// What notes call every notification: its own name for what happened is read only if it is in order.
const EVENT: &str = "notification";

/// A format whose notifications come in, and what proves their senders.
#[derive(Clone)]
pub struct RegistryHook {
    /// The format, by whose name they come in under `/hooks/registry/`.
    pub format: &'static dyn NotificationFormat,
    /// The keys; or, for a format with ID tokens, whose of these are accepted.
    pub key_file: KeyFile,
}

/// What takes notifications in.
pub struct RegistryHooks {
    /// The formats that the operator has set up.
    pub formats: Vec<RegistryHook>,
    /// Who looks at the images.
    pub notifier: Arc<dyn ImageNotifier>,
    /// Who checks ID tokens.
    pub id_tokens: Arc<IdTokens>,
}

/// What all formats share.
struct Shared {
    hooks: Arc<Hooks>,
    notifier: Arc<dyn ImageNotifier>,
    id_tokens: Arc<IdTokens>,
    /// Wrong keys are counted by format: it is not known whose they should be.
    pace: FailureLimiter,
}

#[derive(Clone)]
struct One {
    shared: Arc<Shared>,
    format: &'static dyn NotificationFormat,
    key_file: KeyFile,
    /// The path without a key.
    path: Arc<str>,
}

/// Two routes per format, with and without a key in the path.
pub(super) fn routes(hooks: &Arc<Hooks>, registries: RegistryHooks) -> Router {
    let RegistryHooks { formats, notifier, id_tokens } = registries;
    let shared =
        Arc::new(Shared { hooks: Arc::clone(hooks), notifier, id_tokens, pace: FailureLimiter::new() });
    let mut router = Router::new();
    for RegistryHook { format, key_file } in formats {
        let path = format!("/hooks/registry/{}", format.name());
        let one = One { shared: Arc::clone(&shared), format, key_file, path: path.as_str().into() };
        let refuse = || async { HookResponse::MethodNotAllowed.to(MessageKind::Notification) };
        router = router.route(&path, post(take).fallback(refuse).with_state(one.clone()));
        if format.takes_key() {
            let with_key = post(take_with_key).fallback(refuse).with_state(one);
            router = router.route(&format!("{path}/{{key}}"), with_key);
        }
    }
    router
}

async fn take(State(one): State<One>, request: Request) -> Response {
    one.answer(None, request).await
}

async fn take_with_key(
    State(one): State<One>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // What is not UTF-8 is no key of ours, like an empty one.
    let key = key.map(|Path(key)| key).unwrap_or_default();
    one.answer(Some(&key), request).await
}

impl One {
    async fn answer(&self, key: Option<&str>, request: Request) -> Response {
        let began = Instant::now();
        let answer = self.take_in(key, request).await.unwrap_or_else(|answer| answer);
        let seconds = began.elapsed().as_secs_f64();
        self.shared.hooks.metrics.answered(self.format.source(), EventName::NOTIFICATION, &answer, seconds);
        answer.to(MessageKind::Notification)
    }

    async fn take_in(&self, key: Option<&str>, request: Request) -> Result<HookResponse, HookResponse> {
        let Hooks { intake, bodies, rejections, .. } = self.shared.hooks.as_ref();
        // Before every Build has been seen, an image could seem unused that is not.
        intake.rules()?;
        let (parts, body) = request.into_parts();
        let body = bodies.read_up_to(LARGEST_BODY, &parts.headers, body).await?;
        let taken = self.take(key, &parts.headers, &body.bytes()).await;
        let Err(Rejected { answer, why }) = taken else { return taken.map_err(|refused| refused.answer) };
        if let Some(why) = why {
            let id = DeliveryKey { path: &self.path, provider_id: None, body: &body.bytes() }.id();
            let from = parts.extensions.get::<Peer>().map(|Peer(address)| address.ip().to_string());
            let of = RequestOrigin { source: self.format.source(), path: &self.path, from };
            rejections.note(why.into_refusal(&answer, id, of));
        }
        Err(answer)
    }

    async fn take(
        &self,
        key: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<HookResponse, Rejected> {
        let about = RequestContext { event: EVENT, ..RequestContext::default() };
        let format = self.format.name();
        if let Err(Unproven { answer, reason }) = self.prove(key, headers, body).await {
            debug!(format, reason, "a notification is refused");
            return Err(if reason.is_empty() {
                Rejected::from(answer)
            } else {
                Rejected::because(answer, reason, about)
            });
        }
        if self.format.is_ping(headers) {
            return Ok(HookResponse::Ping);
        }
        let hints = self.format.read(headers, body).map_err(|error| {
            info!(format, error = %error, "a notification cannot be read");
            Rejected::because(HookResponse::Malformed, error.to_string(), about)
        })?;
        let Some(first) = hints.first() else { return Ok(HookResponse::Ignored) };
        let images: usize = hints.iter().map(|hint| self.shared.notifier.notify(hint)).sum();
        let first = name(first);
        if images == 0 {
            // A registry tells of everything that is pushed to it. Rejected, it would tell again and again, and
            // some keep what comes after it waiting.
            debug!(format, image = first, "no Build waits for this image");
            return Ok(HookResponse::Ignored);
        }
        info!(format, image = first, images, "a registry tells of a push");
        Ok(HookResponse::Noted)
    }

    /// Whether the sender is one of those that the operator has given a key or named.
    async fn prove(&self, key: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<(), Unproven> {
        let format = self.format.name();
        if !self.format.takes_key() {
            let token = bearer(headers)?;
            self.shared.pace.turn(format).await.map_err(Unproven::paced)?;
            let policy = self.read(KeyFile::policy).await?;
            return match self.shared.id_tokens.check(token, &policy).await {
                Ok(()) => Ok(()),
                Err(IdTokenError::Unavailable(error)) => {
                    let error: &dyn std::error::Error = &error;
                    error!(format, error, "a notification cannot be verified now");
                    Err(Unproven {
                        answer: HookResponse::Unavailable(UnavailableReason::NoSecret),
                        reason: String::new(),
                    })
                }
                Err(error) => Err(self.wrong(error.to_string())),
            };
        }
        let claims = claims(self.format.evidence(), headers, key)?;
        self.shared.pace.turn(format).await.map_err(Unproven::paced)?;
        let keys = self.read(KeyFile::keys).await?;
        // No end before the last key: how long it takes must not tell which one it was.
        let proven = claims.iter().fold(false, |proven, claim| {
            keys.lines().fold(proven, |proven, key| claim.holds(key, body) | proven)
        });
        if proven { Ok(()) } else { Err(self.wrong("no key verifies the notification".to_owned())) }
    }

    fn wrong(&self, reason: String) -> Unproven {
        self.shared.pace.failed(self.format.name());
        Unproven { answer: HookResponse::Unauthorized(AuthFailure::NotVerified), reason }
    }

    /// Reads the key file, which may wait for a disk.
    async fn read<T: Send + 'static>(
        &self,
        how: impl FnOnce(&KeyFile) -> Result<T, KeyFileError> + Send + 'static,
    ) -> Result<T, Unproven> {
        let file = self.key_file.clone();
        let fault = match tokio::task::spawn_blocking(move || how(&file)).await {
            Ok(Ok(read)) => return Ok(read),
            Ok(Err(fault)) => {
                let cause = std::error::Error::source(&fault).map(|cause| format!(" ({cause})"));
                format!("{fault}{}", cause.unwrap_or_default())
            }
            Err(ended) => ended.to_string(),
        };
        error!(format = self.format.name(), fault, "notifications cannot be verified");
        Err(Unproven {
            answer: HookResponse::Unavailable(UnavailableReason::NoSecret),
            reason: String::new(),
        })
    }
}

/// A sender that did not prove itself. Without a reason there is nothing to note: the fault is ours.
struct Unproven {
    answer: HookResponse,
    reason: String,
}

impl Unproven {
    fn paced(answer: HookResponse) -> Self {
        let reason = "too many notifications of this format whose key was not accepted wait already";
        Self { answer, reason: reason.to_owned() }
    }
}

impl From<CredentialError> for Unproven {
    fn from(error: CredentialError) -> Self {
        Self { answer: HookResponse::Unauthorized(AuthFailure::Unproven), reason: error.to_string() }
    }
}

/// The image as a person would write it.
fn name(hint: &PushHint) -> String {
    let registry = hint.registry.as_deref().map(|registry| format!("{registry}/")).unwrap_or_default();
    let tag = hint.tag.as_deref().map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{registry}{}{tag}", hint.repository)
}
