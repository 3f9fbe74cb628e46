use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::warn;
use trigger_cluster::{
    ConditionWriter, Connection, ImageFollowers, LeaseElector, ListenerStatusWriter, PipelineRunFollowers,
    STEP_DOWN_GRACE, Scope, carry_out_tasks, keep_limits,
};
use trigger_dispatch::{Metrics, run_pruner};
use trigger_journal::{Journal, Retention};
use trigger_runtime::{Leadership, restart_on_panic};

/// The tasks that only one of several replicas runs: following PipelineRuns and the images that BuildRuns push,
/// carrying out custom tasks of Tekton, writing the conditions of runs and the status of listeners, keeping the limits of
/// pinned runs, and pruning the journal. (Registry polling and warnings about rules ask
/// [`Leadership`] themselves, since every replica runs parts of them.)
///
/// Each can start and stop any number of times, and resumes from the journal and the cluster where this or
/// another replica stopped.
pub(crate) struct LeaderTasks {
    /// Opened on `threads`.
    pub(crate) connection: Connection,
    /// The threads on which the tasks run. The election runs on those of the caller: a term must not end because the tasks are
    /// busy.
    pub(crate) threads: Handle,
    pub(crate) scope: Scope,
    pub(crate) pipeline_runs: PipelineRunFollowers,
    pub(crate) images: ImageFollowers,
    pub(crate) conditions: ConditionWriter,
    /// Absent unless this program owns the listeners.
    pub(crate) listener_status: Option<ListenerStatusWriter>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) retention: Retention,
    pub(crate) metrics: Metrics,
}

/// The tasks of one term as leader, from winning the election to losing it.
struct LeaderTerm {
    tasks: TaskTracker,
    stop: DropGuard,
}

impl LeaderTasks {
    /// Runs the tasks whenever this replica leads, until `stop`. Releases the Lease of `elector` after the tasks
    /// have stopped.
    pub(crate) async fn run(
        self,
        leadership: Leadership,
        elector: Option<LeaseElector>,
        stop: CancellationToken,
    ) {
        let step_down = CancellationToken::new();
        let terms = async {
            self.run_terms(leadership, &stop).await;
            step_down.cancel();
        };
        match elector {
            Some(elector) => drop(tokio::join!(elector.run(step_down.clone()), terms)),
            None => terms.await,
        }
    }

    async fn run_terms(&self, mut leadership: Leadership, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = leadership.begins() => {}
            }
            self.metrics.leads(true);
            let term = self.start_term();
            tokio::select! { () = leadership.ends() => {}, () = stop.cancelled() => {} }
            self.metrics.leads(false);
            term.stop().await;
        }
    }

    fn start_term(&self) -> LeaderTerm {
        let _inside = self.threads.enter();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        carry_out_tasks(&self.connection, &self.scope, self.conditions.delay, &tasks, &stop);
        self.conditions.start(&tasks, &stop);
        if let Some(listener_status) = &self.listener_status {
            listener_status.start(&tasks, &stop);
        }
        self.pipeline_runs.start(&self.connection, &tasks, &stop);
        self.images.follow_pushes(&self.connection, &tasks, &stop);
        keep_limits(&self.connection, &self.scope, &tasks, &stop);
        let (journal, retention) = (Arc::clone(&self.journal), self.retention);
        let (metrics, pruner_stop) = (self.metrics.clone(), stop.clone());
        tasks.spawn(restart_on_panic("retention", move || {
            run_pruner(Arc::<dyn Journal>::clone(&journal), retention, metrics.clone(), pruner_stop.clone())
        }));
        tasks.close();
        LeaderTerm { tasks, stop: stop.drop_guard() }
    }
}

impl LeaderTerm {
    /// Returns when all tasks of the term have ended.
    async fn stop(self) {
        drop(self.stop);
        if tokio::time::timeout(STEP_DOWN_GRACE, self.tasks.wait()).await.is_err() {
            warn!(grace = ?STEP_DOWN_GRACE, "leader tasks did not stop in time");
            // The tasks of two terms must not overlap in one process.
            self.tasks.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::sync::watch;
    use tokio::time::{Instant, sleep};
    use trigger_cluster::{CoalescingSecretReader, EventRecorder, connect, watch_builds};
    use trigger_devcluster::DevCluster;
    use trigger_images::{ImageParts, Images};
    use trigger_journal::Address;
    use trigger_rules::Inventory;
    use trigger_runtime::{CriticalTasks, Lead};

    use super::*;
    use crate::options::{ImageOptions, RetentionOptions};

    /// Tasks of connections that happen to be open.
    const SLACK: usize = 10;

    async fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < deadline, "timed out: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test observes what it likes")]
    fn observer() -> trigger_core::Observer {
        trigger_core::Observer::new()
    }

    async fn leader_tasks(
        dev: &DevCluster,
        folder: &tempfile::TempDir,
        tasks: &CriticalTasks,
    ) -> LeaderTasks {
        let connection = connect(Some(&dev.kubeconfig())).await.unwrap();
        let journal =
            trigger_journal::open(&Address::Sqlite(folder.path().join("journal.db"))).await.unwrap();
        let (inventory, metrics) =
            (Arc::new(Inventory::new(trigger_core::KnownHosts::NONE)), Metrics::default());
        let scope = Scope::of(&[]);
        let recorder = EventRecorder::start(&connection, tasks);
        let (always, never) = (Leadership::always(), CancellationToken::new());
        let builds = watch_builds(&connection, &scope, &inventory, &recorder, &always, tasks, &never);
        let images = ImageParts {
            inventory: Arc::clone(&inventory),
            journal: Arc::clone(&journal),
            secrets: Arc::new(CoalescingSecretReader::new(&connection)),
            registries: ImageOptions::default().registries().unwrap(),
            warnings: Arc::new(recorder.clone()),
            metrics: trigger_images::Metrics::default(),
            settings: ImageOptions::default().settings(),
            leadership: Leadership::always(),
            observer: observer(),
            clock: connection.clock.clone(),
        };
        LeaderTasks {
            pipeline_runs: PipelineRunFollowers {
                scope: scope.clone(),
                inventory,
                journal: Arc::clone(&journal),
                builds: builds.clone(),
                metrics: metrics.clone(),
                observer: observer(),
            },
            images: ImageFollowers {
                scope: scope.clone(),
                images: Images::start(images, builds.synced(), tasks, &CancellationToken::new()),
                journal: Arc::<dyn Journal>::clone(&journal),
                builds,
            },
            conditions: ConditionWriter {
                scope: scope.clone(),
                journal: Arc::clone(&journal),
                delay: Duration::from_secs(10),
                connection: connection.apart().unwrap(),
                runtime: Handle::current(),
            },
            listener_status: Some(ListenerStatusWriter {
                connection: connection.clone(),
                scope: scope.clone(),
                inventory: Arc::default(),
                public_url: None,
                recorder,
            }),
            connection,
            threads: Handle::current(),
            scope,
            journal,
            retention: RetentionOptions::default().retention(),
            metrics,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ended_terms_leave_no_task_behind() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dev = DevCluster::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        // PipelineRuns are watched for a rule.
        let rule = json!({"name": "after", "type": "Pipeline", "objectRef": {"name": "ci", "status": ["Succeeded"]}});
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build",
            "metadata": {"namespace": "team-a", "name": "web"},
            "spec": {"strategy": {"name": "s"}, "output": {"image": "i"}, "trigger": {"when": [rule]}},
        });
        dev.store().apply(build).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let leader_tasks = leader_tasks(&dev, &folder, &CriticalTasks::default()).await;
        let (elect, elected) = watch::channel(Lead::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(leader_tasks.run(Leadership::by(elected), None, stop.clone()));
        let alive = || Handle::current().metrics().num_alive_tasks();
        let mut after_warm_up = 0;
        for term in 1..=25 {
            elect.send_replace(Lead { ours: true, leader: None });
            for kind in ["pipelineruns.tekton.dev", "customruns.tekton.dev", "buildruns.shipwright.io"] {
                until("every kind is watched again", || dev.requests().count("watch", kind) >= term).await;
            }
            let while_leading = alive();
            elect.send_replace(Lead::default());
            until("the term ends", || alive() < while_leading).await;
            if term == 3 {
                after_warm_up = alive();
            }
        }
        until("the tasks of all terms end", || alive() <= after_warm_up + SLACK).await;
        stop.cancel();
        running.await.unwrap();
    }
}
