use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::counting::CountingLayer;
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
        let builder = ClientBuilder::try_from(config.clone());
        let builder = builder.map_err(|error| ClientError::Client(Box::new(error)))?;
        let client = builder.with_layer(&CountingLayer(metrics.clone())).build();
        Ok(Self { client, config, metrics, url })
    }

    /// A connection to the same API server that shares nothing with this one. What it does in the background
    /// is done by the threads of the runtime that this is called in.
    pub fn apart(&self) -> Result<Self, ClientError> {
        Self::new(self.config.clone(), self.metrics.clone())
    }
}
