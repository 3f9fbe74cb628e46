//! What the cluster knows about images: Image objects name what a tag stood for when it was imported, and
//! BuildRuns what they have pushed. Both are told to [`Images`], which keeps them.

mod build_runs;
mod objects;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_dispatch::{Images, Leadership};
use trigger_journal::Journal;

use self::build_runs::Pushes;
use self::objects::Objects;
use crate::builds::Scope;
use crate::client::Connection;
use crate::metrics::Watched;

/// What following images on the cluster needs of the rest.
#[derive(Clone)]
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
    /// Follows Image objects until `shutdown`. Every replica does, since where there is one no registry is to be
    /// asked; what they say is kept by the one that leads. A kind that is not installed is waited for.
    pub fn follow_objects(
        &self,
        connection: &Connection,
        leadership: &Leadership,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        for namespace in self.scope.parts() {
            let watch = connection.metrics.watch(Watched::Images);
            let objects = Objects::new(namespace, self.images.clone(), leadership.clone(), watch);
            self.start(objects.run(connection.client.clone()), tasks, shutdown);
        }
    }

    /// Follows what BuildRuns push until `shutdown`, which is for the leader to do. May be begun anew any number
    /// of times.
    pub fn follow_pushes(&self, connection: &Connection, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for namespace in self.scope.parts() {
            let watch = connection.metrics.watch(Watched::BuildRuns);
            let (images, journal) = (self.images.clone(), Arc::clone(&self.journal));
            let pushes = Pushes::new(namespace, images, journal, watch);
            self.start(pushes.run(connection.client.clone()), tasks, shutdown);
        }
    }

    fn start(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) {
        let (mut synced, shutdown) = (self.synced.clone(), shutdown.clone());
        tasks.spawn(async move {
            let work = async {
                if synced.wait_for(|synced| *synced).await.is_ok() {
                    work.await;
                }
            };
            tokio::select! { () = work => {}, () = shutdown.cancelled() => {} }
        });
    }
}
