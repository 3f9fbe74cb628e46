//! Events as GitLab would send them, reduced to the fields that are read, for trying a set-up out.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_core::{KeyForm, RepoId, sign as hmac_sha256};

use super::credential::{ID, SIGNATURE, TIMESTAMP, TOKEN, VERSION};
use super::kind::{MERGE_REQUEST_HOOK, PUSH_HOOK, TAG_PUSH_HOOK};
use super::{CONTENT_TYPE, EVENT, IDS, TITLE};
use crate::sample::{NO_COMMIT, OLD_COMMIT, Sample, SampleError, SampleKind, SampleRequest, headers};

/// The ids of the project, and of the one that a fork is.
const PROJECT: u64 = 1;
const FORK: u64 = 2;

pub(super) fn compose(sample: &Sample) -> Result<SampleRequest, SampleError> {
    let project = project(&sample.repository, PROJECT, &sample.default_branch);
    let (event, payload) = match &sample.kind {
        SampleKind::Ping => return Err(SampleError::NoPing(TITLE)),
        SampleKind::Push { full_ref, commit, files } => {
            push(full_ref, commit, files, &project, &sample.sender)?
        }
        SampleKind::PullRequest { number, action, base, head, commit, fork, labels } => {
            let fork = fork.as_ref().map(|fork| self::project(fork, FORK, &sample.default_branch));
            let (own_action, changes) = own_action(action);
            let attributes = json!({
                "iid": number,
                "action": own_action,
                "oldrev": (action == "synchronize").then_some(OLD_COMMIT),
                "source_branch": head,
                "target_branch": base,
                "source_project_id": if fork.is_some() { FORK } else { PROJECT },
                "target_project_id": PROJECT,
                "source": fork.as_ref().unwrap_or(&project),
                "target": project,
                "last_commit": {"id": commit, "message": "a change to try things out"},
            });
            let payload = json!({
                "object_kind": "merge_request",
                "event_type": "merge_request",
                "user": {"username": sample.sender},
                "project": project,
                "object_attributes": attributes,
                "labels": labels.iter().map(|label| json!({"title": label})).collect::<Vec<_>>(),
                "changes": changes,
            });
            (MERGE_REQUEST_HOOK, payload)
        }
    };
    Ok(SampleRequest { event, body: payload.to_string().into_bytes() })
}

/// GitLab's name of an action, and the fields that it changes.
fn own_action(action: &str) -> (&str, Value) {
    match action {
        "opened" => ("open", json!({})),
        "reopened" => ("reopen", json!({})),
        "closed" => ("close", json!({})),
        "merged" => ("merge", json!({})),
        "synchronize" => ("update", json!({})),
        "ready_for_review" => ("update", json!({"draft": {"previous": true, "current": false}})),
        "labeled" => ("update", json!({"labels": {"previous": [], "current": [{"title": "ready"}]}})),
        "unlabeled" => ("update", json!({"labels": {"previous": [{"title": "ready"}], "current": []}})),
        "edited" => ("update", json!({"title": {"previous": "A change", "current": "Another change"}})),
        own => (own, json!({})),
    }
}

/// A key that begins with `whsec_` signs; any other is sent as the token.
pub(super) fn sign(
    event: &str,
    delivery: &str,
    body: &[u8],
    key: Option<&[u8]>,
    now: Timestamp,
) -> HeaderMap {
    let [_, idempotency_key, event_id] = IDS;
    let mut sent = headers([
        (CONTENT_TYPE, "application/json"),
        (EVENT, event),
        (idempotency_key, delivery),
        (event_id, delivery),
    ]);
    let Some(key) = key else { return sent };
    if key.starts_with(KeyForm::WEBHOOK_SECRET.as_bytes()) {
        let seconds = now.as_second();
        let prefix = format!("{delivery}.{seconds}.");
        if let Some(tag) = hmac_sha256(key, KeyForm::WebhookSecret, prefix.as_bytes(), body) {
            sent.extend(headers([
                (ID, delivery),
                (TIMESTAMP, &seconds.to_string()),
                (SIGNATURE, &format!("{VERSION},{}", BASE64.encode(&tag))),
            ]));
        }
    } else if let Ok(token) = HeaderValue::from_bytes(key) {
        sent.insert(HeaderName::from_static(TOKEN), token);
    }
    sent
}

fn push(
    full_ref: &str,
    commit: &str,
    files: &[String],
    project: &Value,
    sender: &str,
) -> Result<(&'static str, Value), SampleError> {
    let (event, kind) = if full_ref.starts_with("refs/tags/") {
        (TAG_PUSH_HOOK, "tag_push")
    } else if full_ref.starts_with("refs/heads/") {
        (PUSH_HOOK, "push")
    } else {
        return Err(SampleError::Ref(TITLE));
    };
    let is_deleted = commit == NO_COMMIT;
    let commits = if files.is_empty() {
        Vec::new()
    } else {
        vec![json!({"id": commit, "added": [], "modified": files, "removed": []})]
    };
    let payload = json!({
        "object_kind": kind,
        "event_name": kind,
        "ref": full_ref,
        "before": if is_deleted || !files.is_empty() { OLD_COMMIT } else { NO_COMMIT },
        "after": commit,
        "checkout_sha": (!is_deleted).then_some(commit),
        "user_username": sender,
        "project_id": PROJECT,
        "project": project,
        "commits": commits,
        "total_commits_count": commits.len(),
    });
    Ok((event, payload))
}

fn project(id: &RepoId, number: u64, default_branch: &str) -> Value {
    let (host, path) = (id.host(), id.path());
    json!({
        "id": number,
        "name": path.rsplit('/').next(),
        "path_with_namespace": path,
        "web_url": format!("https://{id}"),
        "git_http_url": format!("https://{id}.git"),
        "git_ssh_url": format!("git@{host}:{path}.git"),
        "default_branch": default_branch,
    })
}
