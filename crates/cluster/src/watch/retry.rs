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
/// The longest pause after errors of which only the watch itself can show that they are over.
const LONGEST_UNPROBED_PAUSE: Duration = Duration::from_secs(30);
/// How often a pause is interrupted to ask whether the watch could work now.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

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
    /// Whether the failure is to be waited for before the next retry.
    pausing: bool,
    /// The last result of the probe. Only a change ends a pause: a watch may fail where the probe sees no reason.
    could_work: bool,
}

/// The events of `watch`, which pauses after each error.
pub(super) fn retried<K: Send + 'static, P: CouldWork + 'static>(
    watch: BoxStream<'static, Result<watcher::Event<K>, watcher::Error>>,
    probe: P,
) -> impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + Send {
    let retry = Retry { probe, failures: 0, failure: None, pausing: false, could_work: false };
    stream::unfold((watch, retry), |(mut watch, mut retry)| async move {
        retry.pause().await;
        let result = watch.next().await?;
        retry.note(&result);
        Some((result, (watch, retry)))
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
                self.failures = self.failures.saturating_add(1);
                self.pausing = true;
            }
        }
    }

    /// Waits after an error, until the pause is over or the probe shows that the watch could work again.
    async fn pause(&mut self) {
        let Some(failure) = self.failure.filter(|_| std::mem::take(&mut self.pausing)) else { return };
        let longest = match failure {
            Failure::Absent | Failure::Forbidden | Failure::Unreachable => LONGEST_PAUSE,
            Failure::Expired | Failure::Other => LONGEST_UNPROBED_PAUSE,
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

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
        let watch = stream::unfold(false, move |listing| async move {
            let event = match listing {
                false => Ok(watcher::Event::Init),
                true if start.elapsed() >= works_from => Ok(watcher::Event::InitDone),
                true => error(code),
            };
            Some((event, !listing))
        });
        let mut events =
            std::pin::pin!(retried(watch.boxed(), WorksFrom(start, probe_from, Arc::clone(&probes))));
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

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_has_worked_is_retried_at_once() {
        let start = Instant::now();
        let script = vec![error(404), error(404), error(404), Ok(watcher::Event::InitDone), error(404)];
        let watch = stream::iter(script).chain(stream::once(async { Ok(watcher::Event::Init) }));
        let probe = WorksFrom(start, Duration::MAX, Arc::default());
        let events = retried(watch.boxed(), probe).map(|_| start.elapsed().as_millis());
        assert_eq!(events.collect::<Vec<_>>().await, [0, 500, 1500, 3500, 3500, 4000]);
    }
}
