use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};

use crate::counting::CountingLayer;

/// A connection on which nothing has come in for so long is asked whether it still is one: a watch may be quiet for
/// minutes, and networks forget such connections without a word.
const ASK_AFTER: Duration = Duration::from_secs(20);
/// How long each question waits for its answer.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// So many questions without an answer are the end of a connection, and so is as long a silence after anything else
/// that was sent.
const QUESTIONS: u32 = 3;
use crate::metrics::Metrics;

/// A connection to an API server.
#[derive(Clone)]
pub struct Connection {
    pub(crate) client: Client,
    config: Config,
    /// What is asked over it, and of those that were made of it, is counted here.
    pub metrics: Metrics,
    /// The address of the API server, for people to read.
    pub url: String,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Neither a kubeconfig nor the environment of a pod leads to an API server.
    #[error("no Kubernetes API server is configured: set KUBECONFIG, or run in a pod with a service account")]
    NotConfigured(#[source] kube::config::InferConfigError),
    /// The kubeconfig given as text cannot be used.
    #[error("the kubeconfig cannot be used")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// The client cannot be made: a certificate or key that cannot be read, for example.
    #[error("the Kubernetes client cannot be set up")]
    Client(#[source] Box<kube::Error>),
    /// Builds cannot be listed.
    #[error("the Builds cannot be listed: is Shipwright Build installed, and may you list them?")]
    Builds(#[source] Box<kube::Error>),
}

/// Connects to the API server of `kubeconfig` (the text of one), or else of the environment: `KUBECONFIG`,
/// `~/.kube/config`, or the pod's service account. Nothing is sent yet.
pub async fn connect(kubeconfig: Option<&str>) -> Result<Connection, ClientError> {
    let config = match kubeconfig {
        None => Config::infer().await.map_err(ClientError::NotConfigured)?,
        Some(text) => {
            let kubeconfig = Kubeconfig::from_yaml(text).map_err(ClientError::Kubeconfig)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(ClientError::Kubeconfig)?
        }
    };
    Connection::new(config, Metrics::default())
}

impl Connection {
    fn new(config: Config, metrics: Metrics) -> Result<Self, ClientError> {
        let url = config.cluster_url.to_string();
        let client = client(&config, &metrics).map_err(|error| ClientError::Client(Box::new(error)))?;
        Ok(Self { client, config, metrics, url })
    }

    /// A connection to the same API server that shares nothing with this one. What it does in the background
    /// is done by the threads of the runtime that this is called in.
    pub fn apart(&self) -> Result<Self, ClientError> {
        Self::new(self.config.clone(), self.metrics.clone())
    }
}

/// The client as kube makes it, over TCP connections whose end is noticed even if nobody tells of it.
fn client(config: &Config, metrics: &Metrics) -> Result<Client, kube::Error> {
    let counting = CountingLayer(metrics.clone());
    if config.proxy_url.is_some() {
        // The connection is the proxy's then, and how to speak to it is kube's matter.
        return Ok(ClientBuilder::try_from(config.clone())?.with_layer(&counting).build());
    }
    // As kube does. It fails only if there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_keepalive(Some(ASK_AFTER));
    tcp.set_keepalive_interval(Some(ASK_EVERY));
    tcp.set_keepalive_retries(Some(QUESTIONS));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(ASK_AFTER + QUESTIONS * ASK_EVERY));
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let requests = hyper_util::client::legacy::Builder::new(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(requests);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).with_layer(&counting).build())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Which timer runs for the connections to `port`, as `/proc/net/tcp` has it: 2 is that of keep-alive.
    fn timers(port: u16) -> Vec<String> {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let to_port = format!(":{port:04X}");
        let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ours = lines.filter(|words| words.len() > 5 && words[2].ends_with(&to_port) && words[3] == "01");
        ours.map(|words| words[5].split(':').next().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn connections_are_asked_whether_they_still_are() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let kubeconfig = serde_json::json!({
            "current-context": "a",
            "clusters": [{"name": "a", "cluster": {"server": url}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "users": [{"name": "a", "user": {}}],
        });
        let connection = connect(Some(&kubeconfig.to_string())).await.unwrap();
        // The server says nothing, and the request has arrived when it has accepted the connection and read of it.
        let asked = tokio::spawn(async move { connection.client.apiserver_version().await });
        let read = tokio::task::spawn_blocking(move || {
            let (mut accepted, _) = server.accept().unwrap();
            std::io::Read::read(&mut accepted, &mut [0; 64]).unwrap();
            accepted
        });
        let accepted = read.await.unwrap();
        let found = timers(port);
        assert!(found.iter().all(|timer| timer == "02") && found.len() == 1, "{found:?}");
        drop(accepted);
        assert!(asked.await.unwrap().is_err());
    }
}
