use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tracing::warn;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::{Journal, Rejection, TriedSecret};
use trigger_runtime::SecretError;

use super::response::HookResponse;

/// How many rejections wait to be written. Beyond, they are only counted: anybody can cause them.
const WAITING: usize = 256;
/// How far apart they are written, so that a flood costs the journal next to nothing.
const EVERY: Duration = Duration::from_secs(1);

/// A request that is not taken in: what the sender is told, and what only the operator is.
pub(super) struct Rejected {
    pub(super) answer: HookResponse,
    /// Absent if there is nothing to be learnt from it, or nothing could be kept now.
    pub(super) why: Option<RejectionDetail>,
}

/// RejectionDetail a request is refused.
pub(super) struct RejectionDetail {
    reason: String,
    tried: Vec<(ObjectKey, KeyCheck)>,
    event: String,
    pub(super) provider_id: Option<String>,
    repository: Option<String>,
}

/// What could be read so far of a request, should it be refused.
#[derive(Default, Clone, Copy)]
pub(super) struct RequestContext<'a> {
    pub(super) event: &'a str,
    pub(super) provider_id: Option<&'a str>,
    pub(super) repository: Option<&'a str>,
}

/// What came of a Secret that should have verified a delivery.
pub(super) enum KeyCheck {
    /// It was not read.
    NotRead,
    /// It holds no webhook key.
    NoKey,
    /// None of so many keys verifies the signature.
    Differs(usize),
    /// It cannot be used.
    Fault(SecretError),
}

/// Where rejections are handed over to be kept.
pub(super) struct Rejections {
    queue: mpsc::Sender<Rejection>,
    uncounted: Counter,
}

/// Writes rejections into the journal, in the background.
pub struct RejectionWriter {
    queue: mpsc::Receiver<Rejection>,
    journal: Arc<dyn Journal>,
}

impl From<HookResponse> for Rejected {
    fn from(answer: HookResponse) -> Self {
        Self { answer, why: None }
    }
}

impl Rejected {
    pub(super) fn because(
        answer: HookResponse,
        reason: impl Into<String>,
        about: RequestContext<'_>,
    ) -> Self {
        let why = RejectionDetail {
            reason: reason.into(),
            tried: Vec::new(),
            event: about.event.to_owned(),
            provider_id: about.provider_id.map(ToOwned::to_owned),
            repository: about.repository.map(ToOwned::to_owned),
        };
        Self { answer, why: Some(why) }
    }

    /// Adds what came of the Secrets.
    pub(super) fn after_trying(mut self, tried: Vec<(ObjectKey, KeyCheck)>) -> Self {
        if let Some(why) = &mut self.why {
            why.tried = tried;
        }
        self
    }
}

impl RejectionDetail {
    /// What is kept of it. `of` is where the request came in, and from whom.
    pub(super) fn into_refusal(
        self,
        answer: &HookResponse,
        delivery: DeliveryId,
        of: RequestOrigin<'_>,
    ) -> Rejection {
        let tried = self.tried.into_iter();
        Rejection {
            at: Timestamp::now(),
            times: 1,
            delivery,
            status: answer.status().as_u16(),
            answer: answer.name().to_owned(),
            reason: self.reason,
            source: of.source.to_owned(),
            path: of.path.to_owned(),
            event: self.event,
            provider_id: self.provider_id,
            repository: self.repository,
            from: of.from,
            tried: tried
                .map(|(secret, finding)| TriedSecret { secret, finding: finding.sentence() })
                .collect(),
        }
    }
}

/// Where a request came in, and from whom.
pub(super) struct RequestOrigin<'a> {
    pub(super) source: &'a str,
    pub(super) path: &'a str,
    pub(super) from: Option<String>,
}

impl KeyCheck {
    fn sentence(&self) -> String {
        match self {
            Self::NotRead => "not looked at: the request presents nothing to verify".to_owned(),
            Self::NoKey => "it holds no webhook key".to_owned(),
            Self::Differs(1) => "its key does not verify the signature".to_owned(),
            Self::Differs(count) => format!("none of its {count} keys verifies the signature"),
            Self::Fault(fault) => fault.to_string(),
        }
    }
}

impl Rejections {
    /// The two ends: one for the hooks, one to be run in the background.
    pub(super) fn new(journal: Arc<dyn Journal>, uncounted: Counter) -> (Self, RejectionWriter) {
        let (sender, queue) = mpsc::channel(WAITING);
        (Self { queue: sender, uncounted }, RejectionWriter { queue, journal })
    }

    /// Hands a refusal over. If too many wait, it is dropped and counted.
    pub(super) fn note(&self, refusal: Rejection) {
        if self.queue.try_send(refusal).is_err() {
            self.uncounted.inc();
        }
    }
}

impl RejectionWriter {
    /// Writes until the hooks have ended.
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(WAITING);
        while self.queue.recv_many(&mut waiting, WAITING).await > 0 {
            let batch = fold(waiting.drain(..));
            if let Err(error) = self.journal.refuse(batch).await {
                // They are for people to look at; what was promised to senders does not depend on them.
                warn!(error = %error, "refused requests cannot be noted");
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
    for refusal in rejections {
        let same = |known: &&mut Rejection| {
            known.delivery == refusal.delivery
                && known.answer == refusal.answer
                && known.reason == refusal.reason
        };
        match folded.iter_mut().find(same) {
            Some(known) => (known.at, known.times) = (refusal.at, known.times + 1),
            None => folded.push(refusal),
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
    fn equal_refusals_become_one() {
        let of = || RequestOrigin { source: "github", path: "/hooks/github", from: None };
        let refusal = |body: &str, reason: &str| {
            let refused = Rejected::because(UNVERIFIED, reason, RequestContext::default());
            let tried = vec![(ObjectKey::new("team-a", "hook"), KeyCheck::Differs(2))];
            let why = refused.after_trying(tried).why.unwrap();
            why.into_refusal(&UNVERIFIED, DeliveryId::derive(&[body.as_bytes()]), of())
        };
        let all = [refusal("a", "x"), refusal("b", "x"), refusal("a", "x"), refusal("a", "y")];
        let folded = fold(all.into_iter());
        let times: Vec<_> = folded.iter().map(|refusal| refusal.times).collect();
        assert_eq!(times, [2, 1, 1]);
        assert_eq!((folded[0].status, folded[0].answer.as_str()), (401, "unauthorized"));
        assert_eq!(folded[0].tried[0].finding, "none of its 2 keys verifies the signature");
    }
}
