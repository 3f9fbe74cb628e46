use serde_json::Value;

/// The bytes that one value takes, with the room that a list takes while it grows.
const BYTES_OF_A_VALUE: usize = 64;

/// The bytes that an object takes beside its values, with its room for eleven members.
const BYTES_OF_AN_OBJECT: usize = 640;

/// The memory in bytes that a text of JSON takes once it is read, at most, about: also if it consists of small objects.
/// Such a text takes many times its length. A text that is no JSON has a number too.
pub fn memory_of(json: &[u8]) -> usize {
    let rough = memory_with(json, rough_parts(json));
    if rough <= ROUGH { rough } else { memory_with(json, parts(json)) }
}

/// Up to so many bytes a bound is good enough that counts signs in texts too. It costs every event of a listener some
/// microseconds, and the other one some thirty for each look.
const ROUGH: usize = 1 << 20;

fn memory_with(json: &[u8], (values, objects): (usize, usize)) -> usize {
    json.len() + values * BYTES_OF_A_VALUE + objects * BYTES_OF_AN_OBJECT
}

/// Refuses a text of JSON that would take more than `most` bytes of memory. The
/// error is a part of a sentence about the text: how much it takes, and how much is allowed.
pub fn check_memory(json: &str, most: usize) -> Result<(), String> {
    let needed = memory_of(json.as_bytes());
    if needed <= most {
        return Ok(());
    }
    let (needed, most) = (needed.div_ceil(1 << 20), most >> 20);
    Err(format!("takes {needed} MiB of memory to read, at most {most} are allowed"))
}

/// Bounds of the numbers of values and of objects in a text of JSON, as if no text in it held a sign of JSON. The loop has no
/// state, so that it takes many bytes at a time.
fn rough_parts(json: &[u8]) -> (usize, usize) {
    let count = |sign: u8| json.iter().map(|byte| usize::from(*byte == sign)).sum::<usize>();
    let objects = count(b'{');
    (1 + count(b',') + count(b'[') + objects, objects)
}

/// Bounds of the numbers of values and of objects in a text of JSON.
fn parts(json: &[u8]) -> (usize, usize) {
    let (mut values, mut objects, mut in_text, mut escaped) = (1, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' if !in_text => values += 1,
            b'{' if !in_text => (values, objects) = (values + 1, objects + 1),
            _ => {}
        }
    }
    (values, objects)
}

/// The bytes that a value takes within its list or object.
const VALUE: usize = 32;
/// The bytes that a string takes beside its text.
const TEXT: usize = 16;
/// The members of the nodes of a large object, at least. Each node takes [`BYTES_OF_AN_OBJECT`].
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
                nodes * BYTES_OF_AN_OBJECT + members.iter().map(member).sum::<usize>()
            }
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn small_objects_take_more_than_their_values() {
        assert_eq!(memory_of(br#"[{"a":0},{}]"#), 12 + 5 * BYTES_OF_A_VALUE + 2 * BYTES_OF_AN_OBJECT);
        let text = format!("[\"{}\"]", "{".repeat(2 * ROUGH / BYTES_OF_AN_OBJECT));
        assert_eq!(
            memory_of(text.as_bytes()),
            text.len() + 2 * BYTES_OF_A_VALUE,
            "a large one is looked at closely"
        );
    }

    #[test]
    fn each_value_counts_and_the_content_of_a_text_does_not() {
        const MOST: usize = 1 << 20;
        let list = |items: usize| format!("[0{}]", ",0".repeat(items - 1));
        let fits = MOST / (BYTES_OF_A_VALUE + 2) - 2;
        assert_eq!(check_memory(&list(fits), MOST), Ok(()));
        let refused = "takes 2 MiB of memory to read, at most 1 are allowed";
        assert_eq!(check_memory(&list(fits + 3), MOST), Err(refused.to_owned()));
        assert_eq!(check_memory(&format!("[\"{}\"]", "\\\",[{".repeat(MOST / 8)), MOST), Ok(()));
        assert!(check_memory(&format!("\"{}\"", "a".repeat(MOST)), MOST).is_err());
    }

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
