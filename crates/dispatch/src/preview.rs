use std::collections::HashMap;

use trigger_core::{Delivery, Verification};
use trigger_journal::DecisionRecord;
use trigger_rules::{RuleSet, decide};
use trigger_runtime::error_chain;

use crate::events::meaning;
use crate::record;

/// What today's rules would make of a delivery, without launching anything. The runs that would start are
/// without names: those follow from the id that the delivery would get.
///
/// The error says in a sentence why the delivery has no meaning.
pub fn preview(
    delivery: &Delivery,
    verification: &Verification,
    rules: &RuleSet,
) -> Result<Vec<DecisionRecord>, String> {
    let event = meaning(delivery).map_err(|error| error_chain(&error))?;
    Ok(record::decisions(&decide(&event, verification, rules), &HashMap::new()))
}
