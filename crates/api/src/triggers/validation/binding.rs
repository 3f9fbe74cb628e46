use std::collections::BTreeSet;

use super::names::check_metadata;
use super::report::{Report, below};
use super::{Context, Validate};
use crate::triggers::{ClusterTriggerBinding, TriggerBinding, TriggerBindingSpec};

impl Validate for TriggerBinding {
    fn validate(&self, _: &Context, report: &mut Report) {
        check_metadata(&self.metadata, report);
        check_spec(&self.spec, "spec", report);
    }
}

impl Validate for ClusterTriggerBinding {
    fn validate(&self, _: &Context, report: &mut Report) {
        if check_metadata(&self.metadata, report) {
            // Tekton leaves `spec` out of these paths.
            check_spec(&self.spec, "", report);
        }
    }
}

/// Reports the first mistake.
fn check_spec(spec: &TriggerBindingSpec, at: &str, report: &mut Report) {
    if spec.params.is_empty() {
        return report.missing(at);
    }
    let mut seen = BTreeSet::new();
    for (index, param) in spec.params.iter().enumerate() {
        if !seen.insert(&param.name) {
            return report.multiple_of(&[&below(at, &format!("params[{index}].name"))]);
        }
        if has_nested_expression(&param.value) {
            return report.invalid(&param.value, &below(at, &format!("params[{index}].value")));
        }
    }
}

/// Whether an expression `$(…)` begins inside another one. One that never ends is text, and permitted.
fn has_nested_expression(value: &str) -> bool {
    let mut pieces = value.split("$(").skip(1).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_some() && !closes(piece) {
            return true;
        }
    }
    false
}

/// Whether the text has a parenthesis that closes what was open before it.
fn closes(text: &str) -> bool {
    let mut open = 0_usize;
    for letter in text.chars() {
        match letter {
            '(' => open += 1,
            ')' if open == 0 => return true,
            ')' => open -= 1,
            _ => {}
        }
    }
    false
}
