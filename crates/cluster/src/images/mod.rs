//! Digests that the cluster knows: Image objects hold that of a tag when it was imported, and BuildRuns that of the
//! image that they have pushed. Both become observations for [`Images`].

mod build_runs;
mod objects;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_images::Images;
use trigger_journal::Notebook;
use trigger_runtime::{CriticalTasks, Leadership, restart_on_panic};

use self::build_runs::Pushes;
use self::objects::Objects;
use crate::client::Connection;
use crate::feeds::{BuildWatch, Scope};
use crate::metrics::Watched;

/// The services that following images on the cluster needs.
#[derive(Clone)]
pub struct ImageFollowers {
    /// The watched namespaces.
    pub scope: Scope,
    /// Receives the observations.
    pub images: Images,
    /// Stores the watermark of BuildRuns.
    pub journal: Arc<dyn Notebook>,
    /// Whether the Builds of a namespace have been seen; nothing is watched in it before.
    pub builds: BuildWatch,
}

impl ImageFollowers {
    /// Follows Image objects until `shutdown`. Every replica does, because an image with an object is not polled. The
    /// leader stores the observations. A kind that is not installed is waited for.
    pub fn follow_objects(
        &self,
        connection: &Connection,
        leadership: &Leadership,
        tasks: &CriticalTasks,
        shutdown: &CancellationToken,
    ) {
        for namespace in self.scope.parts() {
            let connection = connection.clone();
            let (images, leadership) = (self.images.clone(), leadership.clone());
            let part = namespace.clone();
            let objects = move || {
                let watch = connection.metrics.watch(Watched::Images);
                Objects::new(namespace.clone(), images.clone(), leadership.clone(), watch)
                    .run(connection.clone())
            };
            tasks.spawn("Image objects", self.follow("Image objects", part, objects, shutdown));
        }
    }

    /// Follows the pushes of BuildRuns until `shutdown`. A leader task. It may be started again.
    pub fn follow_pushes(&self, connection: &Connection, tasks: &TaskTracker, shutdown: &CancellationToken) {
        for namespace in self.scope.parts() {
            let connection = connection.clone();
            let (images, journal) = (self.images.clone(), Arc::clone(&self.journal));
            let part = namespace.clone();
            let pushes = move || {
                let watch = connection.metrics.watch(Watched::BuildRuns);
                Pushes::new(namespace.clone(), images.clone(), Arc::clone(&journal), watch)
                    .run(connection.clone())
            };
            tasks.spawn(self.follow("what BuildRuns push", part, pushes, shutdown));
        }
    }

    /// Runs the task from `make` after all Builds of `part` have been seen, until `shutdown`.
    fn follow<F: Future<Output = ()> + Send, M: Fn() -> F + Send + Sync + 'static>(
        &self,
        name: &'static str,
        part: Option<String>,
        make: M,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<F, M> {
        let (builds, shutdown) = (self.builds.clone(), shutdown.clone());
        // Made at once, so that the gauge counts the watch as starting.
        let begin = move || {
            let (work, builds, part) = (make(), builds.clone(), part.clone());
            async move {
                builds.seen_in(part.as_deref()).await;
                work.await;
            }
        };
        async move {
            tokio::select! { () = restart_on_panic(name, begin) => {}, () = shutdown.cancelled() => {} }
        }
    }
}
