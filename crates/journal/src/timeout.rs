use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::JournalError;

/// The answer of a store, or that it is too slow.
pub(crate) async fn answer_within<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, JournalError>>,
) -> Result<T, JournalError> {
    within(patience, asked).await.unwrap_or_else(|| Err(late(patience)))
}

/// No answer came in time.
pub(crate) fn late(patience: Duration) -> JournalError {
    JournalError::refused(format!("no answer within {patience:?}: the store is too slow"))
}

/// Waits for at most `patience` of real time. The loop is for tests that pause tokio's clock: it then leaps
/// ahead while a thread outside the runtime is still working.
pub(crate) async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    let start = Instant::now();
    let mut future = pin!(future);
    loop {
        let left = patience.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, &mut future).await {
            Ok(output) => return Some(output),
            Err(_) if start.elapsed() >= patience => return None,
            Err(_) => {}
        }
    }
}
