use jiff::Timestamp;

/// A timestamp as the stores keep it: nanoseconds since 1970 in 64 bits, which is exact from 1677 to 2262.
///
/// A timestamp outside is moved to the nearest end. Nothing real is received or due there, and "never" still sorts
/// last.
pub(crate) fn to_nanoseconds(timestamp: Timestamp) -> i64 {
    let nanoseconds = timestamp.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The timestamp of a number of [`to_nanoseconds`].
pub(crate) fn from_nanoseconds(nanoseconds: i64) -> Timestamp {
    // Every 64-bit count of nanoseconds lies within what a `Timestamp` can hold.
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_survive_and_the_far_ends_keep_their_order() {
        for nanoseconds in [i64::MIN, -1, 0, 1, 1_763_800_000_123_456_789, i64::MAX] {
            assert_eq!(to_nanoseconds(from_nanoseconds(nanoseconds)), nanoseconds);
        }
        assert_eq!(to_nanoseconds(Timestamp::MAX), i64::MAX);
        assert_eq!(to_nanoseconds(Timestamp::MIN), i64::MIN);
    }
}
