use std::future::pending;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Tells whether a thread or a task has panicked without which a journal is of no use.
#[derive(Debug, Clone)]
pub(crate) struct PanicFlag(Arc<watch::Sender<bool>>);

/// Held by a thread or task for as long as it works: raises the alarm if it unwinds.
#[derive(Debug)]
pub(crate) struct Guard(PanicFlag);

impl PanicFlag {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn guard(&self) -> Guard {
        Guard(self.clone())
    }

    /// Starts a task that raises it if it panics.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let guard = self.guard();
        tokio::spawn(async move {
            let _guard = guard;
            work.await;
        })
    }

    /// Returns when it is raised, if ever.
    pub(crate) fn raised(&self) -> BoxFuture<'_, ()> {
        let mut told = self.0.subscribe();
        async move {
            if told.wait_for(|raised| *raised).await.is_err() {
                pending::<()>().await;
            }
        }
        .boxed()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.0.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_raised_by_a_panic_and_not_by_an_end() {
        let alarm = PanicFlag::new();
        let guard = alarm.guard();
        std::thread::spawn(move || drop(guard)).join().unwrap();
        assert!(alarm.raised().now_or_never().is_none());
        let task = alarm.spawn(async { panic!("on purpose") });
        alarm.raised().await;
        assert!(task.await.is_err());
    }
}
