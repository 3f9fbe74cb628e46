use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What Tekton gives a custom task that says nothing about time (`GetTimeout` of its API).
const UNLESS_SAID: Duration = Duration::from_hours(1);

/// How long an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// As long as it likes: `0s`.
    None,
    /// So long.
    Within(Duration),
}

impl Timeout {
    /// The limit that `spec.timeout` sets. `None` if the text is no duration.
    pub(crate) fn parse(timeout: Option<&str>) -> Option<Self> {
        let Some(text) = timeout.filter(|text| !text.is_empty()) else {
            return Some(Self::Within(UNLESS_SAID));
        };
        let duration: SignedDuration = text.parse().ok()?;
        // Go counts nanoseconds in 64 bits.
        i64::try_from(duration.as_nanos()).ok()?;
        let duration = Duration::try_from(duration).ok()?;
        Some(if duration.is_zero() { Self::None } else { Self::Within(duration) })
    }

    /// The end of something that began then; `None` if there is none.
    pub(crate) fn after(self, begun: Timestamp) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::Within(duration) => begun.checked_add(duration).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let seconds = |seconds| Some(Timeout::Within(Duration::from_secs(seconds)));
        for (text, expected) in [
            (None, seconds(3600)),
            (Some(""), seconds(3600)),
            (Some("10m"), seconds(600)),
            (Some("1h0m0s"), seconds(3600)),
            (Some("1h30m5s"), seconds(5405)),
            (Some("1.5s"), Some(Timeout::Within(Duration::from_millis(1500)))),
            (Some("0s"), Some(Timeout::None)),
            (Some("0h0m0s"), Some(Timeout::None)),
            (Some("0"), None),
            (Some("-5m"), None),
            (Some("soon"), None),
            (Some("999999999999h"), None),
        ] {
            assert_eq!(Timeout::parse(text), expected, "{text:?}");
        }
    }
}
