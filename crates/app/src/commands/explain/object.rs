//! Events out of objects of the cluster: what they would mean if they were seen now.

use std::path::Path;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigger_api::manifest;
use trigger_api::shipwright::{self, BuildRun, Push, image::Image};
use trigger_api::tekton::{self, PipelineRun};
use trigger_core::{Event, ImageChange, ImageEvent, ImageSource};

use super::super::event_args::read;

/// The kinds that are understood, with their groups.
const KINDS: [(&str, &str); 3] =
    [("PipelineRun", tekton::GROUP), ("Image", shipwright::GROUP), ("BuildRun", shipwright::GROUP)];

/// What the status of the first such object in a file means.
pub(super) fn event(file: &Path) -> anyhow::Result<Event> {
    let shown = file.display();
    let text = String::from_utf8(read(file)?).with_context(|| format!("{shown} is no text"))?;
    let objects = manifest::parse(&text).with_context(|| format!("{shown} cannot be understood"))?;
    let mut object = objects.into_iter().find(is_understood).with_context(|| {
        format!(
            "{shown} holds no PipelineRun of {}, nor an Image or a BuildRun of {}",
            tekton::GROUP,
            shipwright::GROUP
        )
    })?;
    if object["metadata"]["namespace"].is_null() {
        object["metadata"]["namespace"] = "default".into();
    }
    let metadata = &object["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, namespace) = (text(&object["kind"]), text(&metadata["namespace"]));
    let name = format!("the {kind} {namespace}/{}", text(&metadata["name"]));
    let change = match kind.as_str() {
        "PipelineRun" => return of_pipeline_run(object, &name),
        "Image" => of_image(object, &name)?,
        _ => of_build_run(object, &name)?,
    };
    Ok(Event::Image(ImageEvent { namespace: namespace.into(), changes: vec![change] }))
}

fn is_understood(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().and_then(|version| version.split('/').next());
    KINDS.iter().any(|(kind, of)| object["kind"] == *kind && group == Some(of))
}

fn of_pipeline_run(object: Value, name: &str) -> anyhow::Result<Event> {
    let event = typed::<PipelineRun>(object, name)?.event(Timestamp::now());
    event.map(Event::PipelineRun).with_context(|| format!("{name} has not started: nothing to decide"))
}

/// What an Image object says is new when it is seen.
fn of_image(object: Value, name: &str) -> anyhow::Result<ImageChange> {
    let object = typed::<Image>(object, name)?;
    let image = object.source().with_context(|| format!("{name} is about no tag of an image"))?;
    let Some(to) = object.digest() else {
        bail!("{name} names no digest of {image}, so it was not imported yet: nothing to decide");
    };
    Ok(ImageChange { image, from: None, to, source: ImageSource::Image, since: Timestamp::now() })
}

/// What a BuildRun has pushed is new since it ended.
fn of_build_run(object: Value, name: &str) -> anyhow::Result<ImageChange> {
    let Some(Push { image, digest, at }) = typed::<BuildRun>(object, name)?.push() else {
        bail!(
            "{name} has not succeeded, or does not say which image with which digest it has pushed: nothing to decide"
        );
    };
    Ok(ImageChange { image, from: None, to: digest, source: ImageSource::BuildRun, since: at })
}

fn typed<T: DeserializeOwned>(object: Value, name: &str) -> anyhow::Result<T> {
    serde_json::from_value(object).with_context(|| format!("{name} cannot be read"))
}
