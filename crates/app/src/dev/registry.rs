use std::time::Duration;

use anyhow::Context;
use tokio::time::timeout;
use trigger_core::{Digest, ImageRef};
use trigger_devregistry::{DevRegistry, Distribution, DistributionOptions, RunningDistribution, push_image};

/// A registry that is installed answers sooner, or is not the one we mean.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// An image registry for the story, on loopback by plain HTTP. It ends when this is dropped.
pub(super) struct Registry {
    host: String,
    /// What it is, in words.
    pub(super) what: &'static str,
    _running: Running,
}

/// Held for as long as it has to run.
enum Running {
    Installed { _registry: RunningDistribution },
    Own { _registry: DevRegistry },
}

impl Registry {
    /// Starts Debian's `docker-registry` if it is installed, else a registry in this process. It tells `hook` of
    /// what is pushed, and shows `key` there.
    pub(super) async fn start(hook: &str, key: &str) -> anyhow::Result<Self> {
        let bearer = format!("Bearer {key}");
        let mut what = "a small one in this process, since docker-registry is not installed";
        if let Some(program) = Distribution::find() {
            let headers = vec![("Authorization".to_owned(), bearer.clone())];
            let options = DistributionOptions { notifications: Some((hook.to_owned(), headers)) };
            if let Ok(Ok(registry)) = timeout(STARTS_WITHIN, program.start(&options)).await {
                let host = registry.host();
                let what = "docker-registry, which is installed here";
                return Ok(Self { host, what, _running: Running::Installed { _registry: registry } });
            }
            what = "a small one in this process, since docker-registry does not start";
        }
        let registry = DevRegistry::builder().start().await?;
        registry.notify(hook, &[("Authorization", &bearer)]);
        Ok(Self { host: registry.host(), what, _running: Running::Own { _registry: registry } })
    }

    /// The registry in names of images, such as `127.0.0.1:40123`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Pushes a small image that differs by its name and `content`, and tells its digest.
    pub(super) async fn push(&self, image: &ImageRef, content: &str) -> anyhow::Result<Digest> {
        let content = format!("{}, {content}", image.repository());
        let pushed = push_image(&self.host, image.repository(), image.tag(), content.as_bytes()).await;
        let digest = pushed.with_context(|| format!("the image {image} cannot be pushed"))?;
        Ok(Digest::parse(&digest)?)
    }
}
