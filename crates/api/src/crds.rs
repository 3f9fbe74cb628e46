//! The CustomResourceDefinitions that the dev cluster serves, written by us after Shipwright's API
//! reference. A real cluster has the Build project's own.

use serde_json::Value;

const BUILD_SPEC: &str = include_str!("../crds/build-spec.yaml");
const BUILDS: &str = include_str!("../crds/builds.yaml");
const BUILDRUNS: &str = include_str!("../crds/buildruns.yaml");

/// Stands in the files where the schema of a Build's spec belongs: it is the same in three places.
const BUILD_SPEC_MARK: &str = "schema-of-a-build-spec";

/// Every CustomResourceDefinition, as objects to create.
///
/// Fails only if the files in this crate are broken, which its tests rule out.
pub fn all() -> Result<Vec<Value>, serde_saphyr::Error> {
    let build_spec: Value = serde_saphyr::from_str(BUILD_SPEC)?;
    [BUILDS, BUILDRUNS]
        .into_iter()
        .map(|file| {
            let mut definition: Value = serde_saphyr::from_str(file)?;
            fill_in(&mut definition, &build_spec);
            Ok(definition)
        })
        .collect()
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

    #[test]
    fn every_definition_is_whole() {
        let definitions = all().unwrap();
        let names: Vec<_> = definitions.iter().map(|definition| &definition["metadata"]["name"]).collect();
        assert_eq!(names, ["builds.shipwright.io", "buildruns.shipwright.io"]);
        for definition in &definitions {
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
}
