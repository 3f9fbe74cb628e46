//! What the cluster knows about images: Image objects name what a tag stood for when it was imported, and
//! BuildRuns what they have pushed. Both are told to [`Images`], which keeps them.

mod build_runs;
mod objects;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_dispatch::Images;
use trigger_journal::Journal;

use self::build_runs::Pushes;
use self::objects::Objects;
use crate::builds::Scope;
use crate::client::Connection;
use crate::metrics::Watched;

/// What following images on the cluster needs of the rest.
pub struct ImageFollowers {
    /// Which namespaces.
    pub scope: Scope,
    /// Who is told.
    pub images: Images,
    /// How far BuildRuns are followed is noted here.
    pub journal: Arc<dyn Journal>,
    /// Whether every Build has been seen: nothing is looked at before.
    pub synced: watch::Receiver<bool>,
}

impl ImageFollowers {
    /// Follows Image objects and BuildRuns until `shutdown`. Kinds that are not installed are waited for.
    pub fn start(self, connection: &Connection, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for namespace in self.scope.parts() {
            let watch = |watched| connection.metrics.watch(watched);
            let objects = Objects::new(namespace.clone(), self.images.clone(), watch(Watched::Images));
            let (images, journal) = (self.images.clone(), Arc::clone(&self.journal));
            let pushes = Pushes::new(namespace, images, journal, watch(Watched::BuildRuns));
            let (mut synced, shutdown) = (self.synced.clone(), shutdown.clone());
            let client = connection.client.clone();
            tasks.spawn(async move {
                let work = async {
                    if synced.wait_for(|synced| *synced).await.is_ok() {
                        tokio::join!(objects.run(client.clone()), pushes.run(client));
                    }
                };
                tokio::select! { () = work => {}, () = shutdown.cancelled() => {} }
            });
        }
    }
}
