use super::interceptor_use::{check_interceptor, report_null};
use super::names::check_metadata;
use super::template::check_template_spec;
use super::{Context, Report, Validate};
use crate::triggers::{Kind, Trigger, TriggerSpecBinding, TriggerSpecTemplate};

impl Validate for Trigger {
    fn validate(&self, context: &Context, report: &mut Report) {
        check_metadata(&self.metadata, report);
        check_bindings(&self.spec.bindings, "spec", context, report);
        check_template(&self.spec.template.clone().unwrap_or_default(), "spec", context, report);
        for (index, interceptor) in self.spec.interceptors.iter().enumerate() {
            let path = format!("spec.interceptors[{index}]");
            if context.is_null(&path) {
                report_null("interceptor", &path, report);
            } else {
                check_interceptor(interceptor, &path, context, report);
            }
        }
    }
}

/// Checks the bindings of the trigger at this path. `v1alpha1` writes fields in paths with capital letters.
pub(super) fn check_bindings(
    bindings: &[TriggerSpecBinding],
    trigger: &str,
    context: &Context,
    report: &mut Report,
) {
    let [reference, name, value, spec] =
        if context.is_alpha { ["Ref", "Name", "Value", "Spec"] } else { ["ref", "name", "value", "spec"] };
    for (index, binding) in bindings.iter().enumerate() {
        let at = format!("{trigger}.bindings[{index}]");
        let path = |field: &str| format!("{at}.{field}");
        if context.is_null(&at) {
            report_null("binding", &at, report);
        } else if binding.reference.is_some() {
            let kinds = [Kind::TriggerBinding, Kind::ClusterTriggerBinding];
            if !binding.name.is_empty() {
                report.multiple_of(&[&path(reference), &path(name)]);
            } else if !kinds.iter().any(|kind| kind.name() == binding.kind) {
                report.invalid("invalid kind", &path("kind"));
            }
        } else if binding.name.is_empty() {
            report.missing_one_of(&[&path(reference), &path(spec), &path(name)]);
        } else if binding.value.is_none() {
            report.missing(&path(value));
        }
    }
}

/// Checks the template of the trigger at this path.
pub(super) fn check_template(
    template: &TriggerSpecTemplate,
    trigger: &str,
    context: &Context,
    report: &mut Report,
) {
    let versions: &[&str] = if context.is_alpha { &["v1alpha1"] } else { &["v1alpha1", "v1beta1"] };
    if template.api_version.as_deref().is_some_and(|version| !versions.contains(&version)) {
        report.invalid("invalid apiVersion", &format!("{trigger}.template.apiVersion"));
    }
    let (reference, spec) = (format!("{trigger}.template.ref"), format!("{trigger}.template.spec"));
    match (&template.reference, &template.spec) {
        (Some(_), Some(_)) => report.multiple_of(&[&spec, &reference]),
        (None, None) => report.missing_one_of(&[&spec, &reference]),
        // Tekton leaves `template.spec` out of these paths.
        (None, Some(spec)) => check_template_spec(spec, trigger, report),
        (Some(name), None) if name.is_empty() => report.missing(&reference),
        (Some(_), None) => {}
    }
}
