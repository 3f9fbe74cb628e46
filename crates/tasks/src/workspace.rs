use serde_json::{Map, Value};

/// The kinds of volume that a BuildRun can be given.
const SOURCES: [&str; 6] = ["configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected", "csi"];

/// Upstream reserves this name for a workspace that holds the source. Builds fetch their source themselves.
const SOURCE_WORKSPACE: &str = "shp-source";

/// The `volumes` of a BuildRun that the workspaces of a task become, or why one cannot.
pub(crate) fn volumes(workspaces: &[Map<String, Value>]) -> Result<Vec<Value>, String> {
    workspaces.iter().map(volume).collect()
}

fn volume(workspace: &Map<String, Value>) -> Result<Value, String> {
    let name = workspace.get("name").and_then(Value::as_str).unwrap_or_default();
    if name == SOURCE_WORKSPACE {
        return Err(format!("the workspace {name:?} cannot be the source of a Build"));
    }
    let is_set =
        |key: &str| workspace.get(key).is_some_and(|value| !value.is_null() && value.as_str() != Some(""));
    if is_set("subPath") {
        return Err(format!("the workspace {name:?} has a subPath, which volumes of Builds have not"));
    }
    if is_set("volumeClaimTemplate") {
        return Err(format!("the workspace {name:?} has a volumeClaimTemplate; name a claim that exists"));
    }
    let mut sources = SOURCES.iter().filter(|key| is_set(key));
    let (Some(source), None) = (sources.next(), sources.next()) else {
        return Err(format!("the workspace {name:?} must have exactly one of {}", SOURCES.join(", ")));
    };
    let mut volume = Map::new();
    volume.insert("name".to_owned(), name.into());
    volume.insert((*source).to_owned(), workspace.get(*source).cloned().unwrap_or_default());
    Ok(Value::Object(volume))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workspace_becomes_the_volume_of_its_name() {
        for (key, source) in [
            ("configMap", json!({"name": "settings"})),
            ("secret", json!({"secretName": "token"})),
            ("emptyDir", json!({})),
            ("persistentVolumeClaim", json!({"claimName": "cache"})),
            ("projected", json!({"sources": [{"secret": {"name": "token"}}]})),
            ("csi", json!({"driver": "secrets-store.csi.k8s.io"})),
        ] {
            let mut workspace = json!({"name": "w"});
            workspace[key] = source;
            let Value::Object(read) = &workspace else { unreachable!() };
            assert_eq!(volumes(std::slice::from_ref(read)), Ok(vec![workspace.clone()]));
        }
    }

    #[test]
    fn what_a_volume_cannot_be_is_refused() {
        for (workspace, why) in [
            (json!({"name": "w", "emptyDir": {}, "subPath": "a/b"}), "subPath"),
            (json!({"name": "w", "volumeClaimTemplate": {"spec": {}}}), "volumeClaimTemplate"),
            (json!({"name": "shp-source", "emptyDir": {}}), "source"),
            (json!({"name": "w"}), "exactly one"),
            (json!({"name": "w", "hostPath": {"path": "/"}}), "exactly one"),
            (json!({"name": "w", "emptyDir": {}, "secret": {"secretName": "s"}}), "exactly one"),
        ] {
            let Value::Object(read) = &workspace else { unreachable!() };
            let refused = volumes(std::slice::from_ref(read)).unwrap_err();
            assert!(refused.contains(why), "{workspace}: {refused}");
        }
    }
}
