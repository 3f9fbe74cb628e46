use std::time::Duration;

use anyhow::Context;
use tokio::time::timeout;
use trigger_core::{Digest, ImageRef};
use trigger_devregistry::{DevRegistry, Distribution, DistributionOptions, RunningDistribution, push_image};

/// An installed registry responds sooner, or is another program of that name.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// An image registry for the demo, on loopback over plain HTTP. Dropping it stops the registry.
pub(super) struct Registry {
    host: String,
    /// The kind of registry, for people.
    pub(super) description: &'static str,
    _process: Process,
}

/// Keeps the registry running until it is dropped.
enum Process {
    Installed { _registry: RunningDistribution },
    Embedded { _registry: DevRegistry },
}

impl Registry {
    /// Starts Debian's `docker-registry` if it is installed, else a registry in this process. It notifies `hook` of
    /// each push, with `key` as a bearer token.
    pub(super) async fn start(hook: &str, key: &str) -> anyhow::Result<Self> {
        let bearer = format!("Bearer {key}");
        let mut description = "a small registry in this process: docker-registry is not installed";
        if let Some(program) = Distribution::find() {
            let headers = vec![("Authorization".to_owned(), bearer.clone())];
            let options = DistributionOptions { notifications: Some((hook.to_owned(), headers)) };
            if let Ok(Ok(registry)) = timeout(START_TIMEOUT, program.start(&options)).await {
                let host = registry.host();
                let description = "the installed docker-registry";
                return Ok(Self { host, description, _process: Process::Installed { _registry: registry } });
            }
            description = "a small registry in this process: docker-registry does not start";
        }
        let registry = DevRegistry::builder().start().await?;
        registry.notify(hook, &[("Authorization", &bearer)]);
        Ok(Self { host: registry.host(), description, _process: Process::Embedded { _registry: registry } })
    }

    /// The registry's host in image names, such as `127.0.0.1:40123`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Pushes a small image that depends on its name and `content`. Returns its digest.
    pub(super) async fn push(&self, image: &ImageRef, content: &str) -> anyhow::Result<Digest> {
        let content = format!("{}, {content}", image.repository());
        let pushed = push_image(&self.host, image.repository(), image.tag(), content.as_bytes()).await;
        let digest = pushed.with_context(|| format!("cannot push the image {image}"))?;
        Ok(Digest::parse(&digest)?)
    }
}
