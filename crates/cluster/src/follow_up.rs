//! Records of what was started, written on the object that caused it.

use std::time::Duration;

use kube::api::Patch;
use serde_json::{Value, json};
use tracing::{debug, warn};
use trigger_runtime::Backoff;
use trigger_targets::FollowUp;

use crate::api_server_error::{ApiServerError, is_absent, is_status};
use crate::discovery::{Discovery, ObjectApi};
use crate::patch::patch_parameters;
use crate::read::get_unread;
use crate::sentence::words;

/// The object's controller writes it too; a write that conflicts is repeated on the new version of the object.
const TRIES: usize = 4;

/// The pauses after errors that may pass.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(2) };

/// Annotates the object that all `records` are about. Mostly this is one request, because the object has not changed since
/// it was observed. An error that may pass is tried again.
pub(crate) async fn write(discovery: &Discovery, records: &[&FollowUp]) {
    let Some(first) = records.first() else { return };
    let object = &first.on.resource;
    for failures in 1.. {
        let error = match annotate(discovery, first, records).await {
            Ok(()) => return,
            Err(error) if is_absent(&error) => {
                return debug!(%object, "the object is gone; nothing is recorded on it");
            }
            Err(error) => error,
        };
        if failures > ApiServerError::of(&error).verdict.retries() {
            let reason = words(&error);
            return warn!(%object, reason, "the objects that it started cannot be recorded on it");
        }
        tokio::time::sleep(AGAIN.pause(failures)).await;
    }
}

async fn annotate(discovery: &Discovery, first: &FollowUp, records: &[&FollowUp]) -> Result<(), kube::Error> {
    let uid = first.on.uid.as_str();
    let ObjectApi { api, segment } = discovery.api(&first.on.resource, &first.on.version).await?;
    let values: Vec<&Value> = records.iter().map(|record| &record.record).collect();
    let mut object = Value::clone(&first.seen);
    for tries_left in (0..TRIES).rev() {
        let Some(annotations) = (first.merge)(&object, &values) else { return Ok(()) };
        let version = &object["metadata"]["resourceVersion"];
        let patch = json!({"metadata": {"resourceVersion": version, "annotations": annotations}});
        match api.patch_metadata(&segment, &patch_parameters(), &Patch::Merge(patch)).await {
            Err(error) if is_status(&error, 409) && tries_left > 0 => {}
            other => return other.map(drop),
        }
        let now = get_unread(&api, &segment).await?;
        if now.metadata.uid.as_deref() != Some(uid) {
            // Another object has the name now.
            return Ok(());
        }
        object = now.value()?;
    }
    Ok(())
}
