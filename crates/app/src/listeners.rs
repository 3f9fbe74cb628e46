#[cfg(feature = "dev")]
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

/// The two ports of the program, which listen already: connections wait until they are served.
pub(crate) struct Ports {
    /// Where webhooks come in.
    pub(crate) hooks: TcpListener,
    /// Where health, readiness, metrics and the admin API are served.
    pub(crate) admin: TcpListener,
}

impl Ports {
    /// Listens.
    pub(crate) async fn bind(hooks: SocketAddr, admin: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            hooks: listen(hooks, "webhooks", "--listen").await?,
            admin: listen(admin, "the admin port", "--admin-listen").await?,
        })
    }

    /// Listens on loopback: on these addresses, or without one on the usual port, or on any if somebody else has
    /// that.
    #[cfg(feature = "dev")]
    pub(crate) async fn on_loopback(
        hooks: Option<SocketAddr>,
        admin: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            hooks: usual(hooks, 8080, "webhooks", "--listen").await?,
            admin: usual(admin, 9090, "the admin port", "--admin-listen").await?,
        })
    }
}

async fn listen(address: SocketAddr, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{what} cannot listen on {address}: is another program using it? Choose another with {flag}")
    })
}

#[cfg(feature = "dev")]
async fn usual(wanted: Option<SocketAddr>, port: u16, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
    if let Some(wanted) = wanted {
        return listen(wanted, what, flag).await;
    }
    if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        return Ok(listener);
    }
    listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), what, flag).await
}
