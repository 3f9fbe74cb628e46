//! How images are followed, and how their registries are asked.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use trigger_images::ImageSettings;
use trigger_registries::{PrivateAllowed, Registries, RegistrySettings};

/// How images are followed, and how their registries are asked.
#[derive(Debug, Clone, Args)]
pub struct ImageOptions {
    /// How often the registry of an image is asked what the image stands for, in seconds, unless a Build wants
    /// it otherwise. 0: once at first, and then only when something hints at a change.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_IMAGE_INTERVAL", default_value_t = 300, value_name = "SECONDS")]
    pub image_interval: u64,
    /// How long an image that has changed waits for others that the same Build waits for, in seconds, so that
    /// the Build is started once.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_IMAGE_WINDOW", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3600))]
    pub image_window: u64,
    /// How many runs one namespace gets because of images, at once and then a minute. Those left over wait.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_IMAGE_RUN_RATE", default_value_t = 30, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub image_run_rate: u32,
    /// How many requests a second one registry gets at most.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_REGISTRY_RATE", default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub registry_rate: u16,
    /// How long a registry may take to answer, in seconds.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_REGISTRY_TIMEOUT", default_value_t = 15, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300))]
    pub registry_timeout: u64,
    /// Registries, or networks, that may have private addresses: `registry.internal:5000` or `10.0.0.0/8`.
    /// All others are refused there, since whoever writes a Build chooses whom we ask. Repeat it or separate by
    /// commas.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_REGISTRY_PRIVATE",
        value_delimiter = ',',
        value_name = "HOST|NETWORK"
    )]
    pub registry_private: Vec<PrivateAllowed>,
    /// Registries that are asked by plain HTTP, as images name them: `localhost:5000`. Repeat it or separate by
    /// commas.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_INSECURE_REGISTRY", value_delimiter = ',', value_name = "HOST")]
    pub insecure_registry: Vec<String>,
    /// Files with certificates of further authorities (PEM) that registries may be certified by. Repeat it or
    /// separate by commas.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_REGISTRY_CA", value_delimiter = ',', value_name = "FILE")]
    pub registry_ca: Vec<PathBuf>,
}

impl ImageOptions {
    pub(crate) fn settings(&self) -> ImageSettings {
        ImageSettings {
            interval: (self.image_interval > 0).then(|| Duration::from_secs(self.image_interval)),
            rate: f64::from(self.registry_rate),
            window: Duration::from_secs(self.image_window),
        }
    }

    /// The client that asks.
    pub(crate) fn registries(&self) -> anyhow::Result<Registries> {
        let read = |file: &PathBuf| {
            std::fs::read(file).with_context(|| format!("--registry-ca {} cannot be read", file.display()))
        };
        let settings = RegistrySettings {
            authorities: self.registry_ca.iter().map(read).collect::<Result<_, _>>()?,
            plain_http: self.insecure_registry.clone(),
            private: self.registry_private.clone(),
            timeout: Duration::from_secs(self.registry_timeout),
        };
        Registries::new(settings).context("registries cannot be asked like this")
    }
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            image_interval: 300,
            image_window: 10,
            image_run_rate: 30,
            registry_rate: 10,
            registry_timeout: 15,
            registry_private: Vec::new(),
            insecure_registry: Vec::new(),
            registry_ca: Vec::new(),
        }
    }
}
