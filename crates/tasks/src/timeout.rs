use std::time::Duration;

use jiff::Timestamp;
use trigger_core::go_duration;

/// What Tekton gives a custom task that says nothing about time (`GetTimeout` of its API).
const UNLESS_SAID: Duration = Duration::from_hours(1);

/// The distance between the end of an attempt and the time limit of its BuildRun, which Tekton enforces on the TaskRun.
///
/// If both end at one moment, the TaskRun times out while the BuildRun is being cancelled. Tekton's admission then refuses
/// the change to the finished TaskRun, the Build controller repeats it for ever, and the BuildRun stays `Unknown`.
const BACKSTOP: Duration = Duration::from_mins(1);

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
        let duration = Duration::try_from(go_duration(text)?).ok()?;
        Some(if duration.is_zero() { Self::None } else { Self::Within(duration) })
    }

    /// The time limit of the BuildRun of an attempt with this limit; `None` to leave that to its Build.
    ///
    /// This program ends the attempt in time. The limit of the BuildRun takes effect only if the program is away, and
    /// lies later. `of_build` is the limit that the Build sets. It counts if the task sets none (`is_set`) and it passes
    /// well before the end of the attempt.
    pub(crate) fn of_build_run(self, is_set: bool, of_build: Option<&str>) -> Option<String> {
        let Self::Within(attempt) = self else { return None };
        let of_build = of_build.filter(|_| !is_set).and_then(|text| Self::parse(Some(text)));
        match of_build {
            Some(Self::Within(limit)) if limit.saturating_add(BACKSTOP) <= attempt => None,
            _ => Some(format!("{}s", attempt.saturating_add(BACKSTOP).as_secs())),
        }
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
    fn the_limit_of_a_build_run_lies_apart_from_the_end_of_its_attempt() {
        for (timeout, of_build, expected) in [
            (Some("10m"), None, Some("660s")),
            (Some("10m"), Some("5m"), Some("660s")),
            (Some("1500ms"), None, Some("61s")),
            (None, None, Some("3660s")),
            (None, Some("5m"), None),
            (None, Some("59m"), None),
            (None, Some("59m30s"), Some("3660s")),
            (None, Some("1h"), Some("3660s")),
            (None, Some("2h"), Some("3660s")),
            (None, Some("0s"), Some("3660s")),
            (None, Some("soon"), Some("3660s")),
            (Some("0s"), None, None),
            (Some("0s"), Some("1h"), None),
        ] {
            let limit = Timeout::parse(timeout).unwrap().of_build_run(timeout.is_some(), of_build);
            assert_eq!(limit.as_deref(), expected, "{timeout:?} {of_build:?}");
        }
    }

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
            (Some("0"), Some(Timeout::None)),
            (Some("+0"), Some(Timeout::None)),
            (Some("-0s"), Some(Timeout::None)),
            (Some(".5h"), seconds(1800)),
            (Some("5.h"), seconds(5 * 3600)),
            (Some("+1m1m"), seconds(120)),
            (Some("1s1h"), seconds(3601)),
            (Some("1500ms"), Some(Timeout::Within(Duration::from_millis(1500)))),
            (Some("7us7µs7μs"), Some(Timeout::Within(Duration::from_micros(21)))),
            (Some("0.000000001s"), Some(Timeout::Within(Duration::from_nanos(1)))),
            (Some("0.3333333333333333333h"), Some(Timeout::Within(Duration::from_nanos(1_199_999_999_999)))),
            (Some("-5m"), None),
            (Some("."), None),
            (Some(".s"), None),
            (Some("5"), None),
            (Some("1h5"), None),
            (Some("1 h"), None),
            (Some("1d"), None),
            (Some("--1s"), None),
            (Some("-"), None),
            (Some("1s "), None),
            (Some("9223372036854775808ns"), None),
            (Some("soon"), None),
            (Some("999999999999h"), None),
        ] {
            assert_eq!(Timeout::parse(text), expected, "{text:?}");
        }
    }
}
