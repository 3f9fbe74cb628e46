//! The objects of Tekton Triggers into the inventory of listeners: one watch per kind, in every namespace of the scope.
//!
//! - `served_kinds`: which kinds the API server serves. A kind that is not installed counts as listed and empty.
//! - `feed`: one watch. `coverage`: of which namespaces every object is known.
//! - `errors`: the errors of objects as Events.

mod coverage;
mod errors;
mod feed;
mod served_kinds;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trigger_api::triggers::Kind;
use trigger_rules::listeners::ListenerInventory;
use trigger_runtime::{CriticalTasks, Leadership};

use self::coverage::CoveredListeners;
use self::errors::{ErrorReporter, ListenerErrors};
use self::feed::Feed;
use self::served_kinds::ServedKinds;
use super::Scope;
use super::coverage::{FeedCoverage, Part};
use super::tekton_triggers::parts;
use crate::client::Connection;
use crate::event_recorder::EventRecorder;

/// The running watches on the objects of listeners.
#[derive(Clone)]
pub struct ListenerWatch {
    coverage: Arc<FeedCoverage<CoveredListeners>>,
}

impl ListenerWatch {
    /// True once there are listeners to answer by: every object has been seen, but for those that cannot be watched.
    pub fn synced(&self) -> watch::Receiver<bool> {
        self.coverage.synced()
    }

    /// Why it is not synced, in a sentence.
    pub fn waiting_for(&self) -> String {
        self.coverage.waiting_for()
    }

    /// The namespaces of which not every object is known, and the kinds without a namespace, each in a sentence.
    pub fn details(&self) -> Vec<String> {
        self.coverage.details()
    }
}

/// Keeps `inventory` equal to the objects of Tekton Triggers in `scope` until `shutdown`. Broken objects are reported by
/// the replica that leads. An API server that goes away, or a CRD that is not there yet, is waited for.
pub fn watch_listeners(
    connection: &Connection,
    scope: &Scope,
    inventory: &Arc<ListenerInventory>,
    recorder: &EventRecorder,
    leadership: &Leadership,
    tasks: &CriticalTasks,
    shutdown: &CancellationToken,
) -> ListenerWatch {
    let parts: Vec<_> = Kind::ALL
        .into_iter()
        .flat_map(|kind| parts(kind, scope).into_iter().map(move |namespace| (kind, namespace)))
        .collect();
    let (errors, kinds) = (Arc::new(ListenerErrors::default()), Arc::new(ServedKinds::default()));
    let covered = CoveredListeners {
        kinds: parts.iter().map(|(kind, _)| *kind).collect(),
        inventory: Arc::clone(inventory),
        errors: Arc::clone(&errors),
    };
    let unknown = parts.iter().map(|(kind, namespace)| Part::new(plural(*kind), namespace.as_deref()));
    let coverage = Arc::new(FeedCoverage::new(unknown, covered));
    let run = |name, task: futures::future::BoxFuture<'static, ()>| {
        let shutdown = shutdown.clone();
        tasks.spawn(name, async move {
            tokio::select! { () = task => {}, () = shutdown.cancelled() => {} }
        });
    };
    for (part, (kind, namespace)) in parts.into_iter().enumerate() {
        let (inventory, coverage, errors) =
            (Arc::clone(inventory), Arc::clone(&coverage), Arc::clone(&errors));
        let feed = Feed::new(kind, namespace, part, inventory, coverage, errors, &connection.metrics);
        let (connection, kinds) = (connection.clone(), Arc::clone(&kinds));
        run("watch on objects of listeners", Box::pin(async move { feed.run(connection, &kinds).await }));
    }
    let client = connection.client.clone();
    run("kinds of Tekton Triggers", Box::pin(async move { kinds.run(&client).await }));
    let reporter = ErrorReporter::new(errors, Arc::clone(inventory), recorder, leadership);
    run("errors of listeners", Box::pin(reporter.run()));
    let reviewed = Arc::clone(&coverage);
    run("coverage of listeners", Box::pin(async move { reviewed.run().await }));
    ListenerWatch { coverage }
}

/// The name of a kind in the plural.
fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::EventListener => "EventListeners",
        Kind::Trigger => "Triggers",
        Kind::TriggerBinding => "TriggerBindings",
        Kind::ClusterTriggerBinding => "ClusterTriggerBindings",
        Kind::TriggerTemplate => "TriggerTemplates",
        Kind::Interceptor => "Interceptors",
        Kind::ClusterInterceptor => "ClusterInterceptors",
    }
}
