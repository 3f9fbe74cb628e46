//! Events as GitHub would send them, reduced to the fields that are read, for trying a set-up out.

use data_encoding::HEXLOWER;
use http::HeaderMap;
use serde_json::{Value, json};
use trigger_core::{KeyForm, RepoId, sign as hmac_sha256};

use super::credential::{SCHEME, SIGNATURE};
use super::{DELIVERY, EVENT};
use crate::sample::{NO_COMMIT, OLD_COMMIT, Sample, SampleKind, SampleRequest, headers};

pub(super) fn compose(sample: &Sample) -> SampleRequest {
    let repository = repository(&sample.repository, &sample.default_branch);
    let sender = json!({"login": sample.sender});
    let (event, payload) = match &sample.kind {
        SampleKind::Ping => (
            "ping",
            json!({"zen": "A hook that answers is a good hook.", "repository": repository, "sender": sender}),
        ),
        SampleKind::Push { full_ref, commit, files } => {
            ("push", push(full_ref, commit, files, &repository, &sender))
        }
        SampleKind::PullRequest { number, action, base, head, commit, fork, labels } => {
            let from = fork.as_ref().map(|fork| self::repository(fork, &sample.default_branch));
            let from = from.as_ref().unwrap_or(&repository);
            let labels: Vec<_> = labels.iter().map(|label| json!({"name": label})).collect();
            let (action, is_merged) = if action == "merged" { ("closed", true) } else { (&**action, false) };
            let pull_request = json!({
                "number": number,
                "state": "open",
                "merged": is_merged,
                "labels": labels,
                "draft": false,
                "head": {"ref": head, "sha": commit, "repo": from},
                "base": {"ref": base, "sha": NO_COMMIT, "repo": repository},
            });
            let payload = json!({
                "action": action, "number": number, "pull_request": pull_request, "repository": repository,
                "sender": sender,
            });
            ("pull_request", payload)
        }
    };
    SampleRequest { event, body: payload.to_string().into_bytes() }
}

pub(super) fn sign(event: &str, delivery: &str, body: &[u8], key: Option<&[u8]>) -> HeaderMap {
    let mut signed = headers([("content-type", "application/json"), (EVENT, event), (DELIVERY, delivery)]);
    if let Some(tag) = key.and_then(|key| hmac_sha256(key, KeyForm::Raw, b"", body)) {
        signed.extend(headers([(SIGNATURE, &format!("{SCHEME}{}", HEXLOWER.encode(&tag)))]));
    }
    signed
}

fn push(full_ref: &str, commit: &str, files: &[String], repository: &Value, sender: &Value) -> Value {
    let is_deleted = commit == NO_COMMIT;
    let head_commit = (!is_deleted).then(|| {
        json!({"id": commit, "message": "a change to try things out", "author": {"name": "nobody"},
            "added": [], "modified": files, "removed": []})
    });
    json!({
        "ref": full_ref,
        "before": if is_deleted || !files.is_empty() { OLD_COMMIT } else { NO_COMMIT },
        "after": commit,
        "created": false,
        "deleted": is_deleted,
        "forced": false,
        "head_commit": head_commit,
        "commits": head_commit.iter().collect::<Vec<_>>(),
        "repository": repository,
        "sender": sender,
    })
}

fn repository(id: &RepoId, default_branch: &str) -> Value {
    let (host, path) = (id.host(), id.path());
    let (owner, name) = path.rsplit_once('/').unwrap_or(("", path));
    json!({
        "name": name,
        "full_name": path,
        "owner": {"login": owner},
        "html_url": format!("https://{id}"),
        "clone_url": format!("https://{id}.git"),
        "ssh_url": format!("git@{host}:{path}.git"),
        "git_url": format!("git://{host}/{path}.git"),
        "default_branch": default_branch,
    })
}
