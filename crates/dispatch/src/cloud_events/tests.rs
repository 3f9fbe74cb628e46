use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::runtime::Handle;
use trigger_api::triggers::Kind;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_expr::Headers;
use trigger_rules::interceptors::Address;
use trigger_rules::listeners::{CloudEvent, ListenerInventory, ListenerSettings, Moment};

use super::*;
use crate::metrics::Metrics;

/// Receivers that take what they are sent, or do not, as their names say.
#[derive(Default)]
struct Receivers {
    /// The URLs of the CloudEvents that were begun to be sent.
    begun: Mutex<Vec<String>>,
}

impl CloudEventSender for Receivers {
    fn send<'a>(&'a self, _: &'a CloudEvent, to: &'a Address) -> BoxFuture<'a, Result<(), String>> {
        self.begun.lock().unwrap().push(to.url().to_string());
        let to = Arc::clone(to.url());
        async move {
            match &*to {
                "http://hangs" => futures::future::pending().await,
                "http://fails" => Err("it answers 500".to_owned()),
                "http://panics" => panic!("on purpose"),
                _ => Ok(()),
            }
        }
        .boxed()
    }
}

struct Scene {
    receivers: Arc<Receivers>,
    metrics: Metrics,
    events: CloudEvents,
}

impl Scene {
    fn new() -> Self {
        let (receivers, metrics) = (Arc::<Receivers>::default(), Metrics::default());
        let sender = Arc::clone(&receivers) as Arc<dyn CloudEventSender>;
        let events = CloudEvents::new(sender, metrics.clone(), Handle::current());
        Self { receivers, metrics, events }
    }

    /// Announces the end of so many deliveries to the listener `NAMESPACE/web`, whose receiver is this.
    fn done(&self, namespace: &str, uri: &str, count: usize) {
        let (listener, delivery) = (settings(namespace, uri), DeliveryId::derive(&[b"1"]));
        let announcer = self.events.announcer(&listener, &delivery, std::iter::empty()).unwrap();
        (0..count).for_each(|_| announcer.announce(Moment::Done));
    }

    /// Lets the tasks work until there is nothing more to do.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn begun(&self, uri: &str) -> usize {
        self.receivers.begun.lock().unwrap().iter().filter(|url| *url == uri).count()
    }

    fn counted(&self, outcome: &str) -> usize {
        let (mut registry, mut text) = (Registry::default(), String::new());
        self.metrics.register(&mut registry);
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let series = format!("cloud_events_total{{outcome=\"{outcome}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }
}

fn settings(namespace: &str, uri: &str) -> Arc<ListenerSettings> {
    let inventory = ListenerInventory::default();
    let metadata = json!({"namespace": namespace, "name": "web", "uid": "u"});
    inventory.apply(Kind::EventListener, json!({"metadata": metadata, "spec": {"cloudEventURI": uri}}));
    inventory.mark_synced();
    Arc::clone(&inventory.current().unwrap().listener(namespace, "web").unwrap().settings)
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_holds_turns_and_room_of_its_namespace_alone() {
    let scene = Scene::new();
    scene.done("team-a", "http://hangs", MOST_OF_NAMESPACE);
    scene.settle().await;
    scene.done("team-a", "http://hangs", MOST_WAITING + 3);
    scene.done("team-b", "http://takes", 2);
    scene.settle().await;
    assert_eq!(scene.begun("http://hangs"), MOST_OF_NAMESPACE);
    let counted = ["sent", "failed", "dropped"].map(|outcome| scene.counted(outcome));
    assert_eq!(counted, [2, 0, 3]);
}

#[tokio::test(start_paused = true)]
async fn all_namespaces_together_send_so_many_at_a_time() {
    let scene = Scene::new();
    for number in 0..MOST_SENT {
        scene.done(&format!("team-{number}"), "http://hangs", MOST_OF_NAMESPACE);
    }
    scene.settle().await;
    assert_eq!(scene.begun("http://hangs"), MOST_SENT);
}

#[tokio::test(start_paused = true)]
async fn refusals_leave_half_of_the_room_to_others() {
    let scene = Scene::new();
    scene.done("team-a", "http://hangs", MOST_OF_NAMESPACE);
    scene.settle().await;
    let (listener, delivery) = (settings("team-a", "http://hangs"), DeliveryId::derive(&[b"2"]));
    for _ in 0..MOST_WAITING {
        scene.events.refused(&listener, &delivery, &Headers::new());
    }
    assert_eq!(scene.counted("dropped"), MOST_WAITING / 2);
    scene.done("team-a", "http://hangs", MOST_WAITING / 2);
    assert_eq!(scene.counted("dropped"), MOST_WAITING / 2);
    scene.done("team-a", "http://hangs", 1);
    assert_eq!(scene.counted("dropped"), MOST_WAITING / 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_event_that_is_lost_is_counted_and_holds_up_no_other() {
    let scene = Scene::new();
    for uri in ["http://fails", "http://panics", "http://takes"] {
        scene.done("team-a", uri, 2 * MOST_OF_NAMESPACE);
    }
    scene.events.ended().await;
    assert_eq!(scene.counted("sent"), 2 * MOST_OF_NAMESPACE);
    assert_eq!(scene.counted("failed"), 4 * MOST_OF_NAMESPACE);
    scene.done("team-a", "http://takes", 1);
    scene.events.ended().await;
    assert_eq!(
        scene.counted("sent"),
        2 * MOST_OF_NAMESPACE + 1,
        "a namespace goes on after its queue was empty"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_cloud_events_of_a_listener_are_logged_now_and_then() {
    let scene = Scene::new();
    let [web, api] = ["web", "api"].map(|name| ObjectKey::new("team-a", name));
    assert_eq!([&web, &web, &api, &web].map(|key| scene.events.warns(key)), [true, false, true, false]);
    tokio::time::sleep(WARN_AGAIN + Duration::from_secs(1)).await;
    assert!(scene.events.warns(&web));
}

#[tokio::test]
async fn a_listener_without_a_receiver_announces_nothing() {
    let scene = Scene::new();
    for uri in ["", "no address"] {
        let (listener, delivery) = (settings("team-a", uri), DeliveryId::derive(&[b"1"]));
        let announcer = scene.events.announcer(&listener, &delivery, std::iter::empty());
        assert!(announcer.is_none(), "{uri}");
    }
}
