//! What the cluster knows about images: Image objects name what a tag stood for when it was imported, and
//! BuildRuns what they have pushed. Both are told to [`Images`], which keeps them.

mod build_runs;
mod objects;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_images::Images;
use trigger_journal::Journal;
use trigger_runtime::{CriticalTasks, Leadership, restart_on_panic};

use self::build_runs::Pushes;
use self::objects::Objects;
use crate::client::Connection;
use crate::feeds::Scope;
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
        tasks: &CriticalTasks,
        shutdown: &CancellationToken,
    ) {
        for namespace in self.scope.parts() {
            let (client, metrics) = (connection.client.clone(), connection.metrics.clone());
            let (images, leadership) = (self.images.clone(), leadership.clone());
            let objects = move || {
                let watch = metrics.watch(Watched::Images);
                Objects::new(namespace.clone(), images.clone(), leadership.clone(), watch).run(client.clone())
            };
            tasks.spawn("Image objects", self.follow("Image objects", objects, shutdown));
        }
    }

    /// Follows what BuildRuns push until `shutdown`, which is for the leader to do. May be started again any number
    /// of times.
    pub fn follow_pushes(&self, connection: &Connection, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for namespace in self.scope.parts() {
            let (client, metrics) = (connection.client.clone(), connection.metrics.clone());
            let (images, journal) = (self.images.clone(), Arc::clone(&self.journal));
            let pushes = move || {
                let watch = metrics.watch(Watched::BuildRuns);
                Pushes::new(namespace.clone(), images.clone(), Arc::clone(&journal), watch)
                    .run(client.clone())
            };
            tasks.spawn(self.follow("what BuildRuns push", pushes, shutdown));
        }
    }

    /// Does what `make` begins from when all Builds have been seen, until `shutdown`.
    fn follow<F: Future<Output = ()> + Send, M: Fn() -> F + Send + Sync + 'static>(
        &self,
        name: &'static str,
        make: M,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<F, M> {
        let (synced, shutdown) = (self.synced.clone(), shutdown.clone());
        // Made at once, so that the watch is counted as one that is starting.
        let begin = move || {
            let (work, mut synced) = (make(), synced.clone());
            async move {
                if synced.wait_for(|synced| *synced).await.is_ok() {
                    work.await;
                }
            }
        };
        async move {
            tokio::select! { () = restart_on_panic(name, begin) => {}, () = shutdown.cancelled() => {} }
        }
    }
}
