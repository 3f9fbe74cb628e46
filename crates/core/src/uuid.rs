use std::fmt::Write as _;

use crate::delivery::digest_of;
use crate::{DeliveryId, Ordinal};

/// A UUID that follows from these parts, which cannot run into each other: 122 bits of SHA-256, as version 8 of RFC 9562
/// permits.
pub fn derived_uuid(parts: &[&[u8]]) -> String {
    let digest = digest_of(parts);
    let mut text = String::with_capacity(36);
    for (place, byte) in digest.as_ref().iter().take(16).enumerate() {
        let byte = match place {
            // The version.
            6 => byte & 0x0f | 0x80,
            // The variant of RFC 9562.
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The id of an event, which listeners answer with and objects of templates are labelled with. A delivery that is sent once
/// more has the same one.
pub fn event_id(delivery: &DeliveryId, ordinal: Ordinal) -> String {
    derived_uuid(&[b"event", delivery.as_str().as_bytes(), &ordinal.get().to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_the_form_of_one() {
        for seed in 0..100_u8 {
            let uuid = derived_uuid(&[&[seed]]);
            let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b == b'-';
            assert!(uuid.bytes().all(is_digit), "{uuid}");
            let (version, variant) = (uuid.as_bytes()[14], uuid.as_bytes()[19]);
            assert!(version == b'8' && b"89ab".contains(&variant), "{uuid}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(derived_uuid(&[b"a", b"bc"]), derived_uuid(&[b"ab", b"c"]));
        assert_ne!(derived_uuid(&[b"a"]), derived_uuid(&[b"a", b""]));
        assert_eq!(derived_uuid(&[b"a", b"b"]), derived_uuid(&[b"a", b"b"]));
    }

    #[test]
    fn an_event_keeps_its_id() {
        let delivery = DeliveryId::derive(&[b"delivery"]);
        let first = event_id(&delivery, Ordinal::FIRST);
        assert_eq!(first, EXPECTED, "stored deliveries would get other ids");
        assert_ne!(first, event_id(&delivery, Ordinal::new(1)));
        assert_ne!(first, event_id(&DeliveryId::derive(&[b"other"]), Ordinal::FIRST));
    }

    const EXPECTED: &str = "c2cd4a2c-e6ef-8932-a51a-84df3f10dc21";
}
