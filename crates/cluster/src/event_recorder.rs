use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};
use trigger_core::{ImageRef, ResourceRef};
use trigger_dispatch::{KeyError, SecretWarnings};
use trigger_images::ImageWarnings;
use trigger_rules::OwnerRules;
use trigger_runtime::{Backoff, CriticalTasks, LeakyBuckets, SecretError};
use trigger_targets::Subject;
use trigger_targets::build_run::BUILD;

use crate::MANAGER;
use crate::api_server_error::{ApiServerError, already_exists};
use crate::client::Connection;
use crate::names;

/// The capacity of the queue. Events are for people, so an Event that finds the queue full is dropped and logged rather
/// than work delayed.
const QUEUE_CAPACITY: usize = 1024;
/// The burst of Events of one reason about one object. A reader needs no more, and in a storm each costs the API server
/// as much as the run that it reports. client-go's recorder has a limit, too.
const BURST: f64 = 25.0;
/// The Events a minute after the burst.
const PER_MINUTE: f64 = 6.0;
/// The API server refuses longer notes.
pub(crate) const LONGEST_NOTE: usize = 1000;

/// The pauses after an Event that could not be written for an error that may pass. The others wait in the queue.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(2) };

/// Writes Kubernetes Events in the background. Cheap to clone.
#[derive(Clone)]
pub struct EventRecorder {
    queue: mpsc::Sender<ObjectEvent>,
    /// By `metadata.uid` and reason: one reason must not use up the limit of another.
    written: Arc<LeakyBuckets<(String, Cow<'static, str>)>>,
}

/// An Event about an object.
#[derive(Debug, Clone)]
pub struct ObjectEvent {
    /// The object.
    pub about: Subject,
    /// `related`: the other object that the Event is about, with its API version.
    pub related: Option<(ResourceRef, Arc<str>)>,
    /// Whether the type is `Warning` rather than `Normal`.
    pub warning: bool,
    /// The reason, one CamelCase word.
    pub reason: Cow<'static, str>,
    /// The action, one CamelCase word.
    pub action: &'static str,
    /// The text, shown by `kubectl describe`.
    pub note: String,
}

impl EventRecorder {
    /// Starts to write over `connection`. The task ends when the last clone is dropped.
    pub fn start(connection: &Connection, tasks: &CriticalTasks) -> Self {
        let (queue, mut waiting) = mpsc::channel::<ObjectEvent>(QUEUE_CAPACITY);
        let client = connection.client.clone();
        tasks.spawn("Events", async move {
            while let Some(report) = waiting.recv().await {
                write(&client, report).await;
            }
        });
        Self { queue, written: Arc::new(LeakyBuckets::new(PER_MINUTE / 60.0)) }
    }

    /// Queues an Event, unless its object has had too many.
    pub fn report(&self, report: ObjectEvent) {
        let of = (report.about.uid.clone(), report.reason.clone());
        if self.written.take(of, 1, BURST, Instant::now()) == 0 {
            debug!(about = %report.about.resource, note = report.note, "this object has had enough Events; one is left out");
        } else if let Err(error) = self.queue.try_send(report) {
            debug!(error = %error, "too many Events at once; one is dropped");
        }
    }
}

/// Errors of images become Events about the Builds that wait for them.
impl ImageWarnings for EventRecorder {
    fn image_unknown(&self, build: &OwnerRules, image: &ImageRef, why: &str) {
        let note = format!("the image {image} cannot be looked at: {why}");
        self.report(about(build, true, "ImageCheckFailed", note));
    }

    fn image_known(&self, build: &OwnerRules, image: &ImageRef) {
        self.report(about(
            build,
            false,
            "ImageCheckRecovered",
            format!("the image {image} is looked at again"),
        ));
    }

    fn images_left_out(&self, build: &OwnerRules, count: usize, most: usize) {
        let note = format!(
            "{count} images of this Build are not watched: the Builds of the namespace watch more than {most}; \
             watch fewer images"
        );
        self.report(about(build, true, "TooManyImages", note));
    }
}

/// Deliveries that wait or are rejected are Events on the objects whose Secret cannot be read, or holds no key.
impl SecretWarnings for EventRecorder {
    fn secret_unreadable(&self, owner: &OwnerRules, error: &SecretError) {
        let note = format!("a delivery waits until its Secret can be read: {error}");
        let report = about(owner, true, "SecretUnreadable", note);
        self.report(ObjectEvent { action: "VerifyDelivery", ..report });
    }

    fn no_key(&self, owner: &OwnerRules, error: &KeyError) {
        let report = about(owner, true, error.reason(), error.to_string());
        self.report(ObjectEvent { action: "VerifyDelivery", ..report });
    }
}

fn about(build: &OwnerRules, warning: bool, reason: &'static str, note: String) -> ObjectEvent {
    ObjectEvent {
        about: Subject {
            resource: build.owner.clone(),
            version: BUILD.version.into(),
            uid: build.uid.to_string(),
        },
        related: None,
        warning,
        reason: reason.into(),
        action: "CheckImage",
        note,
    }
}

/// Creates the Event. kube's own recorder would count equal Events in a series, for which it looks through
/// all of the last minutes every time; ours are hardly ever equal.
async fn write(client: &Client, report: ObjectEvent) {
    let now = Timestamp::now();
    let about = report.about;
    if !names::is_possible(&about.resource.key) {
        debug!(about = %about.resource, "there is no such object, so it gets no Event");
        return;
    }
    let namespace = about.resource.namespace().as_ref();
    let event = Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(format!("{}.{:x}", about.resource.name(), now.as_nanosecond())),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        regarding: Some(ObjectReference {
            uid: Some(about.uid.clone()),
            ..reference(&about.resource, &about.version)
        }),
        related: report.related.map(|(other, version)| reference(&other, &version)),
        type_: Some(if report.warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(report.reason.into_owned()),
        note: Some(one_line(&report.note)),
        action: Some(report.action.to_owned()),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(MANAGER.to_owned()),
        ..Event::default()
    };
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    for failures in 1.. {
        let Err(error) = events.create(&PostParams::default(), &event).await else { return };
        if already_exists(&error) {
            return;
        }
        let error = ApiServerError::of(&error);
        if failures > error.verdict.retries() {
            return warn!(about = %about.resource, error = error.message, "an Event cannot be written");
        }
        tokio::time::sleep(AGAIN.pause(failures)).await;
    }
}

/// A note without control characters: it is shown as it is, in `kubectl describe` and terminals.
fn one_line(note: &str) -> String {
    note.chars().take(LONGEST_NOTE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn reference(object: &ResourceRef, version: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{}/{version}", object.group)),
        kind: Some(object.kind.to_string()),
        namespace: Some(object.namespace().to_string()),
        name: Some(object.name().to_string()),
        ..ObjectReference::default()
    }
}
