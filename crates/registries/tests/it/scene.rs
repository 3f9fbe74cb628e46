use std::time::Duration;

use trigger_core::{Digest, ImageRef};
use trigger_devregistry::{DevRegistry, DevRegistryBuilder};
use trigger_egress::{EgressSettings, PrivateAllowed};
use trigger_registries::{Registries, RegistryCredential, ResolveError, ResolveErrorKind};

pub(crate) const MANIFEST: &[u8] = br#"{"schemaVersion":2}"#;

/// Requests a second: no test waits for its turn.
pub(crate) const RATE: f64 = 100_000.0;

/// A registry with one image, and somebody who asks for it.
pub(crate) struct Scene {
    pub(crate) registry: DevRegistry,
    pub(crate) registries: Registries,
    pub(crate) image: ImageRef,
}

/// Asks `hosts` over HTTP, wherever they are. Patient enough for a busy machine.
pub(crate) fn settings(hosts: &[String]) -> EgressSettings {
    EgressSettings {
        plain_http: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        private: hosts.iter().map(|host| PrivateAllowed::Host(host.parse().unwrap())).collect(),
        timeout: Duration::from_secs(30),
        ..EgressSettings::default()
    }
}

/// The user whom the registries here know.
pub(crate) fn known() -> RegistryCredential {
    RegistryCredential::password("user", "password")
}

/// A user with the wrong password.
pub(crate) fn stranger() -> RegistryCredential {
    RegistryCredential::password("user", "wrong-secret")
}

impl Scene {
    pub(crate) async fn new(builder: DevRegistryBuilder) -> Self {
        let registry = builder.start().await.unwrap();
        let registries = Registries::new(settings(&[registry.host()]), RATE).unwrap();
        registry.push("team/base", "latest", MANIFEST);
        let image = image(&registry, "team/base");
        Self { registry, registries, image }
    }

    pub(crate) async fn look(&self, credential: Option<&RegistryCredential>) -> Result<Digest, ResolveError> {
        self.registries.digest(&self.image, credential).await
    }

    /// A client without the pauses of the earlier ones.
    pub(crate) fn forget_pauses(&mut self) {
        self.registries = Registries::new(settings(&[self.registry.host()]), RATE).unwrap();
    }

    /// The kind of fault that a look ends in.
    pub(crate) async fn kind(&self, credential: Option<&RegistryCredential>) -> ResolveErrorKind {
        self.look(credential).await.unwrap_err().kind
    }

    /// The requests so far, as `METHOD path`, without the path's query, and forgets them.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.registry.requests();
        self.registry.clear_requests();
        let path = |path: &str| path.split_once('?').map_or(path, |(path, _)| path).to_owned();
        requests.iter().map(|seen| format!("{} {}", seen.method, path(&seen.path))).collect()
    }
}

pub(crate) fn image(registry: &DevRegistry, repository: &str) -> ImageRef {
    ImageRef::of(&registry.host(), repository, "latest").unwrap()
}

pub(crate) fn digest() -> Digest {
    Digest::of(MANIFEST)
}

pub(crate) const HEAD: &str = "HEAD /v2/team/base/manifests/latest";
pub(crate) const GET: &str = "GET /v2/team/base/manifests/latest";
pub(crate) const TOKEN: &str = "GET /token";
