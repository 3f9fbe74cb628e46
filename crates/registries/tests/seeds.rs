//! The seeds of the fuzz target, checked by the body the fuzz target runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../../fuzz/checks/registry_notification.rs"]
mod registry_notification;

use std::collections::BTreeSet;
use std::fs;

use trigger_registries::notifications::FORMATS;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/registry_notification");

#[test]
fn every_seed_of_registry_notification_holds() {
    let mut formats = BTreeSet::new();
    for entry in fs::read_dir(SEEDS).unwrap() {
        let entry = entry.unwrap();
        let seed = fs::read(entry.path()).unwrap();
        registry_notification::check(&seed);
        let format = FORMATS[usize::from(seed[0].wrapping_sub(b'a')) % FORMATS.len()].name();
        let file = entry.file_name().into_string().unwrap();
        assert!(file.starts_with(format), "{file} is for {format}: has the order of the formats changed?");
        formats.insert(format);
    }
    assert_eq!(formats.len(), FORMATS.len(), "a format has no seed");
}
