//! Getting and listing objects.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::Target;
use crate::selector::Selection;
use crate::status::ApiError;
use crate::store::{Key, Object, Snapshot, Store};

/// `resourceVersionMatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionMatch {
    Exact,
    NotOlderThan,
}

/// The query of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) selection: Selection,
    /// 0 for no limit.
    pub(crate) limit: usize,
    /// The token of the next page; empty for the first.
    pub(crate) token: String,
    /// 0 for the most recent.
    pub(crate) revision: u64,
    pub(crate) version_match: Option<VersionMatch>,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) revision: u64,
    pub(crate) objects: Vec<Arc<Object>>,
    /// Empty if this is the last page.
    pub(crate) token: String,
    /// Number of objects after this page; `None` with a selection, as on the real server.
    pub(crate) remaining: Option<usize>,
}

/// One object.
pub(crate) fn get(store: &Store, target: &Target) -> Result<Arc<Object>, ApiError> {
    super::update::current(store, target)
}

/// A page of objects, ordered by namespace and name.
pub(crate) fn list(store: &Store, target: &Target, options: &ListOptions) -> Result<Listed, ApiError> {
    let id = target.resource.collection();
    let (snapshot, after) = find_snapshot(store, target, options)?;
    let mut page = Vec::new();
    let mut last: Option<&Key> = None;
    let mut is_cut = false;
    for (key, object) in candidates(&snapshot, &target.namespace, after.as_ref(), options) {
        if !options.selection.matches(&object.value) {
            continue;
        }
        if options.limit > 0 && page.len() == options.limit {
            is_cut = true;
            break;
        }
        page.push(Arc::clone(object));
        last = Some(key);
    }
    let (mut token, mut remaining) = (String::new(), None);
    if let (true, Some(last)) = (is_cut, last) {
        token = encode_token(snapshot.revision, last);
        if options.selection.is_everything() {
            remaining = Some(candidates(&snapshot, &target.namespace, Some(last), options).count());
        }
        store.keep_snapshot(&id, snapshot.clone());
    }
    Ok(Listed { revision: snapshot.revision, objects: page, token, remaining })
}

fn candidates<'a>(
    snapshot: &'a Snapshot,
    namespace: &'a str,
    after: Option<&Key>,
    options: &ListOptions,
) -> Box<dyn Iterator<Item = (&'a Key, &'a Arc<Object>)> + 'a> {
    use std::ops::Bound;
    if let (Some(name), None) = (options.selection.only_name(), after)
        && !namespace.is_empty()
    {
        let key = Key::new(namespace, name);
        return Box::new(snapshot.objects.get_key_value(&key).into_iter());
    }
    let start = match after {
        Some(key) => Bound::Excluded(key.clone()),
        None => Bound::Included(Key::new(namespace, "")),
    };
    let range = snapshot.objects.range((start, Bound::Unbounded));
    Box::new(range.take_while(move |(key, _)| namespace.is_empty() || key.namespace == namespace))
}

fn find_snapshot(
    store: &Store,
    target: &Target,
    options: &ListOptions,
) -> Result<(Snapshot, Option<Key>), ApiError> {
    let id = target.resource.collection();
    if !options.token.is_empty() {
        let (revision, after) = decode_token(&options.token)
            .ok_or_else(|| ApiError::bad_request("continue key is not valid: illegal continue token"))?;
        let message = "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.";
        let snapshot = store.snapshot_at(&id, revision).ok_or_else(|| ApiError::expired(message))?;
        return Ok((snapshot, Some(after)));
    }
    let now = store.snapshot(&id);
    if options.revision > now.revision {
        return Err(too_large(options.revision, now.revision));
    }
    if options.version_match == Some(VersionMatch::Exact) && options.revision != now.revision {
        let message = format!("The resourceVersion for the provided list is too old: {}", options.revision);
        let snapshot = store.snapshot_at(&id, options.revision).ok_or_else(|| ApiError::expired(message))?;
        return Ok((snapshot, None));
    }
    Ok((now, None))
}

/// The error for a resource version that is newer than the store's.
pub(crate) fn too_large(requested: u64, current: u64) -> ApiError {
    let message = format!("Too large resource version: {requested}, current: {current}");
    let mut error = ApiError::new(504, "Timeout", message);
    error.details =
        json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]});
    error.retry_after = Some(1);
    error
}

fn encode_token(revision: u64, last: &Key) -> String {
    let token =
        json!({"v": "meta.k8s.io/v1", "rv": revision, "namespace": last.namespace, "name": last.name});
    BASE64URL_NOPAD.encode(token.to_string().as_bytes())
}

fn decode_token(token: &str) -> Option<(u64, Key)> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
    let token: Value = serde_json::from_slice(&bytes).ok()?;
    Some((token["rv"].as_u64()?, Key::new(token["namespace"].as_str()?, token["name"].as_str()?)))
}
