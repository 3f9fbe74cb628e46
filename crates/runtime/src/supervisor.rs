use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

/// The pause between a panic and the restart: an object that makes a task panic each time must not fill the log.
const RESTART_PAUSE: Duration = Duration::from_secs(10);

/// Runs the future from `make` and restarts it ten seconds after a panic, which is logged under `name`.
///
/// For tasks that resume from the journal or the cluster and read untrusted objects: one bad object must not
/// stop the process.
pub async fn restart_on_panic<F: Future<Output = ()>>(name: &'static str, make: impl Fn() -> F) {
    while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
        error!(
            task = name,
            pause = ?RESTART_PAUSE,
            "a task panicked and will be restarted; this is a bug, please report it"
        );
        tokio::time::sleep(RESTART_PAUSE).await;
    }
}

/// Tasks without which the process is useless. If one panics, the process must end and be restarted: it would
/// otherwise report that it is ready and do nothing. The journal has all unfinished work.
#[derive(Debug, Clone, Default)]
pub struct CriticalTasks {
    tasks: TaskTracker,
    failed: CancellationToken,
}

impl CriticalTasks {
    /// Starts a task. `name` identifies it in the log if it panics.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(watched(name, work, self.failed.clone()));
    }

    /// Starts a task on the threads of another runtime.
    pub fn spawn_on(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
        threads: &Handle,
    ) {
        self.tasks.spawn_on(watched(name, work, self.failed.clone()), threads);
    }

    /// Returns when one of the tasks has panicked; otherwise never.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Returns when all tasks have ended. No task may be started after this call.
    pub async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn watched(name: &'static str, work: impl Future<Output = ()>, failed: CancellationToken) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        error!(task = name, "a task panicked and the process ends; this is a bug, please report it");
        failed.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_restarted_after_a_pause() {
        let (times, started) = (AtomicU32::new(0), Instant::now());
        let work = || async {
            assert!(times.fetch_add(1, Ordering::Relaxed) >= 2, "on purpose");
        };
        restart_on_panic("tried", work).await;
        assert_eq!(times.load(Ordering::Relaxed), 3);
        assert_eq!(started.elapsed(), 2 * RESTART_PAUSE);
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_the_other_tasks_go_on() {
        let tasks = CriticalTasks::default();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("good", async { drop(ended.await) });
        assert!(tasks.failed().now_or_never().is_none());
        tasks.spawn_on("bad", async { panic!("on purpose") }, &Handle::current());
        tasks.failed().await;
        assert!(tasks.end().now_or_never().is_none(), "the good task still runs");
        drop(end);
        tasks.end().await;
    }
}
