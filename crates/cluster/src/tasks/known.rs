use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use serde::{Deserialize, Deserializer};
use tracing::warn;
use trigger_tasks::Task;

use super::kind::TaskObject;
use crate::watch::{Identified, Unread, Unreadable};

/// The memory that the object of a custom task may take once it is read, in bytes. Sixteen are read at a time.
pub(crate) const LARGEST_TASK_IN_MEMORY: usize = 4 << 20;
/// Tasks whose objects take more memory than this are read again whenever they are worked on.
const LARGEST_KEPT: usize = 128 << 10;
/// The memory of all tasks that are kept, in bytes. Others are read again like large ones.
pub(crate) const MOST_KEPT: usize = 16 << 20;

/// The memory of the tasks that are kept now. A static, because serde reads objects without a context.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// The object of a custom task as its watch shows it: its identity, and the task if something is to be done for it. The
/// object itself is not kept.
pub(super) type KnownTask<K> = Identified<K, Content>;

/// The part of a custom task that is kept.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Nothing is to be done for it: it is another controller's, it is over, or it cannot be read.
    Nothing,
    /// The task.
    Kept(Arc<KeptTask>),
    /// The task has to be read: it is large, or those that are kept take as much memory as they may.
    Unkept,
}

/// A task, with the memory that it takes.
#[derive(Debug)]
pub(super) struct KeptTask {
    pub(super) task: Task,
    bytes: usize,
}

impl KeptTask {
    /// Keeps a task that takes so many bytes, if there is room.
    fn new(task: Task, bytes: usize) -> Option<Self> {
        let take = |kept: usize| kept.checked_add(bytes).filter(|kept| *kept <= MOST_KEPT);
        KEPT.try_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(Self { task, bytes })
    }
}

impl Drop for KeptTask {
    fn drop(&mut self) {
        KEPT.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The event of a watch on tasks without those for which nothing is to be done: they are not kept, and forgotten when they
/// come to that.
pub(super) fn without_others<K>(event: Event<KnownTask<K>>) -> Option<Event<KnownTask<K>>> {
    match event {
        Event::InitApply(object) if matches!(object.content, Content::Nothing) => None,
        Event::Apply(object) if matches!(object.content, Content::Nothing) => Some(Event::Delete(object)),
        event => Some(event),
    }
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
                Some(task) => {
                    let bytes = object.memory();
                    let kept = (bytes <= LARGEST_KEPT).then(|| KeptTask::new(task, bytes)).flatten();
                    kept.map_or(Self::Unkept, |kept| Self::Kept(Arc::new(kept)))
                }
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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
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
        assert!(matches!(content(0, &ours), Content::Kept(kept) if &*kept.task.key.name == "release"));
        assert!(matches!(content(1000, &ours), Content::Unkept));
        assert!(matches!(content(100_000, &ours), Content::Nothing), "it cannot be read");
        assert!(matches!(content(0, &other), Content::Nothing));
        let few: Vec<_> = (0..MOST_KEPT / LARGEST_KEPT).map(|_| content(100, &ours)).collect();
        assert!(few.iter().all(|content| matches!(content, Content::Kept(_))));
        let many: Vec<_> = (0..2 * MOST_KEPT / LARGEST_KEPT).map(|_| content(100, &ours)).collect();
        assert!(many.iter().any(|content| matches!(content, Content::Unkept)), "there is no room for all");
        drop((few, many));
        assert!(matches!(content(0, &ours), Content::Kept(_)), "there is room again");
    }

    #[test]
    fn objects_for_which_nothing_is_to_be_done_are_forgotten() {
        let object = |content| KnownTask::<CustomRun>::new(ObjectMeta::default(), content);
        let nothing = || object(Content::Nothing);
        assert!(without_others(Event::InitApply(nothing())).is_none());
        assert!(matches!(without_others(Event::Apply(nothing())), Some(Event::Delete(_))));
        for event in [Event::InitApply(object(Content::Unkept)), Event::Apply(object(Content::Unkept))] {
            assert!(without_others(event).is_some_and(|event| !matches!(event, Event::Delete(_))));
        }
    }
}
