//! YAML 1.1 as JSON, within a budget of its own.

use serde_json::Value as Json;
use serde_saphyr::options::AliasLimits;

use super::limits::{DEEPEST_YAML, MOST_YAML_ALIASES, MOST_YAML_NODES};

/// The value of a text. The error is a reason without content.
pub(super) fn parse(text: &str) -> Result<Json, String> {
    let budget = serde_saphyr::budget! {
        max_nodes: MOST_YAML_NODES,
        max_events: 4 * MOST_YAML_NODES,
        max_depth: DEEPEST_YAML,
        max_aliases: MOST_YAML_ALIASES,
        max_documents: 1,
    };
    let mut alias_limits = AliasLimits::default();
    alias_limits.max_total_replayed_events = MOST_YAML_NODES;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_beyond_a_bound_is_refused() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let list = |scalars: usize| format!("[{}]", vec!["1"; scalars].join(", "));
        let aliases = |count: usize| {
            let anchors: Vec<_> = (0..50).map(|number| format!("&a{number} 1")).collect();
            let aliases: Vec<_> = (0..count).map(|number| format!("*a{}", number % 50)).collect();
            format!("a: [{}]\nb: [{}]", anchors.join(", "), aliases.join(", "))
        };
        let repeated = |count: usize| format!("a: &a {}\nb: [{}]", list(200), vec!["*a"; count].join(", "));
        for (text, beyond) in [
            (nested(DEEPEST_YAML), nested(DEEPEST_YAML + 1)),
            (list(MOST_YAML_NODES - 1), list(MOST_YAML_NODES)),
            (aliases(MOST_YAML_ALIASES), aliases(MOST_YAML_ALIASES + 1)),
            (repeated(45), repeated(55)),
        ] {
            assert!(parse(&text).is_ok(), "{text:.40}");
            let error = parse(&beyond).unwrap_err();
            assert!(error.starts_with("it is not valid, or too large or too deep"), "{error}");
        }
    }
}
