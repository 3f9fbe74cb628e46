use std::collections::BTreeSet;

use serde_json::Value;

use super::names::check_metadata;
use super::{Context, Report, Validate};
use crate::triggers::{TriggerTemplate, TriggerTemplateSpec};

impl Validate for TriggerTemplate {
    fn validate(&self, _: &Context, report: &mut Report) {
        check_metadata(&self.metadata, report);
        check_template_spec(&self.spec, "spec", report);
    }
}

/// Checks a template; `at` is the path of its spec, or of the trigger that has it in place.
pub(super) fn check_template_spec(spec: &TriggerTemplateSpec, at: &str, report: &mut Report) {
    if spec.params.is_empty() && spec.resource_templates.is_empty() {
        report.missing(at);
    }
    if spec.resource_templates.is_empty() {
        report.missing(&format!("{at}.resourcetemplates"));
    }
    for (index, resource) in spec.resource_templates.iter().enumerate() {
        let (kind, api_version) = (text(resource, "kind"), text(resource, "apiVersion"));
        // Tekton finds no kind beside a version that is none.
        if kind.is_empty() || api_version.matches('/').count() > 1 {
            report.missing(&format!("{at}.resourcetemplates[{index}].kind"));
        }
        if api_version.is_empty() {
            report.missing(&format!("{at}.resourcetemplates[{index}].apiVersion"));
        }
    }
    if let Some((index, name)) = undeclared_param(spec) {
        report.invalid_because(
            format_args!("undeclared param '$(tt.params.{name})'"),
            &format!("{at}.resourcetemplates[{index}]"),
            format!("'$(tt.params.{name})' must be declared in spec.params"),
        );
    }
}

fn text<'a>(resource: &'a Value, field: &str) -> &'a str {
    resource.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The first placeholder of a param that the template does not declare, with the index of its resource.
fn undeclared_param(spec: &TriggerTemplateSpec) -> Option<(usize, String)> {
    let declared: BTreeSet<_> = spec.params.iter().map(|param| param.name.as_str()).collect();
    spec.resource_templates.iter().enumerate().find_map(|(index, resource)| {
        let json = resource.to_string();
        let name = placeholders(&json).find(|name| !declared.contains(name))?;
        Some((index, name.to_owned()))
    })
}

/// The names of the params in `$(tt.params.NAME)`, in order. Tekton takes any character for the two dots.
fn placeholders(json: &str) -> impl Iterator<Item = &str> {
    json.match_indices("$(tt").filter_map(|(start, opening)| {
        let rest = json.get(start + opening.len()..)?;
        let rest = after_any_character(rest)?.strip_prefix("params")?;
        let (name, _) = after_any_character(rest)?.split_once(')')?;
        is_param_name(name).then_some(name)
    })
}

fn after_any_character(text: &str) -> Option<&str> {
    let mut letters = text.chars();
    letters.next()?;
    Some(letters.as_str())
}

/// `[_a-zA-Z][_a-zA-Z0-9.-]*`
fn is_param_name(name: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let goes_on = |byte: &u8| begins(byte) || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    name.as_bytes().split_first().is_some_and(|(first, rest)| begins(first) && rest.iter().all(goes_on))
}
