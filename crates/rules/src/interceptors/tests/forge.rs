//! The interceptor `github`, where it asks GitHub.

use serde_json::json;

use super::secrets::hub;
use super::*;

const PULL_REQUEST: (&str, &str) = ("X-GitHub-Event", "pull_request");
const PUSH: (&str, &str) = ("X-GitHub-Event", "push");
const COMMENT: (&str, &str) = ("X-GitHub-Event", "issue_comment");

fn github(params: &Value) -> Value {
    json!([{"ref": {"name": "github"}, "params": params}])
}

fn token() -> Value {
    json!({"secretName": "hook", "secretKey": "token"})
}

#[test]
fn the_files_of_a_push_are_those_of_its_commits() {
    let params = json!({"addChangedFiles": {"enabled": true}});
    for (header, body, expected) in [
        (
            PUSH,
            r#"{"repository":{"full_name":"acme/web"},"commits":[
                {"added":["a","b c"],"modified":["m"],"removed":["r"]},{"added":["a"],"modified":[],"removed":[]}]}"#,
            r#"passed {"changed_files":"a,b c,m,r,a"}"#,
        ),
        (PUSH, r#"{"repository":{"full_name":"acme/web"},"commits":[]}"#, r#"passed {"changed_files":""}"#),
        (PUSH, r#"{"repository":{"full_name":"acme/web"}}"#, r#"passed {"changed_files":""}"#),
        (
            PUSH,
            r#"{"repository":{"full_name":"acme/web"},"commits":[{"added":[7,null],"modified":[],"removed":[]}]}"#,
            r#"passed {"changed_files":"7,null"}"#,
        ),
        (
            PUSH,
            r#"{"repository":{"full_name":"acme/web"},"commits":[{"added":["a"]}]}"#,
            "9 error parsing body: payload body missing 'commits.*.modified' field",
        ),
        (
            PUSH,
            r#"{"repository":{"full_name":"acme/web"},"commits":[7]}"#,
            "9 error parsing body: payload body missing 'commits.*.added' field",
        ),
        (PUSH, r#"{"commits":[]}"#, "9 error parsing body: payload body missing 'repository' field"),
        (
            PUSH,
            r#"{"repository":{}}"#,
            "9 error parsing body: payload body missing 'repository.full_name' field",
        ),
        (
            PUSH,
            r#"{"repository":{"full_name":"web"}}"#,
            "9 error parsing body: payload body missing 'repository.full_name' field",
        ),
        (
            PUSH,
            r#"{"repository":{"full_name":"../web"}}"#,
            "9 error parsing body: 'repository.full_name' is no name of a repository",
        ),
        (
            PUSH,
            r#"{"repository":{"full_name":"acme/web/../../x"}}"#,
            "9 error parsing body: 'repository.full_name' is no name of a repository",
        ),
        (PUSH, "", "9 error parsing body: body is empty"),
        (
            PUSH,
            "[]",
            "9 error parsing body: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (
            PULL_REQUEST,
            r#"{"repository":{"full_name":"acme/web"}}"#,
            "9 error parsing body: pull_request body missing 'number' field",
        ),
        (
            PULL_REQUEST,
            r#"{"number":"7","repository":{"full_name":"acme/web"}}"#,
            "9 error parsing body: pull_request body missing 'number' field",
        ),
        (
            PULL_REQUEST,
            r#"{"number":7,"repository":{"full_name":"acme/web"}}"#,
            r#"passed {"changed_files":"a.rs,docs/b.md"}"#,
        ),
        (
            PULL_REQUEST,
            r#"{"number":404,"repository":{"full_name":"acme/web"}}"#,
            "9 error getting changed files: 404 Not Found",
        ),
        // Other events pass without a look at their bodies.
        (("X-GitHub-Event", "ping"), "no JSON", "passed"),
        (("X-Other", "push"), "", "passed"),
    ] {
        let mut world = World { files: vec!["a.rs", "docs/b.md"], ..World::default() };
        assert_eq!(result(&github(&params), &[header], body, &mut world), expected, "{header:?} {body}");
    }
    let off = json!({"addChangedFiles": {"enabled": false}, "githubOwners": {"checkType": "all"}});
    assert_eq!(result(&github(&off), &[PUSH], "no JSON", &mut World::default()), "passed");
}

#[test]
fn the_question_for_files_names_the_repository_and_the_token() {
    let params = json!({"addChangedFiles": {"enabled": true, "personalAccessToken": token()}});
    let mut world = World::with_secret();
    let body = r#"{"number":7,"repository":{"full_name":"acme/web"}}"#;
    result(&github(&params), &[PULL_REQUEST], body, &mut world);
    let [Ask { question: Question::ChangedFiles(question), .. }] = &world.asked[..] else {
        panic!("{:?}", world.asked)
    };
    let ForgeAccess { provider, host, token, owner, repository } = &question.access;
    assert_eq!((*provider, host.as_deref(), &**owner, &**repository), ("github", None, "acme", "web"));
    assert_eq!(token.as_ref().unwrap().secret.to_string(), "team-a/hook");
    assert_eq!(question.number, 7);
    let empty = json!({"addChangedFiles": {"enabled": true, "personalAccessToken": {}}});
    let found = result(&github(&empty), &[PULL_REQUEST], body, &mut World::default());
    assert_eq!(found, "9 error getting secret: github interceptor githubToken.secretKey is empty");
    // A push needs no token.
    let body = r#"{"repository":{"full_name":"acme/web"}}"#;
    assert_eq!(
        result(&github(&empty), &[PUSH], body, &mut World::default()),
        r#"passed {"changed_files":""}"#
    );
}

fn owners(check: &str) -> Value {
    json!({"githubOwners": {"enabled": true, "checkType": check, "personalAccessToken": token()}})
}

#[test]
fn owners_are_looked_up_list_after_list() {
    const NO: &str = "9 owners check requirements not met";
    let by = |login: &str| {
        format!(r#"{{"number":7,"repository":{{"full_name":"acme/web"}},"sender":{{"login":"{login}"}}}}"#)
    };
    for (check, login, expected, asked) in [
        ("orgMembers", "member", "passed", 1),
        ("orgMembers", "Member", NO, 2),
        ("orgMembers", "helper", NO, 2),
        ("orgMembers", "approver", "passed", 2),
        ("orgMembers", "REVIEWER", "passed", 2),
        ("repoMembers", "helper", "passed", 1),
        ("repoMembers", "member", NO, 2),
        ("all", "member", "passed", 1),
        ("all", "helper", "passed", 2),
        ("all", "approver", "passed", 3),
        ("all", "stranger", NO, 3),
        ("none", "member", NO, 1),
        ("none", "approver", "passed", 1),
        ("other", "member", NO, 1),
        ("other", "approver", "passed", 1),
        ("all", "", NO, 0),
    ] {
        let mut world = World {
            members: [("organization-member", vec!["member"]), ("collaborator", vec!["helper"])].into(),
            owners: Some("approvers:\n- Approver\nreviewers: [reviewer]\n"),
            ..World::default()
        };
        let found = result(&github(&owners(check)), &[PULL_REQUEST], &by(login), &mut world);
        assert_eq!((&*found, world.asked.len()), (expected, asked), "{check} {login}");
    }
}

#[test]
fn a_file_owners_is_read_with_care() {
    const NO: &str = "9 owners check requirements not met";
    let body = r#"{"number":7,"repository":{"full_name":"acme/web"},"sender":{"login":"zoe"}}"#;
    let large = format!("# {}\napprovers: [zoe]\n", "x".repeat(70_000)).leak();
    for (file, expected) in [
        (None, NO),
        (Some(""), NO),
        (Some("\n# none\n"), NO),
        (Some("approvers:\n"), NO),
        (Some("approvers: [zoe]"), "passed"),
        (Some("reviewers: [a, ZOE]\nlabels: [x]"), "passed"),
        (Some("emeritus_approvers: [zoe]"), NO),
        (
            Some(large),
            "9 error checking owner verification: the file OWNERS has 70020 bytes, at most 65536 are read",
        ),
    ] {
        let mut world = World { owners: file, ..World::default() };
        let found = result(&github(&owners("none")), &[PULL_REQUEST], body, &mut world);
        assert_eq!(found, expected, "{:?}", file.map(str::len));
    }
    for file in ["approvers: zoe", "approvers: {a: b}", "a: [", "- zoe"] {
        let mut world = World { owners: Some(file), ..World::default() };
        let found = result(&github(&owners("none")), &[PULL_REQUEST], body, &mut world);
        assert!(
            found.starts_with("9 error checking owner verification: the file OWNERS is no YAML:"),
            "{found}"
        );
    }
}

#[test]
fn a_comment_counts_only_with_the_words_and_by_an_owner() {
    const NO: &str = "9 owners check requirements not met";
    for (text, login, expected, asked) in [
        ("/ok-to-test", "zoe", "passed", 1),
        ("fine\\n/ok-to-test\\nthanks", "zoe", "passed", 1),
        ("/ok-to-test\\r\\n", "zoe", "passed", 1),
        ("/ok-to-test\\rx", "zoe", "passed", 1),
        ("/ok-to-test", "stranger", NO, 1),
        ("/ok-to-test please", "zoe", NO, 0),
        (" /ok-to-test", "zoe", NO, 0),
        ("fine\\r/ok-to-test", "zoe", NO, 0),
        ("/OK-to-test", "zoe", NO, 0),
        ("", "zoe", NO, 0),
    ] {
        let body = format!(
            r#"{{"issue":{{"number":7}},"comment":{{"body":"{text}"}},"repository":{{"full_name":"acme/web"}},"sender":{{"login":"{login}"}}}}"#
        );
        let mut world = World { owners: Some("approvers: [zoe]"), ..World::default() };
        let found = result(&github(&owners("none")), &[COMMENT], &body, &mut world);
        assert_eq!((&*found, world.asked.len()), (expected, asked), "{text} {login}");
    }
    // The words in a pull request mean nothing.
    let body = r#"{"number":7,"repository":{"full_name":"acme/web"},"sender":{"login":"stranger"},"comment":{"body":"/ok-to-test"}}"#;
    let mut world = World { owners: Some("approvers: [zoe]"), ..World::default() };
    assert_eq!(result(&github(&owners("none")), &[PULL_REQUEST], body, &mut world), NO);
}

#[test]
fn a_payload_without_a_field_stops_the_check() {
    let no_token = json!({"githubOwners": {"enabled": true, "checkType": "repoMembers"}});
    let empty = json!({"githubOwners": {"enabled": true, "checkType": "none", "personalAccessToken": {}}});
    for (params, header, body, expected) in [
        (owners("all"), PULL_REQUEST, "", "error parsing body: payload body is empty"),
        (owners("all"), PULL_REQUEST, "{}", "error parsing body: pull_request body missing 'number' field"),
        (
            owners("all"),
            PULL_REQUEST,
            r#"{"number":7}"#,
            "error parsing body: payload body missing 'repository' field",
        ),
        (
            owners("all"),
            PULL_REQUEST,
            r#"{"number":7,"repository":{"full_name":"acme/web"}}"#,
            "error parsing body: payload body missing 'sender' field",
        ),
        (owners("all"), COMMENT, "{}", "error parsing body: issue_comment body missing 'issue' section"),
        (
            owners("all"),
            COMMENT,
            r#"{"issue":{}}"#,
            "error parsing body: 'number' field missing in the issue section of issue_comment body",
        ),
        (
            owners("all"),
            COMMENT,
            r#"{"issue":{"number":7}}"#,
            "error parsing body: issue_comment body missing 'comment' section",
        ),
        (
            owners("all"),
            COMMENT,
            r#"{"issue":{"number":7},"comment":{}}"#,
            "error parsing body: 'body' field missing in the comment section of issue_comment body",
        ),
        (
            no_token,
            PULL_REQUEST,
            "{}",
            "checkType is set to check org or repo members but no personalAccessToken was supplied",
        ),
        (
            empty,
            PULL_REQUEST,
            "{}",
            "error getting github token: github interceptor personalAccessToken.secretKey is empty",
        ),
    ] {
        let found = result(&github(&params), &[header], body, &mut World::default());
        assert_eq!(found, format!("9 {expected}"), "{params} {header:?} {body}");
    }
    assert_eq!(result(&github(&owners("all")), &[PUSH], "no JSON", &mut World::default()), "passed");
}

#[test]
fn files_and_owners_are_both_evaluated() {
    let both = json!({
        "addChangedFiles": {"enabled": true},
        "githubOwners": {"enabled": true, "checkType": "none"},
    });
    let body = |login: &str| {
        format!(
            r#"{{"number":7,"issue":{{"number":7}},"comment":{{"body":"no"}},"repository":{{"full_name":"acme/web"}},"sender":{{"login":"{login}"}}}}"#
        )
    };
    for (header, login, expected) in [
        (PULL_REQUEST, "zoe", r#"passed {"changed_files":"a.rs"}"#),
        (PULL_REQUEST, "stranger", "9 owners check requirements not met"),
        (PUSH, "stranger", r#"passed {"changed_files":""}"#),
        (COMMENT, "zoe", "9 owners check requirements not met"),
    ] {
        let mut world = World { owners: Some("approvers: [zoe]"), files: vec!["a.rs"], ..World::default() };
        let found = result(&github(&both), &[header], &body(login), &mut world);
        assert_eq!(found, expected, "{header:?} {login}");
    }
}

#[test]
fn the_host_is_never_that_of_an_unauthenticated_header() {
    let with_url = r#"{"number":7,"repository":{"full_name":"acme/web","html_url":"https://Git.acme.test:8443/acme/web"}}"#;
    let without = r#"{"number":7,"repository":{"full_name":"acme/web"}}"#;
    let files = json!({"addChangedFiles": {"enabled": true}});
    let signed = json!({"addChangedFiles": {"enabled": true}, "secretRef": token()});
    let configured = json!({"addChangedFiles": {"enabled": true}, "enterpriseHost": "ghe.acme.test"});
    let refused = "9 nothing authenticates `git.acme.test:8443` in the header X-Github-Enterprise-Host: set the \
                   parameter `enterpriseHost`, or `secretRef`";
    for (params, header, body, expected) in [
        (&files, None, without, Ok(None)),
        (&files, Some("git.acme.test:8443"), without, Err(refused)),
        (&files, Some("git.acme.test:8443"), with_url, Err(refused)),
        (&signed, Some("git.acme.test:8443"), with_url, Ok(Some("git.acme.test:8443"))),
        (&signed, Some("GIT.acme.test:8443"), with_url, Ok(Some("git.acme.test:8443"))),
        (&signed, Some("git.acme.test:8443"), without, Err(refused)),
        (
            &signed,
            Some("evil.test"),
            with_url,
            Err(
                "9 nothing authenticates `evil.test` in the header X-Github-Enterprise-Host: set the parameter \
                 `enterpriseHost`, or `secretRef`",
            ),
        ),
        (&signed, None, with_url, Ok(None)),
        (&configured, None, without, Ok(Some("ghe.acme.test"))),
        (&configured, Some("evil.test"), without, Ok(Some("ghe.acme.test"))),
    ] {
        let signature = hub("s3cret", body);
        let mut headers = vec![PULL_REQUEST, ("X-Hub-Signature-256", &*signature)];
        headers.extend(header.map(|host| ("X-GitHub-Enterprise-Host", host)));
        let mut world = World::with_secret();
        let found = result(&github(params), &headers, body, &mut world);
        let host = world.asked.iter().find_map(|ask| match &ask.question {
            Question::ChangedFiles(question) => Some(question.access.host.as_deref()),
            _ => None,
        });
        assert_eq!(host.ok_or(&*found), expected, "{params} {header:?} {body}");
    }
    // The signature may be verified by an interceptor before, as long as the body stays as it is.
    let chain = json!([
        {"ref": {"name": "github"}, "params": {"secretRef": token()}},
        {"ref": {"name": "github"}, "params": files},
    ]);
    let signature = hub("s3cret", with_url);
    let headers = [
        PULL_REQUEST,
        ("X-Hub-Signature-256", &*signature),
        ("X-GitHub-Enterprise-Host", "git.acme.test:8443"),
    ];
    let found = result(&chain, &headers, with_url, &mut World::with_secret());
    assert_eq!(found, r#"passed {"changed_files":""}"#);
    let chain = json!([chain[0], {"webhook": {"url": "http://hook.test/"}}, chain[1]]);
    let other = with_url.replace("\"number\":7", "\"number\":8").leak();
    let mut answer = ok(other);
    for (name, value) in &headers {
        answer.headers.append(name, (*value).to_owned());
    }
    let mut world = World { servers: [("http://hook.test/", answer)].into(), ..World::with_secret() };
    assert_eq!(result(&chain, &headers, with_url, &mut world), refused);
}
