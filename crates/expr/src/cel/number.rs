//! Texts of numbers and durations as Go writes them.

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
}
