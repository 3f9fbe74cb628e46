use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use trigger_egress::{EgressSettings, HostPort, PrivateAllowed};
use trigger_images::ImageSettings;
use trigger_registries::Registries;

/// Image polling and access to registries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Images")]
pub struct ImageOptions {
    /// Seconds between polls of an image at its registry.
    ///
    /// A Build can override it with an annotation. 0: poll once, then only after a push notification.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_IMAGE_INTERVAL", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    pub image_interval: u64,
    /// Seconds to wait after an image change for other images of the same Build, so that one run covers all.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_IMAGE_WINDOW", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3600))]
    pub image_window: u64,
    /// Maximum runs per namespace that image changes start: at once, and then per minute. Further runs are
    /// delayed. One base image can have thousands of Builds.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_IMAGE_RUN_RATE", default_value_t = 30, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub image_run_rate: u32,
    /// Maximum requests per second to one registry. Public registries limit the rate of requests.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_REGISTRY_RATE", default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub registry_rate: u16,
    /// Seconds to wait for a response of a registry.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_REGISTRY_TIMEOUT", default_value_t = 15, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300))]
    pub registry_timeout: u64,
    /// Registries or networks that may have private addresses.
    ///
    /// For example `registry.internal:5000` or `10.0.0.0/8`. Other private addresses are blocked: any author of a Build could otherwise reach internal services. Repeat
    /// the flag or separate values with commas.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_REGISTRY_PRIVATE", value_delimiter = ',', value_name = "ADDRESS")]
    pub registry_private: Vec<PrivateAllowed>,
    /// Registries to access over plain HTTP.
    ///
    /// As image names spell them, such as `localhost:5000`. Repeat the flag or separate values with commas.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_INSECURE_REGISTRY", value_delimiter = ',', value_name = "HOST")]
    pub insecure_registry: Vec<HostPort>,
    /// PEM files with additional certificate authorities for registries. Repeat the flag or separate values with
    /// commas.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_REGISTRY_CA",
        value_delimiter = ',',
        value_name = "FILE"
    )]
    pub registry_ca: Vec<PathBuf>,
}

impl ImageOptions {
    pub(crate) fn settings(&self) -> ImageSettings {
        ImageSettings {
            interval: (self.image_interval > 0).then(|| Duration::from_secs(self.image_interval)),
            window: Duration::from_secs(self.image_window),
        }
    }

    /// The registry client.
    pub(crate) fn registries(&self) -> anyhow::Result<Registries> {
        Registries::new(self.egress_settings()?, f64::from(self.registry_rate))
            .context("invalid registry settings")
    }

    /// The hosts that the program may access, and how.
    pub(crate) fn egress_settings(&self) -> anyhow::Result<EgressSettings> {
        let read = |file: &PathBuf| {
            std::fs::read(file).with_context(|| format!("cannot read --registry-ca {}", file.display()))
        };
        Ok(EgressSettings {
            authorities: self.registry_ca.iter().map(read).collect::<Result<_, _>>()?,
            plain_http: self.insecure_registry.clone(),
            private: self.registry_private.clone(),
            timeout: Duration::from_secs(self.registry_timeout),
        })
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

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use crate::options::ProgramOptions;

    /// Sums of such durations with times would overflow.
    #[test]
    fn durations_of_options_are_bounded() {
        let command = ProgramOptions::augment_args(Command::new("serve").no_binary_name(true));
        for flag in [
            "--image-interval",
            "--image-window",
            "--registry-timeout",
            "--claim-timeout",
            "--header-timeout",
            "--body-timeout",
        ] {
            for (value, is_good) in [("9999999999", false), ("18446744073709551615", false), ("60", true)] {
                let parsed = command.clone().try_get_matches_from([flag, value]);
                assert_eq!(parsed.is_ok(), is_good, "{flag} {value}");
            }
        }
    }
}
