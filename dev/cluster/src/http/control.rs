//! `/devcluster/`: what tests and people turn the knobs with.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Requests;
use crate::faults::{Fault, Faults};
use crate::status::ApiError;

/// The body of `PUT /devcluster/faults`. What is absent stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Wanted {
    rules: Option<Vec<Fault>>,
    drop_watches: bool,
    compact: bool,
    outage_ms: Option<u64>,
}

/// The answer and, if asked for, for how many milliseconds the server shall be away.
pub(super) fn control(
    faults: &Faults,
    requests: &Requests,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<(Value, Option<u64>), ApiError> {
    match (path, method.as_str()) {
        ("faults", "GET") => {}
        ("faults", "DELETE") => faults.clear(),
        ("faults", "PUT") => {
            let wanted: Wanted = serde_json::from_slice(body)
                .map_err(|error| ApiError::bad_request(format!("not a description of faults: {error}")))?;
            if let Some(rules) = wanted.rules {
                faults.set(rules);
            }
            if wanted.compact {
                faults.compact();
            }
            if wanted.drop_watches {
                faults.drop_watches();
            }
            return Ok((json!({"rules": faults.list()}), wanted.outage_ms));
        }
        ("requests", "GET") => {
            let counts = requests.counts();
            let list = counts.iter().map(|(kind, count)| json!({"kind": kind, "count": count}));
            let answer = json!({"counts": list.collect::<Vec<_>>(), "log": requests.log()});
            return Ok((answer, None));
        }
        ("requests", "DELETE") => requests.reset(),
        ("faults" | "requests", _) => return Err(ApiError::method_not_allowed()),
        _ => return Err(ApiError::unknown_resource()),
    }
    Ok((json!({"rules": faults.list()}), None))
}
