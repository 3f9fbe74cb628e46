//! Traces: what a collector is sent of a delivery, by the binary itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trigger_core::{RepoId, TraceParent};
use trigger_devcluster::Gvr;
use trigger_providers::{Sample, SampleKind};

use crate::apart::{Cluster, cluster, free_port, repository};
use crate::world::{KEY, SHA, compose, hook_path, played, sign};

/// Longer than anything takes.
const SOON: Duration = Duration::from_secs(30);

/// Takes what exporters send.
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector =
            Self { address: listener.local_addr().unwrap(), spans: Arc::default(), services: Arc::default() };
        let (spans, services) = (Arc::clone(&collector.spans), Arc::clone(&collector.services));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, Arc::clone(&spans), Arc::clone(&services)));
            }
        });
        collector
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

async fn receive(mut stream: TcpStream, spans: Arc<Mutex<Vec<Span>>>, services: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                assert!(
                    head.starts_with("post /v1/traces ") && head.contains("application/x-protobuf"),
                    "{head}"
                );
                let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
                break (end + 4, length.trim().parse::<usize>().unwrap());
            }
            if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
                return;
            }
        };
        while bytes.len() < head + length {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
        }
        let request = ExportTraceServiceRequest::decode(&bytes[head..head + length]).unwrap();
        bytes.drain(..head + length);
        for resource in request.resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let names = attributes.iter().filter(|attribute| attribute.key == "service.name");
            services.lock().unwrap().extend(names.map(|name| format!("{:?}", name.value)));
            spans.lock().unwrap().extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    }
}

/// The binary, serving.
struct Serving {
    child: Child,
    hooks: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Serving {
    async fn start(cluster: &Cluster, collector: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
        let (hooks, admin) = (free_port(), free_port());
        let namespace = cluster.watched().map(|namespace| ["--namespace", namespace]);
        let child = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"))
            .args(["serve", "--log", "off", "--drain-delay", "0"])
            .args(["--listen", &hooks.to_string(), "--admin-listen", &admin.to_string()])
            .args(namespace.iter().flatten())
            .arg("--journal")
            .arg(folder.path().join("journal.db"))
            .env("KUBECONFIG", &kubeconfig)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=builds-of-acme")
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let serving = Self { child, hooks, _folder: folder };
        let ready = format!("http://{admin}/readyz");
        let is_ready =
            || async { reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) };
        until("it is ready", is_ready).await;
        serving
    }

    /// Posts a push, signed; returns the delivery's id.
    async fn push(&self) -> String {
        let kind = SampleKind::Push {
            full_ref: "refs/heads/main".to_owned(),
            commit: SHA.to_owned(),
            files: Vec::new(),
        };
        let repository = RepoId::parse(&repository()).unwrap();
        let sample = Sample { repository, default_branch: "main".to_owned(), sender: "ada".to_owned(), kind };
        let request = compose(played(), &sample);
        let id = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
        let mut headers = sign(played(), request.event, id, &request.body, Some(KEY));
        let theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", theirs.parse().unwrap());
        let url = format!("http://{}{}", self.hooks, hook_path(played()));
        let answer =
            reqwest::Client::new().post(url).headers(headers).body(request.body.clone()).send().await;
        let answer: serde_json::Value = answer.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], json!("accepted"));
        answer["delivery"].as_str().unwrap().to_owned()
    }

    /// Asks it to end, and waits until it has.
    async fn end(mut self) -> Duration {
        let began = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        until("it has ended", || std::future::ready(self.child.try_wait().unwrap().is_some())).await;
        began.elapsed()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + SOON;
    while !holds().await {
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn runs(cluster: &Cluster) -> Vec<serde_json::Value> {
    let gvr = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    cluster.store().list(&gvr, cluster.namespace()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_one_trace() {
    let cluster = cluster().await;
    let collector = Collector::start().await;
    let serving = Serving::start(&cluster, &format!("http://{}", collector.address)).await;
    let id = serving.push().await;
    let all = ["accept", "verify", "append", "handle", "decide", "launch"];
    let names = || collector.spans().into_iter().map(|span| span.name).collect::<Vec<_>>();
    until("the whole trace was sent", || {
        let names = names();
        std::future::ready(all.iter().all(|name| names.iter().any(|found| found == name)))
    })
    .await;
    serving.end().await;

    let spans = collector.spans();
    assert_eq!(spans.len(), all.len(), "{:?}", names());
    let spans: HashMap<_, _> = spans.into_iter().map(|span| (span.name.clone(), span)).collect();
    let begins = TraceParent::of(&id.parse().unwrap());
    for span in spans.values() {
        assert_eq!(span.trace_id, begins.trace, "{}", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    for (child, parent) in [
        ("verify", "accept"),
        ("append", "accept"),
        ("handle", "accept"),
        ("decide", "handle"),
        ("launch", "handle"),
    ] {
        assert_eq!(spans[child].parent_span_id, spans[parent].span_id, "{child} belongs to {parent}");
    }
    let accept = &spans["accept"];
    assert_eq!((accept.span_id.as_slice(), accept.parent_span_id.len()), (begins.span.as_slice(), 0));
    assert_eq!(accept.links.len(), 1, "what the sender says of its own trace is noted");
    assert_ne!(accept.links[0].trace_id, accept.trace_id);
    let text = format!("{:?}", spans.values().collect::<Vec<_>>());
    assert!(text.contains(&id) && !text.contains(KEY) && !text.contains("sha256="), "{text}");
    assert!(collector.services.lock().unwrap()[0].contains("builds-of-acme"));

    let runs = runs(&cluster).await;
    let annotation = &runs[0]["metadata"]["annotations"]["trigger.shipwright.io/traceparent"];
    assert_eq!(annotation, &json!(begins.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nothing_up() {
    let cluster = cluster().await;
    let serving = Serving::start(&cluster, &format!("http://{}", free_port())).await;
    serving.push().await;
    until("the run is there", || async { runs(&cluster).await.len() == 1 }).await;
    let took = serving.end().await;
    assert!(took < Duration::from_secs(10), "the end was held up: {took:?}");
}
