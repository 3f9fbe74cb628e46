use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use trigger_journal::{History, JournalError, Pruned, Retention};

use crate::metrics::Metrics;

/// How often the journal is pruned. Retention is counted in days.
const INTERVAL: Duration = Duration::from_mins(1);
/// The pause between two batches, so that writes of deliveries go first.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the journal within `retention` until `shutdown`. One replica is enough for a journal; more do no harm.
pub async fn run_pruner(
    journal: Arc<dyn History>,
    retention: Retention,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    let work = async {
        loop {
            match prune(journal.as_ref(), retention, &metrics).await {
                Ok(pruned) if pruned.is_empty() => {}
                Ok(Pruned { payloads, deliveries, keys }) => {
                    info!(payloads, deliveries, keys, "pruned the journal");
                }
                // Appending reports the same error, and louder.
                Err(error) => warn!(error = %error, "the journal cannot be pruned now"),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::select! { () = work => {}, () = shutdown.cancelled() => {} }
}

async fn prune(
    journal: &dyn History,
    retention: Retention,
    metrics: &Metrics,
) -> Result<Pruned, JournalError> {
    let mut total = Pruned::default();
    loop {
        let Pruned { payloads, deliveries, keys } = journal.prune(retention).await?;
        if payloads + deliveries + keys == 0 {
            return Ok(total);
        }
        metrics.pruned(payloads, deliveries, keys);
        total.payloads += payloads;
        total.deliveries += deliveries;
        total.keys += keys;
        tokio::time::sleep(PAUSE).await;
    }
}
