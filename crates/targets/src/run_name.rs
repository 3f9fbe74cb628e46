use trigger_core::{DeliveryId, Ordinal};

/// A Build's name can be 63 characters long; so can a run's, and a run's name must be a label value.
const LONGEST_TARGET: usize = 40;
const HASH_LENGTH: usize = 10;

/// The name of the run that an event of `delivery` starts of `target`: at most 51 characters, a legal label value.
///
/// It follows from these alone, so the API server refuses a second creation, whenever and on whichever replica it is
/// tried. The UID tells a Build from one that was deleted and created again under the same name. The first event of a
/// delivery is not named, so that its run has the name that it had when a delivery held one event only.
pub fn run_name(target: &str, target_uid: &str, delivery: &DeliveryId, ordinal: Ordinal) -> String {
    let place = ordinal.get().to_be_bytes();
    let mut parts = vec![delivery.as_str().as_bytes(), target_uid.as_bytes()];
    if !ordinal.is_first() {
        parts.push(&place);
    }
    let hash = DeliveryId::derive(&parts);
    let hash = hash.as_str().get(..HASH_LENGTH).unwrap_or_default();
    let cut = target.char_indices().nth(LONGEST_TARGET).map_or(target.len(), |(end, _)| end);
    let stem = target.get(..cut).unwrap_or(target).trim_end_matches(['-', '.']);
    format!("{stem}-{hash}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// See `golden_names.rs` of `trigger-core`.
    const TABLE: &str = include_str!("../../core/tests/golden/names.tsv");

    fn delivery(seed: &[u8]) -> DeliveryId {
        DeliveryId::derive(&[seed])
    }

    #[test]
    fn the_name_for_the_first_event_is_that_of_commit_356220d() {
        let mut count = 0;
        for line in TABLE.lines().filter(|line| line.starts_with("run\t")) {
            let cells: Vec<_> = line.split('\t').collect();
            let [_, target, target_uid, delivery, .., name] = cells.as_slice() else { panic!("{line}") };
            let delivery = delivery.parse().unwrap();
            assert_eq!(run_name(target, target_uid, &delivery, Ordinal::FIRST), *name, "{line}");
            count += 1;
        }
        assert_eq!(count, 14);
    }

    #[test]
    fn it_follows_from_delivery_event_and_target() {
        let first = Ordinal::FIRST;
        let name = run_name("web", "uid-1", &delivery(b"1"), first);
        assert_eq!(name, run_name("web", "uid-1", &delivery(b"1"), first));
        assert_ne!(name, run_name("web", "uid-2", &delivery(b"1"), first));
        assert_ne!(name, run_name("web", "uid-1", &delivery(b"2"), first));
        assert_ne!(name, run_name("web", "uid-1", &delivery(b"1"), Ordinal::new(1)));
        assert!(name.starts_with("web-") && name.len() == 14, "{name}");
    }

    proptest! {
        #[test]
        fn it_is_a_legal_label_value(target in "[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", seed: [u8; 8]) {
            let name = run_name(&target, "uid", &delivery(&seed), Ordinal::FIRST);
            prop_assert!(name.len() <= 63);
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)));
            prop_assert!(name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()));
            let (stem, hash) = name.rsplit_once('-').unwrap_or_default();
            prop_assert!(stem.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric()) && hash.len() == 10);
        }
    }
}
