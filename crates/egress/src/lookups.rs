//! Look-ups of names, which block a thread each.
//!
//! The resolver of the system cannot be interrupted: a look-up at a DNS server that does not answer holds its thread for
//! up to half a minute after the request has timed out. tokio's blocking threads are shared by the whole program, and
//! the names are chosen by authors of Builds. So a look-up holds a turn for as long as its thread, and not for as long as
//! its request.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use trigger_runtime::SharedTurns;

/// Look-ups at a time: a quarter of tokio's blocking threads.
pub(crate) const MOST: usize = 128;

/// Look-ups of one tenant at a time: as many as it has polls.
pub(crate) const MOST_OF_TENANT: usize = 8;

tokio::task_local! {
    /// The tenant for which requests are sent.
    static TENANT: Arc<str>;
}

/// Does `work`, whose requests are sent for a tenant: only its own look-ups wait for each other.
pub async fn on_behalf_of<T>(tenant: Arc<str>, work: impl Future<Output = T>) -> T {
    TENANT.scope(tenant, work).await
}

/// The look-ups that have begun.
pub(crate) struct Lookups {
    turns: SharedTurns<Arc<str>>,
    look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
}

impl Lookups {
    /// With the resolver of the system.
    pub(crate) fn new() -> Self {
        Self::with(|host| Ok((host, 0).to_socket_addrs()?.collect()))
    }

    fn with(look_up: fn(&str) -> io::Result<Vec<SocketAddr>>) -> Self {
        Self { turns: SharedTurns::new(MOST, MOST_OF_TENANT), look_up }
    }

    /// The addresses of `host`. Waits for its turn.
    pub(crate) async fn addresses(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let tenant = TENANT.try_with(Arc::clone).unwrap_or_else(|_| "".into());
        let turn = self.turns.acquire(tenant, 1).await;
        let (host, look_up) = (host.to_owned(), self.look_up);
        let found = tokio::task::spawn_blocking(move || {
            let found = look_up(&host);
            drop(turn);
            found
        });
        found.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Duration;

    use futures::future::join_all;

    use super::*;

    /// The look-ups that hang, and whether their server answers by now.
    static HANGING: AtomicUsize = AtomicUsize::new(0);
    static SERVER: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    /// Hangs for names of one tenant, as a DNS server that does not answer.
    #[expect(clippy::unnecessary_wraps, reason = "as the resolver of the system")]
    fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
        if host.contains("hangs") {
            HANGING.fetch_add(1, Ordering::SeqCst);
            let answers = SERVER.0.lock().unwrap_or_else(PoisonError::into_inner);
            drop(SERVER.1.wait_while(answers, |answers| !*answers));
        }
        Ok(vec![SocketAddr::from(([1, 1, 1, 1], 0))])
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn look_ups_that_hang_hold_few_threads_also_after_their_requests_timed_out() {
        let lookups = Lookups::with(look_up);
        for _ in 0..3 {
            let names: Vec<_> = (0..100).map(|number| format!("{number}.hangs")).collect();
            let requests = names.iter().map(|name| {
                let request = on_behalf_of("b".into(), lookups.addresses(name));
                tokio::time::timeout(Duration::from_millis(50), request)
            });
            assert!(join_all(requests).await.iter().all(Result::is_err), "every request times out");
        }
        assert_eq!(HANGING.load(Ordering::SeqCst), MOST_OF_TENANT);
        let other = on_behalf_of("a".into(), lookups.addresses("registry.example")).await;
        assert_eq!(other.unwrap().len(), 1, "another tenant's look-up has its turn");
        *SERVER.0.lock().unwrap() = true;
        SERVER.1.notify_all();
        let own = on_behalf_of("b".into(), lookups.addresses("registry.example")).await;
        assert_eq!(own.unwrap().len(), 1, "threads that end give their turns back");
    }
}
