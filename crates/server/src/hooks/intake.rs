use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, error, field, info, info_span, warn};
use trigger_api::{SecretBinding, SecretOrigin};
use trigger_core::{
    Credential, Delivery, DeliveryId, DeliveryKey, Event, ObjectKey, Unsigned, Verified, Verifier,
};
use trigger_dispatch::{DecisionCounts, InlineDecision};
use trigger_journal::{AppendOutcome, DecisionRecord, Journal, JournalError};
use trigger_providers::{CredentialError, PayloadError, Provider, RequestPayload, Selector};
use trigger_rules::{Inventory, RuleSet, WebhookCandidates};
use trigger_runtime::{SecretData, SecretError, Secrets};

use super::failure_limiter::FailureLimiter;
use super::rejections::{KeyCheck, Rejected, RequestContext};
use super::response::{AuthFailure, HookResponse, UnavailableReason};
use super::{HookRoute, HookSettings};
use crate::metrics::EventName;
use crate::recent_failure::RecentFailure;

/// How many Secrets are read side by side for one delivery.
const SECRETS_SIDE_BY_SIDE: usize = 16;

/// For up to so many targets a delivery is decided before it is kept: about a tenth of a millisecond's work.
const DECIDED_AT_ONCE: usize = 32;

type Read = Result<Arc<SecretData>, SecretError>;

/// The way of a delivery from its bytes to the journal.
pub(super) struct Intake {
    settings: HookSettings,
    inventory: Arc<Inventory>,
    secrets: Arc<dyn Secrets>,
    journal: Arc<dyn Journal>,
    trouble: RecentFailure,
    pace: FailureLimiter,
    decided: trigger_dispatch::Metrics,
}

impl Intake {
    pub(super) fn new(
        settings: HookSettings,
        inventory: Arc<Inventory>,
        secrets: Arc<dyn Secrets>,
        journal: Arc<dyn Journal>,
        trouble: RecentFailure,
        decided: trigger_dispatch::Metrics,
    ) -> Self {
        Self { settings, inventory, secrets, journal, trouble, pace: FailureLimiter::new(), decided }
    }

    /// The rules as they are now. Before every Build has been seen nothing is taken in: a repository could
    /// seem unknown that is not.
    pub(super) fn rules(&self) -> Result<Arc<RuleSet>, HookResponse> {
        self.inventory.current().ok_or(HookResponse::Unavailable(UnavailableReason::NotReady))
    }

    /// Takes a delivery in: finds who could care, verifies it with their secrets, keeps it. Notes in `is_about`
    /// what it is.
    pub(super) async fn take(
        &self,
        way: &HookRoute,
        headers: &HeaderMap,
        body: Bytes,
        rules: &RuleSet,
        is_about: &mut EventName,
    ) -> Result<HookResponse, Rejected> {
        let provider = way.provider;
        let mut about = RequestContext::default();
        let payload = provider.payload(headers, &body).map_err(|error| refuse(&error, about))?;
        (about.event, about.provider_id) = (payload.event, payload.delivery);
        // What is in order is read once. What is not may still be about a repository that is used here.
        let event = provider.event(&payload);
        if let Ok(event) = &event {
            *is_about = EventName::of(event);
        }
        let selector = match &event {
            Ok(Event::Git(event)) if !event.repository.names.is_empty() => Selector::of(event),
            _ => provider.selector(&payload).map_err(|error| refuse(&error, about))?,
        };
        let Some(repository) = selector.names.first() else {
            return Ok(if selector.is_ping { HookResponse::Ping } else { HookResponse::Ignored });
        };
        let pace_key = repository.to_string();
        about.repository = Some(&pace_key);
        let candidates = rules.webhook_candidates(&selector.names);
        if candidates.targets == 0 {
            // Anybody can cause this line as often as they like.
            debug!(%repository, event = payload.event, "no Build uses this repository");
            let reason = format!("no Build with rules uses {repository}");
            return Err(Rejected::because(HookResponse::NotFound, reason, about));
        }
        let claim = match self.claim(provider, headers) {
            Ok(claim) => claim,
            Err(error) => {
                debug!(error = %error, "refused before any secret was read");
                let untried =
                    candidates.secrets.iter().map(|binding| (binding.key.clone(), KeyCheck::NotRead));
                let answer = HookResponse::Unauthorized(AuthFailure::Unproven);
                let refused = Rejected::because(answer, error.to_string(), about);
                return Err(refused.after_trying(untried.collect()));
            }
        };
        if let Err(answer) = self.pace.turn(&pace_key).await {
            let reason =
                "too many deliveries for this repository whose signature was not accepted wait already";
            return Err(Rejected::because(answer, reason, about));
        }

        let delivery = delivery(way, headers, &payload, &selector, &body);
        let id = delivery.id.clone();
        let span = info_span!(target: "trigger_trace", "verify", secrets = candidates.secrets.len());
        let verified = self.verify(provider, delivery, claim, &candidates).instrument(span).await?;
        let verified = match verified {
            Ok(verified) => verified,
            Err(tried) => {
                self.pace.failed(&pace_key);
                info!(%repository, event = payload.event, delivery = %id, "no secret verifies the delivery");
                let (doubt, reason) = if tried.is_empty() {
                    let reason = "the Builds that use the repository name no Secret, and unsigned deliveries are refused";
                    (AuthFailure::NoKey, reason)
                } else {
                    let differs = |(_, finding): &(_, KeyCheck)| matches!(finding, KeyCheck::Differs(_));
                    let doubt =
                        if tried.iter().any(differs) { AuthFailure::NotVerified } else { AuthFailure::NoKey };
                    (doubt, "no Secret of the Builds that use the repository verifies the signature")
                };
                let refused = Rejected::because(HookResponse::Unauthorized(doubt), reason, about);
                return Err(refused.after_trying(tried));
            }
        };
        // What cannot be understood must not be kept as if it could.
        let event = event.map_err(|error| refuse(&error, about))?;
        let received_at = verified.value().received_at;
        let foregone = self.foregone(&event, &verified, &candidates);
        let (decisions, tally) = foregone.map(|foregone| (foregone.decisions, foregone.tally)).unzip();
        let decided = tally.as_ref().map(DecisionCounts::rules);
        let span = info_span!(target: "trigger_trace", "append", decided);
        let (id, appended) = self.keep(verified, decisions).instrument(span).await?;
        // Of several times that it comes in, one begins the trace.
        Span::current()
            .record("delivery", field::display(&id))
            .record("first", appended == AppendOutcome::New);
        if let Some(tally) = tally.filter(|_| appended == AppendOutcome::New) {
            tally.count(received_at, &self.decided);
            info!(%repository, event = payload.event, delivery = %id, rules = decided, "delivery kept; no rule fired, `--log debug` tells why");
        } else {
            info!(%repository, event = payload.event, delivery = %id, kept = ?appended, "delivery kept");
        }
        Ok(match appended {
            AppendOutcome::Settled => HookResponse::Duplicate(id),
            _ if selector.is_ping => HookResponse::Ping,
            AppendOutcome::New | AppendOutcome::InProgress | AppendOutcome::Reopened => {
                HookResponse::Accepted(id)
            }
        })
    }

    /// What the delivery comes to, if nothing is to be started for it; by the rules as they are now, which are those
    /// that it would be worked on with. Where many are to be decided, that is left to those who work deliveries off:
    /// a sender waits here.
    fn foregone(
        &self,
        event: &Event,
        verified: &Verified<Delivery>,
        candidates: &WebhookCandidates,
    ) -> Option<InlineDecision> {
        if candidates.targets > DECIDED_AT_ONCE {
            return None;
        }
        InlineDecision::decide(event, verified.verification(), self.inventory.current()?.as_ref())
    }

    /// What the sender presents. A request without anything well-formed ends here, before any Secret is read.
    fn claim(&self, provider: &dyn Provider, headers: &HeaderMap) -> Result<Credential, CredentialError> {
        match provider.claim(headers) {
            Err(CredentialError::Missing) if self.settings.allow_unsigned => Ok(Credential::Nothing),
            claim => claim,
        }
    }

    /// Checks the claim against every candidate's secret. The outer error is ours; the inner one the
    /// sender's, with what came of each secret.
    async fn verify(
        &self,
        provider: &dyn Provider,
        delivery: Delivery,
        claim: Credential,
        candidates: &WebhookCandidates,
    ) -> Result<Result<Verified<Delivery>, Vec<(ObjectKey, KeyCheck)>>, HookResponse> {
        let names = provider.secret_keys();
        let mut verification = Verifier::new(delivery, claim);
        let mut without_key = candidates.without_secret;
        let mut findings = Vec::with_capacity(candidates.secrets.len());
        let reads: Vec<_> = candidates.secrets.iter().map(|binding| self.read(binding)).collect();
        let mut reads = stream::iter(reads).buffer_unordered(SECRETS_SIDE_BY_SIDE);
        while let Some((binding, read)) = reads.next().await {
            let data = match usable(read)? {
                Ok(data) => data,
                Err(fault) => {
                    findings.push((&binding.key, KeyCheck::Fault(fault)));
                    continue;
                }
            };
            let keys = data.webhook_keys(&names);
            for key in &keys {
                verification.try_key(&binding.key, key);
            }
            let finding = if keys.is_empty() { KeyCheck::NoKey } else { KeyCheck::Differs(keys.len()) };
            findings.push((&binding.key, finding));
            if keys.is_empty() && binding.origin == SecretOrigin::CloneSecret {
                verification.without_entry(&binding.key);
                without_key = true;
            }
        }
        drop(reads);
        let allowed = self.settings.allow_unsigned && without_key;
        let unsigned = if allowed { Unsigned::Allowed } else { Unsigned::Refused };
        let owned = |(secret, finding): (&ObjectKey, KeyCheck)| (secret.clone(), finding);
        Ok(verification.finish(unsigned).map_err(|_| findings.into_iter().map(owned).collect()))
    }

    fn read<'a>(&'a self, binding: &'a SecretBinding) -> BoxFuture<'a, (&'a SecretBinding, Read)> {
        async move { (binding, self.secrets.read(&binding.key).await) }.boxed()
    }

    /// Keeps the delivery. One that is known already, but from another sender with another key, is kept
    /// once more for the rules of that key.
    async fn keep(
        &self,
        delivery: Verified<Delivery>,
        decisions: Option<Vec<DecisionRecord>>,
    ) -> Result<(DeliveryId, AppendOutcome), HookResponse> {
        let deadline = Instant::now() + self.settings.keep;
        let id = delivery.value().id.clone();
        let appended = self.until(deadline, self.journal.append_decided(delivery.clone(), decisions)).await?;
        if matches!(appended, AppendOutcome::New | AppendOutcome::Reopened) {
            return Ok((id, appended));
        }
        let known = self.until(deadline, self.journal.find(&id)).await?;
        let known = known.map(|record| record.verification.secrets).unwrap_or_default();
        let mut kept = (id, appended);
        for secret in delivery.verification().secrets.iter().filter(|secret| !known.contains(secret)) {
            let Some(narrowed) = delivery.narrowed_to(secret) else { continue };
            let id = narrowed.value().id.clone();
            let appended = self.until(deadline, self.journal.append(narrowed)).await?;
            if appended != AppendOutcome::Settled {
                kept = (id, appended);
            }
        }
        Ok(kept)
    }

    async fn until<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, HookResponse> {
        match tokio::time::timeout_at(deadline, work).await {
            Ok(Ok(done)) => {
                self.trouble.ends();
                Ok(done)
            }
            Ok(Err(error)) => {
                error!(error = %error, "a delivery cannot be kept");
                self.trouble.begins(error.to_string());
                Err(HookResponse::Unavailable(UnavailableReason::Journal))
            }
            Err(_) => {
                self.trouble.begins("the journal does not answer in time".to_owned());
                error!(within = ?self.settings.keep, "a delivery could not be kept in time");
                Err(HookResponse::Unavailable(UnavailableReason::Journal))
            }
        }
    }
}

/// The data, or why this Secret cannot verify anything; an error if it might later.
fn usable(read: Read) -> Result<Result<Arc<SecretData>, SecretError>, HookResponse> {
    match read {
        Ok(data) => Ok(Ok(data)),
        Err(fault @ SecretError::Unavailable { .. }) => {
            error!(fault = %fault, "a delivery cannot be verified now");
            Err(HookResponse::Unavailable(UnavailableReason::NoSecret))
        }
        Err(fault) => {
            warn!(fault = %fault, "a Build's deliveries cannot be verified");
            Ok(Err(fault))
        }
    }
}

fn refuse(error: &PayloadError, about: RequestContext<'_>) -> Rejected {
    debug!(error = %error, "not a delivery of this provider");
    let answer = match error {
        PayloadError::UnsupportedMediaType => HookResponse::UnsupportedMediaType,
        _ => HookResponse::Malformed,
    };
    Rejected::because(answer, error.to_string(), about)
}

fn delivery(
    way: &HookRoute,
    headers: &HeaderMap,
    payload: &RequestPayload<'_>,
    selector: &Selector,
    body: &Bytes,
) -> Delivery {
    Delivery {
        id: delivery_id(way, payload.delivery, body),
        source: way.provider.name().into(),
        path: Arc::clone(&way.path),
        provider_id: payload.delivery.map(ToOwned::to_owned),
        event: payload.event.to_owned(),
        repository: selector.names.first().cloned(),
        received_at: Timestamp::now(),
        headers: way.provider.keep(headers),
        body: body.clone(),
        replay: None,
    }
}

/// The id of a delivery. The sender's own id counts only where the body is not signed.
pub(super) fn delivery_id(way: &HookRoute, provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
    let provider_id = provider_id.filter(|_| !way.provider.signs_body());
    DeliveryKey { path: &way.first_path, provider_id, body }.id()
}
