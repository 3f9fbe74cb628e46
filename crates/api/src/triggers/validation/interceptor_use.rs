use trigger_core::canonical_header_name;

use super::{Context, Report};
use crate::triggers::core_interceptors::EXCLUSIVE_FIELDS;
use crate::triggers::{HeaderValue, ObjectReference, TriggerInterceptor, WebhookInterceptor};

/// Reports that an entry of a list is `null`; `what` is its name in the singular.
pub(super) fn report_null(what: &str, path: &str, report: &mut Report) {
    report.invalid(format_args!("{what} '<nil>' must be a valid value"), path);
}

/// Checks an interceptor of a trigger.
pub(super) fn check_interceptor(
    interceptor: &TriggerInterceptor,
    at: &str,
    context: &Context,
    report: &mut Report,
) {
    match &interceptor.webhook {
        None if interceptor.reference.is_none() => report.missing(&format!("{at}.interceptor")),
        None => {}
        Some(webhook) => check_webhook(webhook, &format!("{at}.interceptor.webhook"), context, report),
    }
    let legacy = context.notes.legacy.get(at).into_iter().flatten();
    let left = legacy.filter(|field| !field.is_rewritten && field.name != "cel").count();
    if context.is_alpha && left + usize::from(interceptor.webhook.is_some()) > 1 {
        let paths = EXCLUSIVE_FIELDS.map(|field| format!("{at}.interceptor.{field}"));
        report.multiple_of(&paths.each_ref().map(String::as_str));
    }
}

fn check_webhook(webhook: &WebhookInterceptor, at: &str, context: &Context, report: &mut Report) {
    match &webhook.object_ref {
        // The validator of `v1alpha1` crashes here.
        None => report.missing(&format!("{at}.objectRef")),
        Some(reference) if context.is_alpha => check_alpha_reference(reference, at, report),
        Some(reference) => check_reference(reference, at, report),
    }
    for (index, header) in webhook.header.iter().enumerate() {
        if header.name.is_empty() || canonical_header_name(&header.name) != header.name {
            report.invalid("invalid header name", &format!("{at}.header[{index}].name"));
        }
        let is_empty = match &header.value {
            HeaderValue::One(text) => text.is_empty(),
            HeaderValue::Many(texts) => texts.is_empty(),
        };
        if is_empty {
            report.invalid("invalid header value", &format!("{at}.header[{index}].value"));
        }
    }
}

fn check_reference(reference: &ObjectReference, at: &str, report: &mut Report) {
    for (field, value, expected) in fields(reference) {
        let path = format!("{at}.objectRef.{field}");
        if value.is_empty() {
            report.missing(&path);
        } else if value != expected {
            report.invalid(format_args!("invalid {field}"), &path);
        }
    }
}

fn check_alpha_reference(reference: &ObjectReference, at: &str, report: &mut Report) {
    if reference.name.is_empty() {
        report.missing(&format!("{at}.objectRef"));
    }
    for (field, value, expected) in fields(reference) {
        if value != expected {
            report.invalid(format_args!("invalid {field}"), &format!("{at}.objectRef.{field}"));
        }
    }
}

/// The fields that may have one value only: name, value, and that value.
fn fields(reference: &ObjectReference) -> [(&'static str, &str, &'static str); 2] {
    [("kind", &reference.kind, "Service"), ("apiVersion", &reference.api_version, "v1")]
}
