use std::sync::Arc;
use std::time::Duration;

use axum::http::Extensions;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tracing::warn;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::{Intake, Rejection, TriedSecret};
use trigger_runtime::SecretError;

use super::response::HookResponse;
use crate::listener::Peer;

/// The capacity of the queue. Rejections beyond are only counted: any stranger can cause them.
const WAITING: usize = 256;
/// The pause between writes, so that a flood costs the journal next to nothing.
const EVERY: Duration = Duration::from_secs(1);

/// A request that is not accepted: the answer for the sender, and the detail for the operator.
pub(super) struct Rejected {
    pub(super) response: HookResponse,
    /// Absent if the request names nothing to record, or the journal cannot store it now.
    pub(super) detail: Option<RejectionDetail>,
}

/// Why a request is rejected.
pub(super) struct RejectionDetail {
    reason: String,
    tried: Vec<(ObjectKey, KeyCheck)>,
}

/// What could be read of a request before it was rejected.
#[derive(Default)]
pub(super) struct RequestContext {
    pub(super) event: String,
    pub(super) provider_id: Option<String>,
    pub(super) repository: Option<String>,
}

/// The check of a Secret that could have verified a delivery.
pub(super) enum KeyCheck {
    /// It was not read.
    NotRead,
    /// It holds no webhook key.
    NoKey,
    /// None of so many keys verifies the signature.
    Differs(usize),
    /// It cannot be used.
    Error(SecretError),
}

/// Hands rejections over to be written.
pub(super) struct Rejections {
    queue: mpsc::Sender<Rejection>,
    dropped: Counter,
}

/// Writes rejections into the journal, in the background.
pub struct RejectionWriter {
    queue: mpsc::Receiver<Rejection>,
    journal: Arc<dyn Intake>,
}

impl From<HookResponse> for Rejected {
    fn from(response: HookResponse) -> Self {
        Self { response, detail: None }
    }
}

impl Rejected {
    pub(super) fn because(response: HookResponse, reason: impl Into<String>) -> Self {
        Self { response, detail: Some(RejectionDetail { reason: reason.into(), tried: Vec::new() }) }
    }

    /// Adds the Secrets that were tried.
    pub(super) fn after_trying(mut self, tried: Vec<(ObjectKey, KeyCheck)>) -> Self {
        if let Some(detail) = &mut self.detail {
            detail.tried = tried;
        }
        self
    }
}

impl RejectionDetail {
    /// The record for the journal.
    pub(super) fn into_record(
        self,
        response: &HookResponse,
        delivery: DeliveryId,
        context: RequestContext,
        origin: RequestOrigin<'_>,
    ) -> Rejection {
        let tried = self.tried.into_iter();
        Rejection {
            at: Timestamp::now(),
            times: 1,
            delivery,
            status: response.status().as_u16(),
            answer: response.name().to_owned(),
            reason: self.reason,
            source: origin.source.to_owned(),
            path: origin.path.to_owned(),
            event: context.event,
            provider_id: context.provider_id,
            repository: context.repository,
            from: origin.from,
            tried: tried.map(|(secret, check)| TriedSecret { secret, finding: check.sentence() }).collect(),
        }
    }
}

/// Where a request came in, and from which address.
pub(super) struct RequestOrigin<'a> {
    pub(super) source: &'a str,
    pub(super) path: &'a str,
    pub(super) from: Option<String>,
}

impl<'a> RequestOrigin<'a> {
    /// The origin of a request with these extensions.
    pub(super) fn of(source: &'a str, path: &'a str, extensions: &Extensions) -> Self {
        let from = extensions.get::<Peer>().map(|Peer(address)| address.ip().to_string());
        Self { source, path, from }
    }
}

impl KeyCheck {
    fn sentence(&self) -> String {
        match self {
            Self::NotRead => "not read: the request carries no well-formed credential".to_owned(),
            Self::NoKey => "it holds no webhook key".to_owned(),
            Self::Differs(1) => "its key does not verify the signature".to_owned(),
            Self::Differs(count) => format!("none of its {count} keys verifies the signature"),
            Self::Error(error) => error.to_string(),
        }
    }
}

impl Rejections {
    /// The queue for the hooks, and the writer to run in the background.
    pub(super) fn new(journal: Arc<dyn Intake>, dropped: Counter) -> (Self, RejectionWriter) {
        let (sender, queue) = mpsc::channel(WAITING);
        (Self { queue: sender, dropped }, RejectionWriter { queue, journal })
    }

    /// Records a rejection, if there is a detail to record. Returns the answer for the sender.
    pub(super) fn record(
        &self,
        Rejected { response, detail }: Rejected,
        id: impl FnOnce(&RequestContext) -> DeliveryId,
        context: RequestContext,
        origin: RequestOrigin<'_>,
    ) -> HookResponse {
        if let Some(detail) = detail {
            let id = id(&context);
            self.note(detail.into_record(&response, id, context, origin));
        }
        response
    }

    /// Queues a rejection. If the queue is full, it is dropped and counted.
    fn note(&self, rejection: Rejection) {
        if self.queue.try_send(rejection).is_err() {
            self.dropped.inc();
        }
    }
}

impl RejectionWriter {
    /// Writes until the hooks have ended.
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(WAITING);
        while self.queue.recv_many(&mut waiting, WAITING).await > 0 {
            let batch = fold(waiting.drain(..));
            if let Err(error) = self.journal.reject(batch).await {
                // People read them; no promise to a sender depends on them.
                warn!(error = %error, "rejected requests cannot be recorded");
            }
            // The last ones, when the hooks have ended, need not wait.
            if !self.queue.is_closed() {
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

/// Equal ones become one that says how often.
fn fold(rejections: impl Iterator<Item = Rejection>) -> Vec<Rejection> {
    let mut folded: Vec<Rejection> = Vec::new();
    for rejection in rejections {
        let same = |known: &&mut Rejection| {
            known.delivery == rejection.delivery
                && known.answer == rejection.answer
                && known.reason == rejection.reason
        };
        match folded.iter_mut().find(same) {
            Some(known) => (known.at, known.times) = (rejection.at, known.times + 1),
            None => folded.push(rejection),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::super::response::AuthFailure;
    use super::*;

    const UNVERIFIED: HookResponse = HookResponse::Unauthorized(AuthFailure::NotVerified);

    #[test]
    fn equal_rejections_become_one() {
        let of = || RequestOrigin { source: "github", path: "/hooks/github", from: None };
        let rejection = |body: &str, reason: &str| {
            let tried = vec![(ObjectKey::new("team-a", "hook"), KeyCheck::Differs(2))];
            let detail = Rejected::because(UNVERIFIED, reason).after_trying(tried).detail.unwrap();
            let id = DeliveryId::derive(&[body.as_bytes()]);
            detail.into_record(&UNVERIFIED, id, RequestContext::default(), of())
        };
        let all = [rejection("a", "x"), rejection("b", "x"), rejection("a", "x"), rejection("a", "y")];
        let folded = fold(all.into_iter());
        let times: Vec<_> = folded.iter().map(|rejection| rejection.times).collect();
        assert_eq!(times, [2, 1, 1]);
        assert_eq!((folded[0].status, folded[0].answer.as_str()), (401, "unauthorized"));
        assert_eq!(folded[0].tried[0].finding, "none of its 2 keys verifies the signature");
    }
}
