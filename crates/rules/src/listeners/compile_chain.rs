//! Makes chains of the interceptors that triggers and groups declare, with the addresses of those that are objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use trigger_api::triggers::{HeaderValue, InterceptorRef, Kind, TriggerInterceptor};

use super::ListenerObject;
use super::catalog::{Catalog, InterceptorAddress, Object};
use crate::interceptors::{
    Address, CallSettings, Chain, Declaration, Reference, ServiceRef, TriggerId, WebhookDeclaration,
    core_names,
};
use crate::rule_error::RuleError;

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
pub(super) fn leads_elsewhere(catalog: &Catalog, name: &str) -> bool {
    let object = catalog.get(&ListenerObject::new(Kind::ClusterInterceptor, "", name));
    matches!(object, Some(Object::Interceptor(address)) if !matches!(address, InterceptorAddress::Core))
}
