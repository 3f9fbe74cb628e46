use std::time::Duration;

use tokio::time::Instant;

/// A time that no process lives to see, and that every platform's clock can express.
const FAR_FUTURE: Duration = Duration::from_hours(24 * 365 * 30);

/// `pause` after `now`. A pause that the clock cannot express ends in the far future: durations that users set never
/// overflow.
pub fn instant_after(now: Instant, pause: Duration) -> Instant {
    now.checked_add(pause.min(FAR_FUTURE)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pause_overflows() {
        let now = Instant::now();
        assert_eq!(instant_after(now, Duration::from_secs(5)), now + Duration::from_secs(5));
        let far = instant_after(now, Duration::MAX);
        assert_eq!(far, now + FAR_FUTURE);
        assert_eq!(instant_after(far, Duration::ZERO), far);
    }
}
