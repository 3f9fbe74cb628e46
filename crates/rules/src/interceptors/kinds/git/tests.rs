use serde_json::{Map, Value, json};
use trigger_core::{
    Branch, ChangedFiles, Commit, CommitRef, GitEventKind, Origin, PullRequest, PullRequestAction,
    Repository, Tag,
};

use super::extensions::extensions;
use super::*;
use crate::triggers::git::ForkPolicy;

fn read(params: &Value) -> Result<GitParams, String> {
    let fields: Map<_, _> = params.as_object().cloned().unwrap();
    GitParams::read(Params::new(&fields), "team-a").map_err(|error| error.to_string())
}

#[test]
fn all_parameters_are_read() {
    let params = read(&json!({
        "Repository": "https://git.example.com/acme/web.git",
        "provider": "github",
        "secretRef": {"secretName": "hook"},
        "events": ["push", "PullRequest"],
        "branches": ["main", "release/*"],
        "tags": ["v*"],
        "paths": ["src/**"],
        "pathsIgnore": ["docs/**"],
        "labels": ["ci"],
        "actions": ["labeled"],
        "forks": "allow",
        "unknown": 1,
    }))
    .unwrap();
    assert_eq!(params.repository.as_ref().map(RepoId::path), Some("acme/web"));
    assert_eq!(params.provider.map(Provider::name), Some("github"));
    let key = params.secret.as_ref().unwrap();
    assert_eq!((key.secret.to_string().as_str(), &*key.entry), ("team-a/hook", "secretToken"));
    let lists = [
        &params.branches,
        &params.tags,
        &params.paths,
        &params.paths_ignore,
        &params.labels,
        &params.actions,
    ];
    let lengths = lists.map(|list| list.as_ref().map(|list| list.len()));
    assert_eq!(lengths, [Some(2), Some(1), Some(1), Some(1), Some(1), Some(1)]);
    assert_eq!(params.forks, ForkPolicy::Allow);
    let none = read(&json!({})).unwrap();
    assert!(none.repository.is_none() && none.provider.is_none() && none.secret.is_none());
    let entry = read(&json!({"secretRef": {"secretName": "hook", "secretKey": "token"}})).unwrap().secret;
    assert_eq!(&*entry.unwrap().entry, "token");
}

#[test]
fn events_that_change_code_pass_unless_others_are_named() {
    use GitEventName::{PullRequest, Push, Tag};
    for (params, expected) in [
        (json!({}), vec![Push, PullRequest]),
        (json!({"tags": ["v*"]}), vec![Push, Tag, PullRequest]),
        (json!({"events": ["Push"]}), vec![Push]),
        (json!({"events": ["Push"], "tags": ["v*"]}), vec![Push, Tag]),
        (json!({"events": ["Tag"]}), vec![Tag]),
        (json!({"events": ["PullRequest"], "tags": ["v*"]}), vec![PullRequest]),
    ] {
        let read = read(&params).unwrap();
        let taken = [Push, Tag, PullRequest].into_iter().filter(|event| read.takes(*event));
        assert_eq!(taken.collect::<Vec<_>>(), expected, "{params}");
    }
}

#[test]
fn a_wrong_parameter_is_named_with_its_remedy() {
    for (params, expected) in [
        (json!({"repository": 1}), "the parameter `repository` has the wrong type: a string is expected"),
        (
            json!({"provider": "Git Hub"}),
            "the parameter `provider` is `Git Hub`: one of `github`, PROVIDERS is expected",
        ),
        (
            json!({"secretRef": {}}),
            "the parameter `secretRef.secretName` names the Secret ``, which cannot exist: use lower-case letters, \
             digits, `-` and `.`",
        ),
        (
            json!({"secretRef": {"secretName": "hook", "secretKey": "no entry"}}),
            "the parameter `secretRef.secretKey` is `no entry`: at most 253 letters, digits, `-`, `_` and `.` are expected",
        ),
        (
            json!({"events": ["Push", "Comment"]}),
            "the parameter `events` is `Comment`: `Push`, `Tag` or `PullRequest` is expected",
        ),
        (
            json!({"branches": []}),
            "the parameter `branches` is `[]`: list at least one entry, or remove the parameter",
        ),
        (json!({"paths": ["a", " "]}), "the parameter `paths` is ``: remove the empty entry"),
        (json!({"labels": [1]}), "the parameter `labels` has the wrong type: a list of strings is expected"),
        (json!({"forks": "some"}), "the parameter `forks` is `some`: `allow` or `deny` is expected"),
        (json!({"forks": true}), "the parameter `forks` has the wrong type: a string is expected"),
    ] {
        let others = trigger_providers::ALL.iter().skip(1).map(|provider| format!("`{}`", provider.name()));
        let expected = expected.replace("PROVIDERS", &others.collect::<Vec<_>>().join(", "));
        assert_eq!(read(&params).err(), Some(expected), "{params}");
    }
    let long = json!({"secretRef": {"secretName": "hook", "secretKey": "k".repeat(254)}});
    let error = read(&long).err().unwrap();
    assert!(error.starts_with("the parameter `secretRef.secretKey` is `kkk") && error.len() < 300, "{error}");
    let error = read(&json!({"repository": "not an address"})).err().unwrap();
    assert!(error.starts_with("the parameter `repository` is `not an address`: "), "{error}");
}

fn event(kind: GitEventKind) -> GitEvent {
    let repository = Repository {
        names: vec![RepoId::parse("https://git.example.com/acme/web").unwrap()],
        default_branch: Some(Branch::parse("main").unwrap()),
    };
    let changed_files = ChangedFiles::unknown("not part of this test");
    GitEvent { repository, sender: Some("zoe".to_owned()), kind, push: None, changed_files }
}

fn commit() -> CommitRef {
    CommitRef::Full(Commit::parse("0123456789abcdef0123456789abcdef01234567").unwrap())
}

fn branch(name: &str) -> Branch {
    Branch::parse(name).unwrap()
}

fn pull_request(origin: Origin) -> GitEventKind {
    GitEventKind::PullRequest(PullRequest {
        number: 7,
        action: PullRequestAction::Opened,
        base: branch("main"),
        head: branch("feature/login"),
        commit: commit(),
        labels: None,
        origin,
    })
}

#[test]
fn events_are_described_in_the_same_words() {
    let fork = || Some(RepoId::parse("https://git.example.com/zoe/web").unwrap());
    let acme = "git.example.com/acme/web";
    for (kind, fields, branch, image_tag) in [
        (
            GitEventKind::Push { branch: branch("feature/login"), commit: commit() },
            json!({"event": "Push", "ref": "refs/heads/feature/login", "branch": "feature/login", "tag": "", "number": "", "headRepository": acme}),
            "login",
            "0123456",
        ),
        (
            GitEventKind::Tag { tag: Tag::parse("rel/v1.0").unwrap(), commit: commit() },
            json!({"event": "Tag", "ref": "refs/tags/rel/v1.0", "branch": "", "tag": "rel/v1.0", "fork": false}),
            "v1.0",
            "v1.0",
        ),
        (
            pull_request(Origin::SameRepository),
            json!({
                "event": "PullRequest", "ref": "refs/heads/feature/login", "branch": "", "number": "7", "action": "opened",
                "base": "main", "head": "feature/login", "fork": false, "headRepository": acme, "sender": "zoe",
            }),
            "login",
            "0123456",
        ),
        (
            pull_request(Origin::Fork(fork())),
            json!({"fork": true, "headRepository": "git.example.com/zoe/web", "headUrl": "https://git.example.com/zoe/web", "repository": acme}),
            "login",
            "0123456",
        ),
        (
            pull_request(Origin::Fork(None)),
            json!({"fork": true, "headRepository": "", "shortCommit": "0123456789", "defaultBranch": "main"}),
            "login",
            "0123456",
        ),
        (
            GitEventKind::BranchDeleted { branch: branch("old") },
            json!({"event": "BranchDeleted", "branch": "old", "commit": "", "shortCommit": ""}),
            "old",
            "",
        ),
        (
            GitEventKind::Ping,
            json!({"event": "Ping", "ref": "", "branch": "", "url": format!("https://{acme}")}),
            "",
            "",
        ),
    ] {
        let found = extensions(&event(kind.clone()));
        let git = found["git"].as_object().unwrap();
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(git.get(name), Some(value), "{name} of {kind:?}");
        }
        assert_eq!(git.len(), 17, "{kind:?}");
        assert_eq!(found["webhooks-tekton-git-branch"], branch, "{kind:?}");
        assert_eq!(found["webhooks-tekton-image-tag"], image_tag, "{kind:?}");
    }
    let nameless = GitEvent {
        repository: Repository { names: Vec::new(), default_branch: None },
        sender: None,
        ..event(GitEventKind::Ping)
    };
    assert_eq!(extensions(&nameless)["git"]["repository"], "");
}
