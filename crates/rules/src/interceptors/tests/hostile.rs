//! No input panics, and every chain ends.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A JSON value of any shape, with keys that parameters have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Z0-9/._:=-]{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "acme/web",
            "push",
            "hook",
            "token",
            "none",
            "all",
            "/ok-to-test",
            "body.number"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop::sample::select(vec![
            "secretRef",
            "secretName",
            "secretKey",
            "eventTypes",
            "addChangedFiles",
            "githubOwners",
            "enabled",
            "personalAccessToken",
            "checkType",
            "enterpriseHost",
            "requestedFields",
            "filter",
            "overlays",
            "key",
            "expression",
            "number",
            "repository",
            "full_name",
            "provider",
            "events",
            "branches",
            "paths",
            "forks",
            "commits",
            "added",
            "modified",
            "removed",
            "sender",
            "login",
            "issue",
            "comment",
            "body",
            "continue",
            "extensions",
            "status",
            "code",
            "message",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn interceptor() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["github", "gitlab", "bitbucket", "slack", "cel", "git"]);
    let header = prop::collection::vec(value(), 0..2);
    prop_oneof![
        4 => (name, value()).prop_map(|(name, params)| json!({"ref": {"name": name}, "params": params})),
        1 => value().prop_map(|params| json!({"ref": {"name": "lint", "address": "http://lint.test/"}, "params": params})),
        1 => header.prop_map(|_| json!({"webhook": {"url": "http://lint.test/"}})),
    ]
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop::sample::select(vec![
        "Content-Type",
        "X-GitHub-Event",
        "X-Hub-Signature-256",
        "X-Hub-Signature",
        "X-Gitlab-Event",
        "X-Gitlab-Token",
        "X-Event-Key",
        "X-Slack-Signature",
        "X-Slack-Request-Timestamp",
        "X-GitHub-Enterprise-Host",
    ]);
    let text = prop_oneof![
        "\\PC{0,20}",
        prop::sample::select(vec![
            "push",
            "pull_request",
            "issue_comment",
            "application/x-www-form-urlencoded",
            "sha256=00",
            "v0=00",
            "v0=é",
            "1700000000",
            "sha1=é",
            "=",
            "%",
        ])
        .prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec((name, text), 0..6)
}

proptest! {
    #[test]
    fn no_event_panics_and_every_chain_ends(
        interceptors in prop::collection::vec(interceptor(), 0..4),
        headers in headers(),
        body in prop_oneof![
            value().prop_map(|value| value.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..40),
            "[a-z%&=;+]{0,30}".prop_map(String::into_bytes),
        ],
        answer in prop_oneof![value().prop_map(|value| value.to_string()), "\\PC{0,30}"],
        status in prop::sample::select(vec![200_u16, 302, 500]),
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if let Ok(chain) = compile(&Value::from(interceptors)) {
            let response = WireResponse::new(status, "", Headers::new(), answer.as_bytes());
            let mut world = World {
                servers: [("http://lint.test/", response)].into(),
                owners: Some("approvers: [a]"),
                ..World::with_secret()
            };
            // It ends by itself, asks nothing twice, and a replay ends alike.
            let step = world.take(&chain, event_at("/", &headers, &body));
            prop_assert!(world.asked.len() <= chain.most_asks());
            let (Step::Passed(course) | Step::Stopped(course) | Step::Failed(course)) = step else {
                panic!("it does not end")
            };
            prop_assert!(course.records().len() <= 4);
        }
    }
}
