//! The CustomResourceDefinitions that the dev cluster serves, written by us after the API references of
//! Shipwright and Tekton. A real cluster has the projects' own.

use serde_json::Value;

const BUILD_SPEC: &str = include_str!("../crds/build-spec.yaml");
const BUILDS: &str = include_str!("../crds/builds.yaml");
const BUILDRUNS: &str = include_str!("../crds/buildruns.yaml");
const IMAGES: &str = include_str!("../crds/images.yaml");
const PIPELINES: &str = include_str!("../crds/pipelines.yaml");
const PIPELINERUNS: &str = include_str!("../crds/pipelineruns.yaml");
const TASKRUNS: &str = include_str!("../crds/taskruns.yaml");
const CUSTOMRUNS: &str = include_str!("../crds/customruns.yaml");
const RUNS: &str = include_str!("../crds/runs.yaml");
/// These are shipped, too, for clusters without Tekton Triggers.
const TEKTON_TRIGGERS: &str = include_str!("../../../deploy/components/tekton-triggers-crds/crds.yaml");

/// Stands in the files where the schema of a Build's spec belongs: it is the same in three places.
const BUILD_SPEC_MARK: &str = "schema-of-a-build-spec";

/// Those of a cluster with Shipwright, its Images, Tekton and its Triggers: [`shipwright`], [`images`], [`tekton`] and
/// [`tekton_triggers`].
///
/// Fails only if the files in this crate are broken, which its tests rule out. So do the others.
pub fn all() -> Result<Vec<Value>, serde_saphyr::Error> {
    let mut definitions = shipwright()?;
    definitions.extend(images()?);
    definitions.extend(tekton()?);
    definitions.extend(tekton_triggers()?);
    Ok(definitions)
}

/// Build and BuildRun.
pub fn shipwright() -> Result<Vec<Value>, serde_saphyr::Error> {
    let build_spec: Value = serde_saphyr::from_str(BUILD_SPEC)?;
    let mut definitions = read(&[BUILDS, BUILDRUNS])?;
    for definition in &mut definitions {
        fill_in(definition, &build_spec);
    }
    Ok(definitions)
}

/// Image, which is installed apart from the others of its group.
pub fn images() -> Result<Vec<Value>, serde_saphyr::Error> {
    read(&[IMAGES])
}

/// Pipeline, PipelineRun, TaskRun and CustomRun, as today's Tekton has them.
pub fn tekton() -> Result<Vec<Value>, serde_saphyr::Error> {
    read(&[PIPELINES, PIPELINERUNS, TASKRUNS, CUSTOMRUNS])
}

/// The seven kinds of Tekton Triggers, which are installed apart from Tekton.
pub fn tekton_triggers() -> Result<Vec<Value>, serde_saphyr::Error> {
    serde_saphyr::from_multiple(TEKTON_TRIGGERS)
}

/// Run of `tekton.dev/v1alpha1`, which Tekton had until v0.46.
pub fn tekton_run() -> Result<Vec<Value>, serde_saphyr::Error> {
    read(&[RUNS])
}

fn read(files: &[&str]) -> Result<Vec<Value>, serde_saphyr::Error> {
    files.iter().map(|file| serde_saphyr::from_str(file)).collect()
}

fn fill_in(value: &mut Value, build_spec: &Value) {
    match value {
        Value::String(text) if text == BUILD_SPEC_MARK => *value = build_spec.clone(),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, build_spec)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill_in(field, build_spec)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::{self, Kind};

    #[test]
    fn every_definition_is_whole() {
        let definitions = all().unwrap();
        let names: Vec<_> =
            definitions.iter().filter_map(|definition| definition["metadata"]["name"].as_str()).collect();
        let ours = ["builds.shipwright.io", "buildruns.shipwright.io", "images.shipwright.io"];
        let theirs = ["pipelines", "pipelineruns", "taskruns", "customruns"];
        let theirs = theirs.map(|plural| format!("{plural}.tekton.dev"));
        let triggers = Kind::ALL.map(|kind| format!("{}.{}", kind.plural(), triggers::GROUP));
        let ours = ours.map(ToOwned::to_owned);
        assert_eq!(names, [ours.as_slice(), theirs.as_slice(), triggers.as_slice()].concat());
        assert_eq!(tekton_run().unwrap()[0]["metadata"]["name"], "runs.tekton.dev");
        for definition in &shipwright().unwrap() {
            assert!(!definition.to_string().contains(BUILD_SPEC_MARK));
            let when = "spec/properties/trigger/properties/when";
            let schema = "/spec/versions/0/schema/openAPIV3Schema/properties";
            let build_spec = match definition["spec"]["names"]["kind"].as_str() {
                Some("Build") => format!("{schema}/{when}"),
                _ => format!("{schema}/spec/properties/build/properties/{when}"),
            };
            assert!(definition.pointer(&build_spec).is_some(), "{build_spec}");
        }
    }

    /// The definitions and the types are written apart, so that neither hides a mistake of the other.
    #[test]
    fn the_kinds_of_tekton_triggers_are_defined_as_they_are_read() {
        let short_names = ["el", "tri", "tb", "ctb", "tt", "", "ci"];
        for ((kind, definition), short) in Kind::ALL.iter().zip(tekton_triggers().unwrap()).zip(short_names) {
            let (spec, name) = (&definition["spec"], kind.name());
            assert_eq!(spec["names"]["kind"], name);
            assert_eq!(spec["names"]["listKind"], format!("{name}List"));
            assert_eq!(spec["names"]["singular"], name.to_lowercase());
            assert_eq!(spec["names"]["shortNames"][0].as_str().unwrap_or_default(), short, "{name}");
            let scope = if kind.is_namespaced() { "Namespaced" } else { "Cluster" };
            assert_eq!(spec["scope"], scope, "{name}");
            let versions = spec["versions"].as_array().unwrap();
            let served: Vec<_> = versions.iter().map(|version| &version["name"]).collect();
            assert_eq!(served, kind.versions(), "{name}");
            for (index, version) in versions.iter().enumerate() {
                assert_eq!((&version["served"], &version["storage"]), (&true.into(), &(index == 0).into()));
                assert!(version["subresources"]["status"].is_object(), "{name}");
                // Tekton's have no schema, so that nothing is refused here that is stored there.
                let schema = version["schema"]["openAPIV3Schema"].as_object().unwrap();
                let fields: Vec<_> = schema.keys().filter(|field| *field != "description").collect();
                assert_eq!(fields, ["type", "x-kubernetes-preserve-unknown-fields"], "{name}");
            }
        }
    }

    /// `kubectl explain` shows them.
    #[test]
    fn every_field_of_a_trigger_has_a_description() {
        fn describe(schema: &Value, path: &str, missing: &mut Vec<String>) {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}.{name}");
                let text = field["description"].as_str().unwrap_or_default();
                if text.is_empty() {
                    missing.push(path.clone());
                }
                describe(field, &path, missing);
                describe(&field["items"], &path, missing);
            }
        }
        let build_spec: Value = serde_saphyr::from_str(BUILD_SPEC).unwrap();
        let mut missing = Vec::new();
        describe(&build_spec["properties"]["trigger"], "trigger", &mut missing);
        assert_eq!(missing, [] as [String; 0]);
        for name in ["source", "trigger", "strategy", "output"] {
            assert!(build_spec["properties"][name]["description"].is_string(), "{name}");
        }
        for definition in all().unwrap() {
            let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            assert!(schema["description"].is_string(), "{}", definition["metadata"]["name"]);
        }
    }
}
