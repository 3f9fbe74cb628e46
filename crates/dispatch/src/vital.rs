use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

/// Tasks without which the program is of no use. One that panics is a bug, and worse if nobody notices: the program
/// would say that it is ready, and do nothing. So it is told of, and the program can end and be started anew; the
/// journal has what was under way.
#[derive(Debug, Clone, Default)]
pub struct VitalTasks {
    tasks: TaskTracker,
    broken: CancellationToken,
}

impl VitalTasks {
    /// Starts a task, by the name under which it is told of.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(watched(name, work, self.broken.clone()));
    }

    /// The same on the threads of another runtime.
    pub fn spawn_on(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
        threads: &Handle,
    ) {
        self.tasks.spawn_on(watched(name, work, self.broken.clone()), threads);
    }

    /// Returns when one of them has panicked, if ever.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Returns when all have ended, from now on without further ones.
    pub async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn watched(name: &'static str, work: impl Future<Output = ()>, broken: CancellationToken) {
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        error!(task = name, "a task has panicked that the program cannot do without: please report this");
        broken.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_panics_is_told_of_and_the_others_go_on() {
        let tasks = VitalTasks::default();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("good", async { drop(ended.await) });
        assert!(tasks.broken().now_or_never().is_none());
        tasks.spawn_on("bad", async { panic!("on purpose") }, &Handle::current());
        tasks.broken().await;
        assert!(tasks.end().now_or_never().is_none(), "one goes on");
        drop(end);
        tasks.end().await;
    }
}
