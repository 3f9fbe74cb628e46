#[cfg(feature = "dev")]
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;
use trigger_server::listen;

/// The bound ports of the program. Connections queue in the kernel until they are served.
pub(crate) struct Ports {
    /// The port for webhooks.
    pub(crate) hooks: TcpListener,
    /// The port for health, readiness, metrics and the admin API.
    pub(crate) admin: TcpListener,
    /// The port for the interceptor `git`, if it is served.
    pub(crate) interceptor: Option<TcpListener>,
}

impl Ports {
    /// Binds all ports.
    pub(crate) fn bind(
        hooks: SocketAddr,
        admin: SocketAddr,
        interceptor: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let interceptor =
            interceptor.map(|address| bind(address, "the interceptor `git`", "--interceptor-listen"));
        Ok(Self {
            hooks: bind(hooks, "webhooks", "--listen")?,
            admin: bind(admin, "the admin API", "--admin-listen")?,
            interceptor: interceptor.transpose()?,
        })
    }

    /// Binds on loopback: the given addresses, else ports 8080 and 9090, else free ports if these are in use.
    #[cfg(feature = "dev")]
    pub(crate) fn on_loopback(hooks: Option<SocketAddr>, admin: Option<SocketAddr>) -> anyhow::Result<Self> {
        Ok(Self {
            hooks: bind_or_default(hooks, 8080, "webhooks", "--listen")?,
            admin: bind_or_default(admin, 9090, "the admin API", "--admin-listen")?,
            interceptor: None,
        })
    }
}

fn bind(address: SocketAddr, purpose: &str, flag: &str) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| {
        format!(
            "cannot listen on {address} for {purpose}: stop the program that uses it or choose another with {flag}"
        )
    })
}

#[cfg(feature = "dev")]
fn bind_or_default(
    address: Option<SocketAddr>,
    default_port: u16,
    purpose: &str,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    if let Some(address) = address {
        return bind(address, purpose, flag);
    }
    if let Ok(listener) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, default_port))) {
        return Ok(listener);
    }
    bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), purpose, flag)
}
