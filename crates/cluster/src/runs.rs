use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::Resource;
use kube::{Api, Client};
use serde_json::Value;
use trigger_api::shipwright::BuildRun;
use trigger_runtime::{RunRef, RunState, Runs, error_chain};

use crate::client::Connection;

/// A person waits for the answer, who wants the rest of it even if the API server is away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// Reads BuildRuns to see how they stand.
pub struct KubeRuns {
    client: Client,
}

impl KubeRuns {
    /// Reads over `connection`.
    pub fn new(connection: &Connection) -> Self {
        Self { client: connection.client.clone() }
    }

    async fn read(&self, wanted: RunRef<'_>) -> RunState {
        if wanted.kind != BuildRun::KIND {
            return unknown(format!("this version does not know how a {} stands", wanted.kind));
        }
        let runs: Api<BuildRun> = Api::namespaced(self.client.clone(), &wanted.key.namespace);
        match tokio::time::timeout(ANSWERS_WITHIN, runs.get_opt(&wanted.key.name)).await {
            Ok(Ok(None)) => RunState::Gone,
            Ok(Ok(Some(run))) if is_other(&run, wanted.uid) => RunState::Gone,
            Ok(Ok(Some(run))) => standing(run.status.as_ref()),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                unknown("this program may not get BuildRuns there".to_owned())
            }
            Ok(Err(error)) => unknown(format!("the BuildRun cannot be read: {}", error_chain(&error))),
            Err(_) => unknown("the API server does not answer".to_owned()),
        }
    }
}

impl Runs for KubeRuns {
    fn state<'a>(&'a self, run: RunRef<'a>) -> BoxFuture<'a, RunState> {
        self.read(run).boxed()
    }
}

/// Whether another run bears the name now.
fn is_other(run: &BuildRun, uid: Option<&str>) -> bool {
    uid.is_some() && run.metadata.uid.as_deref() != uid
}

fn standing(status: Option<&Value>) -> RunState {
    let status = status.unwrap_or(&Value::Null);
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let Some(condition) = conditions.find(|condition| condition["type"] == "Succeeded") else {
        return RunState::Waiting;
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reason = text(&condition["reason"]);
    let succeeded = match condition["status"].as_str() {
        Some("True") => true,
        Some("False") => false,
        _ => return RunState::Running { reason },
    };
    let at = status["completionTime"].as_str().or(condition["lastTransitionTime"].as_str());
    let at = at.and_then(|at| at.parse::<Timestamp>().ok());
    RunState::Ended { succeeded, reason, message: text(&condition["message"]), at }
}

fn unknown(reason: String) -> RunState {
    RunState::Unknown { reason }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_stands_as_its_condition_says() {
        let at = "2026-01-02T03:04:05Z".parse::<Timestamp>().ok();
        let ended = |succeeded, reason: &str, message: &str| RunState::Ended {
            succeeded,
            reason: reason.to_owned(),
            message: message.to_owned(),
            at,
        };
        let succeeded = |status: &str, reason: &str| {
            json!([
                {"type": "Triggered", "status": "True"},
                {"type": "Succeeded", "status": status, "reason": reason, "message": "m"},
            ])
        };
        for (conditions, expected) in [
            (json!([]), RunState::Waiting),
            (json!([{"type": "Triggered", "status": "True"}]), RunState::Waiting),
            (succeeded("Unknown", "Running"), RunState::Running { reason: "Running".to_owned() }),
            (succeeded("True", "Succeeded"), ended(true, "Succeeded", "m")),
            (succeeded("False", "Failed"), ended(false, "Failed", "m")),
        ] {
            let status = json!({"conditions": conditions, "completionTime": "2026-01-02T03:04:05Z"});
            assert_eq!(standing(Some(&status)), expected, "{status}");
        }
        assert_eq!(standing(None), RunState::Waiting);
    }
}
