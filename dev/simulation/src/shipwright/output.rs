//! The results that a successful BuildRun reports: image digest, size and commit, all invented.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

/// Status fields of a successful run with the name `run`.
pub(super) fn status_fields(spec: &Value, run: &str) -> Value {
    let mut fields = json!({"output": {"digest": digest(spec, run), "size": 1_000_000}});
    let git = &spec["source"]["git"];
    if let Some(url) = git["url"].as_str() {
        let revision = git["revision"].as_str().unwrap_or_default();
        let is_commit = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit = if is_commit { revision.to_owned() } else { commit(url, revision) };
        fields["source"] = json!({"git": {"commitSha": commit}});
    }
    fields
}

/// A digest that depends only on the spec and the name of the run.
fn digest(spec: &Value, run: &str) -> String {
    format!("sha256:{}", hex::<4>(&(spec.to_string(), run)))
}

/// A commit id that depends only on the repository and the revision.
fn commit(url: &str, revision: &str) -> String {
    let mut commit = hex::<3>(&(url, revision));
    commit.truncate(40);
    commit
}

/// `PARTS` times 16 hexadecimal digits that depend only on `value`.
fn hex<const PARTS: u8>(value: &impl Hash) -> String {
    let mut text = String::new();
    for part in 0..PARTS {
        let mut hasher = DefaultHasher::new();
        part.hash(&mut hasher);
        value.hash(&mut hasher);
        let _ = write!(text, "{:016x}", hasher.finish());
    }
    text
}
