//! The Triggers with the interceptor `git` that take webhooks on the paths of providers.

use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, info, info_span};
use trigger_core::{DeliveryId, ListenerGate, ObjectKey, RepoId};
use trigger_dispatch::{AcceptedRequest, ListenerRequest, Screened, screen};
use trigger_journal::AppendOutcome;
use trigger_rules::listeners::ListenerInventory;

use super::listener::{checks, headers_of};
use crate::ingest::decoding::DecodeBudget;
use crate::ingest::pipeline::Inbound;
use crate::ingest::rejections::{KeyCheck, Rejected};
use crate::ingest::response::UnavailableReason;
use crate::ingest::storing::store_request;
use crate::ingest::verification::READ_WITHIN;
use crate::ingest::{IngestParts, IngestSettings};

/// Accepts webhooks for Triggers, each namespace by itself: a webhook is a delivery of its own for each.
pub(crate) struct HookTriggers {
    inventory: Arc<ListenerInventory>,
    gate: ListenerGate,
    decoding: Arc<DecodeBudget>,
}

/// The Triggers that a webhook concerns, as one listener for each namespace.
pub(crate) type Concerned = Vec<ObjectKey>;

/// The Triggers of one namespace, and the delivery for them.
pub(crate) struct HookDelivery {
    namespace: ObjectKey,
    request: AcceptedRequest,
}

/// The result of asking all Triggers that a webhook concerns for its sender.
#[derive(Default)]
pub(crate) struct HookScreening {
    /// Those whose key verifies it.
    pub(crate) accepted: Vec<HookDelivery>,
    /// Those whose Secret cannot be read now. They are stored only if something else verifies the sender.
    pub(crate) waiting: Vec<HookDelivery>,
    /// The Secrets that do not verify it.
    pub(crate) tried: Vec<(ObjectKey, KeyCheck)>,
}

impl HookTriggers {
    /// Those of `inventory`.
    pub(crate) fn new(
        inventory: Arc<ListenerInventory>,
        gate: ListenerGate,
        decoding: Arc<DecodeBudget>,
    ) -> Self {
        Self { inventory, gate, decoding }
    }

    /// The Triggers that webhooks of a repository concern; `None` before they are known.
    pub(crate) fn concerned(&self, names: &[RepoId]) -> Option<Concerned> {
        let listeners = self.inventory.current()?;
        let concerned = listeners.of_repository(names).into_iter();
        Some(concerned.map(|listener| listener.settings.key.clone()).collect())
    }

    /// Asks the Triggers whether a key of theirs verifies the sender. `webhook` is the id of the webhook as a delivery.
    pub(crate) async fn screen(
        &self,
        concerned: &[ObjectKey],
        webhook: &DeliveryId,
        inbound: &Inbound<'_>,
        path: &str,
        parts: &IngestParts,
    ) -> Result<HookScreening, UnavailableReason> {
        if concerned.is_empty() {
            return Ok(HookScreening::default());
        }
        let headers = headers_of(inbound.headers);
        let until = Instant::now() + READ_WITHIN;
        let received_at = Timestamp::now();
        let asked = concerned.iter().map(|listener| {
            let id = ListenerRequest::id_of_webhook(webhook, listener);
            let (url, headers, body) = (path.to_owned(), headers.clone(), inbound.body.clone());
            let request = ListenerRequest { listener: listener.clone(), url, headers, body, received_at };
            screen(&self.inventory, request, id, &*self.decoding, parts.secrets.as_ref(), until)
        });
        let span = info_span!(target: "trigger_trace", "verify", namespaces = concerned.len());
        let screened = join_all(asked).instrument(span).await;
        let mut screening = HookScreening::default();
        for (listener, screened) in concerned.iter().zip(screened) {
            let delivery = |request: Box<AcceptedRequest>| HookDelivery {
                namespace: listener.clone(),
                request: *request,
            };
            match screened {
                // Each of them asks for a key. The sender concerns none of them if no key was asked for.
                Screened::Accepted(request) if request.is_open => {}
                Screened::Accepted(request) => screening.accepted.push(delivery(request)),
                Screened::Absent => {}
                Screened::NoMemory => return Err(UnavailableReason::NoMemory),
                Screened::Unauthenticated { tried } => screening.tried.extend(checks(tried)),
                Screened::Unavailable { tried, unverified } => {
                    screening.waiting.push(delivery(unverified));
                    screening.tried.extend(checks(tried));
                }
            }
        }
        Ok(screening)
    }

    /// Stores the deliveries. Returns the outcome for the first of them that is not finished, else for the first.
    pub(crate) async fn store(
        &self,
        deliveries: Vec<HookDelivery>,
        settings: &IngestSettings,
        parts: &IngestParts,
    ) -> Result<Option<(DeliveryId, AppendOutcome)>, Rejected> {
        let stored = deliveries.into_iter().map(|delivery| self.store_one(delivery, settings, parts));
        let stored = join_all(stored).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let is_open =
            |outcome: &AppendOutcome| !matches!(outcome, AppendOutcome::Settled | AppendOutcome::Failed);
        let open = stored.iter().find(|(_, outcome)| is_open(outcome)).or(stored.first());
        Ok(open.cloned())
    }

    async fn store_one(
        &self,
        delivery: HookDelivery,
        settings: &IngestSettings,
        parts: &IngestParts,
    ) -> Result<(DeliveryId, AppendOutcome), Rejected> {
        let HookDelivery { namespace, request } = delivery;
        let AcceptedRequest { delivery, facts, decided, .. } = request;
        let id = delivery.id.clone();
        let delivery = self.gate.accepted(delivery, namespace.clone());
        let outcome = store_request(delivery, facts, decided, settings, parts).await?;
        let namespace = &namespace.namespace;
        info!(%namespace, delivery = %id, outcome = ?outcome, "webhook stored for Triggers");
        Ok((id, outcome))
    }
}
