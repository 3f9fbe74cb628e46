//! Manifests from a folder, or the examples of the repository.

use std::collections::{BTreeSet, HashMap};
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use data_encoding::BASE64;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use trigger_api::manifest::{self, ManifestError};
use trigger_api::shipwright::Build;
use trigger_core::ObjectKey;
use trigger_runtime::{SecretData, SecretError, Secrets};

const EXAMPLES: [(&str, &str); 9] = [
    ("examples/images.yaml", include_str!("../../../examples/images.yaml")),
    ("examples/team-a.yaml", include_str!("../../../examples/team-a.yaml")),
    ("examples/team-b.yaml", include_str!("../../../examples/team-b.yaml")),
    ("examples/tekton.yaml", include_str!("../../../examples/tekton.yaml")),
    ("examples/listeners/accounts.yaml", include_str!("../../../examples/listeners/accounts.yaml")),
    ("examples/listeners/github.yaml", include_str!("../../../examples/listeners/github.yaml")),
    ("examples/listeners/git.yaml", include_str!("../../../examples/listeners/git.yaml")),
    ("examples/listeners/gitlab.yaml", include_str!("../../../examples/listeners/gitlab.yaml")),
    ("examples/listeners/group.yaml", include_str!("../../../examples/listeners/group.yaml")),
];

/// The name in manifests of the registry that `dev` starts. Its port is known only then.
const DEV_REGISTRY: &str = "dev-registry.example";

/// The objects to load, namespaces first. Adds Namespaces that the objects use but do not declare. Replaces
/// `dev-registry.example` with `registry`, if given.
pub(crate) fn objects(folder: Option<&Path>, registry: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let files = match folder {
        None => EXAMPLES.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec(),
        Some(folder) => files(folder)?,
    };
    let mut objects = Vec::new();
    for (name, mut text) in files {
        if let Some(registry) = registry {
            text = text.replace(DEV_REGISTRY, registry);
        }
        objects.extend(manifest::parse(&text).with_context(|| format!("cannot load {name}"))?);
    }
    let (mut ordered, others): (Vec<_>, Vec<_>) =
        objects.into_iter().map(with_namespace).partition(|object| object["kind"] == "Namespace");
    let declared: BTreeSet<String> = ordered.iter().filter_map(|object| text(object, "name")).collect();
    let used: BTreeSet<String> = others.iter().filter_map(|object| text(object, "namespace")).collect();
    ordered.extend(
        used.difference(&declared)
            .filter(|name| *name != "default")
            .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})),
    );
    ordered.extend(others);
    Ok(ordered)
}

/// The object in the namespace `default`, if it names none.
fn with_namespace(mut object: Value) -> Value {
    if object["metadata"]["namespace"].is_null() && object["kind"] != "Namespace" {
        object["metadata"]["namespace"] = "default".into();
    }
    object
}

/// The Builds in a folder.
pub(crate) fn builds(folder: &Path) -> anyhow::Result<Vec<Build>> {
    let builds = objects(Some(folder), None)?.into_iter().filter(|object| object["kind"] == "Build");
    builds
        .map(|object| {
            let name = object["metadata"]["name"].to_string();
            serde_json::from_value(object).with_context(|| format!("the Build {name} is invalid"))
        })
        .collect()
}

/// The Secrets of a folder, for checking what they hold.
#[derive(Debug, Default)]
pub(crate) struct ManifestSecrets(HashMap<ObjectKey, Arc<SecretData>>);

/// The Secrets in a folder.
pub(crate) fn secrets(folder: &Path) -> anyhow::Result<ManifestSecrets> {
    Ok(ManifestSecrets::of(&objects(Some(folder), None)?))
}

impl ManifestSecrets {
    /// Those among these objects.
    pub(crate) fn of<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let secrets = objects.into_iter().filter(|object| object["kind"] == "Secret");
        let key = |object: &Value| Some(ObjectKey::new(text(object, "namespace")?, text(object, "name")?));
        Self(secrets.filter_map(|object| Some((key(object)?, Arc::new(data(object))))).collect())
    }
}

/// The data of a Secret, as the API server makes it of `data` and `stringData`.
fn data(secret: &Value) -> SecretData {
    let fields = |name: &str| secret[name].as_object().into_iter().flatten();
    let encoded = fields("data").filter_map(|(name, value)| {
        Some((name.clone(), BASE64.decode(value.as_str()?.trim().as_bytes()).ok()?))
    });
    let plain = fields("stringData")
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.as_bytes().to_vec())));
    SecretData::new(encoded.chain(plain))
}

impl Secrets for ManifestSecrets {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        // Manifests often leave Secrets to another tool, so one that is not there is not missing.
        let unknown = || {
            let reason = "it is not among the manifests".to_owned();
            SecretError::Unavailable { secret: secret.clone(), reason }
        };
        ready(self.0.get(secret).cloned().ok_or_else(unknown)).boxed()
    }
}

fn text(object: &Value, field: &str) -> Option<String> {
    object["metadata"][field].as_str().map(ToOwned::to_owned)
}

/// The objects of these files and of those in these folders, each with the name of its file. One that cannot be read keeps
/// no other from being read. `-` is the standard input.
pub(crate) fn each(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, Result<Value, ManifestError>)>> {
    let mut objects = Vec::new();
    for (file, text) in texts(paths)? {
        match manifest::parse_each(&text) {
            Err(error) => objects.push((file, Err(error))),
            Ok(found) => {
                objects.extend(found.into_iter().map(|object| (file.clone(), object.map(with_namespace))));
            }
        }
    }
    Ok(objects)
}

/// The texts of these files and of those in these folders, each with the name of its file.
fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let text = std::io::read_to_string(std::io::stdin()).context("cannot read the standard input")?;
            texts.push(("the standard input".to_owned(), text));
        } else if path.is_dir() {
            texts.extend(files(path)?);
        } else {
            texts.push(read(path)?);
        }
    }
    Ok(texts)
}

fn read(path: &Path) -> anyhow::Result<(String, String)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((path.display().to_string(), text))
}

fn files(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        bail!("the folder {} contains no .yaml, .yml or .json file", folder.display());
    }
    paths.iter().map(|path| read(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_complete_and_namespaces_come_first() {
        let objects = objects(None, Some("127.0.0.1:5000")).unwrap();
        let kinds: Vec<_> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
        assert_eq!(kinds[..2], ["Namespace", "Namespace"]);
        let count = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
        assert_eq!((count("Build"), count("EventListener")), (6, 4));
        let text = json!(objects).to_string();
        assert!(text.contains("127.0.0.1:5000/") && !text.contains(DEV_REGISTRY));
    }
}
