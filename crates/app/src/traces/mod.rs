//! Traces of deliveries to an OpenTelemetry collector, by OTLP over HTTP.
//!
//! Set up by the environment variables of the OpenTelemetry specification, and off unless one of them names an
//! endpoint. `layer` makes spans of what the crates tell by `tracing`; this file sends them.

mod layer;

use std::env;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Config, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::warn;

use self::layer::{Ids, Output};
pub(crate) use self::layer::{SpanLayer, TARGET};

/// How long the end of the program waits for the last spans to be sent.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// How long one request to the collector may take.
const REQUEST: Duration = Duration::from_secs(10);
/// Where the specification says that the endpoint stands.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Traces that are being sent.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send traces, if the environment says where to. To be called within a tokio runtime.
    pub(crate) fn start() -> anyhow::Result<Option<(Self, SpanLayer)>> {
        let is_set = |name: &str| env::var(name).is_ok_and(|value| !value.trim().is_empty());
        let disabled = env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        let none = env::var("OTEL_TRACES_EXPORTER").is_ok_and(|value| value == "none");
        if disabled || none || !ENDPOINTS.into_iter().any(is_set) {
            return Ok(None);
        }
        let client = reqwest::Client::builder().timeout(REQUEST).build()?;
        let client = OnRuntime { client, runtime: Handle::current() };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
        let exporter = exporter.context("traces cannot be sent: check the variables OTEL_EXPORTER_OTLP_*")?;
        let mut resource = Resource::builder();
        let attributes = env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let is_named = attributes.split(',').any(|attribute| attribute.trim().starts_with("service.name="));
        if !is_named && !is_set("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name("shipwright-trigger");
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_id_generator(Ids)
            .with_batch_exporter(exporter)
            .build();
        // The sampler of the environment, asked once per trace: all its spans go the same way.
        let output =
            Output { tracer: provider.tracer("shipwright-trigger"), sampler: Config::default().sampler };
        Ok(Some((Self(provider), SpanLayer::new(output))))
    }

    /// Sends what is left, for a moment at most.
    pub(crate) async fn stop(self) {
        let provider = self.0;
        let rest = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS));
        match tokio::time::timeout(LAST_SPANS, rest).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => warn!(error = %error, "the last spans could not be sent"),
            _ => warn!("the last spans could not be sent in time"),
        }
    }
}

/// Sends on the program's runtime: the thread that collects spans has none.
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for OnRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnRuntime")
    }
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for OnRuntime {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sent<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let request = reqwest::Request::try_from(request)?;
            let mut answer = client.execute(request).await?.error_for_status()?;
            let headers = std::mem::take(answer.headers_mut());
            let mut response = Response::builder().status(answer.status()).body(answer.bytes().await?)?;
            *response.headers_mut() = headers;
            Ok(response)
        });
        Box::pin(async move { sending.await? })
    }
}
