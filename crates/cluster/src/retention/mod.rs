//! The limits of a Build's retention, for runs that embed its spec.
//!
//! The Build controller counts all runs with the label of a Build against `retention.succeededLimit` and `failedLimit`.
//! But it counts only when a run *by name* ends: of a Build whose runs are all pinned, nothing would ever be deleted. So
//! the same is counted here when a pinned run ends. The program may not delete runs. It gives those beyond the limit a
//! time to live, and the Build controller deletes them.

mod limits;
mod pinned_runs;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_runtime::restart_on_panic;

use self::pinned_runs::PinnedRuns;
pub(crate) use self::pinned_runs::{BUILDS_AT_A_TIME, EXPIRE_AT_MOST};
use crate::client::Connection;
use crate::feeds::Scope;
use crate::metrics::Watched;

/// Keeps the limits in the namespaces of `scope` until `shutdown`. A leader task. It may be started again: it looks at every
/// run then.
pub fn keep_limits(
    connection: &Connection,
    scope: &Scope,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    for namespace in scope.parts() {
        let (connection, shutdown) = (connection.clone(), shutdown.clone());
        let keep = move || {
            let watch = connection.metrics.watch(Watched::BuildRuns);
            PinnedRuns::new(namespace.clone(), connection.clone(), watch).run()
        };
        tasks.spawn(async move {
            let keeping = restart_on_panic("limits of retention", keep);
            tokio::select! { () = keeping => {}, () = shutdown.cancelled() => {} }
        });
    }
}
