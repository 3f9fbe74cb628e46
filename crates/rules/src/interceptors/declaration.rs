use serde_json::{Map, Value};

use super::wire::Address;

/// An interceptor as a trigger declares it.
#[derive(Debug, Clone, Copy)]
pub struct Declaration<'a> {
    /// The name that the trigger gives it; may be empty.
    pub name: &'a str,
    /// The interceptor that it refers to. A legacy webhook counts before it.
    pub reference: Option<Reference<'a>>,
    /// The parameters by their names.
    pub params: &'a Map<String, Value>,
    /// The legacy webhook.
    pub webhook: Option<WebhookDeclaration<'a>>,
}

/// A reference to an interceptor.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a> {
    /// The name of the object.
    pub name: &'a str,
    /// `ClusterInterceptor`, which an empty text stands for too, or `NamespacedInterceptor`.
    pub kind: &'a str,
    /// Where the object is called. The core interceptors need none: with one, they are called instead of working in
    /// process.
    pub address: Option<&'a Address>,
}

/// A legacy webhook interceptor: a request of its own form, whose answer replaces body and headers.
#[derive(Debug, Clone, Copy)]
pub struct WebhookDeclaration<'a> {
    /// Where it is called. It counts before the Service.
    pub url: Option<&'a str>,
    /// The Service, called on port 80.
    pub object_ref: Option<ServiceRef<'a>>,
    /// Headers that are set in the request, each with a string or a list of strings.
    pub headers: &'a [(&'a str, &'a Value)],
}

/// A reference to a Service.
#[derive(Debug, Clone, Copy)]
pub struct ServiceRef<'a> {
    /// `Service`.
    pub kind: &'a str,
    /// `v1`.
    pub api_version: &'a str,
    /// The namespace; empty for that of the trigger.
    pub namespace: &'a str,
    /// The name.
    pub name: &'a str,
}

impl Reference<'_> {
    /// The reference names an Interceptor in a namespace.
    pub const NAMESPACED: &'static str = "NamespacedInterceptor";
    /// The reference names a ClusterInterceptor.
    pub const CLUSTER: &'static str = "ClusterInterceptor";
}
