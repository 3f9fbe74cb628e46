//! Tables of expressions, and their results for one event.

use serde_json::{Map, Value, json};

use super::{NoSecrets, Program, SecretError, SecretLookup, Variables, Vocabulary};
use crate::Headers;

mod any_text;
mod bounds;
mod demanded_texts;
mod explanations;
mod filters;
mod library;
mod overlays;
mod peer;

/// An event that the tables of this module share.
struct Event {
    body: Value,
    header: Headers,
    extensions: Map<String, Value>,
}

impl Event {
    fn push() -> Self {
        let mut header = Headers::new();
        header.append("X-GitHub-Event", "push".to_owned());
        header.append("X-Token", "s3cr3t".to_owned());
        header.append("X-Twice", "one".to_owned());
        header.append("X-Twice", "two, three".to_owned());
        let body = json!({
            "ref": "refs/heads/main",
            "size": 7,
            "ratio": 0.25,
            "big": 12_345_678,
            "forced": false,
            "before": null,
            "odd-name": {"x": 1},
            "labels": ["red", "green"],
            "counts": [3, 1, 2],
            "repository": {"name": "shop", "owner": {"login": "ann"}, "topics": [["a"], ["b", ["c"]]]},
            "commits": [
                {"id": "c1", "added": ["docs/a.md"], "modified": []},
                {"id": "c2", "added": [], "modified": ["src/x.rs", "src/y.rs"]},
            ],
            "text": "{\"a\":{\"b\":[1,2]}}",
            "notes": "ünïcode",
        });
        let extensions = json!({"git": {"branch": "main"}});
        let Value::Object(extensions) = extensions else { unreachable!() };
        Self { body, header, extensions }
    }

    fn variables(&self) -> Variables<'_> {
        Variables {
            body: &self.body,
            header: &self.header,
            extensions: &self.extensions,
            request_url: "/hook?x=1",
            event: &Value::Null,
        }
    }
}

/// Has one Secret, named `hook`, with one key, `token`.
struct OneSecret;

impl SecretLookup for OneSecret {
    fn compare(&self, presented: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        let (name, key) = (name.to_owned(), key.to_owned());
        match (name.as_str(), key.as_str()) {
            ("hook", "token") => Ok(presented == "s3cr3t"),
            ("hook", _) => Err(SecretError::NoSuchKey { namespace: "team".to_owned(), name, key }),
            _ => Err(SecretError::NoSuchSecret { name, key }),
        }
    }
}

/// The value of an expression for the push, or the message of the error.
fn evaluated(source: &str) -> Result<Value, String> {
    evaluated_with(source, &NoSecrets)
}

fn evaluated_with(source: &str, secrets: &dyn SecretLookup) -> Result<Value, String> {
    let program = Program::compile(source, Vocabulary::Interceptor).map_err(|error| error.to_string())?;
    program.evaluate(&Event::push().variables(), secrets).map_err(|error| error.message())
}

/// Asserts the value of each expression.
fn assert_values(rows: &[(&str, Value)]) {
    for (source, expected) in rows {
        assert_eq!(evaluated(source).as_ref(), Ok(expected), "{source}");
    }
}

/// Asserts that each expression fails with a message that contains the text.
fn assert_failures(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        match evaluated(source) {
            Ok(value) => panic!("{source} gave {value}, and not {expected}"),
            Err(message) => assert!(message.contains(expected), "{source}: {message}"),
        }
    }
}
