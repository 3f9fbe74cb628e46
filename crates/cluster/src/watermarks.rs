use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{debug, warn};
use trigger_journal::{Journal, JournalError};

/// What happened so long before all was seen is looked at again after a restart: clocks differ, and a watch
/// that hangs is noticed late. What is known already is passed over.
const OVERLAP: Duration = Duration::from_mins(10);
/// How long to wait before the journal is asked again.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

/// How far objects of one kind are followed, in the journal.
pub(crate) struct Marks {
    /// Their plural name.
    kind: &'static str,
    namespace: Option<String>,
    journal: Arc<dyn Journal>,
}

/// Now, as Kubernetes writes it: in whole seconds.
pub(crate) fn this_second() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default()
}

impl Marks {
    pub(crate) fn new(kind: &'static str, namespace: Option<String>, journal: Arc<dyn Journal>) -> Self {
        Self { kind, namespace, journal }
    }

    /// From when on what has happened counts. What ended before this journal first followed such objects
    /// never does: a program that is installed today does not work off the past.
    pub(crate) async fn horizon(&self) -> Timestamp {
        let now = this_second();
        loop {
            match self.read(now).await {
                Ok(horizon) => return horizon,
                Err(error) => {
                    warn!(kind = self.kind, error = %error, "how far these were followed cannot be told yet");
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

    /// All that has happened so far is in the journal.
    pub(crate) async fn all_is_seen(&self) {
        if let Err(error) = self.journal.raise_watermark(&self.seen(), Timestamp::now()).await {
            // The old one stands: after a restart more is looked at again, and found to be known.
            debug!(kind = self.kind, error = %error, "how far these are followed cannot be noted");
        }
    }

    /// The name of the mark up to which all is seen.
    fn seen(&self) -> String {
        self.within(self.kind.to_owned())
    }

    /// The name of the mark since when this journal follows such objects at all.
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
