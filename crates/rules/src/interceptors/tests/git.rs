//! The interceptor for all Git providers, for each of them.

use serde_json::json;
use trigger_core::RepoId;
use trigger_expr::cel::Finding;
use trigger_providers::{Provider, Sample, SampleKind, SampleRequest};

use super::*;

const KEY: &[u8] = b"s3cret";

fn push(branch: &str) -> Sample {
    Sample {
        repository: RepoId::parse("https://git.example.com/acme/web").unwrap(),
        default_branch: "main".to_owned(),
        sender: "zoe".to_owned(),
        kind: SampleKind::Push {
            full_ref: format!("refs/heads/{branch}"),
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            files: vec!["src/main.rs".to_owned()],
        },
    }
}

/// A webhook as `provider` would send it, signed with `key`.
fn webhook(provider: &dyn Provider, sample: &Sample, key: Option<&[u8]>) -> State {
    let SampleRequest { event, body } = provider.compose(sample).unwrap();
    let at = Timestamp::from_second(NOW).unwrap();
    let signed = provider.sign(event, "3f2c", &body, key, at);
    let headers: Vec<_> =
        signed.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    event_at("/", &headers, &body)
}

fn git(params: &Value) -> Chain {
    compile(&json!([{"ref": {"name": "git"}, "params": params}])).unwrap()
}

/// The step of a chain that asks nothing.
fn step(chain: &Chain, event: State) -> Step {
    chain.advance(chain.begin(event), &Answers::default())
}

fn refusal(step: Step) -> String {
    match step {
        Step::Stopped(course) => match &course.records()[0].verdict {
            RecordedVerdict::Stopped { message, .. } => message.clone(),
            verdict => panic!("{verdict:?}"),
        },
        step => panic!("{step:?}"),
    }
}

#[test]
fn an_event_is_matched_and_described_alike_for_every_provider() {
    for provider in trigger_providers::ALL {
        let name = provider.name();
        let event = || webhook(*provider, &push("feature/login"), None);
        let passes = [
            json!({}),
            json!({"repository": "git@git.example.com:acme/web.git"}),
            json!({"provider": name, "branches": ["feature/*"], "events": ["Push"]}),
        ];
        for params in passes {
            let Step::Passed(course) = step(&git(&params), event()) else { panic!("{name} {params}") };
            let extensions = course.state().extensions();
            assert_eq!(extensions["git"]["branch"], "feature/login", "{name}");
            assert_eq!(extensions["git"]["repository"], "git.example.com/acme/web", "{name}");
            assert_eq!(extensions["webhooks-tekton-git-branch"], "login", "{name}");
            assert_eq!(extensions["webhooks-tekton-image-tag"], "0123456", "{name}");
        }
        for (params, expected) in [
            (
                json!({"repository": "https://git.example.com/acme/api"}),
                "the repository is git.example.com/acme/web, the trigger is for git.example.com/acme/api",
            ),
            (json!({"paths": ["docs/**"]}), "the changed files are src/main.rs, the rule is for docs/**"),
            (json!({"branches": ["main"]}), "the branch is feature/login, the rule is for main"),
            (json!({"events": ["PullRequest"]}), "the event is Push, the rule is for PullRequest"),
            (json!({"events": ["Tag"]}), "the event is Push, the rule is for Tag"),
        ] {
            assert_eq!(refusal(step(&git(&params), event())), expected, "{name}");
        }
    }
}

#[test]
fn the_checks_of_an_event_are_operands_of_the_decision() {
    let provider = trigger_providers::ALL[0];
    let chain = git(&json!({"repository": "https://git.example.com/acme/web", "branches": ["main"]}));
    let Step::Stopped(course) = step(&chain, webhook(provider, &push("dev"), None)) else { panic!() };
    let RecordedVerdict::Stopped { operands, .. } = &course.records()[0].verdict else { panic!() };
    let found: Vec<_> = operands.iter().map(|one| (one.text.as_str(), one.finding.clone())).collect();
    let expected = [("repository", Finding::True), ("event", Finding::True), ("branch", Finding::False)];
    assert_eq!(found, expected);
    assert_eq!(operands[2].seen[1].value, "dev");
}

#[test]
fn the_sender_is_verified_as_its_provider_signs() {
    for provider in trigger_providers::ALL {
        let name = provider.name();
        let chain = git(&json!({"secretRef": {"secretName": "hook"}, "branches": ["dev"]}));
        for (key, verdict) in [(KEY, SecretAnswer::Verified), (b"other".as_slice(), SecretAnswer::Refused)] {
            let begun = chain.begin(webhook(*provider, &push("main"), Some(KEY)));
            let Step::Asks(ask, course) = chain.advance(begun, &Answers::default()) else { panic!("{name}") };
            let Question::Secret(check) = &ask.question else { panic!("{name}") };
            assert_eq!(
                (check.key.secret.to_string().as_str(), &*check.key.entry),
                ("team-a/hook", "secretToken")
            );
            assert_eq!(check.compare(key), verdict, "{name}");
            let mut answers = Answers::default();
            answers.add(ask.key.clone(), Answer::Secret(verdict));
            let expected = match verdict {
                SecretAnswer::Verified => "the branch is main, the rule is for dev",
                _ => "the key of `secretRef` does not verify the webhook",
            };
            assert_eq!(refusal(chain.advance(course, &answers)), expected, "{name}");
        }
        let unsigned = refusal(step(&chain, webhook(*provider, &push("main"), None)));
        assert_eq!(unsigned, "the request carries no signature or token", "{name}");
    }
}

#[test]
fn a_request_that_is_no_webhook_of_the_provider_stops() {
    let chain = git(&json!({}));
    let stranger = refusal(step(&chain, event(&[("X-Event", "push")], "{}")));
    assert!(stranger.starts_with("the request is no webhook of a Git provider"), "{stranger}");
    let headers = [("X-Github-Event", "push"), ("Content-Type", "application/json")];
    for body in ["{}", "", "[", "null"] {
        let broken = refusal(step(&chain, event(&headers, body)));
        assert!(broken.starts_with("the webhook of GitHub has an error: "), "{broken}");
    }
    let [first, second] = [trigger_providers::ALL[0], trigger_providers::ALL[1]];
    let other = refusal(step(&git(&json!({"provider": second.name()})), webhook(first, &push("main"), None)));
    let expected =
        format!("the request is a webhook of {}, the trigger is for {}", first.title(), second.title());
    assert_eq!(other, expected);
}

#[test]
fn the_request_counts_as_it_was_received() {
    let overlay =
        json!({"ref": {"name": "cel"}, "params": {"overlays": [{"key": "git", "expression": "'mine'"}]}});
    let chain = compile(&json!([overlay, {"ref": {"name": "git"}, "params": {}}])).unwrap();
    let Step::Passed(course) = step(&chain, webhook(trigger_providers::ALL[0], &push("main"), None)) else {
        panic!()
    };
    assert_eq!(course.state().extensions()["git"]["branch"], "main", "the later one counts");
}

#[test]
fn a_list_with_a_mistake_disables_the_trigger_and_a_likely_mistake_is_a_hint() {
    let error = compile(&json!([{"ref": {"name": "git"}, "params": {"paths": ["!docs/**"]}}])).unwrap_err();
    let expected = "interceptor 0 `git`: the parameter `paths` only excludes: a path has to match a pattern without `!` \
                    first; begin with `**`";
    assert_eq!(error.to_string(), expected);
    let chain = git(&json!({"branches": ["main", "origin/dev"]}));
    assert_eq!(chain.hints().count(), 1);
    assert_eq!(git(&json!({"branches": ["main"]})).hints().count(), 0);
}
