use jiff::SignedDuration;

/// The units of Go's durations, in nanoseconds; both ways to write a micro sign.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration as Go reads it (`time.ParseDuration`): numbers with a unit each, such as `1h30m`, in any order and also
/// twice, or `0`; with a sign. `None` for anything else and for what does not fit 64 bits of nanoseconds.
pub fn go_duration(text: &str) -> Option<SignedDuration> {
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
        nanos = nanos.checked_add(whole.checked_mul(*unit)?)?.checked_add(share(fraction, *unit))?;
        rest = next;
    }
    let nanos = if is_negative { 0_i64.checked_sub_unsigned(nanos)? } else { i64::try_from(nanos).ok()? };
    Some(SignedDuration::from_nanos(nanos))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The nanoseconds of a decimal fraction of a unit. Digits that cannot count are left out.
fn share(fraction: &str, unit: u64) -> u64 {
    /// A nanosecond is a 3.6 million millionth of an hour: further digits change nothing.
    const COUNTED: usize = 15;
    let counted = fraction.get(..COUNTED.min(fraction.len())).unwrap_or_default();
    let scale = 10_u128.pow(u32::try_from(counted.len()).unwrap_or_default());
    let value = counted.parse::<u128>().unwrap_or_default() * u128::from(unit) / scale;
    u64::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanoseconds) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("90s", Some(90_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("250ms", Some(250_000_000)),
            (".5m", Some(30_000_000_000)),
            ("7us7µs7μs", Some(21_000)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("-9223372036854775808ns", Some(i64::MIN)),
            ("9223372036854775808ns", None),
            ("-9223372036854775809ns", None),
            ("", None),
            ("-", None),
            ("5", None),
            (".", None),
            (".s", None),
            ("1 h", None),
            ("1d", None),
            ("1.2.3s", None),
            ("--1s", None),
        ] {
            assert_eq!(go_duration(text), nanoseconds.map(SignedDuration::from_nanos), "{text}");
        }
    }
}
