use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

use super::pipeline::AnyRoute;

/// The paths that a response lists: those of all providers and of all formats of notifications.
pub(crate) const MAX_LISTED: usize = 16;

/// Which route answers under which path. Routes come and go while requests are served; clones share the table.
#[derive(Clone, Default)]
pub struct RouteTable(Arc<Shared>);

#[derive(Default)]
struct Shared {
    paths: ArcSwap<HashMap<Box<str>, Arc<dyn AnyRoute>>>,
    /// Held while the table is changed.
    writer: Mutex<()>,
}

impl RouteTable {
    /// Answers requests under `path` with `route`, in place of the one before.
    pub(super) fn insert(&self, path: &str, route: Arc<dyn AnyRoute>) {
        self.change(|paths| {
            paths.insert(path.into(), route);
        });
    }

    /// Answers requests under `path` as an unknown path from now on. True if there was a route.
    pub fn remove(&self, path: &str) -> bool {
        self.change(|paths| paths.remove(path).is_some())
    }

    /// The first paths with a route, in the order of the alphabet, up to [`MAX_LISTED`].
    pub(super) fn paths(&self) -> Vec<String> {
        let paths = self.0.paths.load();
        let mut paths: Vec<_> = paths.keys().map(ToString::to_string).collect();
        paths.sort_unstable();
        paths.truncate(MAX_LISTED);
        paths
    }

    /// The route of a path; and the key at its end, for a route that takes one there. A slash at the end, and several in
    /// place of one, are as good as none: people type addresses, and proxies join them.
    pub(super) fn find(&self, path: &str) -> Option<(Arc<dyn AnyRoute>, Option<String>)> {
        let paths = self.0.paths.load();
        let path = &*without_further_slashes(path);
        if let Some(route) = paths.get(path) {
            return Some((Arc::clone(route), None));
        }
        let (before, key) = path.rsplit_once('/').filter(|(_, key)| !key.is_empty())?;
        let route = paths.get(before).filter(|route| route.takes_key())?;
        // A key that is not UTF-8 is none of ours, like an empty one.
        let key = percent_decode_str(key).decode_utf8().unwrap_or_default().into_owned();
        Some((Arc::clone(route), Some(key)))
    }

    /// The route that answers a request whose path is none of the table.
    pub(super) fn find_other(&self, uri: &Uri, headers: &HeaderMap) -> Option<Arc<dyn AnyRoute>> {
        let paths = self.0.paths.load();
        paths.values().find(|route| route.takes_other(uri, headers)).cloned()
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Box<str>, Arc<dyn AnyRoute>>) -> T) -> T {
        let _writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut paths = self.0.paths.load().as_ref().clone();
        let result = change(&mut paths);
        self.0.paths.store(Arc::new(paths));
        result
    }
}

fn without_further_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.ends_with('/') {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        plain.push_str(segment);
    }
    Cow::Owned(plain)
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.paths.load().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::response::Response;
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use crate::ingest::pipeline::Pipeline;
    use crate::ingest::response::{HookResponse, MessageKind};

    struct Silent {
        takes_key: bool,
    }

    impl AnyRoute for Silent {
        fn takes_key(&self) -> bool {
            self.takes_key
        }

        fn answer<'a>(
            &'a self,
            _pipeline: &'a Pipeline,
            _key: Option<&'a str>,
            _request: Request,
        ) -> BoxFuture<'a, Response> {
            async { HookResponse::Ignored.to(MessageKind::Delivery) }.boxed()
        }
    }

    #[test]
    fn routes_come_and_go_while_requests_are_served() {
        let table = RouteTable::default();
        let seen_elsewhere = table.clone();
        assert!(seen_elsewhere.find("/hooks/forge").is_none());
        table.insert("/hooks/forge", Arc::new(Silent { takes_key: false }));
        assert!(seen_elsewhere.find("/hooks/forge").is_some());
        assert_eq!(seen_elsewhere.paths(), ["/hooks/forge"]);
        for more in ["/hooks/forge/", "//hooks/forge", "/hooks//forge//"] {
            assert!(seen_elsewhere.find(more).is_some(), "{more}");
        }
        assert!(seen_elsewhere.find("/").is_none() && seen_elsewhere.find("").is_none());
        assert!(seen_elsewhere.find("/hooks/forge/key").is_none(), "it takes no key");
        assert!(table.remove("/hooks/forge") && !table.remove("/hooks/forge"));
        assert!(seen_elsewhere.find("/hooks/forge").is_none());
    }

    #[test]
    fn a_key_at_the_end_of_a_path_is_decoded() {
        let table = RouteTable::default();
        table.insert("/hooks/registry/x", Arc::new(Silent { takes_key: true }));
        let key = |path: &str| table.find(path).map(|(_, key)| key);
        assert_eq!(key("/hooks/registry/x"), Some(None));
        assert_eq!(key("/hooks/registry/x/a%20b"), Some(Some("a b".to_owned())));
        assert_eq!(key("/hooks/registry/x/%FF"), Some(Some(String::new())));
        assert_eq!(key("/hooks/registry/x/"), Some(None));
        assert_eq!(key("//hooks/registry/x/a%2Fb/"), Some(Some("a/b".to_owned())));
        assert_eq!(key("/hooks/registry/x/a/b"), None);
        assert_eq!(key("/hooks/registry/y/a"), None);
    }
}
