use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tracing::{Instrument, Span, debug, field, info, info_span, warn};
use trigger_core::{
    Arrival, CredentialError, Credentials, Delivery, DeliveryId, Events, ObjectKey, RepoId, Verified,
};
use trigger_dispatch::{Absent, DecisionCounts, InlineDecision, Stored, store_arrival};
use trigger_journal::{AppendOutcome, Decided};
use trigger_providers::{PayloadError, Provider, Selector};
use trigger_rules::{Coverage, RuleSet, WebhookCandidates};
use trigger_runtime::SecretError;

use super::hook_triggers::{Concerned, HookDelivery, HookScreening, HookTriggers};
use crate::ingest::metrics::EventName;
use crate::ingest::pipeline::{Denied, Inbound, NOT_READY, Opened, Route};
use crate::ingest::rejections::{KeyCheck, Rejected, RequestContext};
use crate::ingest::response::{AuthFailure, HookResponse, MessageKind, UnavailableReason};
use crate::ingest::storing::in_time;
use crate::ingest::verification::{KeyScope, Unverified, verify};
use crate::ingest::{IngestParts, IngestSettings};

/// A delivery is decided before it is stored for up to so many owners: about a tenth of a millisecond's work, while the
/// sender waits.
const DECIDED_AT_ONCE: usize = 32;

/// The answer to a delivery that may be for a Build that is not known.
const BUILDS_UNKNOWN: HookResponse = HookResponse::Unavailable(UnavailableReason::BuildsUnknown);

/// Why a delivery may be for a Build that is not known, for the record of the rejection.
const NOT_EVERY_BUILD: &str = "not every Build is known now: see the details of `/readyz`";

/// Accepts the webhooks of a Git provider.
pub(crate) struct ProviderRoute {
    provider: &'static dyn Provider,
    path: Arc<str>,
    /// The first of the provider's paths, which ids of deliveries name: a delivery that was captured on one path is known
    /// on the others.
    first_path: Arc<str>,
    /// The Triggers that take webhooks too, unless listeners are off.
    triggers: Option<Arc<HookTriggers>>,
    settings: IngestSettings,
    parts: Arc<IngestParts>,
}

/// A webhook that a key has verified.
pub(crate) struct VerifiedWebhook {
    /// For rules of Builds; absent if no key of theirs verifies it.
    arrival: Option<Arrival>,
    /// For Triggers.
    hooks: Vec<HookDelivery>,
    /// Why a Build that could take it does not, for now. Once it is stored for Triggers, the sender is asked to send it
    /// again: for those it is known then.
    later: Option<UnavailableReason>,
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
    /// How far the rules were known with which these were found.
    coverage: Arc<Coverage>,
    triggers: Concerned,
    /// The events. An error is the sender's; it is not sent before the sender is verified.
    events: Result<Events, PayloadError>,
}

impl ProviderRoute {
    /// The deliveries of `provider` under `path`, for the rules of Builds and for `triggers`.
    pub(crate) fn new(
        path: &str,
        first_path: &str,
        provider: &'static dyn Provider,
        triggers: Option<Arc<HookTriggers>>,
        settings: IngestSettings,
        parts: Arc<IngestParts>,
    ) -> Self {
        Self { provider, path: path.into(), first_path: first_path.into(), triggers, settings, parts }
    }

    /// The Triggers that a webhook concerns.
    fn concerned(&self, names: &[RepoId]) -> Result<Concerned, HookResponse> {
        let Some(triggers) = &self.triggers else { return Ok(Concerned::new()) };
        triggers.concerned(names).ok_or(NOT_READY)
    }

    /// Asks the keys of Builds.
    async fn verify(
        &self,
        about: &About,
        delivery: Delivery,
        credentials: Credentials,
    ) -> Result<Arrival, Denied> {
        let candidates = &about.candidates;
        let span = info_span!(target: "trigger_trace", "verify", secrets = candidates.keys.len());
        let entries = self.provider.secret_entries();
        let (unsigned, secrets) = (self.settings.allow_unsigned, self.parts.secrets.as_ref());
        let coverage = &about.coverage;
        let scope = KeyScope { candidates, unseen: &coverage.unseen };
        let verified = verify(delivery, credentials, scope, &entries, unsigned, secrets);
        verified.instrument(span).await.map_err(|unverified| match unverified {
            Unverified::Unavailable(tried) => {
                Denied::Unavailable { reason: UnavailableReason::NoSecret, tried }
            }
            // A Build that is not known may have its key.
            Unverified::NotVerified { tried, .. } if !coverage.is_complete() => Denied::NotVerified {
                response: BUILDS_UNKNOWN,
                reason: format!("no key of a known Build verifies it, and {NOT_EVERY_BUILD}"),
                tried,
            },
            Unverified::NotVerified { delivery, tried } => not_verified(&delivery, tried),
        })
    }

    /// Asks the keys of Triggers.
    async fn screen(
        &self,
        about: &About,
        id: &DeliveryId,
        inbound: &Inbound<'_>,
    ) -> Result<HookScreening, Denied> {
        let Some(triggers) = &self.triggers else { return Ok(HookScreening::default()) };
        let screened = triggers.screen(&about.triggers, id, inbound, &self.path, &self.parts).await;
        screened.map_err(|reason| Denied::Unavailable { reason, tried: Vec::new() })
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

    /// The decisions by the current rules, if they start nothing. A delivery for many owners is left to the dispatcher,
    /// because a sender waits here.
    async fn inline_decision(
        &self,
        events: &Events,
        delivery: &Verified<Delivery>,
        candidates: &WebhookCandidates,
    ) -> Option<InlineDecision> {
        if candidates.owners > DECIDED_AT_ONCE {
            return None;
        }
        let rules = self.parts.inventory.current()?;
        InlineDecision::decide(events, delivery.verification(), &rules).await
    }
}

impl Route for ProviderRoute {
    type About = About;
    type Credential = Credentials;
    type Verified = VerifiedWebhook;

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
        rules: &RuleSet,
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
        let candidates = rules.webhook_candidates(&selector.names);
        let triggers = self.concerned(&selector.names)?;
        let is_unused = candidates.owners == 0 && triggers.is_empty();
        if is_unused && !rules.coverage().is_complete() {
            debug!(repository, event = context.event, "no known rule is about this repository");
            let reason = format!("no known Build with rules uses {repository}, and {NOT_EVERY_BUILD}");
            return Err(Rejected::because(BUILDS_UNKNOWN, reason));
        }
        if is_unused {
            // Every stranger can cause this line as often as it likes.
            debug!(repository, event = context.event, "no rule is about this repository");
            let reason = format!("no Build with rules uses {repository}, and no Trigger takes its webhooks");
            let hook_is_lost = self.provider.disables_hooks();
            let response = if hook_is_lost { HookResponse::Unused } else { HookResponse::NotFound };
            return Err(Rejected::because(response, reason));
        }
        Ok(Opened::About(About {
            event: context.event.clone(),
            provider_id: context.provider_id.clone(),
            selector,
            repository,
            candidates,
            coverage: Arc::clone(rules.coverage()),
            triggers,
            events,
        }))
    }

    fn credential(&self, inbound: &Inbound<'_>) -> Result<Credentials, CredentialError> {
        match self.provider.credentials(inbound.headers, Timestamp::now()) {
            Err(CredentialError::Missing) if self.settings.allow_unsigned => Ok(Credentials::none()),
            credentials => credentials,
        }
    }

    /// Warns people whose Builds have no key. The answer to the sender stays the same.
    fn unverified(&self, about: &About, tried: &[(ObjectKey, KeyCheck)]) {
        let absent = tried.iter().filter_map(|(secret, check)| match check {
            KeyCheck::NoKey => Some((secret, Absent::Key)),
            KeyCheck::Error(SecretError::Missing(_)) => Some((secret, Absent::Secret)),
            KeyCheck::NotRead | KeyCheck::Differs(_) | KeyCheck::Error(_) => None,
        });
        let (absent, no_secret) = (absent.collect::<HashMap<_, _>>(), !self.settings.allow_unsigned);
        let Some(rules) = self.parts.inventory.current() else { return };
        let owners = rules.webhook_owners(&about.selector.names);
        self.parts.key_warnings.rejected(owners, &absent, no_secret && about.candidates.without_secret);
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
    ) -> BoxFuture<'a, Result<VerifiedWebhook, Denied>> {
        async move {
            let delivery = self.delivery(about, inbound);
            let id = delivery.id.clone();
            let of_builds = async {
                let has_rules = about.candidates.owners > 0;
                if has_rules { Some(self.verify(about, delivery, credentials).await) } else { None }
            };
            let (of_builds, of_triggers) = tokio::join!(of_builds, self.screen(about, &id, inbound));
            let HookScreening { accepted: mut hooks, waiting, tried } = of_triggers?;
            let is_complete = about.coverage.is_complete();
            let unknown = (!is_complete).then_some(UnavailableReason::BuildsUnknown);
            let (arrival, later) = match of_builds {
                Some(Ok(arrival)) => (Some(arrival), None),
                Some(Err(denied)) if hooks.is_empty() => return Err(denied.after_trying(tried, &waiting)),
                None if hooks.is_empty() => return Err(not_verified_by_triggers(&id, tried, &waiting)),
                Some(Err(Denied::Unavailable { reason, .. })) => (None, Some(reason)),
                Some(Err(Denied::NotVerified { .. })) | None => (None, unknown),
            };
            // Their Secrets are read later: something else vouches for the sender.
            hooks.extend(waiting);
            Ok(VerifiedWebhook { arrival, hooks, later })
        }
        .boxed()
    }

    fn accept<'a>(
        &'a self,
        about: About,
        verified: VerifiedWebhook,
        _inbound: &'a Inbound<'a>,
    ) -> BoxFuture<'a, Result<HookResponse, Rejected>> {
        async move {
            // A delivery that cannot be read must not be stored as if it could.
            let events = about.events.map_err(|error| malformed(&error))?;
            let VerifiedWebhook { arrival, hooks, later } = verified;
            let of_triggers = match &self.triggers {
                Some(triggers) => triggers.store(hooks, &self.settings, &self.parts).await?,
                None => None,
            };
            if let Some(reason) = later {
                let words = "it is stored for Triggers; a Build that could take it, or its key, is not known now";
                return Err(Rejected::because(HookResponse::Unavailable(reason), words));
            }
            let Some(arrival) = arrival else {
                return Ok(match of_triggers {
                    _ if about.selector.is_ping => HookResponse::Ping,
                    Some((id, AppendOutcome::Settled | AppendOutcome::Failed)) => HookResponse::Duplicate(id),
                    Some((id, _)) => HookResponse::Accepted(id),
                    None => HookResponse::Ignored,
                });
            };
            let (repository, event) = (about.repository, about.event);
            let received_at = arrival.delivery.value().received_at;
            let inline = self.inline_decision(&events, &arrival.delivery, &about.candidates).await;
            let why = inline.as_ref().map(InlineDecision::why);
            let (decided, counts) = inline
                .map(|InlineDecision { decisions, counts }| {
                    (Decided { decisions, ..Decided::default() }, counts)
                })
                .unzip();
            let rules = counts.as_ref().map(DecisionCounts::rules);
            let span = info_span!(target: "trigger_trace", "append", decided = rules);
            let stored = store_arrival(self.parts.journal.as_ref(), arrival, decided, self.settings.decide_again);
            let Stored { id, outcome, is_first, waiting, started_nothing } = in_time(&self.settings, &self.parts.failure, stored.instrument(span)).await?;
            // One of several arrivals begins the trace.
            Span::current().record("delivery", field::display(&id)).record("first", is_first);
            if waiting > 0 {
                self.parts.metrics.waiting(waiting);
                warn!(delivery = %id, namespaces = waiting, "the delivery waits for Secrets that cannot be read");
            }
            if let Some(counts) = counts.filter(|_| is_first) {
                counts.count(received_at, &self.parts.decisions);
                info!(repository, event, delivery = %id, rules, why, "delivery stored; no rule fired");
            } else {
                info!(repository, event, delivery = %id, outcome = ?outcome, "delivery stored");
            }
            Ok(match outcome {
                AppendOutcome::Settled if started_nothing => HookResponse::StartedNothing(id),
                AppendOutcome::Settled | AppendOutcome::Failed => HookResponse::Duplicate(id),
                _ if about.selector.is_ping => HookResponse::Ping,
                AppendOutcome::New | AppendOutcome::InProgress | AppendOutcome::Reopened => {
                    HookResponse::Accepted(id)
                }
            })
        }
        .boxed()
    }

    fn delivery_id(&self, provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
        self.provider.delivery_id(&self.first_path, provider_id, body)
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
    Denied::NotVerified { response: HookResponse::Unauthorized(failure), reason: reason.to_owned(), tried }
}

/// No Build has rules for the repository, and no key of a Trigger verifies the webhook.
fn not_verified_by_triggers(
    id: &DeliveryId,
    tried: Vec<(ObjectKey, KeyCheck)>,
    waiting: &[HookDelivery],
) -> Denied {
    info!(delivery = %id, "no Secret of a Trigger verifies the delivery");
    let reason =
        "the signature or token matches none of the Secrets of Triggers for this repository".to_owned();
    let response = HookResponse::Unauthorized(AuthFailure::NotVerified);
    Denied::NotVerified { response, reason, tried: Vec::new() }.after_trying(tried, waiting)
}

impl Denied {
    /// Also after these keys of Triggers were tried, of which those of `waiting` could not be read.
    fn after_trying(self, more: Vec<(ObjectKey, KeyCheck)>, waiting: &[HookDelivery]) -> Self {
        let with = |mut tried: Vec<_>| {
            tried.extend(more);
            tried
        };
        match self {
            Self::Unavailable { reason, tried } => Self::Unavailable { reason, tried: with(tried) },
            Self::NotVerified { tried, .. } if !waiting.is_empty() => {
                Self::Unavailable { reason: UnavailableReason::NoSecret, tried: with(tried) }
            }
            Self::NotVerified { response, reason, tried } => {
                Self::NotVerified { response, reason, tried: with(tried) }
            }
        }
    }
}

fn malformed(error: &PayloadError) -> Rejected {
    debug!(error = %error, "not a delivery of this provider");
    let response = match error {
        PayloadError::UnsupportedMediaType => HookResponse::UnsupportedMediaType,
        _ => HookResponse::Malformed,
    };
    Rejected::because(response, error.to_string())
}
