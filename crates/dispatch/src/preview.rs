use trigger_core::{Delivery, Event, Facts, Verification};
use trigger_journal::DecisionRecord;
use trigger_rules::RuleSet;
use trigger_rules::listeners::ListenerSet;
use trigger_runtime::error_chain;

use crate::facts::decide_all;
use crate::listeners;
use crate::record;
use crate::sources::{events_of, payload_of};

/// The decisions that today's rules would make on a delivery, with the facts that are stored with it. Nothing is
/// launched and no service is asked. The runs that would start are without names: those follow from the id that the
/// delivery would get.
///
/// The error says in a sentence why the delivery cannot be read.
pub async fn preview(
    delivery: &Delivery,
    verification: &Verification,
    facts: &Facts,
    rules: &RuleSet,
    known: &ListenerSet,
) -> Result<Vec<DecisionRecord>, String> {
    let events = events_of(delivery).map_err(|error| error_chain(&error))?;
    if let Some(Event::Webhook(event)) = events.first() {
        return Ok(listeners::preview(delivery, event, facts, known).records());
    }
    let payload = payload_of(delivery);
    let decided = decide_all(&events, verification, facts, &payload, rules).await;
    Ok(record::decisions(&decided, &[]))
}
