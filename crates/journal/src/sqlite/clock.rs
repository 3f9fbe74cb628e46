use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::LONGEST_WAIT;

/// The clock of the queue: the system's, but it does not go back when that one is set back a little. It runs on from
/// where it was instead, so a due delivery stays due and a pause between attempts lasts as long as it should.
///
/// Set back by more than [`LONGEST_WAIT`], it follows: the queue then finds the deliveries that are due too late.
#[derive(Debug)]
pub(super) struct Clock {
    last: Timestamp,
    read_at: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { last: Timestamp::now(), read_at: Instant::now() }
    }

    pub(super) fn now(&mut self) -> Timestamp {
        self.advance(Timestamp::now(), Instant::now())
    }

    /// The time when the system's clock says `system` and the time since its start is `monotonic`.
    fn advance(&mut self, system: Timestamp, monotonic: Instant) -> Timestamp {
        let elapsed = monotonic.saturating_duration_since(self.read_at);
        let expected = self.last.checked_add(elapsed).unwrap_or(Timestamp::MAX);
        let ahead = Duration::try_from(expected.duration_since(system)).unwrap_or_default();
        self.last = if ahead > LONGEST_WAIT { system } else { expected.max(system) };
        self.read_at = monotonic;
        self.last
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn it_follows_the_system_and_runs_on_when_that_is_set_back() {
        let hours = SignedDuration::from_hours;
        // By how much the system's clock is off, an hour later each time, and the time since the beginning.
        for (errors, expected) in [
            ([0, 0, 0], [0, 1, 2]),
            ([0, 5, 5], [0, 6, 7]),
            ([1, 0, 0], [1, 2, 3]),
            ([10, 0, 0], [10, 1, 2]),
            ([0, -1, 3], [0, 1, 5]),
        ] {
            let (start, began) = (Timestamp::now(), Instant::now());
            let mut clock = Clock { last: start + hours(errors[0]), read_at: began };
            for (hour, (error, expected)) in (0..).zip(errors.into_iter().zip(expected)) {
                let monotonic = began + Duration::from_hours(hour);
                let now = clock.advance(start + hours(i64::try_from(hour).unwrap() + error), monotonic);
                assert_eq!(now, start + hours(expected), "{errors:?} after {hour} h");
            }
        }
    }
}
