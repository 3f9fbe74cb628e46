//! Texts of numbers as Go writes them.

use jiff::Timestamp;

/// The shortest text that reads as this double, as `string(double)` and Go's format `g` write it: `42`, `1.5`,
/// `1.234567e+06`.
pub(super) fn go_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain = (-4..6).contains(&exponent);
    if plain { format!("{value}") } else { format!("{digits}e{}{:02}", sign(exponent), exponent.abs()) }
}

fn sign(exponent: i32) -> char {
    if exponent < 0 { '-' } else { '+' }
}

/// Whether a time lies in the years 1 to 9999, which CEL has.
pub(super) fn is_cel_time(time: Timestamp) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(&time.as_second())
}

/// A duration in seconds, as `string(duration)` writes it: `90s`, `1.5s`.
pub(super) fn seconds_text(duration: jiff::SignedDuration) -> String {
    format!("{}s", duration.as_secs_f64())
}
