//! Building, starting and stopping a dev cluster.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::Requests;
use crate::faults::Faults;
use crate::handle::StoreHandle;
use crate::http::{Server, Shared};
use crate::rbac::Roles;
use crate::status::ApiError;
use crate::store::{PersistError, Store};
use crate::users::{User, Users};

/// Default number of changes kept per resource; a watch further behind gets 410.
const WINDOW: usize = 16_384;

/// Delay between a change and the write to the file, which saves all changes in between.
const SAVE_DELAY: Duration = Duration::from_millis(200);

/// A dev cluster did not start or did not save its state.
#[derive(Debug, thiserror::Error)]
pub enum DevClusterError {
    /// The address could not be bound.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The saved state could not be read or written.
    #[error(transparent)]
    Persist(#[from] PersistError),
    /// A CustomResourceDefinition or a built-in namespace was refused.
    #[error("cannot create {object}")]
    Setup {
        /// Kind and name of the object.
        object: String,
        /// The refusal.
        #[source]
        source: ApiError,
    },
}

/// Configures a [`DevCluster`].
#[derive(Debug)]
pub struct DevClusterBuilder {
    definitions: Vec<Value>,
    users: Vec<User>,
    authorized: bool,
    address: SocketAddr,
    path: Option<PathBuf>,
    window: usize,
}

impl DevClusterBuilder {
    /// Adds a CustomResourceDefinition that exists from the start.
    pub fn crd(mut self, definition: Value) -> Self {
        self.definitions.push(definition);
        self
    }

    /// Adds CustomResourceDefinitions that exist from the start.
    pub fn crds(mut self, definitions: impl IntoIterator<Item = Value>) -> Self {
        self.definitions.extend(definitions);
        self
    }

    /// Adds a user with a token.
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Restricts users to their rules and to the roles that are bound to them. Requests without a token remain those of
    /// the administrator.
    pub fn authorize(mut self) -> Self {
        self.authorized = true;
        self
    }

    /// The address to listen on; by default a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Saves the objects in this file, and loads them at the next start.
    pub fn persist(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Number of changes kept per resource, for watches that resume.
    pub fn window(mut self, changes: usize) -> Self {
        self.window = changes.max(1);
        self
    }

    /// Starts the server.
    pub async fn start(self) -> Result<DevCluster, DevClusterError> {
        let store = Arc::new(Store::new(self.window));
        if let Some(path) = &self.path {
            store.load(path)?;
        }
        let handle = StoreHandle::new(Arc::clone(&store));
        for name in ["default", "kube-system"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            set_up(&handle, namespace).await?;
        }
        for definition in self.definitions {
            set_up(&handle, definition).await?;
        }
        let (outages, outage_requests) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            faults: Faults::new(Arc::clone(&store)),
            store,
            users: Users { known: self.users, authorized: self.authorized, ..Users::default() },
            roles: Roles::default(),
            requests: Requests::default(),
            outages,
        });
        let listen = |source| DevClusterError::Listen { address: self.address, source };
        let server = Server::start(self.address, Arc::clone(&shared)).await.map_err(listen)?;
        let inner = Arc::new(Inner {
            address: server.address,
            shared,
            handle,
            server: Mutex::new(Some(server)),
            path: self.path,
        });
        let cluster = DevCluster { inner, end: CancellationToken::new(), tasks: TaskTracker::new() };
        cluster.spawn_background(outage_requests);
        Ok(cluster)
    }
}

async fn set_up(handle: &StoreHandle, manifest: Value) -> Result<(), DevClusterError> {
    let object = format!("{} {}", manifest["kind"], manifest["metadata"]["name"]);
    handle.apply(manifest).await.map(drop).map_err(|source| DevClusterError::Setup { object, source })
}

/// A running dev cluster. Dropping it stops its server.
#[derive(Debug)]
pub struct DevCluster {
    inner: Arc<Inner>,
    end: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    shared: Arc<Shared>,
    handle: StoreHandle,
    server: Mutex<Option<Server>>,
    path: Option<PathBuf>,
}

impl DevCluster {
    /// A builder with default settings.
    pub fn builder() -> DevClusterBuilder {
        DevClusterBuilder {
            definitions: Vec::new(),
            users: Vec::new(),
            authorized: false,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            path: None,
            window: WINDOW,
        }
    }

    /// The address of the API, for example `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// A kubeconfig (YAML) of the administrator.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_with(&json!({}))
    }

    /// A kubeconfig (YAML) with the bearer token `token`, for kube-rs. kubectl sends no token over plain HTTP, and would
    /// act as the administrator.
    pub fn kubeconfig_for(&self, token: &str) -> String {
        self.kubeconfig_with(&json!({"token": token}))
    }

    fn kubeconfig_with(&self, user: &Value) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: devcluster\n\
             clusters:\n- name: devcluster\n  cluster: {{server: \"{}\"}}\n\
             contexts:\n- name: devcluster\n  context: {{cluster: devcluster, user: devcluster, namespace: default}}\n\
             users:\n- name: devcluster\n  user: {user}\n",
            self.url()
        )
    }

    /// Fault injection.
    pub fn faults(&self) -> &Faults {
        &self.inner.shared.faults
    }

    /// Counters and log of the requests.
    pub fn requests(&self) -> &Requests {
        &self.inner.shared.requests
    }

    /// Access to the objects, without HTTP and without faults.
    pub fn store(&self) -> &StoreHandle {
        &self.inner.handle
    }

    /// Closes the socket and all connections. The objects stay.
    pub async fn stop(&self) {
        self.inner.stop().await;
    }

    /// Starts the server again on the same port. Does nothing if it is running.
    pub async fn start_again(&self) -> Result<(), DevClusterError> {
        self.inner.start_again().await
    }

    /// Stops the server and all tasks, and saves the objects if the cluster persists them.
    pub async fn shutdown(self) -> Result<(), DevClusterError> {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.inner.stop().await;
        match &self.inner.path {
            Some(path) => Ok(self.inner.shared.store.save(path)?),
            None => Ok(()),
        }
    }

    /// Runs `task` until it ends or the cluster shuts down.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = task => {}
            }
        });
    }

    fn spawn_background(&self, mut outage_requests: mpsc::Receiver<u64>) {
        let inner = Arc::clone(&self.inner);
        self.spawn(async move {
            while let Some(milliseconds) = outage_requests.recv().await {
                inner.stop().await;
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                if let Err(error) = inner.start_again().await {
                    tracing::error!(%error, "cannot start the server again after an outage");
                }
            }
        });
        let Some(path) = self.inner.path.clone() else { return };
        let store = Arc::clone(&self.inner.shared.store);
        self.spawn(async move {
            let mut changes = store.changes();
            while changes.changed().await.is_ok() {
                tokio::time::sleep(SAVE_DELAY).await;
                changes.mark_unchanged();
                if let Err(error) = store.save(&path) {
                    tracing::error!(%error, "cannot save the objects of the dev cluster");
                }
            }
        });
    }
}

impl Drop for DevCluster {
    fn drop(&mut self) {
        self.end.cancel();
        drop(self.inner.take_server());
    }
}

impl Inner {
    fn take_server(&self) -> Option<Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn stop(&self) {
        let server = self.take_server();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    async fn start_again(&self) -> Result<(), DevClusterError> {
        let is_running = self.server.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_running {
            return Ok(());
        }
        let listen = |source| DevClusterError::Listen { address: self.address, source };
        let server = Server::start(self.address, Arc::clone(&self.shared)).await.map_err(listen)?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }
}
