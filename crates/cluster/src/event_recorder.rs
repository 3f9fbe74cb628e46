use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};
use trigger_core::{ImageRef, ObjectKey, ResourceRef};
use trigger_dispatch::{KeyError, OwnerWarnings};
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

/// The namespace of Events about objects without one: the API server allows no other.
const OF_CLUSTER: &str = "default";

/// The pauses after an Event that could not be written for an error that may pass. The others wait in the queue.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(2) };
/// The bytes of the digest in the name of an Event: as many as those of the random part in names of client-go's.
const NAME_BYTES: usize = 8;
/// The characters of the object's name in the name of an Event, which has 253 at most.
const LONGEST_OBJECT: usize = 230;

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

    /// A recorder whose Events are received and not written.
    #[cfg(test)]
    pub(crate) fn received() -> (Self, mpsc::Receiver<ObjectEvent>) {
        let (queue, events) = mpsc::channel(QUEUE_CAPACITY);
        (Self { queue, written: Arc::new(LeakyBuckets::new(PER_MINUTE / 60.0)) }, events)
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

/// Deliveries that wait or are rejected, and repositories that moved, are Events on the objects with the rules.
impl OwnerWarnings for EventRecorder {
    fn secret_unreadable(&self, owner: &OwnerRules, error: &SecretError) {
        let note = format!("a delivery waits until its Secret can be read: {error}");
        let report = about(owner, true, "SecretUnreadable", note);
        self.report(ObjectEvent { action: "VerifyDelivery", ..report });
    }

    fn no_key(&self, owner: &OwnerRules, error: &KeyError) {
        let report = about(owner, true, error.reason(), error.to_string());
        self.report(ObjectEvent { action: "VerifyDelivery", ..report });
    }

    fn repository_moved(&self, owner: &OwnerRules, message: &str) {
        let report = about(owner, true, "RepositoryMoved", message.to_owned());
        self.report(ObjectEvent { action: "Decide", ..report });
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

/// Creates the Event, or counts it if an equal one exists. The name follows from the content, so that a program that
/// starts again repeats no Event. kube's own recorder remembers equal Events only while it runs.
async fn write(client: &Client, report: ObjectEvent) {
    let now = Timestamp::now();
    let about = report.about;
    let namespace = match &**about.resource.namespace() {
        "" => OF_CLUSTER,
        namespace => namespace,
    };
    if !names::is_possible(&ObjectKey::new(namespace, Arc::clone(about.resource.name()))) {
        debug!(about = %about.resource, "there is no such object, so it gets no Event");
        return;
    }
    let name = event_name(&about, &report.reason, report.action, &report.note, report.related.as_ref());
    let event = Event {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.clone()),
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
    // A creation that was repeated after an error may have succeeded before: then the Event is counted once more, and
    // nothing is lost.
    for failures in 1.. {
        let written = match events.create(&PostParams::default(), &event).await {
            Err(error) if already_exists(&error) => count(&events, &name, now).await,
            written => written.map(drop),
        };
        let Err(error) = written else { return };
        let error = ApiServerError::of(&error);
        if failures > error.verdict.retries() {
            return warn!(about = %about.resource, error = error.message, "an Event cannot be written");
        }
        tokio::time::sleep(AGAIN.pause(failures)).await;
    }
}

/// Counts an Event that exists once more, which `kubectl` shows as `x2 over 5m`.
async fn count(events: &Api<Event>, name: &str, now: Timestamp) -> kube::Result<()> {
    let patch = async |patch: Value| events.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
    // A patch without changes answers with the Event: the program may not get Events.
    let known = patch(json!({})).await?;
    let count = known.series.map_or(1, |series| series.count).saturating_add(1);
    patch(json!({"series": {"count": count, "lastObservedTime": MicroTime(now)}})).await.map(drop)
}

/// The name of an Event: equal for equal content about one object.
fn event_name(
    about: &Subject,
    reason: &str,
    action: &str,
    note: &str,
    related: Option<&(ResourceRef, Arc<str>)>,
) -> String {
    let related = related.map(|(other, _)| other.to_string()).unwrap_or_default();
    // A line break ends each part but the last: only notes have line breaks.
    let content = [&*about.uid, reason, action, &related, note].join("\n");
    let digest = digest(&SHA256, content.as_bytes());
    let bytes = digest.as_ref().iter().take(NAME_BYTES);
    let number = bytes.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let object: String = about.resource.name().chars().take(LONGEST_OBJECT).collect();
    format!("{object}.{number:016x}")
}

/// A note without control characters: it is shown as it is, in `kubectl describe` and terminals.
fn one_line(note: &str) -> String {
    note.chars().take(LONGEST_NOTE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn reference(object: &ResourceRef, version: &str) -> ObjectReference {
    let slash = if object.group.is_empty() { "" } else { "/" };
    ObjectReference {
        api_version: Some(format!("{}{slash}{version}", object.group)),
        kind: Some(object.kind.to_string()),
        namespace: Some(object.namespace().to_string()).filter(|namespace| !namespace.is_empty()),
        name: Some(object.name().to_string()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted_api::ScriptedApi;

    #[tokio::test]
    async fn an_event_about_an_object_without_a_namespace_is_in_the_default_one() {
        let api = ScriptedApi::new(|_| (201, json!({"metadata": {}})));
        let resource =
            ResourceRef::new("triggers.tekton.dev", "ClusterInterceptor", ObjectKey::new("", "scan"));
        let report = ObjectEvent {
            about: Subject { resource, version: "v1alpha1".into(), uid: "1".to_owned() },
            related: None,
            warning: true,
            reason: "TriggerUnreadableObject".into(),
            action: "Compile",
            note: "no".to_owned(),
        };
        write(&api.client(), report).await;
        let [request] = &api.requests()[..] else { panic!("{:?}", api.requests()) };
        assert_eq!(request.path, "/apis/events.k8s.io/v1/namespaces/default/events");
        assert_eq!(request.body["metadata"]["namespace"], "default");
        assert_eq!(
            (&request.body["regarding"]["name"], &request.body["regarding"]["namespace"]),
            (&json!("scan"), &Value::Null)
        );
    }

    #[test]
    fn equal_events_have_one_name_and_others_have_another() {
        let about = |name: &str, uid: &str| Subject {
            resource: BUILD.named(ObjectKey::new("team-a", name)),
            version: "v1beta1".into(),
            uid: uid.to_owned(),
        };
        let web = about("web", "1");
        let name = event_name(&web, "RuleError", "ReadRules", "no branch", None);
        assert_eq!(name, event_name(&web, "RuleError", "ReadRules", "no branch", None));
        assert!(name.starts_with("web.") && name.len() == "web.".len() + 2 * NAME_BYTES, "{name}");
        let other = Some((BUILD.named(ObjectKey::new("team-a", "api")), Arc::from("v1beta1")));
        for different in [
            event_name(&about("web", "2"), "RuleError", "ReadRules", "no branch", None),
            event_name(&web, "RuleErrors", "ReadRules", "no branch", None),
            event_name(&web, "RuleError", "ReadRules", "no branches", None),
            event_name(&web, "RuleError", "ReadRules", "no branch", other.as_ref()),
        ] {
            assert_ne!(name, different);
        }
        assert!(event_name(&about(&"a".repeat(253), "1"), "R", "A", "n", None).len() <= 253);
    }
}
