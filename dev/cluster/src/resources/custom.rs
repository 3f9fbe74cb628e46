//! Resources of CustomResourceDefinitions.

use serde_json::{Map, Value, json};

use super::{Column, Resource, ResourceVersion, Strategy, meta_schema};
use crate::identity;
use crate::names::{label_error, subdomain_error};
use crate::resource_name::ResourceName;
use crate::schema::Schema;
use crate::status::{ApiError, Cause};

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Errors in a CustomResourceDefinition.
pub(crate) fn definition_causes(definition: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for pointer in ["/spec/group", "/spec/scope", "/spec/names/plural", "/spec/names/kind"] {
        if text(definition, pointer).is_none_or(str::is_empty) {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            causes.push(Cause::required(field, ""));
        }
    }
    if let Some(error) = text(definition, "/spec/group").and_then(subdomain_error) {
        causes.push(Cause::invalid("spec.group", &definition["spec"]["group"], error));
    }
    if let Some(error) = text(definition, "/spec/names/plural").and_then(label_error) {
        causes.push(Cause::invalid("spec.names.plural", &definition["spec"]["names"]["plural"], error));
    }
    if !matches!(text(definition, "/spec/scope"), None | Some("" | "Namespaced" | "Cluster")) {
        let message = format!(
            "Unsupported value: {}: supported values: \"Cluster\", \"Namespaced\"",
            definition["spec"]["scope"]
        );
        causes.push(Cause::new("spec.scope", "FieldValueNotSupported", message));
    }
    if let (Some(group), Some(plural)) =
        (text(definition, "/spec/group"), text(definition, "/spec/names/plural"))
    {
        let expected = format!("{plural}.{group}");
        if text(definition, "/metadata/name") != Some(&expected) {
            let detail = "must be spec.names.plural+\".\"+spec.group";
            causes.push(Cause::invalid("metadata.name", &definition["metadata"]["name"], detail));
        }
    }
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let storage = versions.into_iter().flatten().filter(|v| v["storage"] == true).count();
    if storage != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &definition["spec"]["versions"], detail));
    }
    for (index, version) in versions.into_iter().flatten().enumerate() {
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        match version.pointer("/schema/openAPIV3Schema") {
            None | Some(Value::Null) => causes.push(Cause::required(path, "schemas are required")),
            Some(schema) => causes.extend(Schema::pattern_causes(schema, &path)),
        }
    }
    causes
}

/// The resource of a CustomResourceDefinition.
pub(super) fn resource(definition: &Value) -> Result<Resource, ApiError> {
    let missing = || ApiError::bad_request("the definition has no group, plural or kind");
    let group = text(definition, "/spec/group").ok_or_else(missing)?;
    let plural = text(definition, "/spec/names/plural").ok_or_else(missing)?;
    let kind = text(definition, "/spec/names/kind").ok_or_else(missing)?;
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).ok_or_else(missing)?;
    let api = format!("{group}/");
    Ok(Resource {
        name: ResourceName { group: group.to_owned(), plural: plural.to_owned(), kind: kind.to_owned() },
        singular: text(definition, "/spec/names/singular").map_or_else(|| kind.to_lowercase(), str::to_owned),
        list_kind: text(definition, "/spec/names/listKind")
            .map_or_else(|| format!("{kind}List"), str::to_owned),
        short_names: texts(definition, "/spec/names/shortNames"),
        categories: texts(definition, "/spec/names/categories"),
        namespaced: text(definition, "/spec/scope") != Some("Cluster"),
        strategy: Strategy::Custom,
        versions: versions.iter().map(|v| version(v, &api, kind)).collect(),
    })
}

fn version(version: &Value, api: &str, kind: &str) -> ResourceVersion {
    let name = text(version, "/name").unwrap_or_default().to_owned();
    let openapi = with_object_fields(version.pointer("/schema/openAPIV3Schema"));
    let deprecation = (version["deprecated"] == true).then(|| {
        text(version, "/deprecationWarning")
            .map_or_else(|| format!("{api}{name} {kind} is deprecated"), str::to_owned)
    });
    let selectable = version.pointer("/selectableFields").and_then(Value::as_array).into_iter().flatten();
    ResourceVersion {
        served: version["served"] == true,
        storage: version["storage"] == true,
        deprecation,
        status: version.pointer("/subresources/status").is_some(),
        schema: Schema::compile(&openapi),
        openapi,
        columns: columns(version),
        selectable: selectable
            .filter_map(|f| text(f, "/jsonPath"))
            .map(|path| path.trim_start_matches('.').to_owned())
            .collect(),
        name,
    }
}

/// The schema with `apiVersion`, `kind` and the full `metadata`, which definitions omit or abbreviate.
fn with_object_fields(schema: Option<&Value>) -> Value {
    let mut schema = schema.cloned().unwrap_or_else(|| json!({"type": "object"}));
    if !schema["properties"].is_object() {
        schema["properties"] = Value::Object(Map::new());
    }
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = meta_schema();
    schema
}

fn columns(version: &Value) -> Vec<Column> {
    let listed = version.pointer("/additionalPrinterColumns").and_then(Value::as_array);
    let Some(listed) = listed.filter(|l| !l.is_empty()) else {
        return vec![Column {
            name: "Age".to_owned(),
            kind: "date".to_owned(),
            description: String::new(),
            priority: 0,
            path: ".metadata.creationTimestamp".to_owned(),
        }];
    };
    let column = |c: &Value| Column {
        name: text(c, "/name").unwrap_or_default().to_owned(),
        kind: text(c, "/type").unwrap_or("string").to_owned(),
        description: text(c, "/description").unwrap_or_default().to_owned(),
        priority: c["priority"].as_i64().unwrap_or(0),
        path: text(c, "/jsonPath").unwrap_or_default().to_owned(),
    };
    listed.iter().map(column).collect()
}

/// The status of an accepted definition. Conditions keep their first transition time.
pub(crate) fn accepted_status(definition: &Value) -> Value {
    let now = identity::now();
    let condition = |kind: &str, reason: &str, message: &str| {
        let known = definition.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let since = known.filter(|c| c["type"] == kind).find_map(|c| text(c, "/lastTransitionTime"));
        json!({"type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": since.unwrap_or(&now)})
    };
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let storage: Vec<&Value> = versions.filter(|v| v["storage"] == true).map(|v| &v["name"]).collect();
    json!({
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": storage,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    })
}

/// Sort key of versions, as in Kubernetes: GA before beta before alpha, higher numbers first, other names last.
pub(super) fn version_priority(name: &str) -> (u8, std::cmp::Reverse<(u32, u32)>, String) {
    let parse = || -> Option<(u8, u32, u32)> {
        let rest = name.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest.get(..digits)?.parse().ok()?;
        match rest.get(digits..)? {
            "" => Some((0, major, 0)),
            beta if beta.starts_with("beta") => Some((1, major, beta.get(4..)?.parse().ok()?)),
            alpha if alpha.starts_with("alpha") => Some((2, major, alpha.get(5..)?.parse().ok()?)),
            _ => None,
        }
    };
    let (stage, major, minor) = parse().unwrap_or((3, 0, 0));
    (stage, std::cmp::Reverse((major, minor)), name.to_owned())
}
