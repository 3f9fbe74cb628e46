//! Waiting for a state of the cluster.

use std::time::Duration;

use serde_json::Value;

/// Longer than any state in these tests takes.
const DEADLINE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(10);

/// Polls until `check` returns a value.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    state: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let poll = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::time::timeout(DEADLINE, poll).await.unwrap_or_else(|_| panic!("not within the deadline: {state}"))
}

/// The condition `kind` of an object, or null.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.and_then(|all| all.iter().find(|found| found["type"] == kind)).unwrap_or(&Value::Null)
}
