use k8s_openapi::ByteString;
use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{Decode, DecodeError, Decoder};
use super::object::kind;

kind! {
    /// An Interceptor: a service that lets events of its namespace pass or not, and adds to them.
    ///
    /// Source: <https://tekton.dev/docs/triggers/namespacedinterceptors/>.
    Interceptor, InterceptorSpec, "v1alpha1", "interceptors", namespaced_resource
}

kind! {
    /// A ClusterInterceptor: an [`Interceptor`] for all namespaces.
    ///
    /// Source: <https://tekton.dev/docs/triggers/clusterinterceptors/>.
    ClusterInterceptor, InterceptorSpec, "v1alpha1", "clusterinterceptors", cluster_resource
}

/// `spec` of an [`Interceptor`] or a [`ClusterInterceptor`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InterceptorSpec {
    /// Where it is.
    pub client_config: ClientConfig,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for InterceptorSpec {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self { client_config: fields.object(decoder, "clientConfig")?, other: fields.other(decoder) })
    }
}

/// Where an interceptor is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfig {
    /// The certificate authorities of its certificate, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<ByteString>,
    /// Its address, if that is no Service of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceReference>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ClientConfig {
    /// The address; `None` if neither a URL nor a Service is given. A Service is asked over TLS if there are certificate
    /// authorities for it.
    pub fn address(&self) -> Option<String> {
        if let Some(url) = &self.url {
            return Some(url.clone());
        }
        let ServiceReference { name, namespace, path, port, .. } = self.service.as_ref()?;
        let has_authorities = self.ca_bundle.as_ref().is_some_and(|bundle| !bundle.0.is_empty());
        let (scheme, default_port) = if has_authorities { ("https", 8443) } else { ("http", 80) };
        let port = port.unwrap_or(default_port);
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        Some(format!("{scheme}://{name}.{namespace}.svc:{port}{slash}{path}"))
    }
}

impl Decode for ClientConfig {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            ca_bundle: fields.read(decoder, "caBundle", |value, decoder| {
                let Some(text) = decoder.text(value)? else { return Ok(None) };
                let bundle: Result<ByteString, _> = serde_json::from_value(Value::String(text));
                bundle.map(Some).map_err(|_| decoder.form_error("it is no base64"))
            })?,
            url: fields.optional_text(decoder, "url")?,
            service: fields.optional_object(decoder, "service")?,
            other: fields.other(decoder),
        })
    }
}

/// A Service of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ServiceReference {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The path of requests.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Every other field.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Decode for ServiceReference {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        Ok(Self {
            name: fields.text(decoder, "name")?,
            namespace: fields.text(decoder, "namespace")?,
            path: fields.text(decoder, "path")?,
            port: fields.optional_number(decoder, "port")?,
            other: fields.other(decoder),
        })
    }
}
