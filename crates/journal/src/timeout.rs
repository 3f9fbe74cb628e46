use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::JournalError;

/// The answer of a store, or an error if it takes longer than `timeout`.
pub(crate) async fn answer_within<T>(
    timeout: Duration,
    answer: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, JournalError> {
    within(timeout, answer).await.unwrap_or_else(|| Err(timed_out(timeout)))
}

/// The error of a call without an answer in time.
pub(crate) fn timed_out(timeout: Duration) -> JournalError {
    JournalError::unavailable_because(format!("no answer within {timeout:?}: the store is too slow"))
}

/// Waits for at most `timeout` of real time. The loop is for tests with a paused tokio clock: the clock then jumps
/// ahead while a thread outside the runtime is still working.
pub(crate) async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    let start = Instant::now();
    let mut future = pin!(future);
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, &mut future).await {
            Ok(output) => return Some(output),
            Err(_) if start.elapsed() >= timeout => return None,
            Err(_) => {}
        }
    }
}
