use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, error, field, info, info_span, warn};
use trigger_core::{
    CredentialError, Credentials, Delivery, DeliveryId, Events, ObjectKey, Unsigned, Verified, Verifier,
};
use trigger_dispatch::{DecisionCounts, InlineDecision};
use trigger_journal::{AppendOutcome, Decided, JournalError};
use trigger_providers::{PayloadError, Provider, Selector};
use trigger_rules::{KeyBinding, SecretOrigin, WebhookCandidates};
use trigger_runtime::{SecretData, SecretError};

use crate::ingest::metrics::EventName;
use crate::ingest::pipeline::{Denied, Inbound, Opened, Route};
use crate::ingest::rejections::{KeyCheck, Rejected, RequestContext};
use crate::ingest::response::{AuthFailure, HookResponse, MessageKind, UnavailableReason};
use crate::ingest::{IngestParts, IngestSettings};

/// How many Secrets are read side by side for one delivery.
const SECRETS_SIDE_BY_SIDE: usize = 16;

/// A delivery is decided before it is stored for up to so many owners: about a tenth of a millisecond's work, while the
/// sender waits.
const DECIDED_AT_ONCE: usize = 32;

/// Accepts the webhooks of a Git provider.
pub(crate) struct ProviderRoute {
    provider: &'static dyn Provider,
    path: Arc<str>,
    /// The first of the provider's paths, which ids of deliveries name: a delivery that was captured on one path is known
    /// on the others.
    first_path: Arc<str>,
    settings: IngestSettings,
    parts: Arc<IngestParts>,
}

/// What a delivery is about, before it is verified.
pub(crate) struct About {
    /// The provider's name of the event.
    event: String,
    provider_id: Option<String>,
    selector: Selector,
    /// The repository, as failures are counted for it.
    repository: String,
    candidates: WebhookCandidates,
    /// The events. An error is the sender's; it is not sent before the sender is verified.
    events: Result<Events, PayloadError>,
}

type SecretRead = Result<Arc<SecretData>, SecretError>;

impl ProviderRoute {
    /// The deliveries of `provider` under `path`.
    pub(crate) fn new(
        path: &str,
        first_path: &str,
        provider: &'static dyn Provider,
        settings: IngestSettings,
        parts: Arc<IngestParts>,
    ) -> Self {
        Self { provider, path: path.into(), first_path: first_path.into(), settings, parts }
    }

    fn delivery(&self, about: &About, inbound: &Inbound<'_>) -> Delivery {
        Delivery {
            id: self.delivery_id(about.provider_id.as_deref(), inbound.body),
            source: self.provider.name().into(),
            path: Arc::clone(&self.path),
            provider_id: about.provider_id.clone(),
            event: about.event.clone(),
            repository: about.selector.names.first().cloned(),
            received_at: Timestamp::now(),
            headers: self.provider.keep(inbound.headers),
            body: inbound.body.clone(),
            replay: None,
        }
    }

    /// Checks the credentials against the key of every candidate rule.
    async fn verify(
        &self,
        delivery: Delivery,
        credentials: Credentials,
        candidates: &WebhookCandidates,
    ) -> Result<Verified<Delivery>, Denied> {
        let entries = self.provider.secret_entries();
        let mut verifier = Verifier::new(delivery, credentials);
        let mut without_key = candidates.without_secret;
        let mut tried = Vec::with_capacity(candidates.keys.len());
        let reads: Vec<_> = candidates.keys.iter().map(|binding| self.read(binding)).collect();
        let mut reads = stream::iter(reads).buffer_unordered(SECRETS_SIDE_BY_SIDE);
        while let Some((binding, read)) = reads.next().await {
            let data = match usable(read)? {
                Ok(data) => data,
                Err(error) => {
                    tried.push((binding.secret.clone(), KeyCheck::Error(error)));
                    continue;
                }
            };
            let keys = match &binding.entry {
                None => data.webhook_keys(&entries),
                Some(entry) => data.webhook_keys(&[entry.to_string()]),
            };
            for (entry, key) in &keys {
                verifier.try_key(&binding.secret, entry, key);
            }
            let check = if keys.is_empty() { KeyCheck::NoKey } else { KeyCheck::Differs(keys.len()) };
            tried.push((binding.secret.clone(), check));
            if keys.is_empty() && binding.origin == SecretOrigin::CloneSecret {
                verifier.without_entry(&binding.secret);
                without_key = true;
            }
        }
        let allowed = self.settings.allow_unsigned && without_key;
        let unsigned = if allowed { Unsigned::Operator } else { Unsigned::No };
        verifier.finish(unsigned).map_err(|delivery| not_verified(&delivery, tried))
    }

    fn read<'a>(&'a self, binding: &'a Arc<KeyBinding>) -> BoxFuture<'a, (&'a KeyBinding, SecretRead)> {
        async move { (binding.as_ref(), self.parts.secrets.read(&binding.secret).await) }.boxed()
    }

    /// The decisions, if nothing is to be started; by the rules as they are now. Where many owners are to be decided, that
    /// is left to the dispatcher: a sender waits here.
    fn inline_decision(
        &self,
        events: &Events,
        delivery: &Verified<Delivery>,
        candidates: &WebhookCandidates,
    ) -> Option<InlineDecision> {
        if candidates.owners > DECIDED_AT_ONCE {
            return None;
        }
        let rules = self.parts.inventory.current()?;
        InlineDecision::decide(events, delivery.verification(), &rules)
    }

    /// Stores the delivery. One that is known already, but with other keys, is stored once more for the rules of each
    /// further key.
    async fn store(
        &self,
        delivery: Verified<Delivery>,
        decided: Option<Decided>,
    ) -> Result<(DeliveryId, AppendOutcome), Rejected> {
        let deadline = Instant::now() + self.settings.store;
        let journal = &self.parts.journal;
        let id = delivery.value().id.clone();
        let outcome = self.until(deadline, journal.append_decided(delivery.clone(), decided)).await?;
        if matches!(outcome, AppendOutcome::New | AppendOutcome::Reopened) {
            return Ok((id, outcome));
        }
        let known = self.until(deadline, journal.find(&id)).await?.map(|record| record.verification);
        let is_known = |secret: &ObjectKey| known.as_ref().is_some_and(|known| known.is_by_secret(secret));
        let mut stored = (id, outcome);
        for secret in delivery.verification().secrets().into_iter().filter(|secret| !is_known(secret)) {
            let Some(narrowed) = delivery.narrowed_to(secret) else { continue };
            let id = narrowed.value().id.clone();
            let outcome = self.until(deadline, journal.append(narrowed)).await?;
            if outcome != AppendOutcome::Settled {
                stored = (id, outcome);
            }
        }
        Ok(stored)
    }

    async fn until<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, Rejected> {
        let failure = &self.parts.failure;
        match tokio::time::timeout_at(deadline, work).await {
            Ok(Ok(done)) => {
                failure.clear();
                Ok(done)
            }
            Ok(Err(error @ JournalError::TenantFull { .. })) => {
                // The journal works: deliveries of other tenants are stored.
                failure.clear();
                warn!(error = %error, "a delivery is rejected");
                let response = HookResponse::Unavailable(UnavailableReason::TenantQuota);
                Err(Rejected::because(response, error.to_string()))
            }
            Ok(Err(error)) => {
                error!(error = %error, "a delivery cannot be stored");
                failure.set(error.to_string());
                Err(HookResponse::Unavailable(UnavailableReason::Journal).into())
            }
            Err(_) => {
                failure.set("the journal does not answer in time".to_owned());
                error!(within = ?self.settings.store, "a delivery could not be stored in time");
                Err(HookResponse::Unavailable(UnavailableReason::Journal).into())
            }
        }
    }
}

impl Route for ProviderRoute {
    type About = About;
    type Credential = Credentials;
    type Verified = Verified<Delivery>;

    fn source(&self) -> &'static str {
        self.provider.name()
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn messages(&self) -> MessageKind {
        MessageKind::Delivery
    }

    fn largest_body(&self) -> usize {
        self.settings.largest_body
    }

    fn open(
        &self,
        inbound: &Inbound<'_>,
        context: &mut RequestContext,
        event_name: &mut EventName,
    ) -> Result<Opened<About>, Rejected> {
        let payload =
            self.provider.payload(inbound.headers, inbound.body).map_err(|error| malformed(&error))?;
        payload.event.clone_into(&mut context.event);
        context.provider_id = payload.delivery.map(ToOwned::to_owned);
        // A payload in order is read once. One that is not may still name a repository that is used here.
        let events = self.provider.events(&payload);
        if let Some(event) = events.as_ref().ok().and_then(Events::first) {
            *event_name = EventName::of(event);
        }
        let selector = events.as_ref().ok().map(Selector::of).filter(|selector| !selector.names.is_empty());
        let selector = match selector {
            Some(selector) => selector,
            None => self.provider.selector(&payload).map_err(|error| malformed(&error))?,
        };
        let Some(repository) = selector.names.first() else {
            let response = if selector.is_ping { HookResponse::Ping } else { HookResponse::Ignored };
            return Ok(Opened::Answered(response));
        };
        let repository = repository.to_string();
        context.repository = Some(repository.clone());
        let candidates = inbound.rules.webhook_candidates(&selector.names);
        if candidates.owners == 0 {
            // Every stranger can cause this line as often as it likes.
            debug!(repository, event = context.event, "no rule is about this repository");
            let reason = format!("no Build with rules uses {repository}");
            let hook_is_lost = self.provider.disables_hooks();
            let response = if hook_is_lost { HookResponse::Unused } else { HookResponse::NotFound };
            return Err(Rejected::because(response, reason));
        }
        let (event, provider_id) = (context.event.clone(), context.provider_id.clone());
        Ok(Opened::About(About { event, provider_id, selector, repository, candidates, events }))
    }

    fn credential(&self, inbound: &Inbound<'_>) -> Result<Credentials, CredentialError> {
        match self.provider.credentials(inbound.headers, Timestamp::now()) {
            Err(CredentialError::Missing) if self.settings.allow_unsigned => Ok(Credentials::none()),
            credentials => credentials,
        }
    }

    fn untried(&self, about: &About) -> Vec<(ObjectKey, KeyCheck)> {
        about.candidates.keys.iter().map(|binding| (binding.secret.clone(), KeyCheck::NotRead)).collect()
    }

    fn limit_key<'a>(&'a self, about: &'a About) -> &'a str {
        &about.repository
    }

    fn authenticate<'a>(
        &'a self,
        about: &'a About,
        credentials: Credentials,
        inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<Verified<Delivery>, Denied>> {
        let secrets = about.candidates.keys.len();
        let span = info_span!(target: "trigger_trace", "verify", secrets);
        let delivery = self.delivery(about, inbound);
        self.verify(delivery, credentials, &about.candidates).instrument(span).boxed()
    }

    fn accept<'a>(
        &'a self,
        about: About,
        delivery: Verified<Delivery>,
        _inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<HookResponse, Rejected>> {
        async move {
            // A delivery that cannot be read must not be stored as if it could.
            let events = about.events.map_err(|error| malformed(&error))?;
            let (repository, event) = (about.repository, about.event);
            let received_at = delivery.value().received_at;
            let inline = self.inline_decision(&events, &delivery, &about.candidates);
            let (decided, counts) = inline
                .map(|InlineDecision { decisions, counts }| {
                    (Decided { decisions, ..Decided::default() }, counts)
                })
                .unzip();
            let rules = counts.as_ref().map(DecisionCounts::rules);
            let span = info_span!(target: "trigger_trace", "append", decided = rules);
            let (id, outcome) = self.store(delivery, decided).instrument(span).await?;
            // One of several arrivals begins the trace.
            let first = outcome == AppendOutcome::New;
            Span::current().record("delivery", field::display(&id)).record("first", first);
            if let Some(counts) = counts.filter(|_| first) {
                counts.count(received_at, &self.parts.decisions);
                info!(repository, event, delivery = %id, rules, "delivery stored; no rule fired, `--log debug` logs why");
            } else {
                info!(repository, event, delivery = %id, outcome = ?outcome, "delivery stored");
            }
            Ok(match outcome {
                AppendOutcome::Settled => HookResponse::Duplicate(id),
                _ if about.selector.is_ping => HookResponse::Ping,
                AppendOutcome::New | AppendOutcome::InProgress | AppendOutcome::Reopened => {
                    HookResponse::Accepted(id)
                }
            })
        }
        .boxed()
    }

    fn delivery_id(&self, provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
        self.provider.delivery_identity().key(&self.first_path, provider_id, body).id()
    }
}

/// The data, or why this Secret cannot verify anything; an error if it might later.
fn usable(read: SecretRead) -> Result<Result<Arc<SecretData>, SecretError>, Denied> {
    match read {
        Ok(data) => Ok(Ok(data)),
        Err(error @ SecretError::Unavailable { .. }) => {
            error!(error = %error, "a delivery cannot be verified now");
            Err(Denied::Unavailable(UnavailableReason::NoSecret))
        }
        Err(error) => {
            warn!(error = %error, "deliveries for a rule cannot be verified");
            Ok(Err(error))
        }
    }
}

fn not_verified(delivery: &Delivery, tried: Vec<(ObjectKey, KeyCheck)>) -> Denied {
    let repository = delivery.repository.as_ref().map(ToString::to_string).unwrap_or_default();
    let (event, id) = (&delivery.event, &delivery.id);
    info!(repository, event, delivery = %id, "no Secret verifies the delivery");
    let (failure, reason) = if tried.is_empty() {
        let reason = "the rules for the repository name no Secret, and unsigned deliveries are not accepted";
        (AuthFailure::NoKey, reason)
    } else {
        let differs = |(_, check): &(_, KeyCheck)| matches!(check, KeyCheck::Differs(_));
        let failure = if tried.iter().any(differs) { AuthFailure::NotVerified } else { AuthFailure::NoKey };
        (failure, "the signature or token matches none of the Secrets of Builds for this repository")
    };
    Denied::NotVerified { failure, reason: reason.to_owned(), tried }
}

fn malformed(error: &PayloadError) -> Rejected {
    debug!(error = %error, "not a delivery of this provider");
    let response = match error {
        PayloadError::UnsupportedMediaType => HookResponse::UnsupportedMediaType,
        _ => HookResponse::Malformed,
    };
    Rejected::because(response, error.to_string())
}
