//! Watches: streams of JSON lines.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::accept::Shape;
use super::body::{self, Body};
use super::query::Query;
use super::table::{Include, metadata_only, table};
use crate::operations::{Target, list};
use crate::selector::Selection;
use crate::status::{ApiError, Cause};
use crate::store::{Cursor, Delta, DeltaKind, Store};

/// Interval of bookmarks. The real server sends one per minute; tests would wait too long for it.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(10);

/// Lifetime of a watch without `timeoutSeconds`; the real server picks 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(40);

struct WatchResponse {
    store: Arc<Store>,
    target: Target,
    cursor: Cursor,
    shape: Shape,
    include: Include,
    pending: VecDeque<Bytes>,
    bookmarks: bool,
    columns_sent: bool,
    next_bookmark: Instant,
    deadline: Instant,
    drops: watch::Receiver<u64>,
    is_over: bool,
}

/// The response to a watch request.
pub(super) fn watch(
    store: &Arc<Store>,
    target: Target,
    query: &Query,
    shape: Shape,
    drops: watch::Receiver<u64>,
) -> Result<Response<Body>, ApiError> {
    let mut selection = query.selection(&target)?;
    if !target.name.is_empty() {
        let only = format!("metadata.name={}", target.name);
        selection = Selection::parse(query.text("labelSelector"), &only, |_| false)?;
    }
    let initial = wants_initial_events(query)?;
    let revision = query.number("resourceVersion")?.unwrap_or(0);
    let timeout =
        query.number("timeoutSeconds")?.filter(|s| *s > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let everything = Target { name: String::new(), ..target.clone() };
    let mut first = Vec::new();
    let mut start = revision;
    if revision == 0 || initial {
        let mut options = query.list_options(&target)?;
        options.selection = selection.clone();
        options.limit = 0;
        options.token.clear();
        options.version_match = None;
        let listed = list(store, &everything, &options)?;
        start = listed.revision;
        let added = |object| Delta { kind: DeltaKind::Added, object };
        first = listed.objects.into_iter().map(added).collect();
    }
    let content_type = "application/json";
    let cursor = match store.follow(&target.resource.collection(), &target.namespace, selection, start) {
        Ok(cursor) => cursor,
        Err(compacted) => {
            let event = error_event(start, compacted.up_to);
            return Ok(body::stream(content_type, futures::stream::iter([event])));
        }
    };
    let now = Instant::now();
    let mut response = WatchResponse {
        store: Arc::clone(store),
        target,
        cursor,
        shape,
        include: Include::parse(query.text("includeObject")),
        pending: VecDeque::new(),
        bookmarks: query.flag("allowWatchBookmarks"),
        columns_sent: false,
        next_bookmark: now + BOOKMARK_INTERVAL,
        deadline: now + timeout,
        drops,
        is_over: false,
    };
    for delta in first {
        response.push(&delta);
    }
    if initial {
        response.push_bookmark(start, true);
    }
    Ok(body::stream(content_type, response.into_stream()))
}

fn wants_initial_events(query: &Query) -> Result<bool, ApiError> {
    let invalid = |field: &str, detail: &str| {
        Err(ApiError::invalid_options("ListOptions", Cause::forbidden(field, detail)))
    };
    let version_match = query.text("resourceVersionMatch");
    match (query.text("sendInitialEvents"), version_match) {
        ("", "") => Ok(false),
        ("", _) => invalid(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (flag, "NotOlderThan") => Ok(flag == "true" || flag == "1"),
        _ => invalid(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
    }
}

fn error_event(revision: u64, compacted: u64) -> Bytes {
    let error = ApiError::expired(format!("too old resource version: {revision} ({compacted})"));
    line("ERROR", &error.to_value())
}

fn line(kind: &str, object: &Value) -> Bytes {
    // The type comes first, as API servers write it: clients read the object as what the type says.
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}

impl WatchResponse {
    fn into_stream(self) -> impl Stream<Item = Bytes> + Send {
        futures::stream::unfold(self, |mut response| async move {
            let chunk = response.next().await?;
            Some((chunk, response))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.take_pending() {
                return Some(chunk);
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                () = self.cursor.changed() => self.read(),
                _ = self.drops.changed() => return None,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.read();
                    self.push_bookmark(self.cursor.revision, false);
                    self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
                }
                () = tokio::time::sleep_until(self.deadline) => {
                    self.read();
                    if self.bookmarks && !self.is_over {
                        self.push_bookmark(self.cursor.revision, false);
                    }
                    self.is_over = true;
                }
            }
        }
    }

    /// All pending lines in one chunk: one write to the socket instead of one per event.
    fn take_pending(&mut self) -> Option<Bytes> {
        let first = self.pending.pop_front()?;
        if self.pending.is_empty() {
            return Some(first);
        }
        let mut chunk = first.to_vec();
        for line in self.pending.drain(..) {
            chunk.extend_from_slice(&line);
        }
        Some(Bytes::from(chunk))
    }

    fn read(&mut self) {
        match self.cursor.read(&self.store) {
            Ok(deltas) => deltas.iter().for_each(|delta| self.push(delta)),
            Err(compacted) => {
                self.pending.push_back(error_event(self.cursor.revision, compacted.up_to));
                self.is_over = true;
            }
        }
    }

    fn push(&mut self, delta: &Delta) {
        let mut object = delta.object.value.clone();
        self.target.resource.present(&self.target.version, &mut object);
        let kind = match delta.kind {
            DeltaKind::Added => "ADDED",
            DeltaKind::Modified => "MODIFIED",
            DeltaKind::Deleted => "DELETED",
        };
        let shaped = match self.shape {
            Shape::Object => object,
            Shape::Metadata => metadata_only(&object, "PartialObjectMetadata"),
            Shape::Table => self.one_row(&[object]),
        };
        self.pending.push_back(line(kind, &shaped));
    }

    fn push_bookmark(&mut self, revision: u64, ends_initial_events: bool) {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if ends_initial_events {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (kind, api_version) = match self.shape {
            Shape::Metadata => ("PartialObjectMetadata".to_owned(), "meta.k8s.io/v1".to_owned()),
            _ => (self.target.resource.name.kind.clone(), self.target.api_version()),
        };
        let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        let shaped = if self.shape == Shape::Table { self.one_row(&[object]) } else { object };
        self.pending.push_back(line("BOOKMARK", &shaped));
    }

    /// A table with one row. Only the first table of a watch has column definitions.
    fn one_row(&mut self, objects: &[Value]) -> Value {
        let version = objects.first().map(|o| o["metadata"]["resourceVersion"].clone()).unwrap_or_default();
        let mut table = table(&self.target, objects, &json!({"resourceVersion": version}), self.include);
        if self.columns_sent {
            table["columnDefinitions"] = Value::Null;
        }
        self.columns_sent = true;
        table
    }
}
