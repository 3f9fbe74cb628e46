//! The seeds of the fuzz target `repo_id`, checked by the body the fuzz target runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../../fuzz/checks/repo_id.rs"]
mod repo_id;

use std::fs;

use trigger_core::RepoId;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/repo_id");

#[test]
fn every_seed_holds() {
    let mut understood = 0;
    for entry in fs::read_dir(SEEDS).unwrap() {
        let seed = fs::read(entry.unwrap().path()).unwrap();
        repo_id::check(&seed);
        understood += usize::from(std::str::from_utf8(&seed).is_ok_and(|text| RepoId::parse(text).is_ok()));
    }
    assert!(understood >= 10, "only {understood} seeds in {SEEDS} are addresses");
}
