use std::net::SocketAddr;

use anyhow::bail;
use clap::{Args, ValueEnum};

/// Access to the admin API. Health, readiness and metrics need no authentication.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Admin API")]
pub struct AdminOptions {
    /// How callers of the admin API are authenticated.
    ///
    /// With `kubernetes`, the API server's access control decides.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_ADMIN_AUTH", default_value = "kubernetes", value_name = "METHOD")]
    pub admin_auth: AdminAuth,
    /// Allow `--admin-auth none` on an address that other machines can reach. Anyone who reaches the admin
    /// port can then read and replay every delivery.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_ALLOW_OPEN_ADMIN")]
    pub allow_open_admin: bool,
}

/// How callers of the admin API are authenticated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AdminAuth {
    /// Callers send a bearer token of the cluster; their rights on Builds and BuildRuns decide.
    #[default]
    Kubernetes,
    /// No authentication: every caller may use the whole API.
    None,
}

impl AdminOptions {
    /// Rejects an unauthenticated API on `address`, unless it is a loopback address or explicitly allowed.
    pub(crate) fn check(&self, address: SocketAddr) -> anyhow::Result<()> {
        let open = self.admin_auth == AdminAuth::None && !address.ip().is_loopback();
        if open && !self.allow_open_admin {
            bail!(
                "with --admin-auth none, anyone who can reach {address} could read and replay deliveries: use \
                 --admin-auth kubernetes, or --admin-listen 127.0.0.1:{port}, or confirm with --allow-open-admin",
                port = address.port()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_admin_port_needs_a_second_flag() {
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
                let text = error.to_string();
                assert!(text.contains("--admin-listen 127.0.0.1:9090, or confirm with --allow-open-admin"));
            }
        }
    }
}
