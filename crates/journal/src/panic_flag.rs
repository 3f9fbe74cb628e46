use std::future::pending;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Raised when a thread or task that the journal depends on panics.
#[derive(Debug, Clone)]
pub(crate) struct PanicFlag(Arc<watch::Sender<bool>>);

/// Held by a thread or task while it works. Raises the flag if the thread or task unwinds.
#[derive(Debug)]
pub(crate) struct Guard(PanicFlag);

impl PanicFlag {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn guard(&self) -> Guard {
        Guard(self.clone())
    }

    /// Starts a task that raises the flag if it panics.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let guard = self.guard();
        tokio::spawn(async move {
            let _guard = guard;
            work.await;
        })
    }

    /// Returns when the flag is raised.
    pub(crate) fn raised(&self) -> BoxFuture<'_, ()> {
        let mut flag = self.0.subscribe();
        async move {
            if flag.wait_for(|raised| *raised).await.is_err() {
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
    async fn a_panic_raises_it_and_an_end_does_not() {
        let panic_flag = PanicFlag::new();
        let guard = panic_flag.guard();
        std::thread::spawn(move || drop(guard)).join().unwrap();
        assert!(panic_flag.raised().now_or_never().is_none());
        let task = panic_flag.spawn(async { panic!("on purpose") });
        panic_flag.raised().await;
        assert!(task.await.is_err());
    }
}
