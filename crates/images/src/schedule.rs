use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use trigger_core::ImageRef;
use trigger_runtime::Backoff;

/// When which image is due to be polled. Pure: callers pass the time.
///
/// One registry gets requests at a limited rate, and few at the same time, so a slow one leaves room for the others.
pub(crate) struct Schedule {
    entries: HashMap<ImageRef, Entry>,
    /// The images by due time, without those that are in flight.
    queue: BTreeSet<(Instant, ImageRef)>,
    registries: HashMap<Box<str>, Load>,
    /// The time between two requests to one registry.
    spacing: Duration,
    in_flight: usize,
    /// Whether images come due by their interval. Otherwise only hints make them due.
    polling: bool,
}

struct Entry {
    /// `None`: polled once at first, and then only after hints.
    interval: Option<Duration>,
    due: Option<Instant>,
    polled: Option<Instant>,
    /// Since the last success.
    failures: u32,
    in_flight: bool,
    /// A hint arrived while the image was in flight.
    repeat: bool,
    /// Varies the jitter between images and between polls.
    polls: u32,
}

#[derive(Default)]
struct Load {
    free_from: Option<Instant>,
    in_flight: usize,
}

/// The next thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Poll this image.
    Poll(ImageRef),
    /// Nothing is due before this time, or at all.
    Wait(Option<Instant>),
}

/// The outcome of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollOutcome {
    /// The registry gave a digest.
    Resolved,
    /// It gave none.
    Failed {
        /// Whether a person must act before a retry can succeed.
        permanent: bool,
        /// How long the registry wants no more requests.
        retry_after: Option<Duration>,
    },
}

/// Concurrent requests to all registries: bounds sockets and memory.
const CONCURRENT: usize = 64;
/// Concurrent requests to one registry: a slow one must not use up [`CONCURRENT`].
const CONCURRENT_PER_REGISTRY: usize = 4;
/// The shortest time between two polls of one image, however many hints arrive.
const MIN_SPACING: Duration = Duration::from_secs(1);
/// The first pause after a transient error. It doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(15);
/// The longest pause after failures, as a multiple of the interval.
const LONGEST_PAUSE: u32 = 4;
/// Stands for the interval of images that have none, where pauses after failures are computed.
const WITHOUT_INTERVAL: Duration = Duration::from_mins(10);
/// Requests take different times to arrive. With spacing this much longer, no second sees more than the rate.
const SLACK: f64 = 1.02;
/// Pauses are lengthened by up to a tenth, so that images do not stay due together.
const JITTER: f64 = 0.1;

impl Schedule {
    /// An empty schedule. `rate` is in requests per second, to one registry.
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            entries: HashMap::new(),
            queue: BTreeSet::new(),
            registries: HashMap::new(),
            spacing: Duration::try_from_secs_f64(SLACK / rate).unwrap_or(Duration::from_secs(1)),
            in_flight: 0,
            polling: true,
        }
    }

    /// Starts or stops polling by interval. A replica that starts does not know the earlier polls of another, so
    /// everything is due. One that stops polls only after hints from now on.
    pub(crate) fn set_polling(&mut self, polling: bool, now: Instant) {
        if std::mem::replace(&mut self.polling, polling) == polling {
            return;
        }
        let idle = self.entries.iter().filter(|(_, entry)| !entry.in_flight);
        let idle: Vec<_> = idle.map(|(image, _)| image.clone()).collect();
        for image in idle {
            if polling {
                self.poll_soon(&image, now);
            } else {
                self.dequeue(&image);
            }
        }
    }

    /// Adds an image, due at once if images are polled by interval; or changes the interval of one.
    pub(crate) fn set(&mut self, image: &ImageRef, interval: Option<Duration>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(image) {
            if entry.interval != interval {
                entry.interval = interval;
                if self.polling {
                    self.poll_soon(image, now);
                }
            }
            return;
        }
        let entry = Entry {
            interval,
            due: None,
            polled: None,
            failures: 0,
            in_flight: false,
            repeat: false,
            polls: 0,
        };
        self.entries.insert(image.clone(), entry);
        if self.polling {
            self.enqueue(image, now);
        }
    }

    /// Removes the images for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ImageRef) -> bool) {
        let gone: Vec<_> = self.entries.keys().filter(|image| !keep(image)).cloned().collect();
        for image in gone {
            self.dequeue(&image);
            self.entries.remove(&image);
        }
        let used: HashSet<_> = self.entries.keys().map(ImageRef::registry).collect();
        self.registries.retain(|registry, load| load.in_flight > 0 || used.contains(registry.as_ref()));
    }

    /// Makes an image due soon, after a hint. False if the image is not in the schedule.
    pub(crate) fn poll_soon(&mut self, image: &ImageRef, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(image) else { return false };
        if entry.in_flight {
            entry.repeat = true;
            return true;
        }
        let soon = entry.polled.map_or(now, |polled| now.max(polled + MIN_SPACING));
        if entry.due.is_none_or(|due| due > soon) {
            self.enqueue(image, soon);
        }
        true
    }

    /// The next thing to do. An image to poll is in flight until [`Self::ended`] is called.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let mut wake = None::<Instant>;
        let mut found = None;
        for (due, image) in &self.queue {
            if *due > now {
                wake = Some(wake.map_or(*due, |wake| wake.min(*due)));
                break;
            }
            let load = self.registries.get(image.registry());
            let is_busy = load.is_some_and(|load| load.in_flight >= CONCURRENT_PER_REGISTRY);
            if is_busy || self.in_flight >= CONCURRENT {
                // Callers ask again when a poll has ended.
                continue;
            }
            let Some(free) = load.and_then(|load| load.free_from).filter(|free| *free > now) else {
                found = Some(image.clone());
                break;
            };
            wake = Some(wake.map_or(free, |wake| wake.min(free)));
        }
        let Some(image) = found else { return Next::Wait(wake) };
        self.dequeue(&image);
        self.in_flight += 1;
        let load = self.registries.entry(image.registry().into()).or_default();
        load.in_flight += 1;
        load.free_from = Some(now + self.spacing);
        if let Some(entry) = self.entries.get_mut(&image) {
            entry.in_flight = true;
            entry.polled = Some(now);
            entry.polls = entry.polls.wrapping_add(1);
        }
        Next::Poll(image)
    }

    /// Records the outcome of a poll that took this many requests.
    pub(crate) fn ended(&mut self, image: &ImageRef, outcome: PollOutcome, requests: u32, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let load = self.registries.entry(image.registry().into()).or_default();
        load.in_flight = load.in_flight.saturating_sub(1);
        // `next` has counted the first request.
        let used = self.spacing * requests.saturating_sub(1);
        let held = match outcome {
            PollOutcome::Failed { retry_after: Some(pause), .. } => now + pause,
            _ => now,
        };
        load.free_from = Some(load.free_from.map_or(held, |free| (free + used).max(held)));
        let Some(entry) = self.entries.get_mut(image) else { return };
        let resolved = outcome == PollOutcome::Resolved;
        entry.in_flight = false;
        entry.failures = if resolved { 0 } else { entry.failures.saturating_add(1) };
        let repeat = std::mem::take(&mut entry.repeat);
        // A failed poll after a hint is retried even where images are not polled by interval.
        let pause = entry.pause(image, outcome).filter(|_| self.polling || !resolved);
        if repeat {
            self.enqueue(image, now + MIN_SPACING);
        } else if let Some(pause) = pause {
            self.enqueue(image, now + pause);
        }
    }

    /// The time at which an image is due.
    pub(crate) fn due(&self, image: &ImageRef) -> Option<Instant> {
        self.entries.get(image)?.due
    }

    fn enqueue(&mut self, image: &ImageRef, due: Instant) {
        self.dequeue(image);
        if let Some(entry) = self.entries.get_mut(image) {
            entry.due = Some(due);
            self.queue.insert((due, image.clone()));
        }
    }

    fn dequeue(&mut self, image: &ImageRef) {
        if let Some(due) = self.entries.get_mut(image).and_then(|entry| entry.due.take()) {
            self.queue.remove(&(due, image.clone()));
        }
    }
}

impl Entry {
    /// The pause until the next poll, if there is to be one.
    fn pause(&self, image: &ImageRef, outcome: PollOutcome) -> Option<Duration> {
        let interval = self.interval.unwrap_or(WITHOUT_INTERVAL);
        let pause = match outcome {
            PollOutcome::Resolved => self.interval?,
            PollOutcome::Failed { permanent, retry_after } => {
                let first = if permanent { interval } else { FIRST_RETRY.min(interval) };
                let backoff = Backoff { first, longest: interval.saturating_mul(LONGEST_PAUSE) };
                backoff.pause(self.failures).max(retry_after.unwrap_or_default())
            }
        };
        Some(pause.mul_f64(1.0 + JITTER * self.spread(image)))
    }

    /// A number from 0 to 1, derived from the image and its number of polls.
    fn spread(&self, image: &ImageRef) -> f64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (image, self.polls).hash(&mut hasher);
        let part = u16::try_from(hasher.finish() & 0xffff).unwrap_or_default();
        f64::from(part) / f64::from(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> ImageRef {
        ImageRef::parse(name).unwrap()
    }

    const MINUTE: Option<Duration> = Some(Duration::from_mins(1));
    const BUSY: PollOutcome = PollOutcome::Failed { permanent: false, retry_after: None };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Polls everything that is due before `until`; each answer takes `takes`. Returns when each was polled.
    fn play(
        schedule: &mut Schedule,
        start: Instant,
        until: Instant,
        takes: Duration,
        outcome: impl Fn(&ImageRef) -> PollOutcome,
    ) -> Vec<(Duration, ImageRef)> {
        let (mut now, mut polled) = (start, Vec::new());
        let mut in_flight = BTreeSet::<(Instant, ImageRef)>::new();
        while now < until {
            while let Some((end, image)) = in_flight.first().cloned().filter(|(end, _)| *end <= now) {
                in_flight.remove(&(end, image.clone()));
                schedule.ended(&image, outcome(&image), 1, end);
            }
            match schedule.next(now) {
                Next::Poll(image) => {
                    polled.push((now - start, image.clone()));
                    in_flight.insert((now + takes, image));
                }
                Next::Wait(wake) => {
                    let end = in_flight.first().map(|(end, _)| *end);
                    now =
                        wake.into_iter().chain(end).min().unwrap_or(until).max(now + Duration::from_nanos(1));
                }
            }
        }
        polled
    }

    #[test]
    fn a_thousand_images_are_polled_once_an_interval_and_ten_a_second() {
        let mut schedule = Schedule::new(10.0);
        let start = Instant::now();
        let interval = seconds(300);
        for n in 0..1000 {
            schedule.set(&image(&format!("registry.example/team/image-{n}")), Some(interval), start);
        }
        let until = start + seconds(3600);
        let polled = play(&mut schedule, start, until, Duration::from_millis(50), |_| PollOutcome::Resolved);
        let mut last = HashMap::new();
        for (n, (at, image)) in polled.iter().enumerate() {
            let before = last.insert(image.clone(), *at);
            assert!(
                before.is_none_or(|before| *at >= before + interval),
                "{image} at {at:?} after {before:?}"
            );
            if let Some((tenth, _)) = n.checked_sub(10).map(|tenth| &polled[tenth]) {
                assert!(*at >= *tenth + Duration::from_millis(999), "more than ten in a second at {at:?}");
            }
        }
        // An hour holds eleven to twelve intervals with their jitter.
        assert!((10_500..=12_000).contains(&polled.len()), "{}", polled.len());
    }

    #[test]
    fn pauses_grow_with_each_failure() {
        let start = Instant::now();
        let (base, hour) = (image("base"), start + seconds(3600));
        let when = |outcome: PollOutcome| {
            let mut schedule = Schedule::new(10.0);
            schedule.set(&base, MINUTE, start);
            let polled = play(&mut schedule, start, hour, Duration::ZERO, |_| outcome);
            let times: Vec<_> = polled.iter().map(|(at, _)| at.as_secs_f64()).collect();
            times.windows(2).take(6).map(|two| two[1] - two[0]).collect::<Vec<_>>()
        };
        let near = |found: &[f64], expected: &[f64]| {
            let near = |(found, expected): (&f64, &f64)| (*expected..=expected * 1.11).contains(found);
            assert!(found.iter().zip(expected).all(near), "{found:?} instead of {expected:?}");
        };
        near(&when(BUSY), &[15.0, 30.0, 60.0, 120.0, 240.0, 240.0]);
        near(&when(PollOutcome::Failed { permanent: true, retry_after: None }), &[60.0, 120.0, 240.0, 240.0]);
        near(
            &when(PollOutcome::Failed { permanent: false, retry_after: Some(seconds(500)) }),
            &[500.0, 500.0],
        );
    }

    #[test]
    fn a_registry_that_asks_for_a_pause_gets_it_and_others_are_polled() {
        let start = Instant::now();
        let mut schedule = Schedule::new(10.0);
        for name in ["a.example/one", "a.example/two", "b.example/one"] {
            schedule.set(&image(name), MINUTE, start);
        }
        let polled = play(&mut schedule, start, start + seconds(100), Duration::ZERO, |image| {
            match image.registry() {
                "a.example" => PollOutcome::Failed { permanent: false, retry_after: Some(seconds(99)) },
                _ => PollOutcome::Resolved,
            }
        });
        let count = |registry| polled.iter().filter(|(_, image)| image.registry() == registry).count();
        assert_eq!((count("a.example"), count("b.example")), (2, 2), "{polled:?}");
    }

    #[test]
    fn a_slow_registry_leaves_room_for_others() {
        let start = Instant::now();
        let mut schedule = Schedule::new(1000.0);
        for n in 0..100 {
            schedule.set(&image(&format!("slow.example/i{n}")), MINUTE, start);
        }
        schedule.set(&image("zz.example/quick"), MINUTE, start);
        let polled = play(&mut schedule, start, start + seconds(1), seconds(15), |_| PollOutcome::Resolved);
        assert_eq!(polled.len(), CONCURRENT_PER_REGISTRY + 1, "{polled:?}");
    }

    #[test]
    fn hints_are_followed_but_at_most_once_a_second() {
        let start = Instant::now();
        let base = image("base");
        let mut schedule = Schedule::new(10.0);
        assert!(!schedule.poll_soon(&base, start), "not in the schedule");
        schedule.set(&base, None, start);
        assert_eq!(schedule.next(start), Next::Poll(base.clone()));
        assert!(schedule.poll_soon(&base, start));
        assert_eq!(schedule.next(start), Next::Wait(None), "it is in flight");
        schedule.ended(&base, PollOutcome::Resolved, 1, start);
        assert_eq!(schedule.due(&base), Some(start + MIN_SPACING), "the hint may be newer than the answer");
        let later = start + seconds(2);
        assert_eq!(schedule.next(later), Next::Poll(base.clone()));
        schedule.ended(&base, PollOutcome::Resolved, 1, later);
        assert_eq!(
            schedule.next(later + seconds(9999)),
            Next::Wait(None),
            "without an interval there is one poll"
        );
        for _ in 0..5 {
            schedule.poll_soon(&base, later);
        }
        assert_eq!(schedule.next(later), Next::Wait(Some(later + MIN_SPACING)));
        schedule.retain(|_| false);
        assert_eq!(schedule.next(later + seconds(5)), Next::Wait(None));
    }

    #[test]
    fn a_follower_polls_after_a_hint_until_the_registry_answers() {
        let (mut schedule, start) = (Schedule::new(1000.0), Instant::now());
        let base = image("base");
        schedule.set_polling(false, start);
        schedule.set(&base, MINUTE, start);
        assert_eq!(
            schedule.next(start + seconds(9999)),
            Next::Wait(None),
            "a follower does not poll at first"
        );
        schedule.poll_soon(&base, start);
        assert_eq!(schedule.next(start), Next::Poll(base.clone()));
        schedule.ended(&base, BUSY, 1, start);
        let Next::Wait(Some(retry)) = schedule.next(start) else { panic!("a hint is retried") };
        assert_eq!(schedule.next(retry), Next::Poll(base.clone()));
        schedule.ended(&base, PollOutcome::Resolved, 1, retry);
        assert_eq!(schedule.next(retry + seconds(9999)), Next::Wait(None));

        // A new leader polls everything once, and then by interval.
        let led = retry + seconds(10);
        for _ in 0..2 {
            schedule.set_polling(true, led);
        }
        assert_eq!(schedule.next(led), Next::Poll(base.clone()));
        schedule.ended(&base, PollOutcome::Resolved, 1, led);
        let Next::Wait(Some(next)) = schedule.next(led) else { panic!("by its interval") };
        assert!(next >= led + seconds(60) && next <= led + seconds(66));
        schedule.set_polling(false, led);
        assert_eq!(schedule.next(led + seconds(9999)), Next::Wait(None), "a deposed leader stops at once");
    }
}
