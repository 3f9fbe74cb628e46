//! `/devcluster/`: faults and request counts over HTTP, for clients in other processes.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Requests;
use crate::faults::{Fault, Faults};
use crate::status::ApiError;

/// The body of `PUT /devcluster/faults`. Absent fields change nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct ControlRequest {
    rules: Option<Vec<Fault>>,
    drop_watches: bool,
    compact: bool,
    outage_ms: Option<u64>,
}

/// The response body, and the length of a requested outage in milliseconds.
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
            let request: ControlRequest = serde_json::from_slice(body)
                .map_err(|error| ApiError::bad_request(format!("invalid fault configuration: {error}")))?;
            if let Some(rules) = request.rules {
                faults.set(rules);
            }
            if request.compact {
                faults.compact();
            }
            if request.drop_watches {
                faults.drop_watches();
            }
            return Ok((json!({"rules": faults.list()}), request.outage_ms));
        }
        ("requests", "GET") => {
            let counts = requests.counts();
            let list = counts.iter().map(|(kind, count)| json!({"kind": kind, "count": count}));
            let body = json!({"counts": list.collect::<Vec<_>>(), "log": requests.log()});
            return Ok((body, None));
        }
        ("requests", "DELETE") => requests.reset(),
        ("faults" | "requests", _) => return Err(ApiError::method_not_allowed()),
        _ => return Err(ApiError::unknown_resource()),
    }
    Ok((json!({"rules": faults.list()}), None))
}
