use std::collections::HashMap;

use trigger_event::{Delivery, Proof};
use trigger_journal::DecisionRecord;
use trigger_rules::{RuleSet, decide};

use crate::causes::with_causes;
use crate::meaning::meaning;
use crate::record;

/// What today's rules would make of a delivery, without launching anything. The runs that would start are
/// without names: those follow from the id that the delivery would get.
///
/// The error says in a sentence why the delivery has no meaning.
pub fn preview(delivery: &Delivery, proof: &Proof, rules: &RuleSet) -> Result<Vec<DecisionRecord>, String> {
    let event = meaning(delivery).map_err(|error| with_causes(&error))?;
    Ok(record::decisions(&decide(&event, proof, rules), &HashMap::new()))
}
