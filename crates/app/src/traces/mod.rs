//! Traces of deliveries to an OpenTelemetry collector, by OTLP over HTTP.
//!
//! Configured by the environment variables of the OpenTelemetry specification, and off unless one of them names an
//! endpoint. `layer` makes the spans; this file sends them.

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

use self::layer::{ChosenIds, Output};
pub(crate) use self::layer::{SpanLayer, TARGET};

/// The limit for sending the last spans at shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// The limit for one request to the collector.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The variables of the specification that name the endpoint.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The exporter of traces.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts the exporter if the environment names an endpoint. Call it inside a tokio runtime.
    pub(crate) fn start() -> anyhow::Result<Option<(Self, SpanLayer)>> {
        let is_set = |name: &str| env::var(name).is_ok_and(|value| !value.trim().is_empty());
        let disabled = env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        let none = env::var("OTEL_TRACES_EXPORTER").is_ok_and(|value| value == "none");
        if disabled || none || !ENDPOINTS.into_iter().any(is_set) {
            return Ok(None);
        }
        let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        let client = RuntimeHttpClient { client, runtime: Handle::current() };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
        let exporter = exporter.context("cannot export traces: check the variables OTEL_EXPORTER_OTLP_*")?;
        let mut resource = Resource::builder();
        let attributes = env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let is_named = attributes.split(',').any(|attribute| attribute.trim().starts_with("service.name="));
        if !is_named && !is_set("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name("shipwright-trigger");
        }
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_id_generator(ChosenIds)
            .with_batch_exporter(exporter)
            .build();
        // The sampler of the environment is called once per trace, so a trace is kept or dropped as a whole.
        let output =
            Output { tracer: provider.tracer("shipwright-trigger"), sampler: Config::default().sampler };
        Ok(Some((Self(provider), SpanLayer::new(output))))
    }

    /// Sends the remaining spans, within two seconds.
    pub(crate) async fn stop(self) {
        let provider = self.0;
        let flush = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT));
        match tokio::time::timeout(FLUSH_TIMEOUT, flush).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => warn!(error = %error, "cannot export the last spans"),
            _ => warn!("exporting the last spans timed out"),
        }
    }
}

/// An HTTP client that runs on the program's runtime: the exporter's own thread has none.
struct RuntimeHttpClient {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for RuntimeHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuntimeHttpClient")
    }
}

type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for RuntimeHttpClient {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let request = reqwest::Request::try_from(request)?;
            let mut received = client.execute(request).await?.error_for_status()?;
            let headers = std::mem::take(received.headers_mut());
            let mut response = Response::builder().status(received.status()).body(received.bytes().await?)?;
            *response.headers_mut() = headers;
            Ok(response)
        });
        Box::pin(async move { sending.await? })
    }
}
