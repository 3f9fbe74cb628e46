//! Texts of numbers and durations as Go writes and reads them.

use jiff::{SignedDuration, Timestamp};

/// The shortest text that reads as this double, as `string(double)` writes it: `42`, `1.5`, `1.234567e+06`.
pub(super) fn go_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let plain = (-4..6).contains(&exponent(&scientific));
    if plain { value.to_string() } else { exponent_text(&scientific) }
}

fn exponent(scientific: &str) -> i32 {
    scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// A number such as `1.5e-7` with the exponent as Go writes it: a sign and at least two digits.
pub(super) fn exponent_text(scientific: &str) -> String {
    let Some((digits, _)) = scientific.split_once('e') else { return scientific.to_owned() };
    let exponent = exponent(scientific);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A duration in seconds, as `string(duration)` writes it: `90s`, `1.5s`.
pub(super) fn seconds_text(duration: SignedDuration) -> String {
    format!("{}s", duration.as_secs_f64())
}

/// Reads a duration of Go, such as `1h30m`, `-1.5s` or `250ms`.
pub(super) fn duration_from_text(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let nanoseconds: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, nanoseconds)?)?;
        rest = behind;
    }
    let total = i64::try_from(if negative { -total } else { total }).ok()?;
    Some(SignedDuration::from_nanos(total))
}

/// A decimal number times a unit.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 19 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More digits are less than a nanosecond of an hour.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.checked_mul(unit)?.checked_add(fraction.checked_mul(unit)? / scale)
}

/// Whether a time lies in the years 1 to 9999, which CEL has.
pub(super) fn is_cel_time(time: Timestamp) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(&time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_go_writes_them() {
        for (value, expected) in [
            (42.0, "42"),
            (-0.5, "-0.5"),
            (100_000.0, "100000"),
            (999_999.0, "999999"),
            (1_234_567.0, "1.234567e+06"),
            (3e9, "3e+09"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1e-7, "1e-07"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.0, "0"),
        ] {
            assert_eq!(go_text(value), expected);
        }
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(go_text), ["NaN", "+Inf", "-Inf"]);
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("90s", Some(90_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("250ms", Some(250_000_000)),
            (".5m", Some(30_000_000_000)),
            ("0", Some(0)),
            ("1us2ns", Some(1002)),
            ("", None),
            ("-", None),
            ("1", None),
            ("1x", None),
            ("s", None),
            ("1.2.3s", None),
            ("99999999999h", None),
        ] {
            let read = duration_from_text(text).map(|duration| duration.as_nanos());
            assert_eq!(read, nanoseconds, "{text}");
        }
    }
}
