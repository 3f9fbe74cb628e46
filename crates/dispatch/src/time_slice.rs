use std::time::{Duration, Instant};

/// How long a task works before it lets others have its thread. Requests are answered within milliseconds.
const SLICE: Duration = Duration::from_millis(2);

/// The time for which a task has worked without a break.
pub(crate) struct TimeSlice {
    began: Instant,
}

impl TimeSlice {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// Lets other tasks work if this one has for long.
    pub(crate) async fn give_way(&mut self) {
        if self.began.elapsed() >= SLICE {
            tokio::task::yield_now().await;
            self.began = Instant::now();
        }
    }
}
