//! A Build is started by a BuildRun (`shipwright.io/v1beta1`).
//!
//! What the Build would check out anyway is built by name. Anything else (the head of a pull request,
//! another branch) is built from the Build's spec with the commit of the event as its revision: by name,
//! the wrong code would be built, because the Build project offers no way to override a Git revision.

mod cause;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use trigger_api::manifest::to_object;
use trigger_api::shipwright::{self, BuildReference, BuildRun, BuildRunSpec, BuildSpec};
use trigger_api::{RevisionPolicy, Target, annotations};
use trigger_core::{Branch, Commit, Event, GitEventKind, ObjectKey};

use crate::plan::{Condition, Plan, RenderError, Request, ResourceType, TargetKind};
use crate::run_name::run_name;

const BUILD: ResourceType =
    ResourceType { group: shipwright::GROUP, version: shipwright::VERSION, kind: "Build", plural: "builds" };
const BUILD_RUN: ResourceType = ResourceType {
    group: shipwright::GROUP,
    version: shipwright::VERSION,
    kind: "BuildRun",
    plural: "buildruns",
};

/// The condition that tells why a BuildRun exists.
const TRIGGERED: &str = "Triggered";

/// Builds, started by BuildRuns.
pub struct BuildRuns;

impl TargetKind for BuildRuns {
    fn name(&self) -> &'static str {
        BUILD.kind
    }

    fn render(&self, request: &Request<'_>) -> Result<Plan, RenderError> {
        let target = request.target;
        let name = run_name(&target.key.name, &target.uid, request.delivery);
        let mut labels = BTreeMap::from([label(annotations::LABEL_BUILD_NAME, &target.key.name)]);
        let build = match pinned(target, request.event) {
            None => BuildReference { name: Some(target.key.name.to_string()), spec: None },
            Some(commit) => {
                // The Build controller labels runs by name itself, but not these.
                labels.extend([label(annotations::LABEL_BUILD_GENERATION, &target.generation.to_string())]);
                BuildReference { name: None, spec: Some(Box::new(spec_at(target, commit)?)) }
            }
        };
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(target.key.namespace.to_string()),
            labels: Some(labels),
            annotations: Some(cause::annotations(request)),
            ..ObjectMeta::default()
        };
        let run =
            BuildRun { metadata, spec: BuildRunSpec { build, ..BuildRunSpec::default() }, status: None };
        let object =
            to_object(&run).map_err(|source| RenderError::Spec { target: target.key.clone(), source })?;
        Ok(Plan {
            key: ObjectKey::new(Arc::clone(&target.key.namespace), name),
            kind: BUILD_RUN,
            object,
            condition: Condition {
                kind: TRIGGERED,
                reason: request.cause.kind,
                message: cause::sentence(request),
            },
            target: target.key.clone(),
            target_kind: BUILD,
            target_uid: target.uid.to_string(),
        })
    }
}

fn label(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// The commit to pin the run to; `None` if the Build would check out the right code by itself.
fn pinned<'a>(target: &Target, event: &'a Event) -> Option<&'a Commit> {
    let Event::Git(event) = event else { return None };
    let (commit, branch) = match &event.kind {
        GitEventKind::Push { branch, commit } => (commit, Some(branch)),
        GitEventKind::PullRequest(pull_request) => (&pull_request.commit, None),
        GitEventKind::Tag { commit, .. } => (commit, None),
        _ => return None,
    };
    let checked_out =
        || branch.is_some_and(|branch| checks_out(target, branch, event.repository.default_branch.as_ref()));
    match target.revision_policy {
        RevisionPolicy::Build => None,
        RevisionPolicy::Event => Some(commit),
        RevisionPolicy::Auto => (!checked_out()).then_some(commit),
    }
}

/// Whether the Build checks out `branch` by itself.
fn checks_out(target: &Target, branch: &Branch, default_branch: Option<&Branch>) -> bool {
    match target.revision.as_deref() {
        Some(revision) => revision.strip_prefix("refs/heads/").unwrap_or(revision) == branch.as_str(),
        None => default_branch == Some(branch),
    }
}

/// The Build's spec with `commit` as its revision. The address stays the Build's own, so that the code of
/// a pull request is fetched from the repository it was proposed to, never from a fork.
fn spec_at(target: &Target, commit: &Commit) -> Result<BuildSpec, RenderError> {
    let spec: Result<BuildSpec, _> = serde_json::from_str(&target.spec);
    let mut spec = spec.map_err(|source| RenderError::Spec { target: target.key.clone(), source })?;
    if let Some(git) = spec.source.as_mut().and_then(|source| source.git.as_mut()) {
        git.revision = Some(commit.to_string());
    }
    Ok(spec)
}
