//! The kinds of rules. A kind is a folder here and a line in [`KINDS`]; a test compares the two.

pub(crate) mod git;
pub mod image;
mod pipeline;

use crate::auth;
use crate::budget::{LEFT_OUT, TOO_MANY_RUNS};
use crate::decision::{REPOSITORY_MOVED, SAME_PUSH};
use crate::reason::{RULE_BROKEN, Reason, TARGET_DELETED};
use crate::rule_set::Kinds;

/// Every kind of trigger. Adding one is a folder and a line here.
pub(crate) static KINDS: Kinds = &[&git::Git, &pipeline::Pipeline, &image::Image];

/// The name of every kind of trigger, as metrics and annotations give it.
pub fn kind_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}

impl Reason {
    /// All reasons: those of every rule, then those of each kind of trigger.
    pub fn all() -> impl Iterator<Item = Self> {
        let shared = [RULE_BROKEN, LEFT_OUT, TOO_MANY_RUNS, SAME_PUSH, REPOSITORY_MOVED, TARGET_DELETED]
            .into_iter()
            .chain(auth::REASONS);
        shared.chain(KINDS.iter().flat_map(|kind| kind.reasons().iter().copied()))
    }
}

/// The folders below a folder of this crate's sources.
#[cfg(test)]
pub(crate) fn folders_of(folder: &str) -> std::collections::BTreeSet<String> {
    std::fs::read_dir(format!("{}/src/{folder}", env!("CARGO_MANIFEST_DIR")))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_folder_is_a_line_in_the_table() {
        let lines: BTreeSet<_> = KINDS.iter().map(|kind| kind.folder().to_owned()).collect();
        assert_eq!(lines, folders_of("triggers"));
    }

    #[test]
    fn nothing_outside_its_folder_and_the_table_names_the_kind_image() {
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.extend((name != "image").then_some(path));
                } else if !["lib.rs", "tests.rs", "bounds.rs"].contains(&name.as_str())
                    && !path.ends_with("triggers/mod.rs")
                {
                    let source = std::fs::read_to_string(&path).unwrap();
                    let named: Vec<_> = source.lines().filter(|line| line.contains("image::")).collect();
                    assert!(named.is_empty(), "{}: {named:?}", path.display());
                }
            }
        }
    }
}
