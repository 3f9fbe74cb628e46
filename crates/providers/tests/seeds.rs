//! The seeds of the fuzz targets, checked by the bodies the fuzz targets run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../../fuzz/checks/payload.rs"]
mod payload;
#[path = "../../../fuzz/checks/signature_header.rs"]
mod signature_header;

use std::fs;

use trigger_providers::ALL;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds");

fn check_all(target: &str, at_least: usize, check: impl Fn(&[u8])) {
    let mut seen = 0;
    for entry in fs::read_dir(format!("{SEEDS}/{target}")).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= at_least, "{seen} seeds for {target} in {SEEDS}");
}

#[test]
fn every_seed_of_every_provider_holds() {
    for provider in ALL {
        let target = format!("{}_payload", provider.name());
        check_all(&target, 15, |seed| payload::check(*provider, seed));
    }
}

#[test]
fn every_seed_of_signature_header_holds() {
    check_all("signature_header", 8, signature_header::check);
}
