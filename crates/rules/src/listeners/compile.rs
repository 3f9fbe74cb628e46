//! Makes triggers that can be run of objects, and finds the objects that they refer to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use trigger_api::triggers::{
    HeaderValue, InterceptorRef, Kind, TriggerInterceptor, TriggerSpec, TriggerSpecBinding,
};
use trigger_core::ObjectKey;
use trigger_expr::jsonpath::ParseError;
use trigger_expr::params::{Bindings, Param, ParamsError};

use super::ListenerObject;
use super::catalog::{Catalog, InterceptorAddress, Object};
use super::demand::Demand;
use super::trigger::{Blueprint, ListenerTrigger, Template};
use crate::interceptors::{
    Address, CallSettings, Chain, ChainScope, Declaration, Reference, ServiceRef, TriggerId,
    WebhookDeclaration, core_names,
};
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
        ListenerTrigger {
            object: self.object.clone(),
            path: self.path.to_owned(),
            name: self.name.into(),
            namesakes: self.namesakes,
            namespace: Arc::clone(namespace),
            service_account: account.map(|name| ObjectKey::new(Arc::clone(namespace), name)),
            blueprint,
            demand: if chain.is_ok() { Demand::of(&self.spec.interceptors, is_core) } else { Demand::Any },
            chain,
            hints: hints.into(),
        }
    }

    /// A trigger that cannot run.
    pub(super) fn broken(&self, error: &RuleError) -> ListenerTrigger {
        ListenerTrigger {
            object: self.object.clone(),
            path: self.path.to_owned(),
            name: self.name.into(),
            namesakes: self.namesakes,
            namespace: Arc::clone(self.namespace()),
            service_account: None,
            chain: Err(error.clone()),
            blueprint: Err(error.clone()),
            demand: Demand::Any,
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
                    _ => return Err(catalog.missing(format_args!("error getting TriggerTemplate {name}"), &object)),
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

/// The interceptor objects that a chain could refer to: a namespaced one in the trigger's namespace, else in that of the
/// listener.
pub(super) fn interceptor_references<'a>(
    interceptors: &'a [TriggerInterceptor],
    namespace: &'a Arc<str>,
    listener: &'a Arc<str>,
) -> impl Iterator<Item = ListenerObject> + 'a {
    let references = interceptors.iter().filter(|interceptor| interceptor.webhook.is_none());
    references.filter_map(|interceptor| interceptor.reference.as_ref()).flat_map(move |reference| {
        let is_namespaced = reference.kind == InterceptorRef::NAMESPACED;
        let kind = if is_namespaced { Kind::Interceptor } else { Kind::ClusterInterceptor };
        let fallback = (is_namespaced && namespace != listener).then_some(listener);
        let places = [Some(namespace), fallback].into_iter().flatten();
        places.map(move |place| ListenerObject::new(kind, Arc::clone(place), reference.name.as_str()))
    })
}

/// How interceptors are called, as annotations say, and the errors in these.
pub(super) fn settings(annotations: Option<&BTreeMap<String, String>>) -> (CallSettings, Vec<RuleError>) {
    CallSettings::read(|key| annotations?.get(key).map(String::as_str))
}

/// The chain of interceptors of a trigger or a group that the listeners in the namespace `listener` run.
pub(super) fn compile_chain(
    id: TriggerId,
    interceptors: &[TriggerInterceptor],
    settings: &CallSettings,
    catalog: &Catalog,
    listener: &Arc<str>,
) -> Result<Arc<Chain>, RuleError> {
    let read = |interceptor| Parts::new(interceptor, catalog, &id.namespace, listener);
    let parts = interceptors.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let headers: Vec<Vec<_>> = parts.iter().map(Parts::headers).collect();
    let declarations: Vec<_> = interceptors
        .iter()
        .zip(parts.iter().zip(&headers))
        .map(|(interceptor, (parts, headers))| declaration(interceptor, parts, headers))
        .collect();
    let chain = Chain::compile(id, &declarations, settings);
    chain.map(Arc::new).map_err(|error| RuleError::new("TriggerInvalidInterceptor", error.to_string()))
}

/// The parts of an interceptor's declaration that its trigger does not hold in this form.
struct Parts<'a> {
    params: Map<String, Value>,
    address: Option<Address>,
    headers: Vec<(&'a str, Value)>,
}

impl<'a> Parts<'a> {
    fn new(
        interceptor: &'a TriggerInterceptor,
        catalog: &Catalog,
        namespace: &Arc<str>,
        listener: &Arc<str>,
    ) -> Result<Self, RuleError> {
        let params =
            interceptor.params.iter().map(|param| (param.name.clone(), param.value.clone())).collect();
        let webhook = interceptor.webhook.as_ref();
        let headers = webhook.into_iter().flat_map(|webhook| &webhook.header).map(|header| {
            let value = match &header.value {
                HeaderValue::One(value) => Value::from(value.as_str()),
                HeaderValue::Many(values) => Value::from(values.as_slice()),
            };
            (header.name.as_str(), value)
        });
        let reference = interceptor.reference.as_ref().filter(|_| webhook.is_none());
        let address =
            reference.map(|reference| address_of(reference, catalog, namespace, listener)).transpose()?;
        Ok(Self { params, address: address.flatten(), headers: headers.collect() })
    }

    fn headers(&self) -> Vec<(&str, &Value)> {
        self.headers.iter().map(|(name, value)| (*name, value)).collect()
    }
}

fn declaration<'a>(
    interceptor: &'a TriggerInterceptor,
    parts: &'a Parts<'_>,
    headers: &'a [(&'a str, &'a Value)],
) -> Declaration<'a> {
    let reference = interceptor.reference.as_ref().map(|reference| Reference {
        name: &reference.name,
        kind: &reference.kind,
        address: parts.address.as_ref(),
    });
    let webhook = interceptor.webhook.as_ref().map(|webhook| WebhookDeclaration {
        url: webhook.url.as_deref(),
        object_ref: webhook.object_ref.as_ref().map(|service| ServiceRef {
            kind: &service.kind,
            api_version: &service.api_version,
            namespace: service.namespace.as_deref().unwrap_or_default(),
            name: &service.name,
        }),
        headers,
    });
    Declaration {
        name: interceptor.name.as_deref().unwrap_or_default(),
        reference,
        params: &parts.params,
        webhook,
    }
}

/// Where an interceptor is; `None` for one that works in process.
fn address_of(
    reference: &InterceptorRef,
    catalog: &Catalog,
    namespace: &Arc<str>,
    listener: &Arc<str>,
) -> Result<Option<Address>, RuleError> {
    let name = reference.name.as_str();
    let is_namespaced = reference.kind == InterceptorRef::NAMESPACED;
    let kind = if is_namespaced { Kind::Interceptor } else { Kind::ClusterInterceptor };
    let object = ListenerObject::new(kind, Arc::clone(namespace), name);
    let fallback = ListenerObject::new(kind, Arc::clone(listener), name);
    let words = format!("url resolution failed for interceptor {name} with");
    match catalog.get(&object).or_else(|| catalog.get(&fallback)) {
        Some(Object::Interceptor(InterceptorAddress::Core)) => Ok(None),
        Some(Object::Interceptor(InterceptorAddress::Remote(address))) => Ok(Some(address.clone())),
        Some(Object::Interceptor(InterceptorAddress::Absent)) => {
            let message =
                format!("{words}: interceptor URL was nil; set clientConfig.url or clientConfig.service");
            Err(RuleError::new("TriggerInvalidInterceptor", message))
        }
        Some(Object::Interceptor(InterceptorAddress::Invalid(error))) => {
            Err(RuleError::new("TriggerInvalidInterceptor", format!("{words}: {error}")))
        }
        _ if !is_namespaced && core_names().any(|core| core == name) => Ok(None),
        _ => Err(catalog.missing(words, &object)),
    }
}

/// Whether a chain refers to interceptors of a namespace.
pub(super) fn has_namespaced(interceptors: &[TriggerInterceptor]) -> bool {
    interceptors.iter().any(|interceptor| {
        let reference = interceptor.reference.as_ref().filter(|_| interceptor.webhook.is_none());
        reference.is_some_and(|reference| reference.kind == InterceptorRef::NAMESPACED)
    })
}

/// Whether a ClusterInterceptor of this name exists and leads elsewhere than to Tekton's core interceptors.
fn leads_elsewhere(catalog: &Catalog, name: &str) -> bool {
    let object = catalog.get(&ListenerObject::new(Kind::ClusterInterceptor, "", name));
    matches!(object, Some(Object::Interceptor(address)) if !matches!(address, InterceptorAddress::Core))
}
