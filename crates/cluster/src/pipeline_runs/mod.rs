//! PipelineRuns that change the class of their status become deliveries.
//!
//! `follower` watches and stores; `observed` tells changes from states that were observed before. A delivery's id
//! follows from the run's UID and the class, and the journal inserts it if it is absent. A change may therefore be
//! observed twice, on two replicas or after a restart, but none may be missed:
//!
//! - A change counts as observed once it is in the journal; the watch is read no faster than that.
//! - A watermark in the journal records up to when all changes are stored. After a restart, changes since the
//!   watermark, and for a while before it, are observed again. Older ones start nothing.
//! - A change that no rule asks for is not stored, but waits a moment: a Build and a PipelineRun that are created
//!   together arrive by two watches.

mod follower;
mod observed;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_core::Observer;
use trigger_dispatch::Metrics;
use trigger_journal::Journal;
use trigger_rules::Inventory;
use trigger_runtime::restart_on_panic;

use self::follower::Follower;
use crate::client::Connection;
use crate::feeds::{BuildWatch, Scope};
use crate::metrics::Watched;

/// The services that following PipelineRuns needs.
#[derive(Clone)]
pub struct PipelineRunFollowers {
    /// The watched namespaces.
    pub scope: Scope,
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Stores the deliveries and the watermark.
    pub journal: Arc<dyn Journal>,
    /// Whether the Builds of a namespace have been seen; nothing is watched in it before.
    pub builds: BuildWatch,
    /// Counts the changes.
    pub metrics: Metrics,
    /// The right to observe PipelineRuns.
    pub observer: Observer,
}

impl PipelineRunFollowers {
    /// Follows the PipelineRuns until `shutdown`. A leader task. It may be started again: it resumes from the watermark.
    /// Where Tekton is not installed, the watch waits for it.
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
                follower.run(connection.clone(), parts.builds.clone())
            };
            tasks.spawn(async move {
                let following = restart_on_panic("PipelineRuns", follow);
                tokio::select! { () = following => {}, () = shutdown.cancelled() => {} }
            });
        }
    }
}
