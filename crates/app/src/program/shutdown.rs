use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_journal::Journal;
use trigger_runtime::CriticalTasks;

use crate::low_priority_runtime::LowPriorityRuntime;

/// The tasks of the program and the order in which they stop: leader tasks first, so that another replica can
/// lead, then the listeners, then the dispatcher, last what all of these need.
pub(super) struct Shutdown {
    /// Stops the leader tasks.
    pub(super) leading: CancellationToken,
    pub(super) leader_tasks: CriticalTasks,
    /// Stops the listeners.
    pub(super) listening: CancellationToken,
    pub(super) listener_tasks: CriticalTasks,
    /// Stops the dispatcher.
    pub(super) dispatching: CancellationToken,
    dispatcher_tasks: CriticalTasks,
    pub(super) dispatcher_runtime: LowPriorityRuntime,
    pub(super) admin_runtime: LowPriorityRuntime,
    pub(super) watch_runtime: LowPriorityRuntime,
    /// Stops everything else.
    pub(super) rest: CancellationToken,
    pub(super) background: CriticalTasks,
}

/// The dispatcher continues for this long while open requests are answered.
const LAST_REQUESTS: Duration = Duration::from_secs(2);
/// The limit for answering requests, settling or releasing deliveries, and stepping down as leader. Each of
/// these has a shorter limit of its own.
const LAST_WORK: Duration = Duration::from_secs(13);
/// The limit for writing the last Events about Builds.
const LAST_EVENTS: Duration = Duration::from_secs(2);
/// Objects of watches that are read at a time. One may take 32 MiB of memory.
const READ_AT_ONCE: usize = 2;
/// The limit for closing the journal. A disk that hangs must not keep the process alive.
const LAST_WRITES: Duration = Duration::from_secs(5);

impl Shutdown {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            leading: CancellationToken::new(),
            leader_tasks: CriticalTasks::default(),
            listening: CancellationToken::new(),
            listener_tasks: CriticalTasks::default(),
            dispatching: CancellationToken::new(),
            dispatcher_tasks: CriticalTasks::default(),
            dispatcher_runtime: LowPriorityRuntime::start("dispatcher")?,
            admin_runtime: LowPriorityRuntime::start("admin")?,
            watch_runtime: LowPriorityRuntime::start_with("watches", READ_AT_ONCE)?,
            rest: CancellationToken::new(),
            background: CriticalTasks::default(),
        })
    }

    /// Runs the dispatcher on its own threads.
    pub(super) fn spawn_dispatcher(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = self.dispatcher_runtime.handle() {
            self.dispatcher_tasks.spawn_on("dispatcher", work, runtime);
        }
    }

    /// Runs the listener of the admin port on its own threads: what its clients ask for must not take the time of those
    /// that receive deliveries.
    pub(super) fn spawn_admin(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = self.admin_runtime.handle() {
            self.listener_tasks.spawn_on("listener", work, runtime);
        }
    }

    /// Returns when a critical task has panicked, if ever.
    pub(super) async fn task_failed(&self) {
        tokio::select! {
            () = self.listener_tasks.failed() => {}
            () = self.dispatcher_tasks.failed() => {}
            () = self.leader_tasks.failed() => {}
            () = self.background.failed() => {}
        }
    }

    /// Begins to stop the leader tasks.
    pub(super) fn step_down(&self) {
        self.leading.cancel();
    }

    /// Stops everything and closes the journal.
    pub(super) async fn run(self, journal: Arc<dyn Journal>) {
        self.step_down();
        self.listening.cancel();
        let last_work = async { tokio::join!(self.work_ended(), self.leader_tasks.end()) };
        if tokio::time::timeout(LAST_WORK, last_work).await.is_err() {
            warn!("shutdown timed out; unsettled deliveries will be retried");
        }
        self.rest.cancel();
        let _ = tokio::time::timeout(LAST_EVENTS, self.background.end()).await;
        let _ = tokio::time::timeout(LAST_WRITES, journal.close()).await;
    }

    /// Returns when open requests are answered and claimed deliveries are settled or released.
    async fn work_ended(&self) {
        // The dispatcher stays up for a moment, to settle the deliveries of the last requests as well.
        let _ = tokio::time::timeout(LAST_REQUESTS, self.listener_tasks.end()).await;
        self.dispatching.cancel();
        tokio::join!(self.listener_tasks.end(), self.dispatcher_tasks.end());
    }
}

/// Stops a program that is dropped without `stop`, as in a failing test.
impl Drop for Shutdown {
    fn drop(&mut self) {
        self.leading.cancel();
        self.listening.cancel();
        self.dispatching.cancel();
        self.rest.cancel();
    }
}
