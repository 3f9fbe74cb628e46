use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

/// How long what has panicked rests before it begins anew.
const AFTER_A_PANIC: Duration = Duration::from_secs(10);

/// Does what `make` begins, and whenever that panics, a bug, tells of it and begins anew, by the name `name`. For what
/// goes on from where the cluster and the journal say that it was left, and must not take along what else the program
/// does: what it reads may be anybody's.
pub async fn restart_on_panic<F: Future<Output = ()>>(name: &'static str, make: impl Fn() -> F) {
    while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
        error!(task = name, pause = ?AFTER_A_PANIC, "a task has panicked, which is a bug: please report it. It begins anew");
        tokio::time::sleep(AFTER_A_PANIC).await;
    }
}

/// Tasks without which the program is of no use. One that panics is a bug, and worse if nobody notices: the program
/// would say that it is ready, and do nothing. So it is told of, and the program can end and be started anew; the
/// journal has what was under way.
#[derive(Debug, Clone, Default)]
pub struct CriticalTasks {
    tasks: TaskTracker,
    broken: CancellationToken,
}

impl CriticalTasks {
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
        error!(task = name, "a task has panicked, which is a bug: please report it. The program ends");
        broken.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_panics_begins_anew_and_not_at_once() {
        let (times, started) = (AtomicU32::new(0), Instant::now());
        let work = || async {
            assert!(times.fetch_add(1, Ordering::Relaxed) >= 2, "on purpose");
        };
        restart_on_panic("tried", work).await;
        assert_eq!(times.load(Ordering::Relaxed), 3);
        assert_eq!(started.elapsed(), 2 * AFTER_A_PANIC);
    }

    #[tokio::test]
    async fn who_panics_is_told_of_and_the_others_go_on() {
        let tasks = CriticalTasks::default();
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
