use serde_json::Value;

/// What a value takes in its list or object.
const VALUE: usize = 32;
/// What a text takes beside its bytes.
const TEXT: usize = 16;
/// A node of an object: it has room for eleven members, whether it has one or all.
const NODE: usize = 640;
/// The members of the nodes of a large object, at least.
const MEMBERS_OF_NODE: usize = 5;

/// The memory that a JSON value takes, in bytes, about. An object of one member takes eighty times as much as its text.
pub fn value_memory(value: &Value) -> usize {
    VALUE
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => TEXT + text.len(),
            Value::Array(items) => TEXT + items.iter().map(value_memory).sum::<usize>(),
            Value::Object(members) => {
                let nodes = if members.len() <= 11 {
                    usize::from(!members.is_empty())
                } else {
                    members.len().div_ceil(MEMBERS_OF_NODE)
                };
                // The values are in the nodes.
                let member =
                    |(name, value): (&String, &Value)| TEXT + name.len() + value_memory(value) - VALUE;
                nodes * NODE + members.iter().map(member).sum::<usize>()
            }
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn small_objects_take_much_more_than_their_text() {
        let many = json!(vec![json!({"a": 0}); 1000]);
        let (memory, text) = (value_memory(&many), many.to_string().len());
        assert!(memory > 80 * text && memory < 90 * text, "{memory} {text}");
        let long = json!({"a": "x".repeat(100_000)});
        assert!(value_memory(&long) < 101_000);
        let wide =
            json!((0..1000).map(|key| (key.to_string(), 0)).collect::<std::collections::BTreeMap<_, _>>());
        assert!((128_000..200_000).contains(&value_memory(&wide)), "{}", value_memory(&wide));
    }
}
