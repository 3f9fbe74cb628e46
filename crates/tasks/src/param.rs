use serde_json::{Value, json};
use trigger_api::tekton::Param;

/// The `paramValues` of a BuildRun that parameters of a task become, or what is wrong with one.
pub(crate) fn values(params: &[Param]) -> Result<Vec<Value>, String> {
    params.iter().map(value).collect()
}

fn value(param: &Param) -> Result<Value, String> {
    let name = &param.name;
    match &param.value {
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(text).collect();
            let Some(items) = items else {
                return Err(format!("the array parameter {name:?} holds something that is no string"));
            };
            let items: Vec<_> = items.into_iter().map(|item| json!({"value": item})).collect();
            Ok(json!({"name": name, "values": items}))
        }
        Value::Object(_) => {
            Err(format!("the parameter {name:?} is an object; Builds take strings and arrays of strings"))
        }
        other => match text(other) {
            Some(text) => Ok(json!({"name": name, "value": text})),
            None => Err(format!("the parameter {name:?} has no value")),
        },
    }
}

/// Tekton takes numbers and booleans in YAML for the strings that they are written as.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines C1, C2, C3 and X11 of the conformance list, and what lies between them.
    #[test]
    fn strings_and_arrays_are_passed_on_and_objects_refused() {
        for (params, expected) in [
            (json!([]), Ok(json!([]))),
            (json!([{"name": "p", "value": "v"}]), Ok(json!([{"name": "p", "value": "v"}]))),
            (json!([{"name": "p", "value": ""}]), Ok(json!([{"name": "p", "value": ""}]))),
            (json!([{"name": "p", "value": 5}]), Ok(json!([{"name": "p", "value": "5"}]))),
            (
                json!([{"name": "p", "value": ["v", "v"]}]),
                Ok(json!([{"name": "p", "values": [{"value": "v"}, {"value": "v"}]}])),
            ),
            (json!([{"name": "p", "value": []}]), Ok(json!([{"name": "p", "values": []}]))),
            (json!([{"name": "p", "value": {"k": "v"}}]), Err("is an object")),
            (json!([{"name": "p", "value": [["v"]]}]), Err("no string")),
            (json!([{"name": "p"}]), Err("no value")),
        ] {
            let read: Vec<Param> = serde_json::from_value(params.clone()).unwrap();
            match (values(&read), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(Value::Array(found), expected, "{params}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{params}: {found:?}, expected {expected:?}"),
            }
        }
    }
}
