use std::error::Error as _;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::{debug, error, info};
use trigger_core::{CredentialError, Credentials, DeliveryId, DeliveryKey, PushHint};
use trigger_images::ImageNotifier;
use trigger_registries::notifications::{
    IdTokenError, IdTokens, KeyFile, KeyFileError, NotificationFormat, bearer, credentials,
};
use trigger_rules::RuleSet;

use crate::ingest::metrics::EventName;
use crate::ingest::pipeline::{Denied, Inbound, Opened, Route};
use crate::ingest::rejections::{Rejected, RequestContext};
use crate::ingest::response::{AuthFailure, HookResponse, MessageKind, UnavailableReason};

/// The largest notification, in bytes. Registries describe one push in a few KiB.
pub(crate) const LARGEST_NOTIFICATION: usize = 1024 * 1024;

/// The event of every notification in rejections: its own name for what happened is read only if it is in order.
const EVENT: &str = "notification";

/// Below this path notifications come in.
const PATH: &str = "/hooks/registry";

/// A format whose notifications are accepted, and what verifies their senders.
#[derive(Clone)]
pub struct RegistryHook {
    /// The format, by whose name they come in under `/hooks/registry/`.
    pub format: &'static dyn NotificationFormat,
    /// The keys; or, for a format with ID tokens, the accounts whose tokens are accepted.
    pub key_file: KeyFile,
}

/// What the routes of all formats share.
pub(crate) struct RegistryShared {
    notifier: Arc<dyn ImageNotifier>,
    id_tokens: Arc<IdTokens>,
}

/// Accepts the push notifications of one format.
pub(crate) struct RegistryRoute {
    shared: Arc<RegistryShared>,
    hook: RegistryHook,
    path: String,
}

/// What a sender presents.
pub(crate) enum RegistryCredential {
    /// Something to compare with the keys of the key file.
    Keys(Credentials),
    /// An ID token, which its issuer has signed.
    IdToken(String),
}

impl RegistryShared {
    pub(crate) fn new(notifier: Arc<dyn ImageNotifier>, id_tokens: Arc<IdTokens>) -> Self {
        Self { notifier, id_tokens }
    }
}

impl RegistryRoute {
    pub(crate) fn new(hook: RegistryHook, shared: Arc<RegistryShared>) -> Self {
        let path = format!("{PATH}/{}", hook.format.name());
        Self { shared, hook, path }
    }

    /// The path, without a key at its end.
    pub(crate) fn own_path(&self) -> &str {
        &self.path
    }

    fn format(&self) -> &'static dyn NotificationFormat {
        self.hook.format
    }

    async fn check(&self, credential: RegistryCredential, body: &[u8]) -> Result<(), Denied> {
        match credential {
            RegistryCredential::IdToken(token) => {
                let policy = self.read(KeyFile::policy).await?;
                match self.shared.id_tokens.check(&token, &policy).await {
                    Ok(()) => Ok(()),
                    Err(IdTokenError::Unavailable(error)) => {
                        let error: &dyn std::error::Error = &error;
                        error!(format = self.format().name(), error, "a notification cannot be verified now");
                        Err(unavailable())
                    }
                    Err(error) => Err(not_verified(error.to_string())),
                }
            }
            RegistryCredential::Keys(credentials) => {
                let keys = self.read(KeyFile::keys).await?;
                // No end before the last key: the time must not tell which one verified.
                let verified = keys
                    .lines()
                    .fold(false, |verified, key| credentials.are_verified_by(key, body) | verified);
                let wrong = || not_verified("no key verifies the notification".to_owned());
                if verified { Ok(()) } else { Err(wrong()) }
            }
        }
    }

    /// Reads the key file, which may wait for a disk.
    async fn read<T: Send + 'static>(
        &self,
        how: impl FnOnce(&KeyFile) -> Result<T, KeyFileError> + Send + 'static,
    ) -> Result<T, Denied> {
        let file = self.hook.key_file.clone();
        let error = match tokio::task::spawn_blocking(move || how(&file)).await {
            Ok(Ok(read)) => return Ok(read),
            Ok(Err(error)) => {
                let cause = error.source().map(|cause| format!(" ({cause})"));
                format!("{error}{}", cause.unwrap_or_default())
            }
            Err(ended) => ended.to_string(),
        };
        error!(format = self.format().name(), error, "notifications cannot be verified");
        Err(unavailable())
    }
}

impl Route for RegistryRoute {
    type About = ();
    type Credential = RegistryCredential;
    type Verified = ();

    fn source(&self) -> &'static str {
        self.format().source()
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn messages(&self) -> MessageKind {
        MessageKind::Notification
    }

    fn largest_body(&self) -> usize {
        LARGEST_NOTIFICATION
    }

    fn takes_key(&self) -> bool {
        self.format().takes_key()
    }

    /// Nothing is read before the sender is known: all notifications of a format have the same keys.
    fn open(
        &self,
        _inbound: &Inbound<'_>,
        _rules: &RuleSet,
        context: &mut RequestContext,
        event: &mut EventName,
    ) -> Result<Opened<()>, Rejected> {
        EVENT.clone_into(&mut context.event);
        *event = EventName::NOTIFICATION;
        Ok(Opened::About(()))
    }

    fn credential(&self, inbound: &Inbound<'_>) -> Result<RegistryCredential, CredentialError> {
        if !self.format().takes_key() {
            return Ok(RegistryCredential::IdToken(bearer(inbound.headers)?.to_owned()));
        }
        let presented = credentials(self.format().credential_locations(), inbound.headers, inbound.key)?;
        Ok(RegistryCredential::Keys(presented))
    }

    /// It is not known whose key a wrong one should be.
    fn limit_key<'a>(&'a self, _about: &'a ()) -> &'a str {
        self.format().name()
    }

    fn authenticate<'a>(
        &'a self,
        _about: &'a (),
        credential: RegistryCredential,
        inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<(), Denied>> {
        self.check(credential, inbound.body).boxed()
    }

    fn accept<'a>(
        &'a self,
        _about: (),
        _verified: (),
        inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<HookResponse, Rejected>> {
        let format = self.format().name();
        let accept = move || {
            if self.format().is_ping(inbound.headers) {
                return Ok(HookResponse::Ping);
            }
            let hints = self.format().read(inbound.headers, inbound.body).map_err(|error| {
                info!(format, error = %error, "a notification cannot be read");
                Rejected::because(HookResponse::Malformed, error.to_string())
            })?;
            let Some(first) = hints.first() else { return Ok(HookResponse::Ignored) };
            let images: usize = hints.iter().map(|hint| self.shared.notifier.notify(hint)).sum();
            let image = name(first);
            if images == 0 {
                // A registry notifies of everything that is pushed to it. Rejected, it would repeat the notification,
                // and some keep later ones waiting.
                debug!(format, image, "no Build waits for this image");
                return Ok(HookResponse::Ignored);
            }
            info!(format, image, images, "a registry notifies of a push");
            Ok(HookResponse::Noted)
        };
        async move { accept() }.boxed()
    }

    fn delivery_id(&self, _provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
        DeliveryKey { path: &self.path, provider_id: None, body }.id()
    }
}

fn unavailable() -> Denied {
    Denied::Unavailable { reason: UnavailableReason::NoSecret, tried: Vec::new() }
}

fn not_verified(reason: String) -> Denied {
    let response = HookResponse::Unauthorized(AuthFailure::NotVerified);
    Denied::NotVerified { response, reason, tried: Vec::new() }
}

/// The image as a person would write it.
fn name(hint: &PushHint) -> String {
    let registry = hint.registry.as_deref().map(|registry| format!("{registry}/")).unwrap_or_default();
    let tag = hint.tag.as_deref().map(|tag| format!(":{tag}")).unwrap_or_default();
    format!("{registry}{}{tag}", hint.repository)
}
