//! YAML 1.1 as JSON, within a budget of its own.

use serde_json::Value as Json;
use serde_saphyr::options::AliasLimits;

/// How many scalars, lists and maps a text may have, those of repeated aliases included.
const MOST_NODES: usize = 10_000;
/// How deep they may be nested.
const DEEPEST: usize = 64;
/// How many aliases a text may have.
const MOST_ALIASES: usize = 200;

/// The value of a text. The error is a reason without content.
pub(super) fn parse(text: &str) -> Result<Json, String> {
    let budget = serde_saphyr::budget! {
        max_nodes: MOST_NODES,
        max_events: 4 * MOST_NODES,
        max_depth: DEEPEST,
        max_aliases: MOST_ALIASES,
        max_documents: 1,
    };
    let mut alias_limits = AliasLimits::default();
    alias_limits.max_total_replayed_events = MOST_NODES;
    let options = serde_saphyr::options! {
        budget: budget,
        alias_limits: alias_limits,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map(|place| format!(" in line {}", place.line()));
        format!("it is not valid, or too large or too deep{}", place.unwrap_or_default())
    })
}
