//! Watches on one kind, in one namespace or in all.
//!
//! - `events`: the events of a watch, retried with pauses that grow.
//! - `retry`: the pauses; `probe`: whether a watch that failed could work now, so that a long pause ends early.
//! - `failure`: the classes of errors. `health`: one log line per class, and the gauge of the watch.
//! - `identified`: objects by their identity, for kube. `unread`: objects that stay text until their event is consumed, since
//!   some take much memory once they are read.
//!
//! kube's watcher begins each retry with `Event::Init`, before it lists. That event is no progress: a pause that it
//! resets never grows. And a watch that starts again has no event until an object changes, so after a failure the
//! watcher lists again, which shows that it works.

mod failure;
mod health;
mod identified;
mod probe;
mod retry;
mod unread;

use futures::{Stream, StreamExt};
use kube::api::DynamicObject;
use kube::core::{ApiResource, NamespaceResourceScope};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};

use crate::client::Connection;

pub(crate) use self::failure::Failure;
pub(crate) use self::health::WatchHealth;
pub(crate) use self::identified::Identified;
pub(crate) use self::probe::{Probe, is_served, served};
pub(crate) use self::retry::PROBE_INTERVAL;
use self::retry::retried;
pub(crate) use self::unread::{LARGEST_OBJECT_IN_MEMORY, Unread, Unreadable};

/// Objects in one page of a list. A page is in memory as text, twice while it arrives: with the largest objects that the API
/// server stores, some 50 MB. Beside it is one object that is read, of at most [`LARGEST_OBJECT_IN_MEMORY`]. Of
/// [`LISTS_AT_ONCE`](crate::list_turns::LISTS_AT_ONCE) lists there is a page.
pub(crate) const LIST_PAGE: u32 = 16;

/// The events of the objects of one namespace, or of all, for ever. After an error the watch is retried: later and
/// later, and soon after it could work again.
pub(crate) fn events<K>(
    connection: &Connection,
    namespace: Option<&str>,
) -> impl Stream<Item = Result<watcher::Event<Unread<K>>, watcher::Error>> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + 'static,
{
    selected_events(connection, namespace, config())
}

/// The same of the objects with a label only.
pub(crate) fn labelled_events<K>(
    connection: &Connection,
    namespace: Option<&str>,
    label: &str,
) -> impl Stream<Item = Result<watcher::Event<Unread<K>>, watcher::Error>> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + 'static,
{
    selected_events(connection, namespace, config().labels(label))
}

fn selected_events<K>(
    connection: &Connection,
    namespace: Option<&str>,
    config: watcher::Config,
) -> impl Stream<Item = Result<watcher::Event<Unread<K>>, watcher::Error>> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + 'static,
{
    let (client, turns) = (connection.client.clone(), connection.lists.clone());
    let probe = Probe::of::<K>(client.clone(), &(), namespace);
    let objects: Api<Unread<K>> = match namespace {
        None => Api::all(client),
        Some(namespace) => Api::namespaced(client, namespace),
    };
    retried(move || turns.clone().take(watcher(objects.clone(), config.clone())).boxed(), probe)
}

/// The same of a kind that is named at run time.
pub(crate) fn dynamic_events(
    connection: &Connection,
    kind: &ApiResource,
    namespace: Option<&str>,
) -> impl Stream<Item = Result<watcher::Event<Unread<DynamicObject>>, watcher::Error>> + Send + use<> {
    let turns = connection.lists.clone();
    let probe = Probe::of::<DynamicObject>(connection.client.clone(), kind, namespace);
    let objects = dynamic_objects(&connection.client, kind, namespace);
    retried(move || turns.clone().take(watcher(objects.clone(), config())).boxed(), probe)
}

/// The objects of a kind that is named at run time, of one namespace or of all.
pub(crate) fn dynamic_objects(
    client: &Client,
    kind: &ApiResource,
    namespace: Option<&str>,
) -> Api<Unread<DynamicObject>> {
    match namespace {
        None => Api::all_with(client.clone(), kind),
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, kind),
    }
}

/// The configuration of every watch. Without a page size, one page holds 500 objects; those of one tenant can have 1.5 MB
/// each.
pub(crate) fn config() -> watcher::Config {
    watcher::Config::default().page_size(LIST_PAGE)
}

/// Whether an event shows that the watch works. The others come before and while it lists.
pub(crate) fn is_progress<K>(event: &watcher::Event<K>) -> bool {
    !matches!(event, watcher::Event::Init | watcher::Event::InitApply(_))
}
