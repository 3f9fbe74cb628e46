//! Questions and their keys.

use serde_json::json;

use super::*;

fn first_ask(interceptors: &Value, headers: &[(&str, &str)]) -> Ask {
    let chain = compile(interceptors).unwrap();
    match chain.advance(chain.begin(event(headers, r#"{"number":7}"#)), &Answers::default()) {
        Step::Asks(ask, _) => *ask,
        other => panic!("{}", describe(&other)),
    }
}

#[test]
fn a_key_follows_from_the_configuration_and_not_from_what_is_presented() {
    let remote =
        |url: &str, params: Value| json!([{"ref": {"name": "lint", "address": url}, "params": params}]);
    let key = |chain: &Value, headers: &[(&str, &str)]| first_ask(chain, headers).key;
    let plain = key(&remote("http://lint.test/", json!({})), &[]);
    assert_eq!(plain, key(&remote("http://lint.test/", json!({})), &[("X-Token", "t0ken")]));
    assert_ne!(plain, key(&remote("http://other.test/", json!({})), &[]));
    assert_ne!(plain, key(&remote("http://lint.test/", json!({"level": 2})), &[]));
    assert_eq!((plain.place, &*plain.trigger), (0, "namespaces/team-a/triggers/push"));
    let webhook = |value: &str| json!([{"webhook": {"url": "http://lint.test/", "header": [{"name": "X", "value": value}]}}]);
    assert_ne!(key(&webhook("1"), &[]), key(&webhook("2"), &[]));
    let gitlab = json!([{"ref": {"name": "gitlab"}, "params": {"secretRef": {"secretName": "hook", "secretKey": "token"}}}]);
    let (one, two) =
        (first_ask(&gitlab, &[("X-Gitlab-Token", "one")]), first_ask(&gitlab, &[("X-Gitlab-Token", "two")]));
    assert_eq!(one.key, two.key);
    assert_eq!(one.key.subject, "gitlab secret hook/token");
}

#[test]
fn a_question_shows_neither_credential_nor_body() {
    let gitlab = json!([{"ref": {"name": "gitlab"}, "params": {"secretRef": {"secretName": "hook", "secretKey": "token"}}}]);
    let webhook = json!([{"webhook": {"url": "http://lint.test/"}}]);
    for chain in [gitlab, webhook] {
        let ask = first_ask(&chain, &[("X-Gitlab-Token", "t0ken")]);
        let shown = format!("{ask:?}");
        assert!(!shown.contains("t0ken") && !shown.contains("number"), "{shown}");
    }
    let response = WireResponse::new(200, "OK", Headers::new(), b"secret");
    assert!(!format!("{response:?}").contains("secret"));
    let state = event(&[("X-Gitlab-Token", "t0ken")], "secret");
    let shown = format!("{state:?}");
    assert!(!shown.contains("t0ken") && !shown.contains("secret"), "{shown}");
}

#[test]
fn a_stored_verdict_stands_for_credentials_that_are_not_kept() {
    for (kind, event) in
        [("github", "X-GitHub-Event"), ("gitlab", "X-Gitlab-Event"), ("bitbucket", "X-Event-Key")]
    {
        let secret_ref = json!({"secretName": "hook", "secretKey": "token"});
        let chain =
            json!([{"ref": {"name": kind}, "params": {"secretRef": secret_ref, "eventTypes": ["push"]}}]);
        let chain = compile(&chain).unwrap();
        let key =
            AskKey { trigger: trigger().to_string(), place: 0, subject: format!("{kind} secret hook/token") };
        for (verdict, passes) in [(SecretAnswer::Verified, true), (SecretAnswer::Refused, false)] {
            let mut answers = Answers::default();
            answers.add(key.clone(), Answer::Secret(verdict));
            let step = chain.advance(chain.begin(super::event(&[(event, "push")], "{}")), &answers);
            assert_eq!(matches!(step, Step::Passed(_)), passes, "{kind} {verdict:?}");
        }
    }
    let secret_ref = json!({"secretName": "hook", "secretKey": "token"});
    let params = json!({"secretRef": secret_ref, "requestedFields": ["a"]});
    let chain = compile(&json!([{"ref": {"name": "slack"}, "params": params}])).unwrap();
    let form = || super::event(&[("Content-Type", "application/x-www-form-urlencoded")], "a=1&b=2");
    assert_eq!(describe(&World::with_secret().take(&chain, form())), "3 no X-Slack-Signature header set");
    let mut answers = Answers::default();
    let subject = "slack secret hook/token".to_owned();
    let key = AskKey { trigger: trigger().to_string(), place: 0, subject };
    answers.add(key, Answer::Secret(SecretAnswer::Verified));
    assert_eq!(describe(&chain.advance(chain.begin(form()), &answers)), r#"passed {"a":["1"]}"#);
}

/// The answers to all questions of a chain about an event that passes.
fn answers(interceptors: &Value, headers: &[(&str, &str)], body: &str, world: &World) -> Answers {
    let chain = compile(interceptors).unwrap();
    let mut answers = Answers::default();
    let mut step = chain.advance(chain.begin(event(headers, body)), &answers);
    while let Step::Asks(ask, course) = step {
        answers.add(ask.key, world.answer(&ask.question));
        step = chain.advance(course, &answers);
    }
    assert!(matches!(step, Step::Passed(_)), "{}", describe(&step));
    answers
}

#[test]
fn a_stored_answer_does_not_outlive_the_configuration_behind_its_question() {
    let filter = |source: &str| json!([{"ref": {"name": "cel"}, "params": {"filter": source}}]);
    let overlay = |source: &str| json!([{"ref": {"name": "cel"}, "params": {"overlays": [{"key": "ok", "expression": source}]}}]);
    let hook = |entry: &str| json!({"secretName": "hook", "secretKey": entry});
    let files = |entry: &str, host: &str| {
        let files = json!({"enabled": true, "personalAccessToken": hook(entry)});
        json!([{"ref": {"name": "github"}, "params": {"addChangedFiles": files, "enterpriseHost": host}}])
    };
    let owners = |entry: &str, host: &str| {
        let owners = json!({"enabled": true, "checkType": "all", "personalAccessToken": hook(entry)});
        json!([{"ref": {"name": "github"}, "params": {"githubOwners": owners, "enterpriseHost": host}}])
    };
    let (good, bad) = ("body.good.compareSecret('token', 'hook')", "body.bad.compareSecret('token', 'hook')");
    let headers = [("X-GitHub-Event", "pull_request")];
    let body = r#"{"good":"s3cret","bad":"x","number":7,"repository":{"full_name":"acme/web"},"sender":{"login":"m"}}"#;
    let world = World { members: [("organization-member", vec!["m"])].into(), ..World::with_secret() };
    for (before, after) in [
        (filter(good), filter(bad)),
        (overlay(good), overlay(bad)),
        (files("token", "a.test"), files("other", "a.test")),
        (files("token", "a.test"), files("token", "b.test")),
        (files("token", "a.test"), files("token", "")),
        (owners("token", "a.test"), owners("other", "a.test")),
        (owners("token", "a.test"), owners("token", "b.test")),
    ] {
        let answers = answers(&before, &headers, body, &world);
        assert_eq!(answers.iter().count(), 1, "{before}");
        for (chain, asks) in [(&before, false), (&after, true)] {
            let chain = compile(chain).unwrap();
            let step = chain.advance(chain.begin(event(&headers, body)), &answers);
            assert_eq!(matches!(step, Step::Asks(..)), asks, "{before} {after}: {}", describe(&step));
        }
    }
}

#[test]
fn a_request_with_a_stored_answer_is_not_made_again() {
    let (lint, hook) = ("http://lint.test/", "http://hook.test/");
    let interceptors = json!([
        {"ref": {"name": "lint", "address": lint}},
        {"webhook": {"url": hook}},
    ]);
    let extended = ok(r#"{"continue":true,"extensions":{"a":1}}"#);
    let world = World { servers: [(lint, extended), (hook, ok("{}"))].into(), ..World::default() };
    let answers = answers(&interceptors, &[], "{}", &world);
    // No request can be made of this body.
    let chain = compile(&interceptors).unwrap();
    let event = || event(&[], "[]");
    assert!(matches!(chain.advance(chain.begin(event()), &answers), Step::Passed(_)));
    let unanswered = describe(
        &World::with_server(lint, r#"{"continue":true,"extensions":{"a":1}}"#).take(&chain, event()),
    );
    assert!(unanswered.starts_with("failed could not merge extensions with body"), "{unanswered}");
}

#[test]
fn an_answer_of_another_kind_fails_the_chain() {
    let chains = [
        json!([{"ref": {"name": "gitlab"}, "params": {"secretRef": {"secretName": "hook", "secretKey": "token"}}}]),
        json!([{"ref": {"name": "lint", "address": "http://lint.test/"}}]),
        json!([{"webhook": {"url": "http://lint.test/"}}]),
    ];
    for chain in chains {
        let compiled = compile(&chain).unwrap();
        let state = || event(&[("X-Gitlab-Token", "t")], "{}");
        let Step::Asks(ask, course) = compiled.advance(compiled.begin(state()), &Answers::default()) else {
            panic!("it asks")
        };
        let mut answers = Answers::default();
        answers.add(ask.key, Answer::Member(true));
        let found = describe(&compiled.advance(course, &answers));
        assert!(found.starts_with("failed the stored answer to"), "{found}");
    }
}

#[test]
fn every_interceptor_leaves_a_record() {
    let chain = json!([
        {"name": "first", "ref": {"name": "cel"}, "params": {"overlays": [{"key": "a.b", "expression": "1"}]}},
        {"ref": {"name": "gitlab"}, "params": {"eventTypes": ["Push Hook"]}},
        {"webhook": {"url": "http://never.test/"}},
    ]);
    let step = World::default().take(&compile(&chain).unwrap(), event(&[], "{}"));
    let Step::Stopped(course) = step else { panic!("it stops") };
    let passed = RecordedVerdict::Passed { extensions: vec!["a".to_owned()] };
    let stopped = RecordedVerdict::Stopped {
        code: Some(Code::FAILED_PRECONDITION),
        message: "event type  is not allowed".to_owned(),
        operands: Vec::new(),
    };
    let expected = [("first", passed), ("gitlab", stopped)];
    let found = course.records().iter().map(|record| (&*record.interceptor, record.verdict.clone()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}
