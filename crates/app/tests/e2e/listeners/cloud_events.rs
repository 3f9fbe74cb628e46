//! The receiver that `spec.cloudEventURI` of a listener names.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::scene::{ACCOUNT, Told, cel, github, trigger};
use crate::world::{World, decisions};

/// A CloudEvent as it arrived.
#[derive(Debug, Clone)]
struct Received {
    /// Request line and headers.
    head: String,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut of_name = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        of_name.next().map_or("", |(_, value)| value)
    }

    /// The type, such as `started`.
    fn kind(&self) -> &str {
        let kind = self.header("ce-type").strip_prefix("dev.tekton.event.triggers.");
        kind.unwrap().strip_suffix(".v1").unwrap()
    }
}

/// Takes CloudEvents on loopback, and answers them unless it hangs.
struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start(hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, received) = (listener.local_addr().unwrap(), Arc::default());
        let known = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, Arc::clone(&known), hangs));
            }
        });
        Self { address, received }
    }

    fn uri(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// The CloudEvents about the event of an answer of the listener `web`, once it is done.
    async fn done(&self, world: &World, told: &Told) -> Vec<Received> {
        let subject = format!("web processing {}", told.json()["eventID"].as_str().unwrap());
        world
            .until("the receiver knows that the event is done", || async {
                let received = self.received.lock().unwrap().clone();
                let of_event = received.into_iter().filter(|event| event.header("ce-subject") == subject);
                let of_event: Vec<_> = of_event.collect();
                // They arrive in no particular order.
                let has = |kind: &str| of_event.iter().any(|event| event.kind() == kind);
                (has("started") && has("done")).then_some(of_event)
            })
            .await
    }
}

async fn receive(mut stream: TcpStream, received: Arc<Mutex<Vec<Received>>>, hangs: bool) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
            return;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut event = Received { head: text, body: String::new() };
    let length: usize = event.header("content-length").parse().unwrap();
    while bytes.len() < head + 4 + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    event.body = String::from_utf8(bytes[head + 4..].to_vec()).unwrap();
    received.lock().unwrap().push(event);
    if hangs {
        std::future::pending::<()>().await;
    }
    let _ =
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
}

/// A world whose program may reach receivers on loopback.
async fn world() -> World {
    let world = World::with(|options| {
        options.listeners.interceptor_private = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    world.account_of_listeners("team-a").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_of_the_start_each_trigger_that_fires_and_the_end() {
    let world = world().await;
    let receiver = Receiver::start(false).await;
    let triggers = [
        trigger("main", &[github()]),
        trigger("also", &[github(), cel("body.ref == 'refs/heads/main'")]),
        trigger("tags", &[github(), cel("body.ref.startsWith('refs/tags/')")]),
    ];
    world.listener("team-a", "web", json!({"triggers": triggers, "cloudEventURI": receiver.uri()})).await;
    let told = world.push_to_listener("web", "1").await;
    world.settled_at_listener(&told).await;
    let count = || receiver.received.lock().unwrap().len();
    world.until("each moment is announced", || async { (count() == 4).then_some(()) }).await;
    let events = receiver.done(&world, &told).await;
    let mut kinds: Vec<_> = events.iter().map(Received::kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["done", "started", "successful", "successful"], "{events:?}");
    let ids: BTreeSet<_> = events.iter().map(|event| event.header("ce-id")).collect();
    assert_eq!(ids.len(), 4, "{events:?}");
    let source = format!("/apis//v1beta1/namespaces/{}/EventListener/web", world.namespace("team-a"));
    for event in &events {
        assert!(event.head.starts_with("POST /events HTTP/1.1"), "{event:?}");
        assert_eq!((event.header("ce-specversion"), event.header("ce-source")), ("1.0", &*source));
        assert!(event.header("ce-time").parse::<jiff::Timestamp>().is_ok(), "{event:?}");
        assert_eq!(event.header("content-type"), "application/json");
        let data: Value = serde_json::from_str(&event.body).unwrap();
        let expected = if event.kind() == "done" { Value::Null } else { json!(["push"]) };
        assert_eq!(data.get("X-Github-Event").unwrap_or(&Value::Null), &expected, "{event:?}");
        assert!(!event.body.to_ascii_lowercase().contains("signature"), "{event:?}");
    }
    assert_eq!(world.created("team-a").await.len(), 6);

    // The provider sends it again, and then another one.
    world.push_to_listener("web", "1").await;
    let other = world.push_to_listener("web", "2").await;
    world.settled_at_listener(&other).await;
    world.until("each moment is announced", || async { (count() == 8).then_some(()) }).await;
    assert_eq!(receiver.done(&world, &told).await.len(), 4, "the first event is announced once");
    // It starts nothing.
    let star = world.ask_listener("web", &[("x-github-event", "star")], "{}").await;
    world.settled_at_listener(&star).await;
    assert_eq!(receiver.done(&world, &star).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_no_delivery_and_no_other_receiver() {
    let world = world().await;
    let (hanging, receiver) = (Receiver::start(true).await, Receiver::start(false).await);
    for (name, uri) in [("stuck", hanging.uri()), ("web", receiver.uri())] {
        let spec = json!({"triggers": [trigger("main", &[github()])], "cloudEventURI": uri});
        world.listener("team-a", name, spec).await;
    }
    let stuck = world.push_to_listener("stuck", "1").await;
    world.settled_at_listener(&stuck).await;
    world
        .until("the receiver hangs", || async {
            (!hanging.received.lock().unwrap().is_empty()).then_some(())
        })
        .await;
    let told = world.push_to_listener("web", "1").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!((decisions(&record), record.attempts), (vec!["web/main: fired".to_owned()], 1));
    assert_eq!(world.created("team-a").await.len(), 6);
    receiver.done(&world, &told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uri_that_is_no_address_is_reported_on_the_listener_and_stops_no_trigger() {
    let world = world().await;
    let triggers = [trigger("main", &[github()])];
    let spec = json!({"serviceAccountName": ACCOUNT, "triggers": triggers, "cloudEventURI": "sink"});
    world.tekton("team-a", "EventListener", "web", spec).await;
    world
        .until("the error is reported", || async {
            let notes = world.events_of("team-a", "EventListener", "web").await;
            notes
                .iter()
                .any(|note| note.contains("spec.cloudEventURI: no CloudEvents are sent"))
                .then_some(())
        })
        .await;
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    assert_eq!(decisions(&record), ["web/cloudEventURI: cloud-events-not-sent", "web/main: fired"]);
}
