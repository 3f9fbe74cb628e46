use std::path::{Path, PathBuf};

use anstream::eprintln;
use serde_json::Value;
use trigger_api::shipwright::Build;
use trigger_api::triggers::Kind;
use trigger_cluster::{CoalescingSecretReader, Scope, connect, list_builds};
use trigger_runtime::Secrets;

use super::super::tekton_objects::{TektonObject, TektonObjects};
use super::tekton_triggers::KnownObjects;
use crate::manifests::{self, ManifestSecrets};
use crate::sanitize::escape_for_terminal;

/// The objects to check.
pub(super) struct Input {
    pub(super) builds: Vec<Located<Build>>,
    pub(super) tekton_triggers: Vec<Located<TektonObject>>,
    /// The Secrets that Builds name.
    pub(super) secrets: Box<dyn Secrets>,
    /// The objects that others may refer to.
    pub(super) known: KnownObjects,
    /// What stands in files and is no object.
    pub(super) unreadable: Vec<Unreadable>,
}

/// An object, and the file that it stands in; `None` if it is clear.
pub(super) struct Located<T> {
    pub(super) object: T,
    pub(super) file: Option<String>,
}

/// A file or a document that cannot be read.
pub(super) struct Unreadable {
    pub(super) place: String,
    pub(super) reason: String,
}

impl Input {
    /// Reads the objects of these files, or else of this folder, or else of these namespaces of the cluster, or of all.
    pub(super) async fn read(
        paths: &[PathBuf],
        folder: Option<&Path>,
        namespaces: &[String],
    ) -> anyhow::Result<Self> {
        match folder {
            _ if !paths.is_empty() => Self::of_paths(paths),
            Some(folder) => Self::of_paths(&[folder.to_owned()]),
            None => Self::of_cluster(namespaces).await,
        }
    }

    fn with_secrets(secrets: impl Secrets + 'static) -> Self {
        Self {
            builds: Vec::new(),
            tekton_triggers: Vec::new(),
            secrets: Box::new(secrets),
            known: KnownObjects::default(),
            unreadable: Vec::new(),
        }
    }

    fn of_paths(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut objects = Vec::new();
        let mut unreadable = Vec::new();
        for (file, object) in manifests::each(paths)? {
            match object {
                Err(error) => unreadable.push(Unreadable::new(&file, error)),
                Ok(object) => objects.push((object, file)),
            }
        }
        let mut input = Self::with_secrets(ManifestSecrets::of(objects.iter().map(|(object, _)| object)));
        input.unreadable = unreadable;
        for (object, file) in objects {
            input.add(object, file);
        }
        if paths.iter().any(|path| path.is_dir()) {
            input.known.kinds = Kind::ALL.into();
        }
        Ok(input)
    }

    fn add(&mut self, object: Value, file: String) {
        if object["kind"] == "Build" {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            let place = format!("Build {}/{} in {file}", text("namespace"), text("name"));
            match serde_json::from_value(object) {
                Ok(build) => self.builds.push(Located { object: build, file: Some(file) }),
                Err(error) => self.unreadable.push(Unreadable::new(&place, error)),
            }
        } else if let Some(object) = TektonObject::of(object) {
            self.add_tekton_object(object, Some(file));
        }
    }

    fn add_tekton_object(&mut self, object: TektonObject, file: Option<String>) {
        self.known.add(&object);
        self.tekton_triggers.push(Located { object, file });
    }

    async fn of_cluster(namespaces: &[String]) -> anyhow::Result<Self> {
        let (connection, scope) = (connect(None).await?, Scope::of(namespaces));
        let builds = list_builds(&connection, &scope).await?;
        let mut input = Self::with_secrets(CoalescingSecretReader::new(&connection));
        input.builds = builds.objects.into_iter().map(|object| Located { object, file: None }).collect();
        input.known.namespaces = namespaces.iter().cloned().collect();
        let listed = TektonObjects::list(&connection, &scope).await;
        input.known.kinds = listed.kinds;
        for object in listed.objects {
            input.add_tekton_object(object, None);
        }
        for reason in builds.unreadable.into_iter().chain(listed.unreadable) {
            eprintln!("not checked: {}", escape_for_terminal(&reason));
        }
        Ok(input)
    }
}

impl Unreadable {
    fn new(place: &str, error: impl Into<anyhow::Error>) -> Self {
        Self { place: place.to_owned(), reason: format!("{:#}", error.into()) }
    }
}
