//! A check of JSON against the schemas that the OpenAPI document holds: as much of JSON Schema as these use.
//! A word that it does not know fails the test, so that nothing passes unlooked at.

use serde_json::Value;

/// Says where `value` is not as `schema` wants it.
pub fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(all) = schema.as_bool() {
        return all.then_some(()).ok_or_else(|| format!("nothing is allowed here: {value}"));
    }
    for (word, wanted) in schema.as_object().ok_or("a schema is an object")? {
        let fits = match word.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().trim_start_matches('#');
                let named = document.pointer(name).ok_or_else(|| format!("{name} is not there"))?;
                check(document, named, value)?;
                true
            }
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                kind => is_of(kind, value),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "required" => {
                wanted.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(document, schema, value).map_err(|error| format!("{name}: {error}"))?;
                    }
                }
                true
            }
            "additionalProperties" if wanted == &Value::Bool(false) => {
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    check(document, wanted, value)?;
                }
                true
            }
            "oneOf" => fitting(document, wanted, value) == 1,
            "anyOf" => fitting(document, wanted, value) >= 1,
            "allOf" => fitting(document, wanted, value) == wanted.as_array().unwrap().len(),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "format" if wanted == "date-time" => {
                value.as_str().is_none_or(|text| text.parse::<jiff::Timestamp>().is_ok())
            }
            "format" | "description" | "title" | "default" => true,
            other => return Err(format!("the check does not know the word `{other}`")),
        };
        if !fits {
            return Err(format!("`{word}: {wanted}` does not hold for {value}"));
        }
    }
    Ok(())
}

fn fitting(document: &Value, schemas: &Value, value: &Value) -> usize {
    let schemas = schemas.as_array().unwrap();
    schemas.iter().filter(|schema| check(document, schema, value).is_ok()).count()
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}

#[test]
fn the_check_can_fail() {
    let document = serde_json::json!({"s": {"type": "object", "required": ["a"], "properties":
        {"a": {"type": ["string", "null"]}, "b": {"type": "array", "items": {"oneOf": [{"const": 1}]}}}}});
    let schema = serde_json::json!({"$ref": "#/s"});
    for (text, fits) in [
        (r#"{"a": null}"#, true),
        (r#"{"a": "x", "b": [1, 1], "c": 3}"#, true),
        (r#"{"a": 1}"#, false),
        (r#"{"b": []}"#, false),
        (r#"{"a": "x", "b": [1, 2]}"#, false),
        ("[]", false),
    ] {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(check(&document, &schema, &value).is_ok(), fits, "{text}");
    }
}
