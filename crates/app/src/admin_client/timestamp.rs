//! Timestamps and durations as people write and read them.

use std::time::Duration;

use jiff::Timestamp;

/// Parses an age, such as `2h` or `1h30m`, or a timestamp (RFC 3339).
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(timestamp) = text.parse() {
        return Ok(timestamp);
    }
    let ago = seconds(text).and_then(|ago| Timestamp::now().checked_sub(Duration::from_secs(ago)).ok());
    ago.ok_or_else(|| {
        "use an age, such as 30m, 2h or 7d, or a timestamp, such as 2026-01-31T12:00:00Z".to_owned()
    })
}

/// The seconds of a duration written as numbers with units.
fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut number = None;
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            let so_far: u64 = number.unwrap_or(0);
            number = Some(so_far.checked_mul(10)?.checked_add(u64::from(digit))?);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then_some(total)
}

/// The distance of a timestamp from now, in either direction: `5s`, `12m`, `3h`, `9d`.
pub(crate) fn age(timestamp: Timestamp) -> String {
    let time = Timestamp::now().duration_since(timestamp).unsigned_abs();
    short(Duration::from_secs(time.as_secs()))
}

/// A duration in its largest unit, with a second unit from 2 to 10 hours.
pub(crate) fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 if time.as_millis() > 0 => format!("{} ms", time.as_millis()),
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{minutes}m"),
        7200..36_000 if minutes % 60 > 0 => format!("{hours}h{}m", minutes % 60),
        7200..172_800 => format!("{hours}h"),
        _ => format!("{days}d"),
    }
}

/// A timestamp in RFC 3339, in whole seconds.
pub(crate) fn rfc3339(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_parsed() {
        for (text, expected) in [
            ("90s", Some(90)),
            ("30m", Some(1800)),
            ("1h30m", Some(5400)),
            ("7d", Some(604_800)),
            ("2w", Some(1_209_600)),
            ("0s", Some(0)),
            ("", None),
            ("7", None),
            ("h", None),
            ("2x", None),
            ("-2h", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert!(parse_time("2026-01-31T12:00:00Z").is_ok());
        assert!(parse_time("2026-01-31T12:00:00+01:00").is_ok());
        assert!(parse_time("999999999w").is_err(), "before the first timestamp");
        assert!(parse_time("yesterday").unwrap_err().contains("such as 30m"));
    }

    #[test]
    fn durations_are_short() {
        for (milliseconds, expected) in [
            (0, "0s"),
            (90, "90 ms"),
            (5_000, "5s"),
            (119_000, "119s"),
            (300_000, "5m"),
            (7_500_000, "2h5m"),
            (36_000_000, "10h"),
            (259_200_000, "3d"),
        ] {
            assert_eq!(short(Duration::from_millis(milliseconds)), expected);
        }
    }
}
