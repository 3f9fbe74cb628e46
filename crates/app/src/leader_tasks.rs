use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::warn;
use trigger_cluster::{
    Connection, ImageFollowers, LeaseElector, PipelineRunFollowers, STEP_DOWN_GRACE, Scope, carry_out_tasks,
};
use trigger_dispatch::{Metrics, run_pruner};
use trigger_journal::{Journal, Retention};
use trigger_runtime::{Leadership, restart_on_panic};

/// What one of several replicas is enough for: following PipelineRuns and what BuildRuns push, carrying out tasks
/// of Tekton, forgetting what is old. (Asking registries and reporting broken rules look after this themselves:
/// parts of them are every replica's.)
///
/// Each can be begun and ended any number of times. What is begun anew goes on where the journal and the cluster
/// say that it was left, by this process or another.
pub(crate) struct Duties {
    pub(crate) connection: Connection,
    pub(crate) scope: Scope,
    pub(crate) pipeline_runs: PipelineRunFollowers,
    pub(crate) images: ImageFollowers,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) retention: Retention,
    pub(crate) metrics: Metrics,
}

/// The time from the moment at which this process leads until it does not.
struct LeaderTerm {
    tasks: TaskTracker,
    end: DropGuard,
}

impl Duties {
    /// Does them whenever this process leads, until `ending`. The Lease of `campaign` is given back when they are
    /// put down.
    pub(crate) async fn perform(
        self,
        leadership: Leadership,
        campaign: Option<LeaseElector>,
        ending: CancellationToken,
    ) {
        let resign = CancellationToken::new();
        let terms = async {
            self.serve_terms(leadership, &ending).await;
            resign.cancel();
        };
        match campaign {
            Some(campaign) => drop(tokio::join!(campaign.run(resign.clone()), terms)),
            None => terms.await,
        }
    }

    async fn serve_terms(&self, mut leadership: Leadership, ending: &CancellationToken) {
        while !ending.is_cancelled() {
            tokio::select! {
                biased;
                () = ending.cancelled() => return,
                () = leadership.begins() => {}
            }
            self.metrics.leads(true);
            let term = self.begin();
            tokio::select! { () = leadership.ends() => {}, () = ending.cancelled() => {} }
            self.metrics.leads(false);
            term.end().await;
        }
    }

    fn begin(&self) -> LeaderTerm {
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        carry_out_tasks(&self.connection, &self.scope, &tasks, &end);
        self.pipeline_runs.start(&self.connection, &tasks, &end);
        self.images.follow_pushes(&self.connection, &tasks, &end);
        let (journal, retention) = (Arc::clone(&self.journal), self.retention);
        let (metrics, ending) = (self.metrics.clone(), end.clone());
        tasks.spawn(restart_on_panic("retention", move || {
            run_pruner(Arc::clone(&journal), retention, metrics.clone(), ending.clone())
        }));
        tasks.close();
        LeaderTerm { tasks, end: end.drop_guard() }
    }
}

impl LeaderTerm {
    /// Returns when all that was begun has ended.
    async fn end(self) {
        drop(self.end);
        if tokio::time::timeout(STEP_DOWN_GRACE, self.tasks.wait()).await.is_err() {
            warn!("what a leader does was put down late");
            // Nothing of it may go on beside the next term.
            self.tasks.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::watch;
    use tokio::time::{Instant, sleep};
    use trigger_cluster::{CoalescingSecretReader, EventRecorder, connect};
    use trigger_devcluster::DevCluster;
    use trigger_dispatch::{ImageParts, Images};
    use trigger_journal::Address;
    use trigger_rules::Inventory;
    use trigger_runtime::{CriticalTasks, Lead};

    use super::*;
    use crate::options::{ImageOptions, RetentionOptions};

    /// So many tasks more or less are connections that happen to be open.
    const SLACK: usize = 10;

    async fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < deadline, "gave up waiting: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn duties(dev: &DevCluster, folder: &tempfile::TempDir, tasks: &CriticalTasks) -> Duties {
        let connection = connect(Some(&dev.kubeconfig())).await.unwrap();
        let journal =
            trigger_journal::open(&Address::Sqlite(folder.path().join("journal.db"))).await.unwrap();
        let (inventory, metrics) = (Arc::new(Inventory::new()), Metrics::default());
        inventory.mark_synced();
        let (_, synced) = watch::channel(true);
        let scope = Scope::of(&[]);
        let images = ImageParts {
            inventory: Arc::clone(&inventory),
            journal: Arc::clone(&journal),
            secrets: Arc::new(CoalescingSecretReader::new(&connection)),
            registries: ImageOptions::default().registries().unwrap(),
            complaints: Arc::new(EventRecorder::start(&connection, tasks)),
            metrics: metrics.clone(),
            settings: ImageOptions::default().settings(),
            leadership: Leadership::always(),
        };
        Duties {
            pipeline_runs: PipelineRunFollowers {
                scope: scope.clone(),
                inventory,
                journal: Arc::clone(&journal),
                synced: synced.clone(),
                metrics: metrics.clone(),
            },
            images: ImageFollowers {
                scope: scope.clone(),
                images: Images::start(images, synced.clone(), tasks, &CancellationToken::new()),
                journal: Arc::clone(&journal),
                synced,
            },
            connection,
            scope,
            journal,
            retention: RetentionOptions::default().retention(),
            metrics,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn terms_that_have_ended_leave_nothing_behind() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dev = DevCluster::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let duties = duties(&dev, &folder, &CriticalTasks::default()).await;
        let (tell, told) = watch::channel(Lead::default());
        let ending = CancellationToken::new();
        let performed = tokio::spawn(duties.perform(Leadership::by(told), None, ending.clone()));
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let mut after_the_first = 0;
        for term in 1..=25 {
            tell.send_replace(Lead { ours: true, leader: None });
            for kind in ["pipelineruns.tekton.dev", "customruns.tekton.dev", "buildruns.shipwright.io"] {
                until("all is followed again", || dev.requests().count("watch", kind) >= term).await;
            }
            let while_leading = alive();
            tell.send_replace(Lead::default());
            until("the term has ended", || alive() < while_leading).await;
            if term == 3 {
                after_the_first = alive();
            }
        }
        until("what was begun has ended", || alive() <= after_the_first + SLACK).await;
        ending.cancel();
        performed.await.unwrap();
    }
}
