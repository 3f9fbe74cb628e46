//! How thoroughly the scenarios with crashes and outages are played.

/// `TRIGGER_SOAK` asks for so many percent of the long form, which takes a quarter of an hour; without it, or with
/// too few, the short form is played.
pub fn extent(short: u64, long: u64) -> u64 {
    let percent = std::env::var("TRIGGER_SOAK").ok().map_or(0, |text| text.parse().unwrap());
    short.max(long * percent / 100)
}
