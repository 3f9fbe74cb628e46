use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::child::Watched;
use crate::files;

/// Below the ports that a system gives to clients, so that none of them is given the server's while it starts.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// Where Linux has files that no disk keeps.
const MEMORY: &str = "/dev/shm";

/// How long the two programs may take to serve. Unhurried, they need about ten seconds.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long an answer of one that is ready may take.
const ANSWER: Duration = Duration::from_secs(5);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A program is not in the folder.
    #[error("there is no {0}")]
    Missing(PathBuf),
    /// A program did not serve in time.
    #[error("{program} does not serve; it said: {output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// The system refused something.
    #[error("the server cannot be started: {0}")]
    Io(#[from] io::Error),
    /// The server cannot be asked, or refuses.
    #[error("the server cannot be asked")]
    Ask(#[from] reqwest::Error),
}

/// What a server is for, which decides what it does besides serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Tests: objects in memory if possible, an audit log, OpenShift's admission plugin, and room for whatever comes
    /// at once.
    Tests,
    /// Measurements: objects below this folder, which should be on a disk, each write synced; no audit log, and plugins
    /// and limits as the programs have them by default.
    Measurements(&'a Path),
}

/// An API server on a port of the loopback device, with objects of its own. Dropping it stops it and removes them.
#[derive(Debug)]
pub struct Server {
    // In this order they are ended; the last one removes the directory.
    _api: Watched,
    _etcd: Watched,
    directory: PathBuf,
    url: String,
    token: String,
}

impl Server {
    /// Makes a server for tests: [`Server::start_for`] [`Purpose::Tests`].
    pub async fn start(components: &Path) -> Result<Self, StartError> {
        Self::start_for(components, Purpose::Tests).await
    }

    /// Makes a server of the `kube-apiserver` and `etcd` in `components`, and waits until it is ready, which
    /// takes ten seconds or so.
    pub async fn start_for(components: &Path, purpose: Purpose<'_>) -> Result<Self, StartError> {
        let program = |name: &str| {
            let path = components.join(name);
            if path.is_file() { Ok(path) } else { Err(StartError::Missing(path)) }
        };
        let (api, etcd) = (program("kube-apiserver")?, program("etcd")?);
        let temporary = temporary_directory(purpose)?;
        let directory = temporary.path().to_owned();
        let token = files::token()?;
        files::write(&directory, &token)?;

        let (clients, peer, secure) = (free_port()?, free_port()?, free_port()?);
        let log = directory.join("etcd.log");
        let etcd_url = format!("http://127.0.0.1:{clients}");
        let no_fsync = purpose == Purpose::Tests && knows(&etcd, "--unsafe-no-fsync")?;
        let arguments = etcd_arguments(&directory, &etcd_url, peer, no_fsync);
        let etcd = Watched::start(&etcd, &arguments, &log, Some(&directory))?;
        // From here on the watchdog removes it.
        let _ = temporary.keep();
        let health = format!("{etcd_url}/health");
        let client = reqwest::Client::builder().no_proxy().build()?;
        until("etcd", &log, async || is_ok(client.get(&health)).await).await?;

        let log = directory.join("kube-apiserver.log");
        let mut arguments = api_arguments(&directory, &etcd_url, secure);
        if purpose == Purpose::Tests {
            arguments.extend(arguments_for_tests(&directory));
        }
        let api = Watched::start(&api, &arguments, &log, None)?;
        let url = format!("https://127.0.0.1:{secure}");
        let server = Self { _api: api, _etcd: etcd, directory, url, token };
        until("kube-apiserver", &log, async || server.is_ready().await).await?;
        Ok(server)
    }

    /// Where it serves, for example `https://127.0.0.1:16443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The kubeconfig of somebody who may do everything.
    pub fn kubeconfig(&self) -> Result<String, StartError> {
        self.kubeconfig_with(&self.token, "default")
    }

    /// The kubeconfig of who presents `token`, in the namespace `namespace`.
    pub fn kubeconfig_with(&self, token: &str, namespace: &str) -> Result<String, StartError> {
        let authority = BASE64.encode(&fs::read(self.directory.join("apiserver.crt"))?);
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "dev",
            "clusters": [{"name": "dev", "cluster": {
                "server": self.url, "certificate-authority-data": authority,
            }}],
            "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev", "namespace": namespace}}],
            "users": [{"name": "dev", "user": {"token": token}}],
        });
        // JSON is YAML.
        Ok(kubeconfig.to_string())
    }

    /// The audit log, which a server for tests has: a line of JSON for each answered request (`audit.k8s.io/v1`),
    /// without bodies.
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// The log of the API server.
    pub fn log(&self) -> PathBuf {
        self.directory.join("kube-apiserver.log")
    }

    /// The kubeconfig of a ServiceAccount, with a token that is good for a day.
    pub async fn kubeconfig_for_service_account(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<String, StartError> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let asked = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86_400},
        });
        let request = self.client()?.post(self.url.clone() + &path).bearer_auth(&self.token).json(&asked);
        let told: Value = request.send().await?.error_for_status()?.json().await?;
        self.kubeconfig_with(told["status"]["token"].as_str().unwrap_or_default(), namespace)
    }

    fn client(&self) -> Result<reqwest::Client, StartError> {
        let certificates = fs::read(self.directory.join("apiserver.crt"))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&certificates)?;
        Ok(reqwest::Client::builder().tls_certs_only(certificates).no_proxy().build()?)
    }

    /// Whether everything that the server begins with is done, such as RBAC's own roles.
    async fn is_ready(&self) -> bool {
        // It makes its certificate as it starts.
        let Ok(client) = self.client() else { return false };
        is_ok(client.get(self.url.clone() + "/readyz").bearer_auth(&self.token)).await
    }
}

/// For tests in memory if possible: older etcds cannot be told not to wait for the disk, and one that is busy makes each
/// write take a second.
fn temporary_directory(purpose: Purpose<'_>) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("trigger-apiserver-");
    match purpose {
        Purpose::Tests => builder.tempdir_in(MEMORY).or_else(|_| builder.tempdir()),
        // The programs start in another folder than ours.
        Purpose::Measurements(folder) => builder.tempdir_in(folder.canonicalize()?),
    }
}

fn etcd_arguments(directory: &Path, url: &str, peer: u16, no_fsync: bool) -> Vec<String> {
    let peer = format!("http://127.0.0.1:{peer}");
    let data = directory.join("etcd");
    let mut arguments = vec![
        "--data-dir".to_owned(),
        data.display().to_string(),
        "--listen-client-urls".to_owned(),
        url.to_owned(),
        "--advertise-client-urls".to_owned(),
        url.to_owned(),
        "--listen-peer-urls".to_owned(),
        peer.clone(),
        "--initial-advertise-peer-urls".to_owned(),
        peer.clone(),
        "--initial-cluster".to_owned(),
        format!("default={peer}"),
    ];
    // Nobody relies on what a test keeps.
    arguments.extend(no_fsync.then(|| "--unsafe-no-fsync".to_owned()));
    arguments
}

fn api_arguments(directory: &Path, etcd: &str, port: u16) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    [
        ("etcd-servers", etcd.to_owned()),
        ("secure-port", port.to_string()),
        ("bind-address", "127.0.0.1".to_owned()),
        ("advertise-address", "127.0.0.1".to_owned()),
        // Nothing runs behind it, and the one that is made of the first address would wait for a controller.
        ("endpoint-reconciler-type", "none".to_owned()),
        ("cert-dir", directory.display().to_string()),
        ("token-auth-file", file("tokens.csv")),
        ("authorization-mode", "RBAC".to_owned()),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", file("accounts.key")),
        ("service-account-signing-key-file", file("accounts.key")),
        ("service-cluster-ip-range", "10.0.0.0/24".to_owned()),
        // It waits for Secrets of ServiceAccounts, which a controller would make.
        ("disable-admission-plugins", "ServiceAccount".to_owned()),
    ]
    .map(|(name, value)| format!("--{name}={value}"))
    .to_vec()
}

fn arguments_for_tests(directory: &Path) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    [
        ("enable-admission-plugins", "OwnerReferencesPermissionEnforcement".to_owned()),
        ("audit-policy-file", file("audit-policy.yaml")),
        ("audit-log-path", file("audit.log")),
        // So that what was answered is in the log.
        ("audit-log-mode", "blocking".to_owned()),
        // Tests come all at once.
        ("max-requests-inflight", "2000".to_owned()),
        ("max-mutating-requests-inflight", "1000".to_owned()),
    ]
    .map(|(name, value)| format!("--{name}={value}"))
    .to_vec()
}

/// Whether a program has this flag.
fn knows(program: &Path, flag: &str) -> Result<bool, StartError> {
    let output = Command::new(program).arg("--help").output()?;
    let says = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(flag);
    Ok(says(&output.stdout) || says(&output.stderr))
}

async fn is_ok(request: reqwest::RequestBuilder) -> bool {
    request.timeout(ANSWER).send().await.is_ok_and(|answer| answer.status().is_success())
}

async fn until(program: &'static str, log: &Path, holds: impl AsyncFn() -> bool) -> Result<(), StartError> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        if Instant::now() > deadline {
            let log = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(20).collect();
            let output = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            return Err(StartError::Failed { program, output });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// A port that nobody listens on now.
fn free_port() -> io::Result<u16> {
    let width = u64::from(PORTS.end - PORTS.start);
    let state = RandomState::new();
    for n in 0..1000 {
        let offset = u16::try_from(state.hash_one(n) % width).unwrap_or(0);
        let port = PORTS.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no port is free"))
}
