use jiff::Timestamp;
use serde_json::Value;

use crate::run_status::RunStatus;

/// Reads the condition `Succeeded` of a BuildRun.
pub fn read(run: &Value) -> RunStatus {
    let status = &run["status"];
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let Some(condition) = conditions.find(|condition| condition["type"] == "Succeeded") else {
        return RunStatus::Waiting;
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reason = text(&condition["reason"]);
    let succeeded = match condition["status"].as_str() {
        Some("True") => true,
        Some("False") => false,
        _ => return RunStatus::Running { reason },
    };
    let at = status["completionTime"].as_str().or(condition["lastTransitionTime"].as_str());
    let at = at.and_then(|at| at.parse::<Timestamp>().ok());
    RunStatus::Ended { succeeded, reason, message: text(&condition["message"]), at }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_condition_says_how_it_stands() {
        let run = |status: &str| {
            let condition = json!({"type": "Succeeded", "status": status, "reason": "R", "message": "m",
                "lastTransitionTime": "2026-01-02T03:04:05Z"});
            read(&json!({"status": {"conditions": [{"type": "Triggered", "status": "True"}, condition]}}))
        };
        let ended = |succeeded| RunStatus::Ended {
            succeeded,
            reason: "R".into(),
            message: "m".into(),
            at: "2026-01-02T03:04:05Z".parse().ok(),
        };
        assert_eq!(run("True"), ended(true));
        assert_eq!(run("False"), ended(false));
        assert_eq!(run("Unknown"), RunStatus::Running { reason: "R".into() });
        assert_eq!(read(&json!({"metadata": {}})), RunStatus::Waiting);
    }
}
