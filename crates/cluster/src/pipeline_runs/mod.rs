//! PipelineRuns that change the class of their status become deliveries.
//!
//! `follower` watches and keeps; `seen` tells what is new from what was seen before. A delivery's id follows
//! from the run's UID and the class, and the journal inserts it if it is absent, so this may see a change
//! twice, on two replicas or after a restart, but it must not miss one:
//!
//! - A change counts as seen once it is in the journal; the watch is read no faster than that.
//! - How far all is seen is noted in the journal as a watermark. After a restart, what has happened since
//!   then, and for a while before, is looked at again. What is older is over, and starts nothing.
//! - A change that no rule asks for is not kept, but waits a moment: the rule may be on its way, because a
//!   Build and a PipelineRun that are created together come in by two watches.

mod follower;
mod observed;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_core::Observer;
use trigger_dispatch::Metrics;
use trigger_journal::Journal;
use trigger_rules::Inventory;
use trigger_runtime::restart_on_panic;

use self::follower::Follower;
use crate::client::Connection;
use crate::feeds::Scope;
use crate::metrics::Watched;

/// What following PipelineRuns needs of the rest.
#[derive(Clone)]
pub struct PipelineRunFollowers {
    /// Which namespaces.
    pub scope: Scope,
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Where what happens is kept.
    pub journal: Arc<dyn Journal>,
    /// Whether every Build has been seen: nothing is looked at before.
    pub synced: watch::Receiver<bool>,
    /// Counts.
    pub metrics: Metrics,
    /// The right to observe PipelineRuns.
    pub observer: Observer,
}

impl PipelineRunFollowers {
    /// Follows the PipelineRuns until `shutdown`, which is for the leader to do. May be started again any number of
    /// times: it goes on from the watermark. Where Tekton is not installed it is waited for.
    pub fn start(&self, connection: &Connection, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for namespace in self.scope.parts() {
            let (parts, connection, shutdown) = (self.clone(), connection.clone(), shutdown.clone());
            let follow = move || {
                let follower = Follower::new(
                    namespace.clone(),
                    Arc::clone(&parts.inventory),
                    Arc::clone(&parts.journal),
                    parts.metrics.clone(),
                    parts.observer.clone(),
                    connection.metrics.watch(Watched::PipelineRuns),
                );
                follower.run(connection.clone(), parts.synced.clone())
            };
            tasks.spawn(async move {
                let following = restart_on_panic("PipelineRuns", follow);
                tokio::select! { () = following => {}, () = shutdown.cancelled() => {} }
            });
        }
    }
}
