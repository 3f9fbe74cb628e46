use std::sync::Arc;

use anyhow::{Context, anyhow};
use trigger_api::triggers::VERSION;
use trigger_core::{DeliveryId, ObjectKey, Ordinal};
use trigger_expr::params::Resolved;
use trigger_rules::listeners::{Listener, TriggerDecision};
use trigger_targets::template::{FiredTrigger, plans};
use trigger_targets::{Plan, Subject};

/// The objects that a trigger creates for an event, in order.
pub(super) fn creations(
    listener: &Listener,
    decision: &TriggerDecision,
    params: &[Resolved],
    delivery: &DeliveryId,
) -> anyhow::Result<Vec<Plan>> {
    let trigger = &decision.trigger;
    let blueprint = trigger.blueprint.as_ref().map_err(|error| anyhow!("{error}"))?;
    let owner = Subject {
        resource: trigger.object.resource(),
        version: VERSION.into(),
        uid: listener.settings.uid.to_string(),
    };
    let fired = FiredTrigger {
        delivery,
        ordinal: Ordinal::FIRST,
        replay: None,
        listener: &listener.settings.key,
        owner: &owner,
        trigger: &ObjectKey::new(trigger.namespace.clone(), trigger.name.clone()),
        occurrence: trigger.namesakes,
        run_as: trigger.service_account.as_ref().unwrap_or(&listener.settings.service_account),
        annotations: &[],
        params: params.into(),
        resource_templates: Arc::clone(&blueprint.template.resource_templates),
        old_escape: blueprint.template.old_escape,
    };
    plans(&fired).context("no object is created")
}
