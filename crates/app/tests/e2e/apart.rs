//! What scenarios need whose program is a process apart: a cluster with a Build of a team, and ports.

use std::io::{Write as _, stderr};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use kube::config::Kubeconfig;
use serde_json::{Map, Value, json};
use trigger_devcluster::{DevCluster, Faults, StoreHandle};
use trigger_providers::{ALL, Provider};
use trigger_simulation::{SimulationOptions, simulate_builds};

use crate::elsewhere::{self, Elsewhere, Simulations};
use crate::load::Source;
use crate::prepare;
use crate::roles;
use crate::world::{KEY, fresh_id, played, repository_of, secret_entry, usual_rules};

/// A cluster on which a program apart has one namespace to act in.
pub struct Cluster {
    store: StoreHandle,
    kubeconfig: String,
    namespace: String,
    /// None if the cluster is shared with others.
    dev: Option<DevCluster>,
    simulations: Simulations,
}

impl Cluster {
    /// One without Builds.
    pub async fn bare() -> Self {
        let simulations = Simulations::default();
        if let Some(Elsewhere { admin, program: kubeconfig }) = prepare::elsewhere().await {
            let store = elsewhere::store(&elsewhere::client(&admin).await);
            let namespace = format!("team-a-{}", fresh_id());
            elsewhere::namespace(&store, &namespace).await;
            return Self { store, kubeconfig, namespace, dev: None, simulations };
        }
        let dev = roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
        let (store, kubeconfig) = (dev.store().clone(), roles::kubeconfig(&dev).await);
        Self { store, kubeconfig, namespace: "team-a".to_owned(), dev: Some(dev), simulations }
    }

    pub fn store(&self) -> &StoreHandle {
        &self.store
    }

    /// The program's.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Where the API server listens.
    pub fn address(&self) -> SocketAddr {
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig).unwrap();
        let server = kubeconfig.clusters[0].cluster.as_ref().unwrap().server.as_deref().unwrap();
        server.split("//").nth(1).unwrap().trim_end_matches('/').parse().unwrap()
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the program may watch: everything, unless others use the cluster too.
    pub fn watched(&self) -> Option<&str> {
        self.dev.is_none().then_some(self.namespace.as_str())
    }

    pub fn simulate_builds(&self, options: SimulationOptions) {
        self.simulations.begin(simulate_builds(&self.store, &self.namespace, options));
    }

    /// Creates an object in the namespace, or changes it.
    pub async fn apply(&self, object: Value) {
        self.apply_in(&self.namespace, object).await;
    }

    /// The same in another namespace of a dev cluster.
    pub async fn apply_in(&self, namespace: &str, mut object: Value) {
        object["metadata"]["namespace"] = namespace.into();
        self.store.apply(object).await.unwrap();
    }

    /// The faults of a dev cluster. On another cluster there are none, and a line says that the scenario is skipped.
    pub fn faults(&self, scenario: &str) -> Option<&Faults> {
        if self.dev.is_none() {
            let line = format!("skipped on this cluster: {scenario}: the API server misbehaves on order\n");
            stderr().write_all(line.as_bytes()).unwrap();
        }
        Some(self.dev.as_ref()?.faults())
    }
}

/// The repository of [`cluster`], at the provider for which the scenario is played.
pub fn repository() -> String {
    repository_of(played(), "acme/web")
}

/// A cluster with one Build of [`repository`], and its Secret.
pub async fn cluster() -> Cluster {
    let cluster = Cluster::bare().await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hook"}, "stringData": {secret_entry(played()): KEY},
    });
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": "web"},
        "spec": {
            "source": {"type": "Git", "git": {"url": repository(), "revision": "main"}},
            "strategy": {"name": "buildah"},
            "output": {"image": "registry.example/acme/web"},
            "trigger": {"triggerSecret": "hook", "when": usual_rules()},
        },
    });
    cluster.apply(secret).await;
    cluster.apply(build).await;
    cluster
}

/// A repository at every provider.
pub fn sources() -> Vec<Source> {
    let source = |provider: &&'static dyn Provider| Source {
        provider: *provider,
        repository: repository_of(*provider, "acme/web"),
        listener: None,
    };
    ALL.iter().map(source).collect()
}

/// A Secret with a key for every provider, and a Build of each of [`sources`].
pub fn objects_of_sources() -> Vec<Value> {
    let entries = ALL.iter().map(|provider| (secret_entry(*provider), KEY.into()));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hook"},
        "stringData": entries.collect::<Map<_, _>>(),
    });
    let builds = sources().into_iter().map(|Source { provider, repository, .. }| {
        let name = format!("web-{}", provider.name());
        json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {"name": name},
            "spec": {
                "source": {"type": "Git", "git": {"url": repository, "revision": "main"}},
                "strategy": {"name": "buildah"},
                "output": {"image": format!("registry.example/acme/{name}")},
                "trigger": {"triggerSecret": "hook", "when": usual_rules()},
            },
        })
    });
    std::iter::once(secret).chain(builds).collect()
}

/// How many ports there are for programs: those above are for servers that tests start.
const PORTS: u32 = 5_000;

/// A port that nobody listens on, and that no other scenario of this process was given. It is not one of those that
/// the kernel gives to clients: one of them could be faster than the program that is to listen there.
pub fn free_port() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Several such processes may run at once, so they begin at different places.
    let begin = std::process::id() % PORTS;
    loop {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = 10_000 + u16::try_from(offset).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
