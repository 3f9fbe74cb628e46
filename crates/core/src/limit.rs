use std::fmt;
use std::time::Duration;

/// A bound on something that a sender, a tenant, an object or another server can make large, many, slow or odd.
///
/// A crate lists its bounds in `limits.rs`; docs/reference/limits.md is made of these lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The bounded thing, such as "rules of a Build".
    pub subject: &'static str,
    /// The largest permitted amount.
    pub most: u64,
    /// The unit of that amount.
    pub unit: Unit,
    /// The consequence of more.
    pub beyond: &'static str,
    /// The option that changes the bound, such as `--max-body`.
    pub option: Option<&'static str>,
}

/// The unit of a [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Limit {
    /// At most `most` things.
    pub const fn count(subject: &'static str, most: usize, beyond: &'static str) -> Self {
        Self { subject, most: most as u64, unit: Unit::Count, beyond, option: None }
    }

    /// At most `most` bytes.
    pub const fn bytes(subject: &'static str, most: usize, beyond: &'static str) -> Self {
        Self { subject, most: most as u64, unit: Unit::Bytes, beyond, option: None }
    }

    /// At most `most`, which is whole seconds.
    pub const fn time(subject: &'static str, most: Duration, beyond: &'static str) -> Self {
        Self { subject, most: most.as_secs(), unit: Unit::Seconds, beyond, option: None }
    }

    /// The same bound, which is the default of an option.
    #[must_use]
    pub const fn set_by(self, option: &'static str) -> Self {
        Self { option: Some(option), ..self }
    }
}

/// The amount with its unit, such as "64", "25 MiB" or "10 s".
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (amount, unit) = match (self.unit, self.most) {
            (Unit::Count, most) => return write!(f, "{most}"),
            (Unit::Bytes, most) if most >= 1 << 20 && most % (1 << 20) == 0 => (most >> 20, "MiB"),
            (Unit::Bytes, most) if most >= 1 << 10 && most % (1 << 10) == 0 => (most >> 10, "KiB"),
            (Unit::Bytes, most) => (most, "bytes"),
            (Unit::Seconds, most) if most >= 86_400 && most % 86_400 == 0 => (most / 86_400, "d"),
            (Unit::Seconds, most) if most >= 3600 && most % 3600 == 0 => (most / 3600, "h"),
            (Unit::Seconds, most) if most >= 60 && most % 60 == 0 => (most / 60, "min"),
            (Unit::Seconds, most) => (most, "s"),
        };
        write!(f, "{amount} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (limit, expected) in [
            (Limit::count("", 64, ""), "64"),
            (Limit::bytes("", 25 << 20, ""), "25 MiB"),
            (Limit::bytes("", 1000, ""), "1000 bytes"),
            (Limit::time("", Duration::from_secs(90), ""), "90 s"),
            (Limit::time("", Duration::from_hours(48), ""), "2 d"),
        ] {
            assert_eq!(limit.to_string(), expected);
        }
    }
}
