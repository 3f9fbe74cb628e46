//! The listeners of two namespaces on loopback, over a real journal.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use trigger_api::triggers::Kind;
use trigger_core::{KnownHosts, ListenerGate, ObjectKey};
use trigger_dispatch::{CloudEventSender, CloudEvents, KeyError, KeyWarnings, OwnerWarnings};
use trigger_journal::{Address, Journal, Query, Record, Rejection};
use trigger_rules::interceptors::Address as ReceiverAddress;
use trigger_rules::listeners::{CloudEvent, ListenerInventory};
use trigger_rules::{Inventory, OwnerRules};
use trigger_runtime::{SecretData, SecretError, Secrets};
use trigger_server::{Ingest, IngestParts, IngestSettings, Limits, Metrics, RecentFailure, serve};

pub const KEY: &str = "0123456789abcdef0123456789abcdef";

pub struct Scene {
    address: SocketAddr,
    /// Where the interceptor `git` is served.
    interceptor: SocketAddr,
    secrets: Arc<Hooks>,
    builds: Arc<Inventory>,
    listeners: Arc<ListenerInventory>,
    journal: Arc<dyn Journal>,
    receiver: Arc<Receiver>,
    cloud_events: CloudEvents,
    metrics: Registry,
    _folder: TempDir,
    _ends: DropGuard,
}

/// A response.
pub struct Response {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The Secret `hook` of each namespace, whose `token` is [`KEY`]. Counts reads, and fails them if told so.
#[derive(Default)]
pub struct Hooks(Mutex<(usize, bool)>);

impl Secrets for Hooks {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        let answer = match (&*secret.name, state.1) {
            (_, true) => {
                Err(SecretError::Unavailable { secret: secret.clone(), reason: "it answered 500".to_owned() })
            }
            ("hook", _) => Ok(Arc::new(SecretData::new([("token".to_owned(), KEY.as_bytes().to_vec())]))),
            _ => Err(SecretError::Missing(secret.clone())),
        };
        std::future::ready(answer).boxed()
    }
}

/// Takes CloudEvents.
#[derive(Default)]
struct Receiver(Mutex<Vec<CloudEvent>>);

impl CloudEventSender for Receiver {
    fn send<'a>(
        &'a self,
        event: &'a CloudEvent,
        _: &'a ReceiverAddress,
    ) -> BoxFuture<'a, Result<(), String>> {
        self.0.lock().unwrap().push(event.clone());
        std::future::ready(Ok(())).boxed()
    }
}

/// Fails the test on a warning: they are about Builds.
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

/// A trigger of pushes to the branch `main`, in an object.
fn trigger(interceptors: &[Value]) -> Value {
    let on_main = json!({"ref": {"name": "cel"}, "params": [
        {"name": "filter", "value": "body.ref == 'refs/heads/main'"},
    ]});
    let interceptors: Vec<_> = interceptors.iter().chain([&on_main]).collect();
    json!({"name": "push", "interceptors": interceptors, "template": {"spec": {"resourcetemplates": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "run-"}},
    ]}}})
}

#[expect(clippy::needless_pass_by_value, reason = "a trigger is written in place")]
fn listener(namespace: &str, name: &str, trigger: Value) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}")},
        "spec": {"triggers": [trigger], "cloudEventURI": "http://sink.example"}})
}

/// The interceptor that verifies requests of GitHub with the key in this Secret.
fn verified_by(secret: &str) -> Value {
    json!({"ref": {"name": "github"}, "params": [
        {"name": "secretRef", "value": {"secretName": secret, "secretKey": "token"}},
        {"name": "eventTypes", "value": ["push"]},
    ]})
}

/// The listener `team-a/organization` with a trigger for each of so many repositories that filters tell them apart.
fn organization() -> Value {
    let trigger = |number: usize| {
        let is_of = json!({"ref": {"name": "cel"}, "params": [
            {"name": "filter", "value": format!("body.repository.full_name == 'acme/r-{number}'")},
        ]});
        json!({"name": format!("r-{number}"), "interceptors": [verified_by("hook"), is_of], "template": {"spec": {}}})
    };
    json!({"metadata": {"namespace": "team-a", "name": "organization", "uid": "uid-organization"},
        "spec": {"triggers": (0..20).map(trigger).collect::<Vec<_>>()}})
}

/// A Trigger that takes the webhooks of `acme/web` by itself, and verifies them with the key in this Secret.
fn hook_trigger(namespace: &str, secret: &str) -> Value {
    let git = json!({"ref": {"name": "git"}, "params": [
        {"name": "repository", "value": "https://git.example.com/acme/web"},
        {"name": "secretRef", "value": {"secretName": secret, "secretKey": "token"}},
    ]});
    let mut spec = trigger(&[git]);
    spec.as_object_mut().unwrap().remove("name");
    json!({"metadata": {"namespace": namespace, "name": "hooked", "uid": format!("uid-{namespace}")}, "spec": spec})
}

/// `team-a/web`, `team-a/keyless` and `team-a/organization` verify senders; `team-a/open` and `team-b/open` do not. Two
/// Triggers take webhooks.
fn inventory() -> ListenerInventory {
    let inventory = ListenerInventory::default();
    for object in [
        listener("team-a", "web", trigger(&[verified_by("hook")])),
        listener("team-a", "keyless", trigger(&[verified_by("absent")])),
        listener("team-a", "open", trigger(&[])),
        listener("team-b", "open", trigger(&[])),
        organization(),
    ] {
        inventory.apply(Kind::EventListener, object);
    }
    for object in [hook_trigger("team-a", "hook"), hook_trigger("team-b", "absent")] {
        inventory.apply(Kind::Trigger, object);
    }
    inventory
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(IngestSettings::default()).await
    }

    pub async fn with(settings: IngestSettings) -> Self {
        let inventory = inventory();
        inventory.mark_synced();
        Self::serving(inventory, settings).await
    }

    pub async fn not_synced() -> Self {
        Self::serving(inventory(), IngestSettings::default()).await
    }

    #[expect(clippy::disallowed_methods, reason = "a test accepts what it likes")]
    async fn serving(listeners: ListenerInventory, settings: IngestSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal =
            trigger_journal::open(&Address::Sqlite(folder.path().join("journal.db"))).await.unwrap();
        let (counted, mut metrics) = (Metrics::default(), Registry::default());
        counted.register(&mut metrics);
        counted.register_sink(&mut metrics);
        let (secrets, builds) = (Arc::new(Hooks::default()), Arc::new(Inventory::new(KnownHosts::NONE)));
        builds.mark_synced();
        let parts = IngestParts {
            inventory: Arc::clone(&builds),
            secrets: Arc::clone(&secrets) as Arc<dyn Secrets>,
            key_warnings: Arc::new(KeyWarnings::new(Arc::new(NoWarnings))),
            journal: Arc::clone(&journal),
            failure: RecentFailure::default(),
            metrics: counted,
            decisions: trigger_dispatch::Metrics::default(),
        };
        let (mut ingest, rejections) = Ingest::new(settings, parts);
        tokio::spawn(rejections.run());
        let receiver = Arc::<Receiver>::default();
        let sender = Arc::clone(&receiver) as Arc<dyn CloudEventSender>;
        let cloud_events = CloudEvents::new(sender, trigger_dispatch::Metrics::default(), Handle::current());
        let listeners = Arc::new(listeners);
        ingest.add_listeners(Arc::clone(&listeners), ListenerGate::new(), cloud_events.clone());
        ingest.add_provider("/hooks/github", "/hooks/github", trigger_providers::ALL[0]);
        let ends = CancellationToken::new();
        let mut addresses = Vec::new();
        for router in [ingest.router(), ingest.interceptor_router()] {
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(socket.local_addr().unwrap());
            tokio::spawn(serve(socket, router, Limits::default(), ends.clone(), ends.clone()).boxed());
        }
        let [address, interceptor] = addresses[..] else { unreachable!("there are two") };
        let ends = ends.drop_guard();
        Self {
            address,
            interceptor,
            secrets,
            builds,
            listeners,
            journal,
            receiver,
            cloud_events,
            metrics,
            _folder: folder,
            _ends: ends,
        }
    }

    /// Sends `head`, its first line and headers, with a body of this length.
    pub async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut request =
            format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str("Host: hooks.example\r\n");
        }
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.extend(["\r\n", body]);
        self.send_bytes(request.as_bytes()).await
    }

    pub async fn send_bytes(&self, request: &[u8]) -> Response {
        exchange(self.address, request).await
    }

    /// Begins a request, and returns once the server waits for its body.
    pub async fn wait_for_body(&self, line: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("{line} HTTP/1.1\r\nHost: hooks.example\r\nContent-Length: 9\r\n");
        stream.write_all(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer), Ok("HTTP/1.1 100"), "{line}");
        stream
    }

    /// Publishes a new version of the rules of Builds, and of the listeners. Returns for each whether the previous version is
    /// still in memory.
    pub fn change(&self) -> (bool, bool) {
        let builds = Arc::downgrade(&self.builds.current().unwrap());
        let listeners = Arc::downgrade(&self.listeners.current().unwrap());
        self.builds.mark_synced();
        self.listeners.mark_synced();
        (builds.upgrade().is_some(), listeners.upgrade().is_some())
    }

    /// A request of a listener of Tekton to the interceptor.
    pub async fn intercept(&self, body: &str) -> Response {
        let length = body.len();
        let request = format!(
            "POST /git HTTP/1.1\r\nHost: git\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        exchange(self.interceptor, request.as_bytes()).await
    }

    /// A request with this body to a listener.
    pub async fn post(&self, listener: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.send(&format!("POST /listeners/{listener}"), headers, body).await
    }

    /// Whether Secrets can be read from now on.
    pub fn secrets_fail(&self, fail: bool) {
        self.secrets.0.lock().unwrap().1 = fail;
    }

    /// The CloudEvents about events so far: each as the end of its type and the event id of its subject.
    pub async fn cloud_events(&self) -> Vec<(String, String)> {
        self.cloud_events.ended().await;
        let of = |event: &CloudEvent, name: &str| {
            event.headers.iter().find(|(other, _)| *other == name).unwrap().1.clone()
        };
        let word = |text: String, separator: &str| text.rsplit_once(separator).unwrap().1.to_owned();
        let told = |event: &CloudEvent| {
            let kind = of(event, "Ce-Type").strip_suffix(".v1").unwrap().to_owned();
            (word(kind, "."), word(of(event, "Ce-Subject"), " "))
        };
        self.receiver.0.lock().unwrap().iter().map(told).collect()
    }

    /// How often a Secret has been read.
    pub fn reads(&self) -> usize {
        self.secrets.0.lock().unwrap().0
    }

    /// The stored deliveries, newest first, with headers and bodies.
    pub async fn kept(&self) -> Vec<Record> {
        let mut kept = Vec::new();
        for record in self.journal.history(Query::default()).await.unwrap().records {
            kept.extend(self.journal.find(&record.delivery.id).await.unwrap());
        }
        kept
    }

    /// The recorded rejections, once there are `count`, newest first.
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

    /// The line of the metrics with this name and these labels, without them.
    pub fn metric(&self, series: &str) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in {text}")).to_owned()
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// The headers of a push from GitHub with this body.
pub fn push(key: &str, body: &str) -> Vec<(&'static str, String)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref());
    vec![("X-GitHub-Event", "push".to_owned()), ("X-Hub-Signature-256", format!("sha256={signature}"))]
}
