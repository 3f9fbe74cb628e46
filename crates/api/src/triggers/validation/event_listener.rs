use trigger_core::is_label_value;

use super::interceptor_use::{check_interceptor, report_null};
use super::resources::check_resources;
use super::trigger::{check_bindings, check_template};
use super::{Context, Report, Validate};
use crate::triggers::{
    EventListener, EventListenerSpec, EventListenerTrigger, PAYLOAD_VALIDATION, TriggerGroup,
};

/// The longest name of a listener, in bytes: its Service is called `el-NAME`.
const LONGEST_NAME: usize = 60;

impl Validate for EventListener {
    fn validate(&self, context: &Context, report: &mut Report) {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        if name.len() > LONGEST_NAME {
            report.invalid(
                format_args!("eventListener name '{name}' must be no more than 60 characters long"),
                "metadata.name",
            );
        }
        let annotations = self.metadata.annotations.as_ref();
        let validation = annotations.and_then(|annotations| annotations.get(PAYLOAD_VALIDATION));
        if validation.is_some_and(|value| value != "true" && value != "false") {
            report.invalid(
                format_args!("{PAYLOAD_VALIDATION} annotation must have value 'true' or 'false'"),
                "metadata.annotations",
            );
        }
        check_spec(&self.spec, context, report);
    }
}

fn check_spec(spec: &EventListenerSpec, context: &Context, report: &mut Report) {
    if context.is_alpha {
        if !spec.trigger_groups.is_empty() {
            report.unknown("spec.triggerGroups");
        }
        if spec.cloud_event_uri.is_some() {
            report.unknown("spec.cloudEventURI");
        }
    }
    let has_selector = spec.label_selector.is_some() || !spec.namespace_selector.match_names.is_empty();
    let has_groups = !context.is_alpha && !spec.trigger_groups.is_empty();
    if !has_selector && spec.triggers.is_empty() && !has_groups {
        let mut fields = vec!["spec.labelSelector", "spec.namespaceSelector", "spec.triggers"];
        if !context.is_alpha {
            fields.push("spec.triggerGroups");
        }
        return report.missing_one_of(&fields);
    }
    let mut found = Report::default();
    for (index, trigger) in spec.triggers.iter().enumerate() {
        check_trigger(trigger, &format!("spec.triggers[{index}]"), context, &mut found);
    }
    if let Some(resources) = &spec.resources
        && check_resources(resources, context, &mut found).is_break()
    {
        // Tekton says nothing else then.
        return report.multiple_of(&["spec.resources.kubernetesResource", "spec.resources.customResource"]);
    }
    if !context.is_alpha {
        for (index, group) in spec.trigger_groups.iter().enumerate() {
            check_group(group, &format!("spec.triggerGroups[{index}]"), context, &mut found);
        }
    }
    report.append(found);
}

fn check_trigger(trigger: &EventListenerTrigger, at: &str, context: &Context, report: &mut Report) {
    let template = trigger.template.as_ref();
    if trigger.trigger_ref.is_none() && template.is_none() {
        report.missing_one_of(&[&format!("{at}.template"), &format!("{at}.triggerRef")]);
    }
    let has_others = template.is_some() || !trigger.bindings.is_empty() || !trigger.interceptors.is_empty();
    if trigger.trigger_ref.is_some() && has_others {
        let others = format!("{at}.template or bindings or interceptors");
        report.multiple_of(&[&format!("{at}.triggerRef"), &others]);
    }
    check_bindings(&trigger.bindings, at, context, report);
    if let Some(template) = template {
        check_template(template, at, context, report);
    }
    for (index, interceptor) in trigger.interceptors.iter().enumerate() {
        let path = format!("{at}.interceptors[{index}]");
        if context.is_null(&path) {
            // Tekton looks no further in this trigger.
            return report_null("interceptor", &path, report);
        }
        check_interceptor(interceptor, &path, context, report);
    }
    let name = trigger.name.as_deref().unwrap_or_default();
    if !is_label_value(name) {
        report.invalid(
            format_args!("trigger name '{name}' must be a valid label value"),
            &format!("{at}.name"),
        );
    }
}

/// Checks a group. Its interceptors may be anything but `null`, at which Tekton's listener crashes.
fn check_group(group: &TriggerGroup, at: &str, context: &Context, report: &mut Report) {
    let selector = &group.trigger_selector;
    if selector.label_selector.is_none() && selector.namespace_selector.match_names.is_empty() {
        let path = |field: &str| format!("{at}.triggerSelector.{field}");
        report.missing_one_of(&[&path("labelSelector"), &path("namespaceSelector")]);
    }
    if group.interceptors.is_empty() {
        report.missing(&format!("{at}.interceptors"));
    }
    for index in 0..group.interceptors.len() {
        let path = format!("{at}.interceptors[{index}]");
        if context.is_null(&path) {
            report_null("interceptor", &path, report);
        }
    }
}
