use std::time::Duration;

use http::{Method, StatusCode};
use trigger_devregistry::{DevRegistry, DevRegistryBuilder};
use trigger_egress::{Egress, EgressErrorKind, EgressSettings, HostPort, HttpRequest, PrivateAllowed, Url};

/// The body that servers respond with.
pub(crate) const BODY: &[u8] = br#"{"schemaVersion":2}"#;
/// The repository that faults are injected for.
pub(crate) const REPOSITORY: &str = "team/base";

pub(crate) async fn server(builder: DevRegistryBuilder) -> DevRegistry {
    let server = builder.start().await.unwrap();
    server.push(REPOSITORY, "latest", BODY);
    server
}

pub(crate) fn host(text: &str) -> HostPort {
    text.parse().unwrap()
}

/// Allows `hosts` plain HTTP and private addresses. The timeout is long enough for a busy machine.
pub(crate) fn settings(hosts: &[String]) -> EgressSettings {
    EgressSettings {
        plain_http: hosts.iter().map(|text| host(text)).collect(),
        private: hosts.iter().map(|text| PrivateAllowed::Host(host(text))).collect(),
        timeout: Duration::from_secs(30),
        ..EgressSettings::default()
    }
}

/// A GET for [`BODY`].
pub(crate) fn get(scheme: &str, host: &str) -> HttpRequest {
    let url = format!("{scheme}://{host}/v2/{REPOSITORY}/manifests/latest?signature=secret");
    HttpRequest::new(Method::GET, Url::parse(&url).unwrap())
}

/// The status of the response to a GET.
pub(crate) async fn status(
    settings: EgressSettings,
    scheme: &str,
    host: &str,
) -> Result<StatusCode, EgressErrorKind> {
    let sent = Egress::new(settings).unwrap().send(get(scheme, host)).await;
    sent.map(|response| response.status()).map_err(|error| {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret") && error.message().contains(host_name(host)), "{text}");
        error.kind
    })
}

fn host_name(host: &str) -> &str {
    host.split_once(':').map_or(host, |(name, _)| name)
}
