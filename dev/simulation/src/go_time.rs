//! Times as `metav1.Time` prints them, and durations in Go's format, as Shipwright and Tekton use them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::friendly::SpanParser;

/// The current time as `metav1.Time` prints it: whole seconds in UTC.
pub(super) fn current_time() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A duration in Go's format, such as `1m30s`, `1.5h` or `0`. `None` if it is invalid or negative.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let is_go = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if !is_go {
        return None;
    }
    SpanParser::new().parse_unsigned_duration(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_in_go() {
        let cases = [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("1s", Some(1000)),
            ("1m30s", Some(90_000)),
            ("1h0m0s", Some(3_600_000)),
            ("1.5h", Some(5_400_000)),
            ("250ms", Some(250)),
            ("-1s", None),
            ("1s ago", None),
            ("1d", None),
            ("60", None),
            ("", None),
            ("soon", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(go_duration(text), milliseconds.map(Duration::from_millis), "{text}");
        }
    }
}
