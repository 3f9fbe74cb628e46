use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use prometheus_client::registry::Registry;
use trigger_calls::{Calls, CallsSettings};
use trigger_cluster::{
    AccessReviewer, BuildWatch, CoalescingSecretReader, ConditionWriter, Connection, EventRecorder,
    ImageFollowers, KubeRuns, LeaseElector, ListenerStatusWriter, ListenerWatch, PipelineRunFollowers,
    watch_builds, watch_listeners,
};
use trigger_core::{ListenerGate, Observer};
use trigger_dispatch::{
    CloudEvents, Dispatcher, DispatcherParts, KeyChecks, KeyWarnings, Launcher, ListenerParts, NoCredentials,
};
use trigger_images::{ImageNotifier, ImageParts, Images};
use trigger_journal::{Journal, Measured};
use trigger_providers::{key_entries, known_hosts};
use trigger_rules::Inventory;
use trigger_rules::listeners::ListenerInventory;
use trigger_runtime::{Leadership, Secrets};
use trigger_server::{Admin, AdminParts, Ingest, IngestParts, Readiness, RecentFailure, serve};

use super::Program;
use super::shutdown::Shutdown;
use crate::leader_tasks::LeaderTasks;
use crate::logging::log_filter;
use crate::metrics;
use crate::options::ProgramOptions;
use crate::outbound_calls::OutboundCalls;
use crate::ports::Ports;
use crate::process_metrics;

/// Starts every part of the program, each after the parts that it needs.
pub(super) fn assemble(
    ports: Ports,
    connection: &Connection,
    options: &ProgramOptions,
    journal: Arc<dyn Journal>,
    launcher: impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>>,
) -> anyhow::Result<Program> {
    let shutdown = Shutdown::new().context("cannot start the threads of low priority")?;
    let mut registry = metrics::registry();
    connection.metrics.register(&mut registry);

    // Stores.
    let journal = measured(journal, &mut registry);
    let inventory = Arc::new(Inventory::new(known_hosts()));
    let listener_inventory = Arc::new(ListenerInventory::default());

    // Cluster.
    let dispatch_metrics = dispatch_metrics(&mut registry);
    let secrets: Arc<dyn Secrets> = Arc::new(CoalescingSecretReader::new(connection));
    let recorder = EventRecorder::start(connection, &shutdown.background);
    let (leadership, elector) = options.leadership(connection)?;
    // A connection to the API server is driven by the threads that opened it.
    let watching = shutdown.watch_runtime.enter(|| connection.apart())?;
    #[expect(clippy::disallowed_methods, reason = "the one place that gives out the right to observe")]
    let observer = Observer::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that gives out the right to accept for listeners"
    )]
    let gate = ListenerGate::new();
    let shared = Shared {
        connection,
        watching: &watching,
        options,
        shutdown: &shutdown,
        journal: &journal,
        inventory: &inventory,
        listener_inventory: &listener_inventory,
        secrets: &secrets,
        recorder: &recorder,
        leadership: &leadership,
        metrics: &dispatch_metrics,
        observer: &observer,
        gate: &gate,
    };

    // Rules.
    let builds = shared.watch_builds();
    let listeners = shared.watch_listeners();

    // Images.
    let images = shared.follow_images(&mut registry, &builds)?;

    // Dispatcher.
    let listener_parts = shared.listener_parts()?;
    let cloud_events = listener_parts.cloud_events.clone();
    shared.start_dispatcher(&builds, listener_parts, launcher)?;

    // Leader tasks.
    shared.start_leader_tasks(&builds, &images, elector)?;

    // Server.
    let (hooks, admin) = (ports.hooks.local_addr()?, ports.admin.local_addr()?);
    let draining = Arc::new(AtomicBool::new(false));
    shared.start_server(ports, registry, (&builds, &listeners, cloud_events), &images, &draining)?;

    Ok(Program {
        hooks,
        admin,
        journal,
        inventory,
        listeners: listener_inventory,
        images,
        leadership,
        builds,
        listener_watch: listeners,
        draining,
        shutdown,
    })
}

/// The parts that most of the others need.
struct Shared<'a> {
    connection: &'a Connection,
    /// For what runs on the threads of the watches.
    watching: &'a Connection,
    options: &'a ProgramOptions,
    shutdown: &'a Shutdown,
    journal: &'a Arc<dyn Journal>,
    inventory: &'a Arc<Inventory>,
    listener_inventory: &'a Arc<ListenerInventory>,
    secrets: &'a Arc<dyn Secrets>,
    recorder: &'a EventRecorder,
    leadership: &'a Leadership,
    metrics: &'a trigger_dispatch::Metrics,
    observer: &'a Observer,
    gate: &'a ListenerGate,
}

impl Shared<'_> {
    /// Feeds the inventory from the Builds of the cluster.
    fn watch_builds(&self) -> BuildWatch {
        self.shutdown.watch_runtime.enter(|| {
            watch_builds(
                self.watching,
                &self.options.scope(),
                self.inventory,
                self.recorder,
                self.leadership,
                &self.shutdown.background,
                &self.shutdown.rest,
            )
        })
    }

    /// Feeds the inventory of listeners from the objects of Tekton Triggers, unless listeners are off.
    fn watch_listeners(&self) -> Option<ListenerWatch> {
        let watch = || {
            watch_listeners(
                self.watching,
                &self.options.scope(),
                self.listener_inventory,
                self.recorder,
                self.leadership,
                &self.shutdown.background,
                &self.shutdown.rest,
            )
        };
        self.options.listeners.listeners.serves().then(|| self.shutdown.watch_runtime.enter(watch))
    }

    /// The services that deliveries to listeners need.
    fn listener_parts(&self) -> anyhow::Result<ListenerParts> {
        let settings = CallsSettings {
            private: self.options.listeners.interceptor_private.clone(),
            ..CallsSettings::default()
        };
        let calls = Arc::new(OutboundCalls(Calls::new(settings, Arc::clone(self.secrets))?));
        Ok(ListenerParts {
            inventory: Arc::clone(self.listener_inventory),
            answers: Arc::clone(&calls) as _,
            rights: Arc::new(AccessReviewer::new(self.connection)),
            cloud_events: self.send_cloud_events(calls)?,
        })
    }

    /// Sends CloudEvents on the dispatcher's threads. As the program ends, those that wait get a moment.
    fn send_cloud_events(&self, calls: Arc<OutboundCalls>) -> anyhow::Result<CloudEvents> {
        let threads = self.shutdown.dispatcher_runtime.handle().context("the dispatcher has ended")?.clone();
        let cloud_events = CloudEvents::new(calls, self.metrics.clone(), threads);
        let (last, rest) = (cloud_events.clone(), self.shutdown.rest.clone());
        self.shutdown.background.spawn("cloud events", async move {
            rest.cancelled().await;
            last.ended().await;
        });
        Ok(cloud_events)
    }

    /// Polls registries and follows Image objects.
    fn follow_images(&self, registry: &mut Registry, builds: &BuildWatch) -> anyhow::Result<Images> {
        let parts = ImageParts {
            inventory: Arc::clone(self.inventory),
            journal: Arc::clone(self.journal),
            secrets: Arc::clone(self.secrets),
            registries: self.options.images.registries()?,
            warnings: Arc::new(self.recorder.clone()),
            metrics: image_metrics(registry),
            settings: self.options.images.settings(),
            leadership: self.leadership.clone(),
            observer: self.observer.clone(),
            clock: self.connection.clock.clone(),
        };
        let (background, rest) = (&self.shutdown.background, &self.shutdown.rest);
        let images = Images::start(parts, builds.synced(), background, rest);
        let followers = self.image_followers(builds, &images);
        self.shutdown.watch_runtime.enter(|| {
            followers.follow_objects(self.watching, self.leadership, background, rest);
        });
        Ok(images)
    }

    /// Checks the Secrets of changed Builds. Returns what warns about those without a key.
    fn check_keys(&self) -> Arc<KeyWarnings> {
        let warnings = Arc::new(KeyWarnings::new(Arc::new(self.recorder.clone())));
        let checks = KeyChecks {
            inventory: Arc::clone(self.inventory),
            secrets: Arc::clone(self.secrets),
            warnings: Arc::clone(&warnings),
            leadership: self.leadership.clone(),
            entries: key_entries(),
            allow_unsigned: self.options.allow_unsigned,
        };
        self.shutdown.background.spawn("checks of keys", checks.run(self.shutdown.rest.clone()));
        warnings
    }

    fn start_dispatcher(
        &self,
        builds: &BuildWatch,
        listeners: ListenerParts,
        launcher: impl FnOnce(EventRecorder) -> anyhow::Result<Arc<dyn Launcher>>,
    ) -> anyhow::Result<()> {
        let launcher = self.shutdown.dispatcher_runtime.enter(|| launcher(self.recorder.clone()))?;
        let parts = DispatcherParts {
            journal: Arc::clone(self.journal),
            inventory: Arc::clone(self.inventory),
            launcher,
            facts: Arc::new(NoCredentials),
            secrets: Arc::clone(self.secrets),
            warnings: Arc::new(self.recorder.clone()),
            listeners,
        };
        let dispatcher = Dispatcher::new(parts, self.options.settings(), self.metrics.clone());
        self.shutdown.spawn_dispatcher(dispatcher.run(builds.synced(), self.shutdown.dispatching.clone()));
        Ok(())
    }

    fn start_leader_tasks(
        &self,
        builds: &BuildWatch,
        images: &Images,
        elector: Option<LeaseElector>,
    ) -> anyhow::Result<()> {
        let leader_tasks = LeaderTasks {
            connection: self.watching.clone(),
            threads: self.shutdown.watch_runtime.handle().context("the watches have ended")?.clone(),
            scope: self.options.scope(),
            pipeline_runs: PipelineRunFollowers {
                scope: self.options.scope(),
                inventory: Arc::clone(self.inventory),
                journal: Arc::clone(self.journal),
                builds: builds.clone(),
                metrics: self.metrics.clone(),
                observer: self.observer.clone(),
            },
            images: self.image_followers(builds, images),
            conditions: self.condition_writer()?,
            listener_status: self.listener_status_writer(),
            journal: Arc::clone(self.journal),
            retention: self.options.retention.retention(),
            metrics: self.metrics.clone(),
        };
        let work = leader_tasks.run(self.leadership.clone(), elector, self.shutdown.leading.clone());
        self.shutdown.leader_tasks.spawn("leader-tasks", work);
        Ok(())
    }

    /// Writes conditions on the dispatcher's threads, over a connection of its own.
    fn condition_writer(&self) -> anyhow::Result<ConditionWriter> {
        let dispatcher = &self.shutdown.dispatcher_runtime;
        Ok(ConditionWriter {
            scope: self.options.scope(),
            journal: Arc::clone(self.journal),
            delay: self.options.work.condition_delay(),
            connection: dispatcher.enter(|| self.connection.apart())?,
            runtime: dispatcher.handle().context("the dispatcher has ended")?.clone(),
        })
    }

    /// Writes the status of listeners, if no other controller does.
    fn listener_status_writer(&self) -> Option<ListenerStatusWriter> {
        self.options.listeners.listeners.owns().then(|| ListenerStatusWriter {
            connection: self.watching.clone(),
            scope: self.options.scope(),
            inventory: Arc::clone(self.listener_inventory),
            public_url: self.options.public_url.as_ref().map(ToString::to_string),
            recorder: self.recorder.clone(),
        })
    }

    /// Serves webhooks on one port, health, metrics and the admin API on the other.
    fn start_server(
        &self,
        ports: Ports,
        mut registry: Registry,
        (builds, listeners, cloud_events): (&BuildWatch, &Option<ListenerWatch>, CloudEvents),
        images: &Images,
        draining: &Arc<AtomicBool>,
    ) -> anyhow::Result<()> {
        let (options, shutdown) = (self.options, self.shutdown);
        let failure = RecentFailure::default();
        let key_warnings = self.check_keys();
        let metrics = server_metrics(&mut registry);
        let mut unprefixed = process_metrics::registry();
        metrics.register_sink(&mut unprefixed);
        let (mut ingest, rejections) = Ingest::new(
            options.ingest_settings(),
            IngestParts {
                inventory: Arc::clone(self.inventory),
                secrets: Arc::clone(self.secrets),
                key_warnings: Arc::clone(&key_warnings),
                journal: Arc::clone(self.journal),
                failure: failure.clone(),
                metrics,
                decisions: self.metrics.clone(),
            },
        );
        let notifier: Arc<dyn ImageNotifier> = Arc::new(images.clone());
        if listeners.is_some() {
            ingest.add_listeners(Arc::clone(self.listener_inventory), self.gate.clone(), cloud_events);
        }
        options.add_routes(&ingest, &notifier)?;
        let (hook_routes, interceptor_routes) = (ingest.router(), ingest.interceptor_router());
        // Ends by itself after the listener, when the last rejections are written.
        shutdown.background.spawn("rejections", rejections.run());

        let admin_address = ports.admin.local_addr()?;
        let admin_connection = shutdown.admin_runtime.enter(|| self.connection.apart())?;
        let admin_routes = Admin::new(AdminParts {
            ready: readiness(builds.clone(), listeners.clone(), failure, Arc::clone(draining)),
            journal: Arc::clone(self.journal),
            registry,
            process: unprefixed,
            inventory: Arc::clone(self.inventory),
            listeners: Arc::clone(self.listener_inventory),
            images: images.clone(),
            runs: Arc::new(KubeRuns::new(&admin_connection)),
            authenticator: options.authenticator(&admin_connection, admin_address),
            log_filter: log_filter(),
            shutdown: shutdown.listening.clone(),
        })
        .router();

        let listen = |listener, routes| {
            let (draining, closed) = (shutdown.leading.clone(), shutdown.listening.clone());
            serve(listener, routes, options.limits(), draining, closed)
        };
        shutdown.listener_tasks.spawn("listener", listen(ports.hooks, hook_routes));
        if let Some(port) = ports.interceptor {
            shutdown.listener_tasks.spawn("interceptor", listen(port, interceptor_routes));
        }
        shutdown.spawn_admin(listen(ports.admin, admin_routes));
        Ok(())
    }

    fn image_followers(&self, builds: &BuildWatch, images: &Images) -> ImageFollowers {
        ImageFollowers {
            scope: self.options.scope(),
            images: images.clone(),
            journal: Arc::<dyn Journal>::clone(self.journal),
            builds: builds.clone(),
        }
    }
}

/// The journal, with its calls counted.
fn measured(journal: Arc<dyn Journal>, registry: &mut Registry) -> Arc<dyn Journal> {
    let metrics = trigger_journal::Metrics::default();
    metrics.register(registry);
    Arc::new(Measured::new(journal, metrics))
}

fn dispatch_metrics(registry: &mut Registry) -> trigger_dispatch::Metrics {
    let metrics = trigger_dispatch::Metrics::default();
    metrics.register(registry);
    metrics
}

fn image_metrics(registry: &mut Registry) -> trigger_images::Metrics {
    let metrics = trigger_images::Metrics::default();
    metrics.register(registry);
    metrics
}

fn server_metrics(registry: &mut Registry) -> trigger_server::Metrics {
    let metrics = trigger_server::Metrics::default();
    metrics.register(registry);
    metrics
}

/// The answer of `/readyz`: the first reason why this replica should get no deliveries.
fn readiness(
    builds: BuildWatch,
    listeners: Option<ListenerWatch>,
    failure: RecentFailure,
    draining: Arc<AtomicBool>,
) -> Readiness {
    Arc::new(move || {
        if draining.load(Ordering::Relaxed) {
            return Err("shutting down".to_owned());
        }
        if !*builds.synced().borrow() {
            return Err(builds.waiting_for());
        }
        if let Some(listeners) = &listeners
            && !*listeners.synced().borrow()
        {
            return Err(listeners.waiting_for());
        }
        let details =
            || builds.details().into_iter().chain(listeners.iter().flat_map(ListenerWatch::details));
        failure.recent().map_or_else(|| Ok(details().collect()), Err)
    })
}
