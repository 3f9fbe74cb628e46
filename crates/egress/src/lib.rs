//! The one outbound HTTP client: for registries, token services, key sets, interceptors and provider APIs.
//!
//! - [`Egress`]: the client, made from [`EgressSettings`]. Clones share its connections.
//! - [`HttpRequest`], [`HttpResponse`]: one request, and its response with a body that is read up to a limit.
//! - [`EgressError`]: the request was refused, or there is no complete response.
//! - [`Permission`], [`Reach`]: freedoms of one request beyond those of the settings.
//! - [`on_behalf_of`]: names the tenant for which requests are sent.
//! - [`PrivateAllowed`], [`HostPort`]: the hosts and networks that the operator allows.
//! - [`cleaned`]: text of strangers, made fit for an error message.
//!
//! Users of the cluster choose many of the hosts. Without a guard they could make the program probe the API
//! server, cloud metadata or a neighbour (SSRF).
//!
//! Invariants:
//!
//! - The address that was checked is the address that is connected to. `guard` resolves names for the
//!   connection itself, so a name that changes its address in between gains nothing.
//! - Redirects are not followed. A caller that follows one sends a new request, which passes the same checks.
//! - A look-up of a name that hangs holds a turn of its tenant until its thread ends (`lookups`).
//! - Time is limited before a request is sent, and size before a body is stored.
//! - Errors contain no header, no body and no path or query of a URL, so they contain no credentials. They do not
//!   tell what an internal name resolves to; the log has that at debug level.
//!
//! Behind a proxy the program sees no addresses; the proxy has to enforce the first invariant.
#![forbid(unsafe_code)]

mod address;
mod client;
mod error;
mod guard;
mod host_port;
mod limits;
mod lookups;
mod permission;
mod pinned;
mod response;
mod settings;
mod tls;

pub use client::{Egress, HttpRequest};
pub use error::{EgressError, EgressErrorKind, cleaned};
pub use host_port::{HostPort, HostPortError};
pub use limits::LIMITS;
pub use lookups::on_behalf_of;
pub use permission::{Permission, Reach};
pub use reqwest::Url;
pub use response::HttpResponse;
pub use settings::{EgressSettings, EgressSettingsError, PrivateAllowed, PrivateAllowedError};
