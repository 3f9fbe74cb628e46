//! The page of bounds.

use std::fmt::Write as _;

use trigger_core::Limit;

use super::{MADE, cell};

/// The bounds of every crate that has a `limits.rs`, in the order of the page.
const LISTS: &[(&str, &str, &[Limit])] = &[
    ("server", "Requests", trigger_server::LIMITS),
    ("cluster", "Requests to the API server", trigger_cluster::LIMITS),
    ("core", "Names and credentials", trigger_core::LIMITS),
    ("providers", "Deliveries of Git providers", trigger_providers::LIMITS),
    ("registries", "Registries", trigger_registries::LIMITS),
    ("api", "Objects of Tekton Triggers", trigger_api::LIMITS),
    ("egress", "Requests that the program sends", trigger_egress::LIMITS),
    ("calls", "Calls of interceptors and Git providers", trigger_calls::LIMITS),
    ("rules", "Objects and their rules", trigger_rules::LIMITS),
    ("targets", "Objects that triggers create", trigger_targets::LIMITS),
    ("expr", "Expressions", trigger_expr::LIMITS),
    ("images", "Images that are followed", trigger_images::LIMITS),
    ("dispatch", "Attempts at a delivery", trigger_dispatch::LIMITS),
    ("journal", "The journal", trigger_journal::LIMITS),
    ("app", "Messages of the command line", shipwright_trigger::LIMITS),
];

pub(super) fn page() -> String {
    let mut text = format!(
        "# Limits\n\nWhat a sender, a tenant, an object or another server can make large, many, slow or odd has a \
         limit. It is enforced before memory, disk or time is spent. {MADE}\n"
    );
    for (_, title, limits) in LISTS {
        let _ =
            writeln!(text, "\n## {title}\n\n| of what | at most | beyond it | option |\n|---|---|---|---|");
        for limit in *limits {
            let option = limit.option.map(|option| format!("`{option}`")).unwrap_or_default();
            let _ =
                writeln!(text, "| {} | {limit} | {} | {option} |", cell(limit.subject), cell(limit.beyond));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_bounds_of_every_crate_are_on_the_page() {
        let crates = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates")).unwrap();
        let lists = |path: &Path| path.join("src/limits.rs").exists();
        let with_limits: BTreeSet<_> = crates
            .map(|entry| entry.unwrap().path())
            .filter(|path| lists(path))
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let on_page: BTreeSet<_> = LISTS.iter().map(|(name, ..)| (*name).to_owned()).collect();
        assert_eq!(on_page, with_limits);
    }
}
