//! Objects of which only the identity is read when they arrive.
//!
//! JSON of many small parts takes about 85 times its text once it is read, so one object of 1.5 MiB could end the program,
//! and a page of a list could hold sixteen. A page stays text: each object is read when its turn comes, within a bound, and
//! is dropped before the next. One that cannot be read harms no other.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::Status;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use trigger_core::memory_of;

use super::identified::Identified;

/// The memory that one object may take once it is read, in bytes. Ordinary objects take less than one MiB. A pod has 256, and
/// a few watches read at a time.
pub(crate) const LARGEST_OBJECT_IN_MEMORY: usize = 32 << 20;

/// An object as the API server has sent it: its identity and its text. `K` is its type once it is read.
pub(crate) type Unread<K> = Identified<K, Box<RawValue>>;

/// Why an object cannot be read. The text is a part of a sentence about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It would take too much memory. In MiB.
    #[error(
        "it takes up to {needed} MiB of memory to read, at most {most} are allowed; make the object smaller"
    )]
    TooLarge {
        /// The memory that it may take.
        needed: usize,
        /// The memory that it is allowed to take.
        most: usize,
    },
    /// It is not in the form of its kind.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
}

impl<K> Unread<K> {
    /// Reads the object.
    pub(crate) fn read(&self) -> Result<K, Unreadable>
    where
        K: DeserializeOwned,
    {
        self.read_as(LARGEST_OBJECT_IN_MEMORY)
    }

    /// Reads the object if it takes at most so many bytes of memory: for objects of which many are read at a time.
    pub(crate) fn read_within(&self, most: usize) -> Result<K, Unreadable>
    where
        K: DeserializeOwned,
    {
        self.read_as(most)
    }

    /// Reads the object as JSON.
    pub(crate) fn value(&self) -> Result<Value, Unreadable> {
        self.read_as(LARGEST_OBJECT_IN_MEMORY)
    }

    /// The memory that the object takes once it is read, in bytes, at most, about.
    pub(crate) fn memory(&self) -> usize {
        memory_of(self.content.get().as_bytes())
    }

    fn read_as<T: DeserializeOwned>(&self, most: usize) -> Result<T, Unreadable> {
        let needed = self.memory();
        if needed > most {
            let (needed, most) = (needed.div_ceil(1 << 20), most >> 20);
            return Err(Unreadable::TooLarge { needed, most });
        }
        Ok(serde_json::from_str(self.content.get())?)
    }
}

/// An object that is too large stays so: its error is that of an API server that calls it too large, 413, which
/// [`crate::api_server_error::ApiServerError`] calls permanent.
impl From<Unreadable> for kube::Error {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::TooLarge { .. } => {
                let message = format!("the object cannot be read: {error}");
                Self::Api(Status::failure(&message, "RequestEntityTooLarge").with_code(413).boxed())
            }
            Unreadable::Malformed(error) => Self::SerdeError(error),
        }
    }
}

/// The part of an object that is read when it arrives. All else is skipped, at any depth.
#[derive(Deserialize)]
struct WithIdentity {
    metadata: Option<Identity>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

impl<'de, K> Deserialize<'de> for Unread<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer).map_err(explained)?;
        let WithIdentity { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let Identity { name, namespace, uid, resource_version } = metadata.unwrap_or_default();
        let metadata = ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() };
        Ok(Self::new(metadata, text))
    }
}

/// The error with its cause, if the object is not the text that was sent: serde keeps what comes before the type of a watch
/// event in a form of its own. API servers send the type first.
fn explained<E: serde::de::Error>(error: E) -> E {
    if error.to_string().starts_with("invalid type: newtype struct") {
        return E::custom(
            "an event of a watch has its `object` before its `type`, as no API server sends it",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use kube::ResourceExt;
    use kube::core::WatchEvent;
    use kube::runtime::watcher;
    use serde_json::json;
    use trigger_api::shipwright::Build;

    use super::*;
    use crate::api_server_error::ApiServerError;
    use crate::client::Connection;
    use crate::scripted_api::ScriptedApi;
    use crate::watch::events;

    /// A Build with a value in its spec.
    fn build(name: &str, value: &Value) -> Value {
        let metadata = json!({"namespace": "team-a", "name": name, "uid": "u", "resourceVersion": "7"});
        json!({"metadata": metadata, "spec": {"value": value}})
    }

    /// A list of small parts, 1.4 MiB of text.
    fn parts() -> Value {
        let parts: Value = vec![json!({"a": 0}); 183_000].into();
        assert!(parts.to_string().len() > 1_400_000);
        parts
    }

    /// Lists within lists, deeper than JSON is read.
    fn deep() -> Value {
        (0..200).fold(json!(0), |inner, _| json!([inner]))
    }

    const TOO_LARGE: &str =
        "it takes up to 136 MiB of memory to read, at most 32 are allowed; make the object smaller";

    #[tokio::test]
    async fn an_object_of_many_small_parts_is_refused_and_its_neighbours_are_read() {
        let api = ScriptedApi::new(|_| {
            let malformed = json!({"metadata": {"namespace": "team-a", "name": "malformed"}, "spec": 7});
            let items = [
                build("first", &json!("x".repeat(1_400_000))),
                build("parts", &parts()),
                build("deep", &deep()),
                malformed,
                build("last", &json!(null)),
            ];
            (200, json!({"metadata": {"resourceVersion": "9"}, "items": items}))
        });
        let mut events = std::pin::pin!(events::<Build>(&Connection::of(api.client()), None));
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            match event.unwrap() {
                watcher::Event::Init => {}
                watcher::Event::InitApply(build) => {
                    let read = build.read().map(|read| read.name_any()).map_err(|error| error.to_string());
                    seen.push((build.name_any(), read));
                }
                watcher::Event::InitDone => break,
                event => panic!("{event:?}"),
            }
        }
        let names: Vec<_> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["first", "parts", "deep", "malformed", "last"]);
        let error = |place: usize| seen[place].1.as_ref().unwrap_err().as_str();
        assert_eq!(error(1), TOO_LARGE);
        assert!(error(2).starts_with("recursion limit exceeded"), "{}", error(2));
        assert!(error(3).starts_with("invalid type: integer `7`"), "{}", error(3));
        assert!([0, 4].iter().all(|place| seen[*place].1.as_deref() == Ok(names[*place])), "{seen:?}");
    }

    #[test]
    fn an_event_of_a_watch_is_read_as_text() {
        let event = |object: &Value| format!("{{\"type\":\"MODIFIED\",\"object\":{object}}}");
        for (object, is_refused) in [(build("web", &parts()), true), (build("web", &json!(1)), false)] {
            let read: WatchEvent<Unread<Build>> = serde_json::from_str(&event(&object)).unwrap();
            let WatchEvent::Modified(read) = read else { panic!("{read:?}") };
            let key = (read.namespace(), read.name_any(), read.uid(), read.resource_version());
            let text = |text: &str| Some(text.to_owned());
            assert_eq!(key, (text("team-a"), "web".to_owned(), text("u"), text("7")));
            match read.read() {
                Err(error) => assert!(is_refused && error.to_string() == TOO_LARGE, "{error}"),
                Ok(build) => assert!(!is_refused && build.spec.other["value"] == 1, "{build:?}"),
            }
        }
        let late = format!("{{\"object\":{},\"type\":\"MODIFIED\"}}", build("web", &json!(1)));
        let error = serde_json::from_str::<WatchEvent<Unread<Build>>>(&late).unwrap_err().to_string();
        assert!(error.contains("has its `object` before its `type`"), "{error}");
        let cut = &event(&build("web", &json!(1)))[..100];
        let error = serde_json::from_str::<WatchEvent<Unread<Build>>>(cut).unwrap_err();
        assert!(error.is_eof(), "kube takes it for the end of the connection: {error}");
    }

    #[test]
    fn an_object_that_is_too_large_stays_so() {
        let large: Unread<Build> = serde_json::from_value(build("web", &parts())).unwrap();
        let error = ApiServerError::of(&large.read().unwrap_err().into());
        assert!(error.is_permanent());
        assert_eq!(error.message, format!("the object cannot be read: {TOO_LARGE}"));
        assert!(large.read_within(large.memory()).is_ok(), "the bound is the only reason");
    }
}
