//! Groups of flags that `serve` and `dev` share: who may look, how long things are kept, how work is
//! done, how images are followed, who leads.

mod images;
mod lease;
mod registry_hooks;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, ValueEnum};
use trigger_dispatch::Settings;
use trigger_journal::Retention;

pub use self::images::ImageOptions;
pub use self::lease::LeaseOptions;
pub use self::registry_hooks::{RegistryHook, RegistryHookOptions};

/// Who may use the admin API. Health, readiness and metrics are for everybody.
#[derive(Debug, Clone, Default, Args)]
pub struct AdminOptions {
    /// Who lets callers of the admin API in.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_ADMIN_AUTH", default_value = "kubernetes", value_name = "WHO")]
    pub admin_auth: AdminAuth,
    /// Let everybody who can reach the admin port read and replay deliveries: with `--admin-auth none`, on an
    /// address that others can reach.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_ALLOW_OPEN_ADMIN")]
    pub allow_open_admin: bool,
}

/// Who lets callers of the admin API in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AdminAuth {
    /// The cluster: callers bring a token, and their rights on Builds and BuildRuns decide.
    #[default]
    Kubernetes,
    /// Nobody: whoever reaches the port may do everything.
    None,
}

/// How long what is kept.
#[derive(Debug, Clone, Args)]
pub struct RetentionOptions {
    /// How long the bodies of settled deliveries are kept, in days. Without its body a delivery cannot be
    /// replayed.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_RETAIN_PAYLOADS", default_value_t = 3, value_name = "DAYS")]
    pub retain_payloads: u16,
    /// How long settled deliveries are kept with their decisions, in days.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_RETAIN_DELIVERIES", default_value_t = 7, value_name = "DAYS")]
    pub retain_deliveries: u16,
    /// How long a repeated delivery is known to be one, in days.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_RETAIN_KEYS", default_value_t = 30, value_name = "DAYS")]
    pub retain_keys: u16,
    /// How many settled deliveries are kept at most with their decisions; the oldest go first.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_MAX_DELIVERIES",
        default_value_t = 1_000_000,
        value_name = "COUNT"
    )]
    pub max_deliveries: u64,
    /// How much the bodies of settled deliveries take at most, compressed, in MiB; the oldest go first.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_MAX_PAYLOADS", default_value_t = 4096, value_name = "MIB")]
    pub max_payloads: u64,
}

/// How deliveries are worked on.
#[derive(Debug, Clone, Args)]
pub struct WorkOptions {
    /// How many deliveries are worked on side by side.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_CONCURRENCY", default_value_t = 32, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// How long a delivery belongs to the replica that works on it, in seconds. If that one dies, another
    /// takes over after this time.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_CLAIM_TIMEOUT", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub claim_timeout: u64,
    /// How long a delivery is tried again when its runs cannot be created (the API server is away, say), in
    /// hours. Then it has failed.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_GIVE_UP_AFTER", default_value_t = 24, value_name = "HOURS")]
    pub give_up_after: u32,
}

const DAY: Duration = Duration::from_hours(24);

impl AdminOptions {
    /// Refuses to serve the API to everybody on `address`, unless that is what is wanted.
    pub(crate) fn check(&self, address: SocketAddr) -> anyhow::Result<()> {
        let open = self.admin_auth == AdminAuth::None && !address.ip().is_loopback();
        if open && !self.allow_open_admin {
            bail!(
                "with --admin-auth none everybody who can reach {address} could read and replay deliveries: \
                 use --admin-auth kubernetes, or --admin-listen 127.0.0.1:{port}, or say --allow-open-admin if that \
                 is what you want",
                port = address.port()
            );
        }
        Ok(())
    }
}

impl RetentionOptions {
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            payloads: DAY * u32::from(self.retain_payloads),
            deliveries: DAY * u32::from(self.retain_deliveries),
            keys: DAY * u32::from(self.retain_keys),
            max_deliveries: self.max_deliveries,
            max_payload_bytes: self.max_payloads.saturating_mul(1024 * 1024),
        }
    }
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            retain_payloads: 3,
            retain_deliveries: 7,
            retain_keys: 30,
            max_deliveries: 1_000_000,
            max_payloads: 4096,
        }
    }
}

impl WorkOptions {
    pub(crate) fn settings(&self) -> Settings {
        let lease = Duration::from_secs(self.claim_timeout);
        let concurrency = usize::from(self.concurrency);
        Settings {
            concurrency,
            // A quarter of the places is out of reach of any one tenant.
            per_tenant: (concurrency * 3).div_ceil(4),
            lease,
            attempt: lease.mul_f64(0.75),
            launch: lease.div_f64(3.0),
            give_up_after: Duration::from_hours(self.give_up_after.into()),
            ..Settings::default()
        }
    }
}

impl Default for WorkOptions {
    fn default() -> Self {
        Self { concurrency: 32, claim_timeout: 60, give_up_after: 24 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_admin_port_is_asked_for_twice() {
        use AdminAuth::{Kubernetes, None};
        for (admin_auth, allow_open_admin, address, good) in [
            (Kubernetes, false, "0.0.0.0:9090", true),
            (None, false, "127.0.0.1:9090", true),
            (None, false, "[::1]:9090", true),
            (None, false, "0.0.0.0:9090", false),
            (None, false, "10.0.0.1:9090", false),
            (None, true, "0.0.0.0:9090", true),
        ] {
            let checked = AdminOptions { admin_auth, allow_open_admin }.check(address.parse().unwrap());
            assert_eq!(checked.is_ok(), good, "{address}");
            if let Err(error) = checked {
                assert!(
                    error.to_string().contains("or --admin-listen 127.0.0.1:9090, or say --allow-open-admin")
                );
            }
        }
    }
}
