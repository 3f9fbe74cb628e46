use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};

use trigger_runtime::ClusterClock;

use crate::connector::Connector;
use crate::discovery::Discovery;
use crate::launch_gate::LaunchGate;
use crate::list_turns::ListTurns;
use crate::metrics::Metrics;
use crate::metrics_layer::CountingLayer;
use crate::sentence;

/// A connection to an API server.
#[derive(Clone)]
pub struct Connection {
    pub(crate) client: Client,
    /// The kinds that the API server serves. Clones of the connection share the cache.
    pub(crate) discovery: Discovery,
    /// Launches pass it, over whichever of the connections.
    pub(crate) gate: LaunchGate,
    /// The lists of watches take turns, over whichever of the connections.
    pub(crate) lists: ListTurns,
    config: Config,
    /// Counts the requests over this connection and those derived from it.
    pub metrics: Metrics,
    /// The API server's clock, as the responses over this connection and those derived from it show it.
    pub clock: ClusterClock,
    /// The address of the API server, for people to read.
    pub url: String,
}

/// A connection cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Neither a kubeconfig nor the environment of a pod leads to an API server: why, with the remedy.
    #[error("{0}")]
    NotConfigured(String),
    /// The kubeconfig given as text cannot be used: why, with the remedy.
    #[error("{0}")]
    Kubeconfig(String),
    /// The client cannot be made: a certificate or key that cannot be read, for example.
    #[error("the Kubernetes client cannot be set up: {0}")]
    Client(String),
    /// The proxy before the API server cannot be used.
    #[error("{0}: give one of the scheme http as `proxy-url` in the kubeconfig or as HTTPS_PROXY, or none")]
    Proxy(String),
    /// Builds cannot be listed: why, with the remedy.
    #[error("{0}")]
    Builds(String),
    /// Objects of Tekton Triggers cannot be listed: why, with the remedy.
    #[error("{0}")]
    TektonTriggers(String),
}

/// Connects to the API server of `kubeconfig` (the text of one), or else of the environment: `KUBECONFIG`,
/// `~/.kube/config`, or the pod's service account. Nothing is sent yet.
pub async fn connect(kubeconfig: Option<&str>) -> Result<Connection, ClientError> {
    let config = match kubeconfig {
        None => Config::infer()
            .await
            .map_err(|error| ClientError::NotConfigured(sentence::not_configured(&error)))?,
        Some(text) => {
            let unusable = |error| ClientError::Kubeconfig(sentence::of_kubeconfig(&error));
            let kubeconfig = Kubeconfig::from_yaml(text).map_err(unusable)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(unusable)?
        }
    };
    let metrics = Metrics::default();
    let gate = LaunchGate::new(metrics.clone());
    Connection::new(config, metrics, gate, ListTurns::default(), ClusterClock::default())
}

impl Connection {
    fn new(
        config: Config,
        metrics: Metrics,
        gate: LaunchGate,
        lists: ListTurns,
        clock: ClusterClock,
    ) -> Result<Self, ClientError> {
        let url = config.cluster_url.to_string();
        let client = client(&config, &metrics, &clock)?;
        let discovery = Discovery::new(client.clone());
        Ok(Self { client, discovery, gate, lists, config, metrics, clock, url })
    }

    /// A connection to an API server of a test.
    #[cfg(test)]
    pub(crate) fn of(client: Client) -> Self {
        let metrics = Metrics::default();
        Self {
            discovery: Discovery::new(client.clone()),
            client,
            gate: LaunchGate::new(metrics.clone()),
            lists: ListTurns::default(),
            config: Config::new(http::Uri::from_static("http://localhost")),
            metrics,
            clock: ClusterClock::default(),
            url: String::new(),
        }
    }

    /// A connection to the same API server that shares its metrics, its clock, the gate of launches and the turns of lists
    /// with this one. Its background tasks run in the runtime in which this is called.
    pub fn apart(&self) -> Result<Self, ClientError> {
        let Self { config, metrics, gate, lists, clock, .. } = self.clone();
        Self::new(config, metrics, gate, lists, clock)
    }
}

/// How often a request is repeated that is answered with 429, 503 or 504. kube repeats it 15 times, which takes minutes:
/// the caller's time is up before, and the words of the API server are lost. Every caller has retries of its own.
const RETRIES: u32 = 3;
/// The first pause between them, and the longest. The API server's `Retry-After` takes precedence: a second, mostly, and
/// reading a Secret may take four.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];

/// The policy; `None` if the constants contradict each other.
fn retries() -> Option<RetryPolicy> {
    let [first, longest] = PAUSES;
    RetryPolicy::new(first, longest, RETRIES, true).ok()
}

/// The client as kube makes it, but for the retries and the [`Connector`] to the API server.
fn client(config: &Config, metrics: &Metrics, clock: &ClusterClock) -> Result<Client, ClientError> {
    // As kube does. It fails only if a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let way = Connector::of(config).map_err(|fault| ClientError::Proxy(fault.to_string()))?;
    let failed = |error| ClientError::Client(sentence::words(&error));
    let https = config.rustls_https_connector_with_connector(way).map_err(failed)?;
    let mut connector = TimeoutConnector::new(https);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let requests = hyper_util::client::legacy::Builder::new(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(retries).flatten().map(RetryLayer::new))
        .option_layer(config.auth_layer().map_err(failed)?)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .map_err(BoxError::from)
        .service(requests);
    let builder = ClientBuilder::new(service, config.default_namespace.clone());
    Ok(builder.with_layer(&CountingLayer(metrics.clone(), clock.clone())).build())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use serde_json::{Value, json};

    use super::*;

    fn kubeconfig(cluster: &Value) -> String {
        let kubeconfig = json!({
            "current-context": "a",
            "clusters": [{"name": "a", "cluster": cluster}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "users": [{"name": "a", "user": {}}],
        });
        kubeconfig.to_string()
    }

    /// What comes in until an empty line.
    fn head(connection: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    #[tokio::test]
    async fn a_proxy_of_the_kubeconfig_is_gone_through() {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = format!("http://me:secret@{}", proxy.local_addr().unwrap());
        let cluster = json!({"server": "http://api.example:6443", "proxy-url": way});
        let connection = connect(Some(&kubeconfig(&cluster))).await.unwrap();
        let asked = tokio::spawn(async move { connection.client.apiserver_version().await });
        let told = tokio::task::spawn_blocking(move || {
            let (mut accepted, _) = proxy.accept().unwrap();
            let connect = head(&mut accepted);
            accepted.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let request = head(&mut accepted);
            accepted.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
            (connect, request)
        });
        let (connect, request) = told.await.unwrap();
        assert!(connect.starts_with("CONNECT api.example:6443 HTTP/1.1\r\n"), "{connect}");
        assert!(connect.to_lowercase().contains("proxy-authorization: basic "), "{connect}");
        assert!(request.starts_with("GET /version "), "{request}");
        assert!(!request.to_lowercase().contains("proxy-authorization"), "{request}");
        assert!(asked.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_refusal_that_lasts_is_reported_in_its_own_words_and_soon() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let cluster = json!({"server": format!("http://{}", server.local_addr().unwrap())});
        let connection = connect(Some(&kubeconfig(&cluster))).await.unwrap();
        let refusing = tokio::task::spawn_blocking(move || {
            for _ in 0..=RETRIES {
                let (mut accepted, _) = server.accept().unwrap();
                head(&mut accepted);
                let words = "etcd is changing its leader";
                let length = words.len();
                let answer =
                    format!("HTTP/1.1 503 x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{words}");
                accepted.write_all(answer.as_bytes()).unwrap();
            }
        });
        let error = connection.client.apiserver_version().await.unwrap_err();
        assert!(error.to_string().contains("etcd is changing its leader"), "{error}");
        refusing.await.unwrap();
    }

    #[tokio::test]
    async fn a_proxy_of_another_kind_is_named_without_its_password() {
        let cluster =
            json!({"server": "https://api.example:6443", "proxy-url": "socks5://me:secret@proxy.example"});
        let Err(error) = connect(Some(&kubeconfig(&cluster))).await else { panic!("there is a way") };
        let told = format!("{error} {error:?}");
        assert!(told.contains("`socks5`") && !told.contains("secret"), "{told}");
    }

    /// Which timer runs for the connections to `port`, as `/proc/net/tcp` has it: 2 is that of keep-alive.
    #[cfg(target_os = "linux")]
    fn timers(port: u16) -> Vec<String> {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let to_port = format!(":{port:04X}");
        let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ours = lines.filter(|words| words.len() > 5 && words[2].ends_with(&to_port) && words[3] == "01");
        ours.map(|words| words[5].split(':').next().unwrap().to_owned()).collect()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn connections_are_asked_whether_they_still_are() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let cluster = json!({"server": format!("http://127.0.0.1:{port}")});
        let connection = connect(Some(&kubeconfig(&cluster))).await.unwrap();
        let asked = tokio::spawn(async move { connection.client.apiserver_version().await });
        let read = tokio::task::spawn_blocking(move || {
            let (mut accepted, _) = server.accept().unwrap();
            head(&mut accepted);
            accepted
        });
        let accepted = read.await.unwrap();
        let found = timers(port);
        assert!(found.iter().all(|timer| timer == "02") && found.len() == 1, "{found:?}");
        drop(accepted);
        assert!(asked.await.unwrap().is_err());
    }
}
