//! Random names and uids, and times in the formats of the API.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::Timestamp;

/// The alphabet of generated name suffixes, as on the real server: no vowels and no similar characters.
const SUFFIX_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Limit of the prefix of a generated name, so that the name is a valid label value.
const GENERATED_PREFIX: usize = 58;

/// 64 random bits, not for secrets. The standard library seeds `RandomState` from the system.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A random number in 0.0..1.0.
pub(crate) fn random_fraction() -> f64 {
    let bits = u32::try_from(random() >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// A random UUID, version 4.
pub(crate) fn uid() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// A name for `generateName`: the truncated prefix and five random characters.
pub(crate) fn generated_name(prefix: &str) -> String {
    let mut name: String = prefix.chars().take(GENERATED_PREFIX).collect();
    let mut bits = random();
    for _ in 0..5 {
        let index = usize::try_from(bits % 27).unwrap_or(0);
        name.push(char::from(SUFFIX_ALPHABET.get(index).copied().unwrap_or(b'x')));
        bits /= 27;
    }
    name
}

/// The current time as `metav1.Time` prints it: whole seconds in UTC.
pub(crate) fn now() -> String {
    format_seconds(Timestamp::now())
}

/// `timestamp` as `metav1.Time` prints it.
pub(crate) fn format_seconds(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The age of an RFC 3339 time as kubectl shows it: `5s`, `3m20s`, `4h`, `12d`.
pub(crate) fn age(since: &str) -> String {
    let Ok(then) = since.parse::<Timestamp>() else { return "<unknown>".to_owned() };
    let seconds = (Timestamp::now().as_second() - then.as_second()).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}
