//! Events as Gitea would send them, reduced to the fields that are read, for trying a set-up out.

use data_encoding::HEXLOWER;
use http::HeaderMap;
use serde_json::{Value, json};
use trigger_core::{FormPayload, KeyForm, RepoId, sign as hmac_sha256};

use super::credential::SIGNATURES;
use super::event::{BRANCH, DELETE, PULL_REQUEST, PUSH};
use super::{CONTENT_TYPE, DELIVERIES, EVENTS, JSON, TITLE};
use crate::sample::{NO_COMMIT, OLD_COMMIT, Sample, SampleError, SampleKind, SampleRequest, headers};

/// The ids of the repository, and of the one that a fork is.
const REPOSITORY: i64 = 1;
const FORK: i64 = 2;

/// The commit before a push of [`OLD_COMMIT`]: a push of a commit onto itself is the test of a hook.
const OLDER_COMMIT: &str = "2222222222222222222222222222222222222222";

pub(super) fn compose(sample: &Sample) -> Result<SampleRequest, SampleError> {
    let repository = repository(&sample.repository, REPOSITORY, &sample.default_branch);
    let sender = json!({"login": sample.sender});
    let (event, payload) = match &sample.kind {
        SampleKind::Ping => return Err(SampleError::NoPing(TITLE)),
        SampleKind::Push { full_ref, commit, files } => push(full_ref, commit, files, &repository, &sender)?,
        SampleKind::PullRequest { number, action, base, head, commit, fork, labels } => {
            let fork = fork.as_ref().map(|fork| self::repository(fork, FORK, &sample.default_branch));
            let (action, changes) = own_action(action);
            let pull_request = json!({
                "number": number,
                "title": "A change",
                "state": "open",
                "draft": false,
                "merged": action == MERGED,
                "labels": labels.iter().map(|label| json!({"name": label})).collect::<Vec<_>>(),
                "head": {
                    "ref": head, "sha": commit,
                    "repo_id": if fork.is_some() { FORK } else { REPOSITORY },
                    "repo": fork.as_ref().unwrap_or(&repository),
                },
                "base": {"ref": base, "sha": NO_COMMIT, "repo_id": REPOSITORY, "repo": repository},
            });
            let payload = json!({
                "action": if action == MERGED { "closed" } else { action },
                "number": number,
                "changes": changes,
                "pull_request": pull_request,
                "repository": repository,
                "sender": sender,
            });
            (PULL_REQUEST, payload)
        }
    };
    Ok(SampleRequest { event, body: payload.to_string().into_bytes() })
}

/// The name of a merge, which Gitea tells from other ends by a field.
const MERGED: &str = "merged";

/// Gitea's name of an action, and the fields that it changes.
fn own_action(action: &str) -> (&str, Value) {
    match action {
        "synchronize" => ("synchronized", Value::Null),
        "labeled" => ("label_updated", Value::Null),
        "unlabeled" => ("label_cleared", Value::Null),
        "ready_for_review" => ("edited", json!({"title": {"from": "WIP: A change"}})),
        "edited" => ("edited", json!({"title": {"from": "Another change"}})),
        own => (own, Value::Null),
    }
}

pub(super) fn sign(event: &str, delivery: &str, body: &[u8], key: Option<&[u8]>) -> HeaderMap {
    let mut signed = headers([(CONTENT_TYPE, JSON), (EVENTS[0], event), (DELIVERIES[0], delivery)]);
    let json = FormPayload::of(body).and_then(FormPayload::decode);
    let json = json.as_deref().unwrap_or(body);
    if let Some(tag) = key.and_then(|key| hmac_sha256(key, KeyForm::Raw, b"", json)) {
        signed.extend(headers([(SIGNATURES[0], &HEXLOWER.encode(&tag))]));
    }
    signed
}

fn push(
    full_ref: &str,
    commit: &str,
    files: &[String],
    repository: &Value,
    sender: &Value,
) -> Result<(&'static str, Value), SampleError> {
    let branch = full_ref.strip_prefix("refs/heads/");
    if branch.is_none() && !full_ref.starts_with("refs/tags/") {
        return Err(SampleError::Ref(TITLE));
    }
    let is_deleted = commit == NO_COMMIT;
    if let Some(branch) = branch.filter(|_| is_deleted) {
        let payload = json!({"ref": branch, "ref_type": BRANCH, "repository": repository, "sender": sender});
        return Ok((DELETE, payload));
    }
    let head_commit = (!is_deleted).then(|| {
        json!({"id": commit, "message": "a change to try things out",
            "added": [], "modified": files, "removed": []})
    });
    let commits: Vec<_> = head_commit.iter().filter(|_| !files.is_empty()).collect();
    let old = if commit == OLD_COMMIT { OLDER_COMMIT } else { OLD_COMMIT };
    let payload = json!({
        "ref": full_ref,
        "before": if is_deleted || !files.is_empty() { old } else { NO_COMMIT },
        "after": commit,
        "commits": commits,
        "total_commits": commits.len(),
        "head_commit": head_commit,
        "repository": repository,
        "sender": sender,
    });
    Ok((PUSH, payload))
}

fn repository(id: &RepoId, number: i64, default_branch: &str) -> Value {
    let (host, path) = (id.host(), id.path());
    let (owner, name) = path.rsplit_once('/').unwrap_or(("", path));
    json!({
        "id": number,
        "name": name,
        "full_name": path,
        "owner": {"login": owner},
        "html_url": format!("https://{id}"),
        "clone_url": format!("https://{id}.git"),
        "ssh_url": format!("git@{host}:{path}.git"),
        "default_branch": default_branch,
    })
}
