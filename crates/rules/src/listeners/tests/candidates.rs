use serde_json::json;

use super::*;

fn entry(name: &str, interceptors: &Value) -> Value {
    json!({"name": name, "template": {"spec": {}}, "interceptors": interceptors})
}

fn typed(interceptor: &str, types: &Value) -> Value {
    json!([{"ref": {"name": interceptor}, "params": [{"name": "eventTypes", "value": types}]}])
}

#[test]
fn triggers_are_found_by_what_their_first_interceptor_demands() {
    let mut lower_case = typed("github", &json!(["push"]));
    lower_case[0]["params"][0]["name"] = json!("eventtypes");
    let mut not_first = typed("github", &json!(["push"]));
    not_first.as_array_mut().unwrap().insert(0, json!({"webhook": {"url": "http://relay.example/"}}));
    let entries = [
        entry("any", &json!([])),
        entry("push", &typed("github", &json!(["push", "pull_request"]))),
        entry("lower-case", &lower_case),
        entry("not-first", &not_first),
        entry("no-types", &json!([{"ref": {"name": "github"}}])),
        entry("null-types", &typed("github", &json!(null))),
        entry("none", &typed("github", &json!([]))),
        entry("empty-type", &typed("github", &json!([""]))),
        entry("gitlab", &typed("gitlab", &json!(["Push Hook"]))),
        entry("bitbucket", &typed("bitbucket", &json!(["repo:push"]))),
        entry("wrong-types", &typed("github", &json!("push"))),
    ];
    let group = json!({"triggerSelector": {"labelSelector": {}}});
    let of_group = object(
        Kind::Trigger,
        "depot",
        "grouped",
        json!({"template": {"spec": {}}, "interceptors": typed("github", &json!(["push"]))}),
    );
    let fixture = Fixture::new([front(json!({"triggers": entries, "triggerGroups": [group]})), of_group]);
    let listener = fixture.listener("depot", "front");
    let always = ["any", "not-first", "no-types", "null-types", "wrong-types"];
    for (header, value, further) in [
        ("X-GitHub-Event", "push", &["push", "lower-case"][..]),
        ("X-GitHub-Event", "pull_request", &["push"]),
        ("X-GitHub-Event", "Push", &[]),
        ("X-Gitlab-Event", "Push Hook", &["gitlab", "empty-type"]),
        ("X-Event-Key", "repo:push", &["bitbucket", "empty-type"]),
        ("X-Other", "push", &["empty-type"]),
    ] {
        let event = event(&json!({}), &[(header, value)]);
        let found = listener.candidates(&event);
        let mut expected: Vec<_> = names(listener.triggers());
        expected.retain(|name| always.contains(name) || further.contains(name));
        assert_eq!(names(found.clone()), expected, "{header}: {value}");
        let mut all = names(listener.excluded(&event));
        all.extend(names(found));
        all.sort_unstable();
        let mut every = names(listener.triggers());
        every.sort_unstable();
        assert_eq!(all, every, "a trigger is a candidate or excluded");
        let group = listener.groups().next().unwrap();
        assert_eq!(
            group.candidates(&event).len(),
            usize::from(value == "push" && header == "X-GitHub-Event")
        );
    }
}

#[test]
fn an_interceptor_of_ones_own_under_a_core_name_demands_nothing() {
    let trigger = entry("push", &typed("github", &json!(["push"])));
    let fixture = Fixture::new([front(json!({"triggers": [trigger]}))]);
    let event = event(&json!({}), &[]);
    assert_eq!(names(fixture.listener("depot", "front").candidates(&event)), [""; 0]);
    let interceptor =
        |config: Value| object(Kind::ClusterInterceptor, "", "github", json!({"clientConfig": config}));
    fixture.apply(interceptor(json!({"url": "http://own.example/github"})));
    assert_eq!(names(fixture.listener("depot", "front").candidates(&event)), ["push"]);
    let tekton = json!({"service": {
        "name": "tekton-triggers-core-interceptors", "namespace": "tekton-pipelines", "path": "github", "port": 8443,
    }});
    fixture.apply(interceptor(tekton));
    assert_eq!(names(fixture.listener("depot", "front").candidates(&event)), [""; 0]);
}
