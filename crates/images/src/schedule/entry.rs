use std::time::Duration;

use tokio::time::Instant;
use trigger_core::ImageRef;
use trigger_runtime::{Backoff, instant_after};

use super::PollOutcome;

/// When one image is polled for one namespace.
#[derive(Default)]
pub(super) struct Entry {
    /// `None`: polled once at first, and then only after hints.
    pub(super) interval: Option<Duration>,
    pub(super) due: Option<Instant>,
    pub(super) polled: Option<Instant>,
    /// Since the last success.
    pub(super) failures: u32,
    pub(super) in_flight: bool,
    /// A hint arrived while the image was in flight.
    pub(super) repeat: bool,
    /// Varies the jitter between polls.
    pub(super) polls: u32,
}

/// An interval that a Build or an operator sets is at most a year: sums with it cannot overflow.
pub(crate) const MAX_INTERVAL: Duration = Duration::from_hours(365 * 24);
/// The shortest time between two polls of one image, however many hints arrive.
pub(super) const MIN_SPACING: Duration = Duration::from_secs(1);
/// The first pause after a transient error. It doubles with each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(15);
/// The longest pause after failures, as a multiple of the interval.
const LONGEST_PAUSE: u32 = 4;
/// Stands for the interval of images that have none, where pauses after failures are computed.
const WITHOUT_INTERVAL: Duration = Duration::from_mins(10);
/// Pauses are lengthened by up to a tenth, so that images do not stay due together.
const JITTER: f64 = 0.1;

impl Entry {
    pub(super) fn set_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.min(MAX_INTERVAL));
    }

    /// The time of a poll after a hint.
    pub(super) fn soon(&self, now: Instant) -> Instant {
        self.polled.map_or(now, |polled| now.max(instant_after(polled, MIN_SPACING)))
    }

    /// Whether a poll of the same image for another namespace serves this one, too: it would be due in the next half
    /// of its interval. So namespaces that watch an image soon share their polls.
    pub(super) fn rides(&self, now: Instant) -> bool {
        let Some(due) = self.due.filter(|_| !self.in_flight) else { return false };
        let early =
            self.interval.filter(|_| self.failures == 0).map_or(Duration::ZERO, |interval| interval / 2);
        due <= instant_after(now, early)
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.in_flight = true;
        self.polled = Some(now);
        self.polls = self.polls.wrapping_add(1);
    }

    /// Records the outcome of a poll. Returns the time of the next one, if there is to be one.
    pub(super) fn end(
        &mut self,
        image: &ImageRef,
        outcome: PollOutcome,
        polling: bool,
        now: Instant,
    ) -> Option<Instant> {
        let resolved = outcome == PollOutcome::Resolved;
        self.in_flight = false;
        self.failures = if resolved { 0 } else { self.failures.saturating_add(1) };
        if std::mem::take(&mut self.repeat) {
            return Some(instant_after(now, MIN_SPACING));
        }
        // A failed poll after a hint is retried even where images are not polled by interval.
        let pause = self.pause(image, outcome).filter(|_| polling || !resolved)?;
        Some(instant_after(now, pause))
    }

    /// The pause until the next poll, if there is to be one.
    fn pause(&self, image: &ImageRef, outcome: PollOutcome) -> Option<Duration> {
        let interval = self.interval.unwrap_or(WITHOUT_INTERVAL);
        let pause = match outcome {
            PollOutcome::Resolved => self.interval?,
            PollOutcome::Failed { permanent, retry_after } => {
                let first = if permanent { interval } else { FIRST_RETRY.min(interval) };
                let backoff = Backoff { first, longest: interval.saturating_mul(LONGEST_PAUSE) };
                backoff.pause(self.failures).max(retry_after.unwrap_or_default().min(MAX_INTERVAL))
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
