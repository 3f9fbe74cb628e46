//! Notes on PipelineRuns: what they have started.

use kube::api::Patch;
use kube::{Api, Client};
use serde_json::json;
use tracing::{debug, warn};
use trigger_api::tekton::PipelineRun;
use trigger_dispatch::Note;
use trigger_runtime::error_chain;

use crate::api_server_error::is_status;
use crate::patch::patch_parameters;

/// Tekton writes the run while it goes on; whoever comes second has to look again.
const TRIES: usize = 4;

/// Annotates the PipelineRun. Mostly this is one call, because the run is as it was seen.
pub(crate) async fn write(client: &Client, note: &Note) {
    let metadata = &note.seen.metadata;
    let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) else { return };
    let runs: Api<PipelineRun> = Api::namespaced(client.clone(), namespace);
    match try_to(&runs, name, note).await {
        Ok(()) => {}
        Err(error) if is_status(&error, 404) => {
            debug!(namespace, name, "the PipelineRun is gone; nothing is noted on it");
        }
        Err(error) => {
            let reason = error_chain(&error);
            warn!(namespace, name, reason, "what the PipelineRun has started cannot be noted on it");
        }
    }
}

async fn try_to(runs: &Api<PipelineRun>, name: &str, note: &Note) -> Result<(), kube::Error> {
    let mut run = note.seen.clone();
    for tries_left in (0..TRIES).rev() {
        let Some(annotations) = note.annotations(&run) else { return Ok(()) };
        let version = &run.metadata.resource_version;
        let patch = json!({"metadata": {"resourceVersion": version, "annotations": annotations}});
        match runs.patch_metadata(name, &patch_parameters(), &Patch::Merge(patch)).await {
            Err(error) if is_status(&error, 409) && tries_left > 0 => {}
            other => return other.map(drop),
        }
        let now = runs.get(name).await?;
        if now.metadata.uid != note.seen.metadata.uid {
            // Another run bears the name now.
            return Ok(());
        }
        run = now;
    }
    Ok(())
}
