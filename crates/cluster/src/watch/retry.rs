use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use kube::runtime::watcher;
use tokio::time::{Instant, sleep_until};
use trigger_runtime::Backoff;

use super::{Failure, is_progress};

/// The first pause after a failure. Short: most failures are connections that ended.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while a probe shows whether the watch could work.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// How long a watch runs until its earlier failures are forgotten. A quiet watch has no event in that time.
const STABLE: Duration = Duration::from_secs(30);
/// The longest pause after errors of which only the watch itself can show that they are over.
const LONGEST_UNPROBED_PAUSE: Duration = Duration::from_secs(30);
/// How often a pause is interrupted to ask whether the watch could work now.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// A cheap question about a watch that failed.
pub(super) trait CouldWork: Send + Sync {
    /// Whether the cause of the failure is gone, as far as can be seen without a list.
    fn could_work(&self, failure: Failure) -> BoxFuture<'_, bool>;
}

/// The state of the retries of one watch.
struct Retry<P> {
    probe: P,
    /// Failures since the watch last worked.
    failures: u32,
    /// The last failure since the watch last worked.
    failure: Option<Failure>,
    /// Whether a pause is due before the next retry.
    pausing: bool,
    /// When the last pause ended.
    resumed: Instant,
    /// The last result of the probe. Only a change ends a pause: a watch may fail where the probe sees no reason.
    could_work: bool,
}

/// The events of a watch, which `make` makes first and again after a failure; with a pause after each error.
pub(super) fn retried<K: Send + 'static, P: CouldWork + 'static>(
    make: impl Fn() -> BoxStream<'static, Result<watcher::Event<K>, watcher::Error>> + Send,
    probe: P,
) -> impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + Send {
    let retry = Retry {
        probe,
        failures: 0,
        failure: None,
        pausing: false,
        resumed: Instant::now(),
        could_work: false,
    };
    let watch = make();
    stream::unfold((make, watch, retry), |(make, mut watch, mut retry)| async move {
        // An interrupted watch goes on where it was. kube does so after every error that is the answer to a watch, also if
        // the answer is that the version is too old.
        if retry.pause().await.is_some_and(|failure| failure != Failure::Interrupted) {
            watch = make();
        }
        let result = watch.next().await?;
        retry.note(&result);
        Some((result, (make, watch, retry)))
    })
}

impl<P: CouldWork> Retry<P> {
    fn note<K>(&mut self, result: &Result<watcher::Event<K>, watcher::Error>) {
        match result {
            Ok(event) if is_progress(event) => (self.failures, self.failure) = (0, None),
            Ok(_) => {}
            Err(error) => {
                let failure = Some(Failure::of(error));
                if self.failure != failure {
                    (self.failure, self.could_work) = (failure, false);
                }
                if self.resumed.elapsed() >= STABLE {
                    (self.failures, self.could_work) = (0, false);
                }
                self.failures = self.failures.saturating_add(1);
                self.pausing = true;
            }
        }
    }

    /// Waits after an error, until the pause is over or the probe shows that the watch could work again. Returns the
    /// failure if there was one.
    async fn pause(&mut self) -> Option<Failure> {
        let failure = self.failure.filter(|_| std::mem::take(&mut self.pausing))?;
        self.wait(failure).await;
        self.resumed = Instant::now();
        Some(failure)
    }

    async fn wait(&mut self, failure: Failure) {
        let longest = match failure {
            Failure::Absent | Failure::Forbidden | Failure::Unreachable => LONGEST_PAUSE,
            Failure::Expired | Failure::Interrupted | Failure::Other => LONGEST_UNPROBED_PAUSE,
        };
        let end = Instant::now() + Backoff { first: FIRST_PAUSE, longest }.pause(self.failures);
        loop {
            let probe_at = Instant::now() + PROBE_INTERVAL;
            if probe_at >= end {
                return sleep_until(end).await;
            }
            sleep_until(probe_at).await;
            let could_work = self.probe.could_work(failure).await;
            if could_work && !std::mem::replace(&mut self.could_work, could_work) {
                return;
            }
            self.could_work = could_work;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;
    use kube::core::Status;

    use super::*;

    type Event = Result<watcher::Event<()>, watcher::Error>;

    /// Says that the watch could work from this time after the start on, and counts the questions.
    #[derive(Clone)]
    struct WorksFrom(Instant, Duration, Arc<AtomicU32>);

    impl CouldWork for WorksFrom {
        fn could_work(&self, _: Failure) -> BoxFuture<'_, bool> {
            self.2.fetch_add(1, Ordering::Relaxed);
            std::future::ready(self.0.elapsed() >= self.1).boxed()
        }
    }

    fn error(code: u16) -> Event {
        let status = Status::failure("words", "Reason").with_code(code).boxed();
        Err(watcher::Error::InitialListFailed(kube::Error::Api(status)))
    }

    /// The times in milliseconds at which each list is sent by a watch whose lists fail until `works_from`.
    async fn lists(code: u16, works_from: Duration, probe_from: Duration) -> (Vec<u128>, u32) {
        let (start, probes) = (Instant::now(), Arc::new(AtomicU32::new(0)));
        // As kube's watcher: an `Init` before each list.
        let watch = move || {
            let watch = stream::unfold(false, move |listing| async move {
                let event = match listing {
                    false => Ok(watcher::Event::Init),
                    true if start.elapsed() >= works_from => Ok(watcher::Event::InitDone),
                    true => error(code),
                };
                Some((event, !listing))
            });
            watch.boxed()
        };
        let mut events = std::pin::pin!(retried(watch, WorksFrom(start, probe_from, Arc::clone(&probes))));
        let mut times = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => times.push(start.elapsed().as_millis()),
                Ok(_) => break,
                Err(_) => {}
            }
        }
        (times, probes.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_minutes_although_each_retry_begins_with_an_event() {
        let hour = Duration::from_hours(1);
        let (times, _) = lists(404, hour, Duration::MAX).await;
        assert_eq!(times[..9], [0, 500, 1500, 3500, 7500, 15_500, 31_500, 63_500, 127_500]);
        assert_eq!(times[9] - times[8], LONGEST_PAUSE.as_millis());
        assert!(times.len() < 40, "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_could_work_is_retried_within_seconds() {
        for code in [403, 404] {
            let installed = Duration::from_mins(20);
            let (times, _) = lists(code, installed, installed).await;
            let last = Duration::from_millis(u64::try_from(*times.last().unwrap()).unwrap());
            assert!(last < installed + PROBE_INTERVAL, "{times:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_sees_no_reason_ends_one_pause_and_no_more() {
        let (times, probes) = lists(500, Duration::from_mins(10), Duration::ZERO).await;
        assert!(probes > 60, "{probes}");
        let last = times.windows(2).next_back().unwrap();
        assert_eq!(last[1] - last[0], LONGEST_UNPROBED_PAUSE.as_millis());
        assert!(times.len() < 30, "{times:?}");
    }

    /// The times in milliseconds of these events, each of which follows the one before after so many seconds; and how
    /// often the watch was made.
    async fn times(script: Vec<(u64, Event)>) -> (Vec<u128>, u32) {
        let (start, made) = (Instant::now(), Arc::new(AtomicU32::new(0)));
        let (script, count) = (Arc::new(Mutex::new(VecDeque::from(script))), Arc::clone(&made));
        let watch = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let script = Arc::clone(&script);
            let watch = stream::unfold((), move |()| {
                let next = script.lock().unwrap().pop_front();
                async move {
                    let (after, event) = next?;
                    tokio::time::sleep(Duration::from_secs(after)).await;
                    Some((event, ()))
                }
            });
            watch.boxed()
        };
        let probe = WorksFrom(start, Duration::MAX, Arc::default());
        let events = retried(watch, probe).map(|_| start.elapsed().as_millis());
        (events.collect().await, made.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_has_worked_is_retried_at_once() {
        let (init, done) = (|| (0, Ok(watcher::Event::Init)), || (0, Ok(watcher::Event::InitDone)));
        let failed = || (0, error(404));
        let script = vec![failed(), failed(), failed(), init(), done(), failed(), init()];
        let (times, made) = times(script).await;
        assert_eq!(times, [0, 500, 1500, 3500, 3500, 3500, 4000]);
        assert_eq!(made, 5, "a watch that failed lists again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_whose_connection_ends_now_and_then_goes_on_at_once() {
        let interrupted = || Err(watcher::Error::WatchFailed(kube::Error::LinesCodecMaxLineLengthExceeded));
        let script = (0..5).map(|_| (60, interrupted())).collect();
        let (times, made) = times(script).await;
        assert_eq!(times, [60_000, 120_500, 181_000, 241_500, 302_000]);
        assert_eq!(made, 1, "it continues where it was");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_from_a_version_that_is_too_old_lists_again() {
        let status = Status::failure("words", "Expired").with_code(410).boxed();
        let expired = Err(watcher::Error::WatchStartFailed(kube::Error::Api(status)));
        let (_, made) = times(vec![(0, expired), (0, Ok(watcher::Event::Init))]).await;
        assert_eq!(made, 2);
    }
}
