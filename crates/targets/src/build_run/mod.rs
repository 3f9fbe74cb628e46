//! Builds, started by BuildRuns (`shipwright.io/v1beta1`).
//!
//! - `template.rs`: the part of a Build that a run needs, as stored in the target.
//! - `draft.rs`: a BuildRun before it is JSON, for rules and for custom tasks alike.
//! - `cause.rs`: why it exists, as annotations and as a sentence.
//! - `output.rs`: what a run does with its image that a pull request starts.
//! - `record.rs`: what is recorded on the PipelineRun that started it.
//! - `status.rs`: reads the state of a run.
//!
//! What the Build would check out anyway is built by name. Anything else (the head of a pull request,
//! another branch) is built from the Build's spec with the commit of the event as its revision: by name,
//! the wrong code would be built, because the Build project offers no way to override a Git revision.

mod cause;
mod draft;
mod output;
mod record;
mod status;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Map, Value};
use trigger_api::annotations;
use trigger_api::shipwright::{self, BuildReference, BuildRunSpec, BuildSpec};
use trigger_core::{Branch, Commit, CommitRef, Event, GitEventKind, ObjectKey, ResourceRef, Target};

pub use self::draft::{BuildRunDraft, TRIGGERED};
pub use self::output::{LONGEST_OUTPUT, PullRequestOutput};
/// The state of a BuildRun, from the whole object.
pub use self::status::read as status;
pub use self::template::{BuildTemplate, RevisionPolicy};
use crate::plan::{
    Existing, LimitKey, Manifest, Plan, RenderError, Request, ResourceType, Subject, TargetKind,
};
use crate::run_name::run_name;
use crate::run_status::RunStatus;

/// A Build.
pub const BUILD: ResourceType =
    ResourceType { group: shipwright::GROUP, version: shipwright::VERSION, kind: "Build" };
/// A BuildRun.
pub const BUILD_RUN: ResourceType =
    ResourceType { group: shipwright::GROUP, version: shipwright::VERSION, kind: "BuildRun" };

/// Builds, started by BuildRuns.
pub struct Builds;

impl TargetKind for Builds {
    #[cfg(test)]
    fn folder(&self) -> &'static str {
        "build_run"
    }

    fn is_of(&self, target: &ResourceRef) -> bool {
        target.is_a(BUILD.group, BUILD.kind)
    }

    fn render(&self, request: &Request<'_>) -> Result<Vec<Plan>, RenderError> {
        let target = request.target;
        let unusable = |source| unusable(target, source);
        let build_name = target.resource.name();
        let name = run_name(build_name, &target.uid, request.delivery, request.ordinal);
        let template = BuildTemplate::parse(&target.template).map_err(unusable)?;
        let mut labels = BTreeMap::from([label(annotations::LABEL_BUILD_NAME, build_name)]);
        let mut annotations = cause::annotations(request);
        if template.pull_request_output.skips_chain(request.event) {
            annotations.extend([label(annotations::SKIP_CHAIN, "true")]);
        }
        let (mut owner, mut other) = (None, Map::new());
        let image = template.pull_request_output.image(request.event);
        let commit = pinned(&template, request.event)?.cloned();
        let name_of_build = if commit.is_some() {
            // The Build controller labels runs by name itself, but not these.
            labels.extend([label(annotations::LABEL_BUILD_GENERATION, &target.generation.to_string())]);
            // Nor does it keep the retention of the Build for these: `trigger-cluster` keeps the limits.
            if template.limits_runs {
                labels.extend([label(annotations::LABEL_LIMITED, "true")]);
            }
            owner = template.deletes_runs.then(|| owned_by(target));
            None
        } else {
            if let Some(image) = &image {
                other = output_to(&template.spec.other, image);
            }
            Some(build_name.to_string())
        };
        let build = BuildReference { name: name_of_build, spec: None };
        let draft = BuildRunDraft {
            key: ObjectKey::new(Arc::clone(target.resource.namespace()), name),
            labels,
            annotations,
            owner,
            spec: BuildRunSpec { build, other },
            reason: request.cause.kind,
            sentence: cause::sentence(request),
        };
        let (resource, condition) = (BUILD_RUN.named(draft.key.clone()), draft.condition());
        Ok(vec![Plan {
            follow_up: record::follow_up(request, resource.name()),
            resource,
            version: BUILD_RUN.version.into(),
            manifest: Arc::new(BuildRunManifest { draft, target: Arc::clone(target), commit, image }),
            run_as: None,
            existing: Existing::Created,
            condition: Some(condition),
            limit: limit(request.event),
            subject: Subject {
                resource: target.resource.clone(),
                version: BUILD.version.into(),
                uid: target.uid.to_string(),
            },
            sequence: None,
            ordinal: request.ordinal,
        }])
    }

    fn version_of(&self, run: &ResourceRef) -> Option<&'static str> {
        run.is_a(BUILD_RUN.group, BUILD_RUN.kind).then_some(BUILD_RUN.version)
    }

    fn status_of(&self, run: &ResourceRef, object: &Value) -> Option<RunStatus> {
        run.is_a(BUILD_RUN.group, BUILD_RUN.kind).then(|| status::read(object))
    }
}

/// A BuildRun without the spec of its Build, which is embedded when it is created.
#[derive(Debug)]
struct BuildRunManifest {
    draft: BuildRunDraft,
    target: Arc<Target>,
    /// The commit to pin the run to. Absent: the draft names the Build.
    commit: Option<Commit>,
    /// The image that the run pushes, if it is not that of the Build.
    image: Option<String>,
}

/// The memory of a Build's spec while it is rendered and sent, in times of its text: one with many small parts takes so much.
const MEMORY_OF_SPEC: usize = 40;

impl Manifest for BuildRunManifest {
    fn object(&self) -> Result<Value, RenderError> {
        let unusable = |source| unusable(&self.target, source);
        let mut draft = self.draft.clone();
        if let Some(commit) = &self.commit {
            let template = BuildTemplate::parse(&self.target.template).map_err(unusable)?;
            let mut spec = spec_at(template.spec, commit);
            if let Some(image) = &self.image {
                let output = output_to(&spec.other, image);
                spec.other.extend(output);
            }
            draft.spec.build.spec = Some(Box::new(spec));
        }
        draft.object().map_err(unusable)
    }

    fn memory(&self) -> usize {
        self.commit.as_ref().map_or(0, |_| self.target.template.len().saturating_mul(MEMORY_OF_SPEC))
    }
}

fn unusable(target: &Target, source: serde_json::Error) -> RenderError {
    RenderError::Template { target: target.resource.clone(), source }
}

fn label(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// The field `output` among those of a spec, with another image. A run that names its Build may have one of its own; then
/// that holds for all of the output, credentials included.
fn output_to(fields: &Map<String, Value>, image: &str) -> Map<String, Value> {
    let mut output = fields.get("output").and_then(Value::as_object).cloned().unwrap_or_default();
    output.insert("image".to_owned(), image.into());
    Map::from_iter([("output".to_owned(), output.into())])
}

/// The Build as the owner of a run, so that the run is deleted with it. Not as its controller: the Build controller makes
/// the Build that, for runs with its label, whenever the Build changes.
fn owned_by(target: &Target) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", BUILD.group, BUILD.version),
        kind: BUILD.kind.to_owned(),
        name: target.resource.name().to_string(),
        uid: target.uid.to_string(),
        ..OwnerReference::default()
    }
}

fn limit(event: &Event) -> Option<LimitKey> {
    let Event::Image(event) = event else { return None };
    Some(LimitKey { name: LimitKey::IMAGES, namespace: Arc::clone(&event.namespace) })
}

/// The commit to pin the run to; `None` if the Build would check out the right code by itself.
fn pinned<'a>(template: &BuildTemplate, event: &'a Event) -> Result<Option<&'a Commit>, RenderError> {
    let Event::Git(event) = event else { return Ok(None) };
    let Some(commit) = event.commit() else { return Ok(None) };
    let branch = match &event.kind {
        GitEventKind::Push { branch, .. } => Some(branch),
        _ => None,
    };
    let default_branch = event.repository.default_branch.as_ref();
    let by_name = match template.revision_policy {
        RevisionPolicy::Build => true,
        RevisionPolicy::Event => false,
        RevisionPolicy::Auto => branch.is_some_and(|branch| checks_out(template, branch, default_branch)),
    };
    match commit {
        _ if by_name => Ok(None),
        CommitRef::Full(commit) => Ok(Some(commit)),
        CommitRef::Abbreviated(digits) => Err(RenderError::AbbreviatedCommit(digits.to_string())),
    }
}

/// Whether the Build checks out `branch` by itself.
fn checks_out(template: &BuildTemplate, branch: &Branch, default_branch: Option<&Branch>) -> bool {
    match template.revision() {
        Some(revision) => revision.strip_prefix("refs/heads/").unwrap_or(revision) == branch.as_str(),
        None => default_branch == Some(branch),
    }
}

/// The Build's spec with `commit` as its revision. The address stays the Build's own, so that the code of
/// a pull request is fetched from the repository it was proposed to, never from a fork.
fn spec_at(mut spec: BuildSpec, commit: &Commit) -> BuildSpec {
    if let Some(git) = spec.source.as_mut().and_then(|source| source.git.as_mut()) {
        git.revision = Some(commit.to_string());
    }
    spec
}
