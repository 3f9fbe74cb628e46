//! The running program: `wiring` starts its parts, `shutdown` stops them in order.

mod shutdown;
mod wiring;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trigger_cluster::{BuildWatch, Connection, EventRecorder, KubeLauncher, ListenerWatch};
use trigger_dispatch::Launcher;
use trigger_images::Images;
use trigger_journal::Journal;
use trigger_rules::Inventory;
use trigger_rules::listeners::ListenerInventory;
use trigger_runtime::Leadership;

use self::shutdown::Shutdown;
use crate::options::ProgramOptions;
use crate::ports::Ports;

/// The program, running.
pub struct Program {
    /// The address for webhooks.
    pub hooks: SocketAddr,
    /// The address for health, readiness, metrics and the admin API.
    pub admin: SocketAddr,
    /// The deliveries with their decisions.
    pub journal: Arc<dyn Journal>,
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// The listeners.
    pub listeners: Arc<ListenerInventory>,
    /// The digests that the followed images resolve to.
    pub images: Images,
    /// Whether this replica leads.
    pub leadership: Leadership,
    builds: BuildWatch,
    /// Absent if listeners are off.
    listener_watch: Option<ListenerWatch>,
    draining: Arc<AtomicBool>,
    shutdown: Shutdown,
}

impl Program {
    /// Opens the journal and starts every part. Returns when both ports listen; deliveries are accepted as
    /// soon as the Builds are synced, see [`ready`](Self::ready).
    pub async fn start(connection: &Connection, options: &ProgramOptions) -> anyhow::Result<Self> {
        options.check()?;
        let journal = options.open_journal().await?;
        let ports = Ports::bind(options.listen, options.admin_listen, options.listeners.interceptor_listen)?;
        wiring::assemble(ports, connection, options, journal, own_launcher(connection))
    }

    /// The same on ports that listen already.
    #[cfg(feature = "dev")]
    pub(crate) async fn start_on(
        ports: Ports,
        connection: &Connection,
        options: &ProgramOptions,
    ) -> anyhow::Result<Self> {
        options.check()?;
        let journal = options.open_journal().await?;
        wiring::assemble(ports, connection, options, journal, own_launcher(connection))
    }

    /// The same over an open journal, with the launcher from `launcher`, which runs on the dispatcher's threads. To be
    /// called inside a runtime.
    pub fn start_with(
        connection: &Connection,
        options: &ProgramOptions,
        journal: Arc<dyn Journal>,
        launcher: impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>>,
    ) -> anyhow::Result<Self> {
        options.check()?;
        let ports = Ports::bind(options.listen, options.admin_listen, options.listeners.interceptor_listen)?;
        wiring::assemble(ports, connection, options, journal, launcher)
    }

    /// Returns when the Builds and the listeners are synced: from then on deliveries are accepted.
    pub async fn ready(&self) {
        // The senders live as long as the watches, which live as long as the program.
        let _ = self.builds.synced().wait_for(|synced| *synced).await;
        if let Some(listeners) = &self.listener_watch {
            let _ = listeners.synced().wait_for(|synced| *synced).await;
        }
    }

    /// Returns when a part that the program cannot do without has panicked, if ever. Stop the process then and
    /// restart it.
    pub async fn failed(&self) {
        tokio::select! {
            () = self.shutdown.task_failed() => {}
            () = self.journal.failed() => {}
        }
    }

    /// Reports not ready on `/readyz`, so that deliveries are sent to other replicas, and gives up leadership.
    /// Deliveries are still accepted and processed.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.shutdown.step_down();
    }

    /// Answers open requests, settles claimed deliveries and closes the journal, within 20 seconds even if
    /// every dependency hangs.
    pub async fn stop(self) {
        self.drain();
        self.shutdown.run(self.journal).await;
    }
}

/// Creates runs over a connection of its own, so that it does not queue behind watches.
fn own_launcher(connection: &Connection) -> impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>> {
    |recorder| {
        let own = connection.apart()?;
        Ok(Arc::new(KubeLauncher::new(&own, recorder)))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use trigger_cluster::connect;
    use trigger_devcluster::DevCluster;
    use trigger_journal::Address;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_of_one_part_is_reported_and_the_others_still_stop() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dev = DevCluster::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let connection = connect(Some(&dev.kubeconfig())).await.unwrap();
        let options = ProgramOptions::on_loopback(Address::Sqlite(folder.path().join("journal.db")));
        let program = Program::start(&connection, &options).await.unwrap();
        program.ready().await;
        assert!(program.failed().now_or_never().is_none());
        program.shutdown.spawn_dispatcher(async { panic!("on purpose") });
        program.failed().await;
        program.stop().await;
        dev.shutdown().await.unwrap();
    }
}
