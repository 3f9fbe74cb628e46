//! Starting an API server and connecting to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{files, process};
use crate::port;
use crate::watchdog::Watchdog;

/// Linux keeps files below this directory in memory.
const MEMORY: &str = "/dev/shm";

/// Limit for each program to become ready. On an idle machine both need about ten seconds.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// Interval between two readiness checks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Limit for the response to a readiness check.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of a program's log that an error shows.
const LOG_LINES: usize = 20;

/// An API server did not start or did not respond.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiServerError {
    /// A program is missing from the folder.
    #[error("program not found: {0}")]
    Missing(PathBuf),
    /// A program did not become ready in time.
    #[error("{program} did not become ready in time; the end of its log:\n{log}")]
    NotReady {
        /// Name of the program.
        program: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// A file, a port or a process could not be created.
    #[error("cannot start the API server")]
    Io(#[from] io::Error),
    /// A request to the server failed or was refused.
    #[error("request to the API server failed")]
    Request(#[from] reqwest::Error),
}

/// The use of a server, which decides about durability, audit and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Tests: objects in memory where possible, an audit log, OpenShift's admission plugin, and high limits for
    /// requests in flight.
    Tests,
    /// Measurements: objects below this folder, which should be on a disk, each write synced. No audit log; plugins
    /// and limits are the programs' defaults.
    Measurements(&'a Path),
}

/// An API server on a port of 127.0.0.1, with its own objects. Dropping it stops the server and removes them.
#[derive(Debug)]
pub struct ApiServer {
    // Fields drop in this order: etcd, whose watchdog removes the directory, goes last.
    _kube_apiserver: Watchdog,
    _etcd: Watchdog,
    directory: PathBuf,
    url: String,
    token: String,
}

impl ApiServer {
    /// Starts a server for tests: [`ApiServer::start_for`] with [`Purpose::Tests`].
    pub async fn start(components: &Path) -> Result<Self, ApiServerError> {
        Self::start_for(components, Purpose::Tests).await
    }

    /// Starts the `kube-apiserver` and `etcd` in the folder `components`, and waits until the server is ready, about
    /// ten seconds.
    pub async fn start_for(components: &Path, purpose: Purpose<'_>) -> Result<Self, ApiServerError> {
        let program = |name: &str| {
            let path = components.join(name);
            if path.is_file() { Ok(path) } else { Err(ApiServerError::Missing(path)) }
        };
        let (kube_apiserver, etcd) = (program("kube-apiserver")?, program("etcd")?);
        let temporary = temporary_directory(purpose)?;
        let directory = temporary.path().to_owned();
        let token = files::token()?;
        files::write(&directory, &token)?;

        let (client_port, peer_port, secure_port) = (port::free()?, port::free()?, port::free()?);
        let log = directory.join("etcd.log");
        let etcd_url = format!("http://127.0.0.1:{client_port}");
        let no_fsync = purpose == Purpose::Tests && process::has_flag(&etcd, "--unsafe-no-fsync")?;
        let arguments = process::etcd_arguments(&directory, &etcd_url, peer_port, no_fsync);
        let etcd = process::start(&etcd, &arguments, &log, Some(&directory))?;
        // From now on the watchdog removes the directory.
        let _ = temporary.keep();
        let health = format!("{etcd_url}/health");
        let client = reqwest::Client::builder().no_proxy().build()?;
        wait_until_ready("etcd", &log, async || is_ok(client.get(&health)).await).await?;

        let log = directory.join("kube-apiserver.log");
        let mut arguments = process::api_server_arguments(&directory, &etcd_url, secure_port);
        if purpose == Purpose::Tests {
            arguments.extend(process::test_arguments(&directory));
        }
        let kube_apiserver = process::start(&kube_apiserver, &arguments, &log, None)?;
        let url = format!("https://127.0.0.1:{secure_port}");
        let server = Self { _kube_apiserver: kube_apiserver, _etcd: etcd, directory, url, token };
        wait_until_ready("kube-apiserver", &log, async || server.is_ready().await).await?;
        Ok(server)
    }

    /// The server's address, for example `https://127.0.0.1:16443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A kubeconfig for the user `admin`, who may do everything.
    pub fn kubeconfig(&self) -> Result<String, ApiServerError> {
        self.kubeconfig_with(&self.token, "default")
    }

    /// A kubeconfig that presents the bearer token `token`, with `namespace` as the default namespace. It is JSON,
    /// which is valid YAML.
    pub fn kubeconfig_with(&self, token: &str, namespace: &str) -> Result<String, ApiServerError> {
        let authority = BASE64.encode(&fs::read(self.directory.join("apiserver.crt"))?);
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "dev",
            "clusters": [{"name": "dev", "cluster": {
                "server": self.url, "certificate-authority-data": authority,
            }}],
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev", "namespace": namespace}}],
            "users": [{"name": "dev", "user": {"token": token}}],
        });
        Ok(kubeconfig.to_string())
    }

    /// Path of the audit log: one JSON object (`audit.k8s.io/v1`) per line and answered request, without bodies.
    /// Only servers for tests write it.
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// Path of the log of `kube-apiserver`.
    pub fn log(&self) -> PathBuf {
        self.directory.join("kube-apiserver.log")
    }

    /// A kubeconfig for a ServiceAccount, with a token that expires after a day.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<String, ApiServerError> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let token_request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86_400},
        });
        let request =
            self.client()?.post(self.url.clone() + &path).bearer_auth(&self.token).json(&token_request);
        let response: Value = request.send().await?.error_for_status()?.json().await?;
        self.kubeconfig_with(response["status"]["token"].as_str().unwrap_or_default(), namespace)
    }

    fn client(&self) -> Result<reqwest::Client, ApiServerError> {
        let certificates = fs::read(self.directory.join("apiserver.crt"))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&certificates)?;
        Ok(reqwest::Client::builder().tls_certs_only(certificates).no_proxy().build()?)
    }

    /// Whether the server has finished its start hooks, such as creating RBAC's default roles.
    async fn is_ready(&self) -> bool {
        // The server writes its certificate while it starts.
        let Ok(client) = self.client() else { return false };
        is_ok(client.get(self.url.clone() + "/readyz").bearer_auth(&self.token)).await
    }
}

/// For tests in memory where possible: older etcds have no flag against syncing, and on a busy disk each synced write
/// takes a second.
fn temporary_directory(purpose: Purpose<'_>) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("trigger-apiserver-");
    match purpose {
        Purpose::Tests => builder.tempdir_in(MEMORY).or_else(|_| builder.tempdir()),
        // The programs run in `/`, so a relative path would mean another folder to them.
        Purpose::Measurements(folder) => builder.tempdir_in(folder.canonicalize()?),
    }
}

async fn is_ok(request: reqwest::RequestBuilder) -> bool {
    request.timeout(RESPONSE_TIMEOUT).send().await.is_ok_and(|response| response.status().is_success())
}

async fn wait_until_ready(
    program: &'static str,
    log: &Path,
    is_ready: impl AsyncFn() -> bool,
) -> Result<(), ApiServerError> {
    let deadline = Instant::now() + START_TIMEOUT;
    while !is_ready().await {
        if Instant::now() > deadline {
            let log = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(LOG_LINES).collect();
            let log = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            return Err(ApiServerError::NotReady { program, log });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
