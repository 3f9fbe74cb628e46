//! The hook routes on loopback, with an image notifier that records its hints.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use data_encoding::HEXLOWER;
use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use trigger_core::{KnownHosts, ObjectKey, PushHint};
use trigger_dispatch::{KeyError, KeyWarnings, OwnerWarnings};
use trigger_egress::{Egress, EgressSettings, Url};
use trigger_images::ImageNotifier;
use trigger_journal::{Address, Journal, Rejection};
use trigger_registries::notifications::{FORMATS, IdTokens, KeyFile, KeysByHttp};
use trigger_rules::{Inventory, OwnerRules};
use trigger_runtime::{SecretData, SecretError, Secrets};
use trigger_server::{
    Ingest, IngestParts, IngestSettings, Limits, Metrics, RecentFailure, RegistryHook, serve,
};

pub const KEY: &str = "0123456789abcdef0123456789abcdef";
pub const AUDIENCE: &str = "https://hooks.example/hooks/registry/google";
pub const EMAIL: &str = "push@acme.iam.gserviceaccount.com";

pub struct Scene {
    address: SocketAddr,
    http: reqwest::Client,
    recorder: Arc<Recorder>,
    inventory: Arc<Inventory>,
    journal: Arc<dyn Journal>,
    metrics: Registry,
    folder: TempDir,
    _ends: DropGuard,
}

/// Records push hints. Only `team/base:1` has a rule, in any registry.
#[derive(Default)]
struct Recorder(Mutex<Vec<PushHint>>);

/// Fails the test on a read: notifications need no Secret.
struct NoSecrets;

impl ImageNotifier for Recorder {
    fn notify(&self, hint: &PushHint) -> usize {
        self.0.lock().unwrap().push(hint.clone());
        usize::from(hint.repository == "team/base" && hint.tag.as_deref().is_none_or(|tag| tag == "1"))
    }
}

impl Secrets for NoSecrets {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        panic!("the Secret {secret} is read")
    }
}

/// Fails the test on a warning: notifications warn of no Secret.
struct NoWarnings;

impl OwnerWarnings for NoWarnings {
    fn repository_moved(&self, owner: &OwnerRules, message: &str) {
        panic!("{}: {message}", owner.owner.key)
    }

    fn secret_unreadable(&self, _owner: &OwnerRules, error: &SecretError) {
        panic!("{error}")
    }

    fn no_key(&self, _owner: &OwnerRules, error: &KeyError) {
        panic!("{error}")
    }
}

impl Scene {
    /// A synced server. All formats use [`KEY`], Google's uses [`AUDIENCE`] and [`EMAIL`].
    pub async fn new() -> Self {
        let scene = Self::not_synced().await;
        scene.synced();
        scene
    }

    pub async fn not_synced() -> Self {
        Self::with_keys_at("http://127.0.0.1:1/").await
    }

    /// A server that reads the keys of ID tokens from `url`; not synced.
    pub async fn with_keys_at(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Address::Sqlite(folder.path().join("journal.db"));
        let journal = trigger_journal::open(&journal).await.unwrap();
        let (inventory, recorder) =
            (Arc::new(Inventory::new(KnownHosts::NONE)), Arc::new(Recorder::default()));
        let counted = Metrics::default();
        let mut metrics = Registry::default();
        counted.register(&mut metrics);
        let (ingest, rejections) = Ingest::new(
            IngestSettings::default(),
            IngestParts {
                inventory: Arc::clone(&inventory),
                secrets: Arc::new(NoSecrets),
                key_warnings: Arc::new(KeyWarnings::new(Arc::new(NoWarnings))),
                journal: Arc::clone(&journal),
                failure: RecentFailure::default(),
                metrics: counted,
                decisions: trigger_dispatch::Metrics::default(),
            },
        );
        tokio::spawn(rejections.run());
        let formats = FORMATS.iter().map(|format| {
            let path = folder.path().join(format.name());
            let policy = format!("audience={AUDIENCE}\nemail={EMAIL}\n");
            std::fs::write(&path, if format.takes_key() { KEY } else { &policy }).unwrap();
            RegistryHook { format: *format, key_file: KeyFile::new(path) }
        });
        let notifier = Arc::clone(&recorder) as Arc<dyn ImageNotifier>;
        let id_tokens = Arc::new(IdTokens::new(Arc::new(KeysByHttp::new(url, loopback(url)).unwrap())));
        ingest.add_registries(formats.collect(), &notifier, &id_tokens);
        ingest.add_provider("/hooks/github", "/hooks/github", trigger_providers::ALL[0]);
        let (address, ends) = run(ingest.router()).await;
        let http = reqwest::Client::new();
        Self { address, http, recorder, inventory, journal, metrics, folder, _ends: ends }
    }

    pub fn synced(&self) {
        self.inventory.mark_synced();
    }

    /// The HTTP status and the `status` of the body.
    pub async fn post(&self, path: &str, headers: &[(&str, String)], body: &str) -> (u16, String) {
        let (status, text) = self.post_raw(path, headers, body).await;
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        (status, answer["status"].as_str().unwrap().to_owned())
    }

    pub async fn post_raw(&self, path: &str, headers: &[(&str, String)], body: &str) -> (u16, String) {
        let mut request = self.http.post(self.url(path)).body(body.to_owned());
        if !headers.iter().any(|(name, _)| *name == "x-github-event") {
            request = request.header("x-github-event", "package");
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn get(&self, path: &str) -> u16 {
        self.http.get(self.url(path)).send().await.unwrap().status().as_u16()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/hooks/registry/{path}", self.address)
    }

    /// The images hinted at since the last call.
    pub fn hinted(&self) -> Vec<String> {
        let hints = std::mem::take(&mut *self.recorder.0.lock().unwrap());
        // A hint for every tag is one for this.
        let tag = |hint: &PushHint| hint.tag.clone().unwrap_or_else(|| "1".to_owned());
        hints.iter().map(|hint| format!("{}:{}", hint.repository, tag(hint))).collect()
    }

    pub fn write_key(&self, format: &str, text: Option<&str>) {
        let path = self.folder.path().join(format);
        match text {
            Some(text) => std::fs::write(path, text).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }

    /// The recorded rejections, once there are `count`.
    pub async fn rejections(&self, count: usize) -> Vec<Rejection> {
        let wait = async {
            loop {
                let rejections = self.journal.rejections().await.unwrap();
                if rejections.len() >= count {
                    return rejections;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the rejections are not recorded")
    }

    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        text
    }
}

/// A client for the server at `url`, which is on loopback and has no TLS.
fn loopback(url: &str) -> Egress {
    let url = Url::parse(url).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let private = vec!["127.0.0.1".parse().unwrap()];
    let plain_http = vec![host.parse().unwrap()];
    Egress::new(EgressSettings { plain_http, private, ..EgressSettings::default() }).unwrap()
}

/// Serves `router` on loopback until the guard is dropped.
pub async fn run(router: Router) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ends = CancellationToken::new();
    tokio::spawn(serve(listener, router, Limits::default(), ends.clone(), ends.clone()).boxed());
    (address, ends.drop_guard())
}

/// The HMAC-SHA-256 of `body` in hexadecimal digits.
pub fn hmac(key: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref())
}
