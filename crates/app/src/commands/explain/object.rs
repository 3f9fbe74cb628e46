//! Events from objects of the cluster, as if they were observed now.

use std::path::Path;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigger_api::annotations;
use trigger_api::manifest;
use trigger_api::shipwright::{self, BuildRun, Push, image::Image};
use trigger_api::tekton::{self, PipelineRun};
use trigger_core::{Event, ImageChange, ImageEvent, ImageSource};

use super::super::event_args::read;

/// The supported kinds, with their groups.
const KINDS: [(&str, &str); 3] =
    [("PipelineRun", tekton::GROUP), ("Image", shipwright::GROUP), ("BuildRun", shipwright::GROUP)];

/// The event from the status of the first supported object in a file.
pub(super) fn event(file: &Path) -> anyhow::Result<Event> {
    let shown = file.display();
    let text = String::from_utf8(read(file)?).with_context(|| format!("{shown} is not UTF-8 text"))?;
    let objects = manifest::parse(&text).with_context(|| format!("cannot parse {shown}"))?;
    let mut object = objects.into_iter().find(is_supported).with_context(|| {
        format!(
            "{shown} contains no PipelineRun of {} and no Image or BuildRun of {}",
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

fn is_supported(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().and_then(|version| version.split('/').next());
    KINDS.iter().any(|(kind, of)| object["kind"] == *kind && group == Some(of))
}

fn of_pipeline_run(object: Value, name: &str) -> anyhow::Result<Event> {
    let event = typed::<PipelineRun>(object, name)?.event(Timestamp::now());
    event
        .map(Event::PipelineRun)
        .with_context(|| format!("{name} has not started, so there is nothing to decide"))
}

/// The change in an Image object.
fn of_image(object: Value, name: &str) -> anyhow::Result<ImageChange> {
    let object = typed::<Image>(object, name)?;
    let image = object.source().with_context(|| format!("{name} names no image tag"))?;
    let Some(to) = object.digest() else {
        bail!("{name} has not imported {image} yet, so there is nothing to decide");
    };
    Ok(ImageChange { image, from: None, to, source: ImageSource::Image, since: Timestamp::now() })
}

/// The change by the push of a BuildRun, at the time when it ended.
fn of_build_run(object: Value, name: &str) -> anyhow::Result<ImageChange> {
    let Some(Push { image, digest, at, counts }) = typed::<BuildRun>(object, name)?.push() else {
        bail!(
            "{name} has not succeeded or has not recorded an image with a digest, so there is nothing to decide"
        );
    };
    if !counts {
        bail!("{name} has the annotation {}, so no rule fires for what it pushes", annotations::SKIP_CHAIN);
    }
    Ok(ImageChange { image, from: None, to: digest, source: ImageSource::BuildRun, since: at })
}

fn typed<T: DeserializeOwned>(object: Value, name: &str) -> anyhow::Result<T> {
    serde_json::from_value(object).with_context(|| format!("{name} is invalid"))
}
