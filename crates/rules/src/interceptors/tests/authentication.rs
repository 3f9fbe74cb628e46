//! The knowledge of intake about a chain before any event.

use jiff::Timestamp;
use serde_json::json;
use trigger_core::CredentialError;

use super::secrets::{BODY, hex, hub};
use super::*;

fn signed(name: &str) -> Value {
    json!({"ref": {"name": name}, "params": {"secretRef": {"secretName": "hook", "secretKey": "token"}}})
}

#[test]
fn a_chain_authenticates_if_nothing_is_asked_before_a_secret() {
    let filter = json!({"ref": {"name": "cel"}, "params": {"filter": "body.n == 1"}});
    let compares =
        json!({"ref": {"name": "cel"}, "params": {"filter": "body.t.compareSecret('token', 'hook')"}});
    let events = json!({"ref": {"name": "github"}, "params": {"eventTypes": ["push"]}});
    let files = json!({"ref": {"name": "github"}, "params": {"addChangedFiles": {"enabled": true}}});
    let remote = json!({"ref": {"name": "lint", "address": "http://lint.test/"}});
    let webhook = json!({"webhook": {"url": "http://lint.test/"}});
    let closed = json!({"ref": {"name": "gitlab"}, "params": {"secretRef": {}}});
    for (chain, expected) in [
        (json!([]), "open"),
        (json!([filter]), "open"),
        (json!([events]), "open"),
        (json!([compares]), "open"),
        (json!([signed("github")]), "X-Hub-Signature-256 team-a/hook token covers"),
        (json!([signed("bitbucket")]), "X-Hub-Signature team-a/hook token covers"),
        (json!([signed("gitlab")]), "X-Gitlab-Token team-a/hook token"),
        (json!([signed("slack")]), "slack team-a/hook token covers"),
        (json!([signed("git")]), "git team-a/hook token"),
        (json!([{"ref": {"name": "slack"}}]), "open"),
        (json!([closed]), "closed"),
        (json!([filter, events, signed("github")]), "X-Hub-Signature-256 team-a/hook token covers"),
        (json!([signed("gitlab"), remote]), "X-Gitlab-Token team-a/hook token"),
        (json!([remote, signed("gitlab")]), "open"),
        (json!([webhook, signed("gitlab")]), "open"),
        (json!([files, signed("gitlab")]), "open"),
        (json!([compares, signed("gitlab")]), "open"),
    ] {
        let compiled = compile(&chain).unwrap();
        let found = match compiled.authentication() {
            Authentication::Open => "open".to_owned(),
            Authentication::Closed => "closed".to_owned(),
            Authentication::Secret(SecretDemand { key, scheme }) => {
                let header = match scheme {
                    Scheme::HubSignature { header } | Scheme::Token { header } => header,
                    Scheme::Slack => "slack",
                    Scheme::Git => "git",
                };
                let covers = if scheme.covers_body() { " covers" } else { "" };
                format!("{header} {} {}{covers}", key.secret, key.entry)
            }
        };
        assert_eq!(found, expected, "{chain}");
    }
}

#[test]
fn a_demand_yields_the_credential_that_intake_verifies() {
    let at = Timestamp::from_second(NOW).unwrap();
    let slack = format!("v0={}", hex(b"s3cret", &format!("v0:{NOW}:"), BODY.as_bytes()));
    let (signature, time) = (hub("s3cret", BODY), NOW.to_string());
    for (kind, headers) in [
        ("github", vec![("X-Hub-Signature-256", &*signature)]),
        ("bitbucket", vec![("X-Hub-Signature", &*signature)]),
        ("gitlab", vec![("X-Gitlab-Token", "s3cret")]),
        ("slack", vec![("X-Slack-Signature", &*slack), ("X-Slack-Request-Timestamp", &*time)]),
        ("git", vec![("X-Hub-Signature-256", &*signature)]),
    ] {
        let chain = compile(&json!([signed(kind)])).unwrap();
        let Authentication::Secret(demand) = chain.authentication() else {
            panic!("{kind} demands a Secret")
        };
        // The interceptor for all providers has to be told the sender.
        let unsigned = [("X-Github-Event", "push")];
        let request = event(&[&unsigned[..], &headers].concat(), BODY);
        let credentials = demand.credentials(request.headers(), at).unwrap();
        assert!(credentials.are_verified_by(b"s3cret", BODY.as_bytes()), "{kind}");
        assert!(!credentials.are_verified_by(b"other", BODY.as_bytes()), "{kind}");
        let mut invented = event(&unsigned, BODY).headers().clone();
        let nothing = demand.credentials(&invented, at);
        let missing = PresentedError::Git(CredentialError::Missing);
        assert!(nothing == Err(missing) || matches!(nothing, Err(PresentedError::Missing(_))), "{kind}");
        for (name, value) in demand.scheme.placeholder(&invented, at) {
            invented.append(&name, value);
        }
        let credentials = demand.credentials(&invented, at).unwrap();
        assert!(!credentials.are_verified_by(b"s3cret", BODY.as_bytes()), "{kind}");
    }
}
