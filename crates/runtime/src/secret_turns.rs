use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use trigger_core::ObjectKey;

use crate::{SecretData, SecretError, Secrets};

/// How many Secrets of one namespace are read side by side for one delivery. A namespace with many takes longer and
/// delays no other.
const SIDE_BY_SIDE: usize = 8;

/// How much longer Secrets may take once a key has verified a request. Long enough for any read of an API server that
/// is well; short enough that a tenant whose Secrets hang delays the others by less than a second.
pub const VERIFIED_GRACE: Duration = Duration::from_millis(500);

/// The result of reading one of several Secrets: its place among them, and what it holds.
pub type SecretRead = (usize, Result<Arc<SecretData>, SecretError>);

/// Reads Secrets now: those of all namespaces side by side, and of each namespace a few at a time.
pub fn read_in_turns<'a>(
    wanted: impl IntoIterator<Item = &'a ObjectKey>,
    secrets: &'a dyn Secrets,
) -> impl stream::Stream<Item = SecretRead> + Unpin + 'a {
    let mut namespaces = BTreeMap::<_, Vec<_>>::new();
    for (place, secret) in wanted.into_iter().enumerate() {
        namespaces.entry(&secret.namespace).or_default().push(read(place, secret, secrets));
    }
    let each = namespaces.into_values();
    stream::select_all(each.map(|reads| stream::iter(reads).buffer_unordered(SIDE_BY_SIDE)))
}

fn read<'a>(place: usize, secret: &'a ObjectKey, secrets: &'a dyn Secrets) -> BoxFuture<'a, SecretRead> {
    async move { (place, secrets.read(secret).await) }.boxed()
}
