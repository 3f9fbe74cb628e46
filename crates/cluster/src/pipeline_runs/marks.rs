use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{debug, warn};
use trigger_journal::{Journal, JournalError};

/// Up to when all is seen.
const SEEN: &str = "pipelineruns";
/// Since when this journal follows PipelineRuns at all.
const FIRST: &str = "pipelineruns since";
/// What happened so long before all was seen is looked at again after a restart: clocks differ, and a watch
/// that hangs is noticed late. What is known already is passed over.
const OVERLAP: Duration = Duration::from_mins(10);
/// How long to wait before the journal is asked again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// How far PipelineRuns are followed, in the journal.
pub(super) struct Marks {
    namespace: Option<String>,
    journal: Arc<dyn Journal>,
}

impl Marks {
    pub(super) fn new(namespace: Option<String>, journal: Arc<dyn Journal>) -> Self {
        Self { namespace, journal }
    }

    /// From when on what has happened counts. What ended before this journal first followed PipelineRuns
    /// never does: a program that is installed today does not work off the past.
    pub(super) async fn horizon(&self) -> Timestamp {
        // Kubernetes writes times in whole seconds.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        loop {
            match self.read(now).await {
                Ok(horizon) => return horizon,
                Err(error) => {
                    warn!(error = %error, "how far PipelineRuns were followed cannot be told yet");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Timestamp, JournalError> {
        let first = self.journal.watermark(&self.name(FIRST)).await?;
        if first.is_none() {
            self.journal.raise_watermark(&self.name(FIRST), now).await?;
        }
        let seen = self.journal.watermark(&self.name(SEEN)).await?;
        let again_from = seen.and_then(|seen| seen.checked_sub(OVERLAP).ok());
        Ok(again_from.into_iter().fold(first.unwrap_or(now), Timestamp::max))
    }

    /// All that has happened so far is in the journal.
    pub(super) async fn all_is_seen(&self) {
        if let Err(error) = self.journal.raise_watermark(&self.name(SEEN), Timestamp::now()).await {
            // The old one stands: after a restart more is looked at again, and found to be known.
            debug!(error = %error, "how far PipelineRuns are followed cannot be noted");
        }
    }

    fn name(&self, mark: &str) -> String {
        match &self.namespace {
            None => mark.to_owned(),
            Some(namespace) => format!("{mark} in {namespace}"),
        }
    }
}
