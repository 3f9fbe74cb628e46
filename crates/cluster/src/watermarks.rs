use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{debug, warn};
use trigger_journal::{JournalError, Notebook};
use trigger_runtime::ClusterClock;

/// A restart observes the changes of so long before the watermark again: the clocks of the cluster's machines differ, and
/// a watch that hangs is noticed late. The journal stores none of them twice.
const OVERLAP: Duration = Duration::from_mins(10);
/// The pause before the journal is read again.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

/// The watermarks of one kind in the journal.
pub(crate) struct Marks {
    /// Their plural name.
    kind: &'static str,
    namespace: Option<String>,
    journal: Arc<dyn Notebook>,
    /// The times of objects are compared with the watermarks.
    clock: ClusterClock,
}

impl Marks {
    pub(crate) fn new(
        kind: &'static str,
        namespace: Option<String>,
        journal: Arc<dyn Notebook>,
        clock: ClusterClock,
    ) -> Self {
        Self { kind, namespace, journal, clock }
    }

    /// Now, as Kubernetes writes it: in whole seconds.
    pub(crate) fn this_second(&self) -> Timestamp {
        Timestamp::from_second(self.clock.now().as_second()).unwrap_or_default()
    }

    /// The time since when changes count. Changes before this journal first followed the kind never do: a program that
    /// is installed today does not process the past.
    pub(crate) async fn horizon(&self) -> Timestamp {
        let now = self.this_second();
        loop {
            match self.read(now).await {
                Ok(horizon) => return horizon,
                Err(error) => {
                    warn!(kind = self.kind, error = %error, "cannot read the watermark; trying again");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Timestamp, JournalError> {
        let first = self.journal.watermark(&self.first()).await?;
        if first.is_none() {
            self.journal.raise_watermark(&self.first(), now).await?;
        }
        let seen = self.journal.watermark(&self.seen()).await?;
        let again_from = seen.and_then(|seen| seen.checked_sub(OVERLAP).ok());
        Ok(again_from.into_iter().fold(first.unwrap_or(now), Timestamp::max))
    }

    /// Raises the watermark to now: all changes so far are in the journal.
    pub(crate) async fn all_is_seen(&self) {
        if let Err(error) = self.journal.raise_watermark(&self.seen(), self.clock.now()).await {
            // The old one stands: a restart observes more again, and the journal finds it stored.
            debug!(kind = self.kind, error = %error, "cannot write the watermark");
        }
    }

    /// The name of the watermark up to which all changes are stored.
    fn seen(&self) -> String {
        self.within(self.kind.to_owned())
    }

    /// The name of the watermark since when this journal follows the kind.
    fn first(&self) -> String {
        self.within(format!("{} since", self.kind))
    }

    fn within(&self, mark: String) -> String {
        match &self.namespace {
            None => mark,
            Some(namespace) => format!("{mark} in {namespace}"),
        }
    }
}
