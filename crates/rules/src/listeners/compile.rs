//! Makes triggers that can be run of objects, and finds the objects that they refer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use trigger_api::triggers::{Kind, TriggerSpec, TriggerSpecBinding};
use trigger_core::ObjectKey;
use trigger_expr::jsonpath::ParseError;
use trigger_expr::params::{Bindings, Param, ParamsError};

use super::ListenerObject;
use super::catalog::{Catalog, Object};
use super::compile_chain::{compile_chain, interceptor_references, leads_elsewhere, settings};
use super::demand::Demand;
use super::trigger::{Blueprint, ListenerTrigger, Template};
use crate::interceptors::{Chain, ChainScope, TriggerId};
use crate::limits::{LARGEST_BINDINGS, MOST_ERRORS};
use crate::rule_error::RuleError;
use crate::text::quoted;

/// A trigger's source: where it stands and in whose listener.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The EventListener or the Trigger.
    pub(super) object: &'a ListenerObject,
    /// The part of that object.
    pub(super) path: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// How many entries of its name stand before it in its listener.
    pub(super) namesakes: u32,
    /// Its content.
    pub(super) spec: &'a TriggerSpec,
    /// `metadata.uid` of the object.
    pub(super) uid: &'a str,
    /// The annotations of the object.
    pub(super) annotations: Option<&'a BTreeMap<String, String>>,
    /// The namespace of the listener, where namespaced interceptors are looked for too.
    pub(super) listener: &'a Arc<str>,
}

impl Source<'_> {
    fn namespace(&self) -> &Arc<str> {
        &self.object.key.namespace
    }

    /// The objects that its trigger refers to, and that would count if they existed.
    pub(super) fn references(&self) -> Vec<ListenerObject> {
        let bindings =
            self.spec.bindings.iter().filter_map(|binding| binding_reference(binding, self.namespace()));
        let template = self.spec.template.as_ref().and_then(|template| template.reference.as_deref());
        let template =
            template.map(|name| ListenerObject::new(Kind::TriggerTemplate, self.namespace().clone(), name));
        let interceptors = interceptor_references(&self.spec.interceptors, self.namespace(), self.listener);
        bindings.chain(template).chain(interceptors).collect()
    }

    /// The trigger. If the chain of an earlier one still holds, it is `chain`.
    pub(super) fn compile(
        &self,
        catalog: &Catalog,
        chain: Option<Result<Arc<Chain>, RuleError>>,
    ) -> ListenerTrigger {
        let namespace = self.namespace();
        let (settings, mut hints) = settings(self.annotations);
        let chain = chain.unwrap_or_else(|| {
            let (scope, name) = (ChainScope::Trigger, self.name.into());
            let id = TriggerId { scope, namespace: Arc::clone(namespace), name };
            compile_chain(id, &self.spec.interceptors, &settings, catalog, self.listener)
        });
        let is_core = |name: &str| !leads_elsewhere(catalog, name);
        let account = self.spec.service_account_name.as_deref();
        let blueprint = self.blueprint(catalog).map(Arc::new);
        hints.extend(blueprint.iter().flat_map(|blueprint| useless_expressions(blueprint)));
        hints.extend(chain.iter().flat_map(|chain| chain.hints().take(MOST_ERRORS).cloned()));
        ListenerTrigger {
            object: self.object.clone(),
            uid: self.uid.into(),
            path: self.path.to_owned(),
            name: self.name.into(),
            namesakes: self.namesakes,
            namespace: Arc::clone(namespace),
            service_account: account.map(|name| ObjectKey::new(Arc::clone(namespace), name)),
            blueprint,
            demand: chain
                .as_ref()
                .map(|chain| Demand::of(&self.spec.interceptors, chain, is_core))
                .unwrap_or_default(),
            chain,
            hints: hints.into(),
        }
    }

    /// A trigger that cannot run.
    pub(super) fn broken(&self, error: &RuleError) -> ListenerTrigger {
        ListenerTrigger {
            object: self.object.clone(),
            uid: self.uid.into(),
            path: self.path.to_owned(),
            name: self.name.into(),
            namesakes: self.namesakes,
            namespace: Arc::clone(self.namespace()),
            service_account: None,
            chain: Err(error.clone()),
            blueprint: Err(error.clone()),
            demand: Demand::default(),
            hints: Box::default(),
        }
    }

    fn blueprint(&self, catalog: &Catalog) -> Result<Blueprint, RuleError> {
        let (bindings, bytes) = self.bindings(catalog)?;
        let Some(template) = &self.spec.template else {
            let message = "the trigger has neither a template nor a triggerRef: add one of them";
            return Err(RuleError::new("TriggerWithoutTemplate", message));
        };
        let template = match (&template.spec, template.reference.as_deref()) {
            (Some(spec), _) => Arc::new(Template::new(spec.clone(), false)),
            (None, name) => {
                let name = name.unwrap_or_default();
                let object = ListenerObject::new(Kind::TriggerTemplate, Arc::clone(self.namespace()), name);
                match catalog.get(&object) {
                    Some(Object::Template(template)) => Arc::clone(template),
                    _ => {
                        return Err(
                            catalog.missing(format_args!("error getting TriggerTemplate {name}"), &object)
                        );
                    }
                }
            }
        };
        Ok(Blueprint { bindings, bytes, template })
    }

    /// The parameters of all bindings, and their bytes.
    fn bindings(&self, catalog: &Catalog) -> Result<(Bindings, usize), RuleError> {
        let mut params: Vec<Param> = Vec::new();
        let mut bytes = 0;
        for binding in &self.spec.bindings {
            let own;
            let found: &[Param] = if let Some(object) = binding_reference(binding, self.namespace()) {
                let Some(Object::Binding(found)) = catalog.get(&object) else {
                    let kind = object.kind.name();
                    let words =
                        format_args!("failed to resolve bindings: error getting {kind} {}", object.key.name);
                    return Err(catalog.missing(words, &object));
                };
                found
            } else if let Some(value) = &binding.value {
                own = [Param { name: binding.name.clone(), value: value.clone() }];
                &own
            } else {
                let message = "invalid binding: it needs a ref, or a name and a value";
                return Err(RuleError::new("TriggerInvalidBinding", message));
            };
            bytes += found.iter().map(|param| param.name.len() + param.value.len()).sum::<usize>();
            if bytes > LARGEST_BINDINGS {
                let most = LARGEST_BINDINGS >> 10;
                let message =
                    format!("the bindings of the trigger have more than {most} KiB: bind fewer params");
                return Err(RuleError::new("TriggerTooManyParams", message));
            }
            params.extend_from_slice(found);
        }
        let bindings = Bindings::compile(&params).map_err(|error| match error {
            ParamsError::Duplicate(_) => RuleError::new(
                "TriggerDuplicateParam",
                format!("{error}; remove all of its bindings but one"),
            ),
            error => RuleError::new("TriggerInvalidBinding", error.to_string()),
        })?;
        Ok((bindings, bytes))
    }
}

/// Expressions that can have no value, in params without a default.
fn useless_expressions(blueprint: &Blueprint) -> Vec<RuleError> {
    let params = &blueprint.template.params;
    let has_default = |name| params.iter().any(|param| param.name == name && param.default.is_some());
    let faults = blueprint.bindings.faults().filter(|(name, _)| !has_default(*name));
    let hint = |(name, error): (&str, &ParseError)| {
        let message = format!(
            "no event can run the trigger: an expression of the param {} is wrong: {error}",
            quoted(name)
        );
        RuleError::hint("TriggerInvalidExpression", message)
    };
    faults.take(MOST_ERRORS).map(hint).collect()
}

fn binding_reference(binding: &TriggerSpecBinding, namespace: &Arc<str>) -> Option<ListenerObject> {
    let name = binding.reference.as_deref()?;
    let kind = if binding.is_cluster() { Kind::ClusterTriggerBinding } else { Kind::TriggerBinding };
    Some(ListenerObject::new(kind, Arc::clone(namespace), name))
}
