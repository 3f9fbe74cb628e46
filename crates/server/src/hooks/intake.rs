use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, error, field, info, info_span, warn};
use trigger_api::{SecretBinding, SecretOrigin};
use trigger_dispatch::{Foregone, SecretData, SecretFault, Secrets, Tally};
use trigger_event::{
    Claim, Delivery, DeliveryId, DeliveryKey, Event, ObjectKey, Unsigned, Verification, Verified,
};
use trigger_journal::{Appended, DecisionRecord, Journal, JournalError};
use trigger_providers::{ClaimError, PayloadError, Provider, RequestPayload, Selector};
use trigger_rules::{Inventory, RuleSet, WebhookCandidates};

use super::answer::{Answer, Doubt, Hindrance};
use super::pace::Pace;
use super::refusals::{About, Finding, Refused};
use super::{HookSettings, Way};
use crate::metrics::EventName;
use crate::trouble::Trouble;

/// How many Secrets are read side by side for one delivery.
const SECRETS_SIDE_BY_SIDE: usize = 16;

/// For up to so many targets a delivery is decided before it is kept: about a tenth of a millisecond's work.
const DECIDED_AT_ONCE: usize = 32;

type Read = Result<Arc<SecretData>, SecretFault>;

/// The way of a delivery from its bytes to the journal.
pub(super) struct Intake {
    settings: HookSettings,
    inventory: Arc<Inventory>,
    secrets: Arc<dyn Secrets>,
    journal: Arc<dyn Journal>,
    trouble: Trouble,
    pace: Pace,
    decided: trigger_dispatch::Metrics,
}

impl Intake {
    pub(super) fn new(
        settings: HookSettings,
        inventory: Arc<Inventory>,
        secrets: Arc<dyn Secrets>,
        journal: Arc<dyn Journal>,
        trouble: Trouble,
        decided: trigger_dispatch::Metrics,
    ) -> Self {
        Self { settings, inventory, secrets, journal, trouble, pace: Pace::new(), decided }
    }

    /// The rules as they are now. Before every Build has been seen nothing is taken in: a repository could
    /// seem unknown that is not.
    pub(super) fn rules(&self) -> Result<Arc<RuleSet>, Answer> {
        self.inventory.current().ok_or(Answer::Unavailable(Hindrance::NotReady))
    }

    /// Takes a delivery in: finds who could care, verifies it with their secrets, keeps it. Notes in `is_about`
    /// what it is.
    pub(super) async fn take(
        &self,
        way: &Way,
        headers: &HeaderMap,
        body: Bytes,
        rules: &RuleSet,
        is_about: &mut EventName,
    ) -> Result<Answer, Refused> {
        let provider = way.provider;
        let mut about = About::default();
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
            return Ok(if selector.is_ping { Answer::Pong } else { Answer::Ignored });
        };
        let pace_key = repository.to_string();
        about.repository = Some(&pace_key);
        let candidates = rules.webhook_candidates(&selector.names);
        if candidates.targets == 0 {
            // Anybody can cause this line as often as they like.
            debug!(%repository, event = payload.event, "no Build uses this repository");
            let reason = format!("no Build with rules uses {repository}");
            return Err(Refused::because(Answer::NotFound, reason, about));
        }
        let claim = match self.claim(provider, headers) {
            Ok(claim) => claim,
            Err(error) => {
                debug!(error = %error, "refused before any secret was read");
                let untried =
                    candidates.secrets.iter().map(|binding| (binding.key.clone(), Finding::NotRead));
                let answer = Answer::Unauthorized(Doubt::Unproven);
                let refused = Refused::because(answer, error.to_string(), about);
                return Err(refused.after_trying(untried.collect()));
            }
        };
        if let Err(answer) = self.pace.turn(&pace_key).await {
            let reason =
                "too many deliveries for this repository whose signature was not accepted wait already";
            return Err(Refused::because(answer, reason, about));
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
                    (Doubt::NoKey, reason)
                } else {
                    let differs = |(_, finding): &(_, Finding)| matches!(finding, Finding::Differs(_));
                    let doubt = if tried.iter().any(differs) { Doubt::NotVerified } else { Doubt::NoKey };
                    (doubt, "no Secret of the Builds that use the repository verifies the signature")
                };
                let refused = Refused::because(Answer::Unauthorized(doubt), reason, about);
                return Err(refused.after_trying(tried));
            }
        };
        // What cannot be understood must not be kept as if it could.
        let event = event.map_err(|error| refuse(&error, about))?;
        let received_at = verified.value().received_at;
        let foregone = self.foregone(&event, &verified, &candidates);
        let (decisions, tally) = foregone.map(|foregone| (foregone.decisions, foregone.tally)).unzip();
        let decided = tally.as_ref().map(Tally::rules);
        let span = info_span!(target: "trigger_trace", "append", decided);
        let (id, appended) = self.keep(verified, decisions).instrument(span).await?;
        // Of several times that it comes in, one begins the trace.
        Span::current().record("delivery", field::display(&id)).record("first", appended == Appended::New);
        if let Some(tally) = tally.filter(|_| appended == Appended::New) {
            tally.count(received_at, &self.decided);
            info!(%repository, event = payload.event, delivery = %id, rules = decided, "delivery kept; no rule fired, `--log debug` tells why");
        } else {
            info!(%repository, event = payload.event, delivery = %id, kept = ?appended, "delivery kept");
        }
        Ok(match appended {
            Appended::Settled => Answer::Duplicate(id),
            _ if selector.is_ping => Answer::Pong,
            Appended::New | Appended::InProgress | Appended::Reopened => Answer::Accepted(id),
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
    ) -> Option<Foregone> {
        if candidates.targets > DECIDED_AT_ONCE {
            return None;
        }
        Foregone::decide(event, verified.proof(), self.inventory.current()?.as_ref())
    }

    /// What the sender presents. A request without anything well-formed ends here, before any Secret is read.
    fn claim(&self, provider: &dyn Provider, headers: &HeaderMap) -> Result<Claim, ClaimError> {
        match provider.claim(headers) {
            Err(ClaimError::Missing) if self.settings.allow_unsigned => Ok(Claim::Nothing),
            claim => claim,
        }
    }

    /// Checks the claim against every candidate's secret. The outer error is ours; the inner one the
    /// sender's, with what came of each secret.
    async fn verify(
        &self,
        provider: &dyn Provider,
        delivery: Delivery,
        claim: Claim,
        candidates: &WebhookCandidates,
    ) -> Result<Result<Verified<Delivery>, Vec<(ObjectKey, Finding)>>, Answer> {
        let names = provider.secret_keys();
        let mut verification = Verification::new(delivery, claim);
        let mut without_key = candidates.without_secret;
        let mut findings = Vec::with_capacity(candidates.secrets.len());
        let reads: Vec<_> = candidates.secrets.iter().map(|binding| self.read(binding)).collect();
        let mut reads = stream::iter(reads).buffer_unordered(SECRETS_SIDE_BY_SIDE);
        while let Some((binding, read)) = reads.next().await {
            let data = match usable(read)? {
                Ok(data) => data,
                Err(fault) => {
                    findings.push((&binding.key, Finding::Fault(fault)));
                    continue;
                }
            };
            let keys = data.webhook_keys(&names);
            for key in &keys {
                verification.try_key(&binding.key, key);
            }
            let finding = if keys.is_empty() { Finding::NoKey } else { Finding::Differs(keys.len()) };
            findings.push((&binding.key, finding));
            if keys.is_empty() && binding.origin == SecretOrigin::CloneSecret {
                verification.keyless(&binding.key);
                without_key = true;
            }
        }
        drop(reads);
        let allowed = self.settings.allow_unsigned && without_key;
        let unsigned = if allowed { Unsigned::Allowed } else { Unsigned::Refused };
        let owned = |(secret, finding): (&ObjectKey, Finding)| (secret.clone(), finding);
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
    ) -> Result<(DeliveryId, Appended), Answer> {
        let deadline = Instant::now() + self.settings.keep;
        let id = delivery.value().id.clone();
        let appended = self.until(deadline, self.journal.append_decided(delivery.clone(), decisions)).await?;
        if matches!(appended, Appended::New | Appended::Reopened) {
            return Ok((id, appended));
        }
        let known = self.until(deadline, self.journal.find(&id)).await?;
        let known = known.map(|record| record.proof.secrets).unwrap_or_default();
        let mut kept = (id, appended);
        for secret in delivery.proof().secrets.iter().filter(|secret| !known.contains(secret)) {
            let Some(narrowed) = delivery.narrowed_to(secret) else { continue };
            let id = narrowed.value().id.clone();
            let appended = self.until(deadline, self.journal.append(narrowed)).await?;
            if appended != Appended::Settled {
                kept = (id, appended);
            }
        }
        Ok(kept)
    }

    async fn until<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, Answer> {
        match tokio::time::timeout_at(deadline, work).await {
            Ok(Ok(done)) => {
                self.trouble.ends();
                Ok(done)
            }
            Ok(Err(error)) => {
                error!(error = %error, "a delivery cannot be kept");
                self.trouble.begins(error.to_string());
                Err(Answer::Unavailable(Hindrance::Journal))
            }
            Err(_) => {
                self.trouble.begins("the journal does not answer in time".to_owned());
                error!(within = ?self.settings.keep, "a delivery could not be kept in time");
                Err(Answer::Unavailable(Hindrance::Journal))
            }
        }
    }
}

/// The data, or why this Secret cannot verify anything; an error if it might later.
fn usable(read: Read) -> Result<Result<Arc<SecretData>, SecretFault>, Answer> {
    match read {
        Ok(data) => Ok(Ok(data)),
        Err(fault @ SecretFault::Unavailable { .. }) => {
            error!(fault = %fault, "a delivery cannot be verified now");
            Err(Answer::Unavailable(Hindrance::NoSecret))
        }
        Err(fault) => {
            warn!(fault = %fault, "a Build's deliveries cannot be verified");
            Ok(Err(fault))
        }
    }
}

fn refuse(error: &PayloadError, about: About<'_>) -> Refused {
    debug!(error = %error, "not a delivery of this provider");
    let answer = match error {
        PayloadError::UnsupportedMediaType => Answer::UnsupportedMediaType,
        _ => Answer::Malformed,
    };
    Refused::because(answer, error.to_string(), about)
}

fn delivery(
    way: &Way,
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
pub(super) fn delivery_id(way: &Way, provider_id: Option<&str>, body: &[u8]) -> DeliveryId {
    let provider_id = provider_id.filter(|_| !way.provider.signs_body());
    DeliveryKey { path: &way.first_path, provider_id, body }.id()
}
