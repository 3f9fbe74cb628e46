use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, Deserializer};
use tracing::warn;
use trigger_tasks::Task;

use super::kind::TaskObject;
use crate::watch::{Identified, Unread, Unreadable};

/// The memory that the object of a custom task may take once it is read, in bytes. Sixteen are read at a time.
pub(crate) const LARGEST_TASK_IN_MEMORY: usize = 4 << 20;
/// Tasks whose objects take more memory than this are read again whenever they are worked on. All others are kept.
const LARGEST_KEPT: usize = 128 << 10;

/// The object of a custom task as its watch shows it: its identity, and the task if something is to be done for it. The
/// object itself is not kept.
pub(super) type KnownTask<K> = Identified<K, Content>;

/// The part of a custom task that is kept.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Nothing is to be done for it: it is another controller's, it is over, or it cannot be read.
    Nothing,
    /// The task.
    Kept(Box<Task>),
    /// The task is large and has to be read.
    Large,
}

/// The task that an object is, if it is for us.
pub(super) fn read<K: TaskObject>(object: &Unread<K>) -> Result<Option<Task>, Unreadable> {
    Ok(object.read_within(LARGEST_TASK_IN_MEMORY)?.task())
}

impl Content {
    fn of<K: TaskObject>(object: &Unread<K>) -> Self {
        match read(object) {
            Ok(task) => match task.filter(|task| !task.is_settled(Timestamp::now())) {
                None => Self::Nothing,
                Some(_) if object.memory() > LARGEST_KEPT => Self::Large,
                Some(task) => Self::Kept(Box::new(task)),
            },
            Err(error) => {
                let (name, namespace) = (object.name_any(), object.namespace());
                let kind = K::KIND.name();
                warn!(kind, name, namespace, error = %error, "a custom task cannot be read and is left out");
                Self::Nothing
            }
        }
    }
}

impl<'de, K: TaskObject> Deserialize<'de> for KnownTask<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Unread::<K>::deserialize(deserializer)?;
        let content = Content::of(&object);
        Ok(Self::new(object.metadata, content))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trigger_api::tekton::CustomRun;

    use super::*;

    fn content(padding: usize, spec: &Value) -> Content {
        let mut run =
            json!({"metadata": {"namespace": "team-a", "name": "release", "uid": "u"}, "spec": spec});
        run["spec"]["padding"] = vec![json!({"a": 0}); padding].into();
        let text = run.to_string();
        let known: KnownTask<CustomRun> = serde_json::from_str(&text).unwrap();
        assert_eq!((known.name_any().as_str(), known.uid().as_deref()), ("release", Some("u")));
        known.content
    }

    #[test]
    fn of_a_custom_task_little_is_kept() {
        let ours =
            json!({"customRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web"}});
        let other = json!({"customRef": {"apiVersion": "example.com/v1", "kind": "Wait"}});
        assert!(matches!(content(0, &ours), Content::Kept(task) if &*task.key.name == "release"));
        assert!(matches!(content(1000, &ours), Content::Large));
        assert!(matches!(content(100_000, &ours), Content::Nothing), "it cannot be read");
        assert!(matches!(content(0, &other), Content::Nothing));
    }
}
