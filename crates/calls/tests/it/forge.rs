use std::time::Duration;

use trigger_calls::Calls;
use trigger_core::KeyRef;
use trigger_rules::interceptors::{
    Answer, ForgeAccess, MemberList, Membership, PullRequestFiles, Question, SecretAnswer,
};

use crate::scene::{TOKEN, answer, calls, entry, settings};
use crate::server::{Reply, Seen, Server, reply};

fn access(server: &Server, token: Option<KeyRef>) -> ForgeAccess {
    ForgeAccess {
        provider: "github",
        host: Some(server.host()),
        token,
        owner: "acme".into(),
        repository: "web".into(),
    }
}

fn files_with(server: &Server, token: Option<KeyRef>) -> Question {
    Question::ChangedFiles(PullRequestFiles { access: access(server, token), number: 7 })
}

fn files(server: &Server) -> Question {
    files_with(server, Some(entry("hook", "token")))
}

fn member(server: &Server, list: MemberList, login: &str) -> Question {
    let access = access(server, Some(entry("hook", "token")));
    Question::Membership(Membership { access, list, login: login.into() })
}

fn asking(server: &Server) -> Calls {
    calls(settings(&[server]))
}

fn refusal(answer: Answer) -> String {
    match answer {
        Answer::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn reason(answer: Answer) -> String {
    match answer {
        Answer::Unknown(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// The page that a request asks for, from 1.
fn page(seen: &Seen) -> usize {
    seen.line.split_once("&page=").map_or(1, |(_, page)| page.parse().unwrap())
}

/// Three pages with an entry each, and links between them.
async fn three_pages(entry: impl Fn(usize) -> String + Send + Sync + 'static) -> Server {
    Server::start(move |seen, _| {
        let host = seen.header("host").unwrap();
        let (number, path) = (page(seen), seen.line.split([' ', '&']).nth(1).unwrap());
        let link = format!("<http://{host}{path}&page={}>; rel=\"next\"", number + 1);
        let headers: &[(&str, &str)] = if number < 3 { &[("Link", &link)] } else { &[] };
        reply("200 OK", headers, &format!("[{}]", entry(number)))
    })
    .await
}

#[tokio::test]
async fn the_files_of_all_pages_are_asked_for_with_the_token() {
    let server = three_pages(|number| format!(r#"{{"filename":"f{number}"}}"#)).await;
    let found = answer(&asking(&server), files(&server)).await;
    assert_eq!(found, Answer::ChangedFiles(["f1", "f2", "f3"].map(Into::into).to_vec()));
    let path = "GET /api/v3/repos/acme/web/pulls/7/files?per_page=100";
    assert_eq!(server.lines(), [path.to_owned(), format!("{path}&page=2"), format!("{path}&page=3")]);
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
        assert_eq!(seen.header("accept"), Some("application/vnd.github+json"));
        assert!(seen.header("user-agent").is_some());
    }
    let found = answer(&asking(&server), files_with(&server, None)).await;
    assert!(matches!(found, Answer::ChangedFiles(_)), "{found:?}");
    assert_eq!(server.seen().last().unwrap().header("authorization"), None);
}

#[tokio::test]
async fn people_are_looked_for_until_they_are_found() {
    let server = three_pages(|number| format!(r#"{{"login":"p{number}"}}"#)).await;
    let calls = asking(&server);
    for (login, is_member, requests) in [("p1", true, 1), ("p2", true, 2), ("p3", true, 3), ("P1", false, 3)]
    {
        for list in [MemberList::Organization, MemberList::Collaborators] {
            let before = server.seen().len();
            assert_eq!(
                answer(&calls, member(&server, list, login)).await,
                Answer::Member(is_member),
                "{login}"
            );
            assert_eq!(server.seen().len() - before, requests, "{login}");
        }
    }
    let lines = server.lines();
    assert_eq!(lines[0], "GET /api/v3/orgs/acme/public_members?per_page=100");
    assert_eq!(lines[1], "GET /api/v3/repos/acme/web/collaborators?per_page=100");
}

#[tokio::test]
async fn what_is_not_there_has_a_meaning() {
    let server = Server::always(reply("404 Not Found", &[], r#"{"message":"Not Found"}"#)).await;
    let calls = asking(&server);
    assert_eq!(answer(&calls, member(&server, MemberList::Organization, "ada")).await, Answer::Member(false));
    assert_eq!(
        answer(&calls, member(&server, MemberList::OwnersFile, "ada")).await,
        Answer::OwnersFile(None)
    );
    let expected = "the API of GitHub does not answer for acme/web: 404 Not Found: Not Found; check that the repository \
                    exists, and that the access token may read it";
    assert_eq!(refusal(answer(&calls, member(&server, MemberList::Collaborators, "ada")).await), expected);
    assert_eq!(refusal(answer(&calls, files(&server)).await), expected);
    assert_eq!(server.seen().len(), 4, "asking again does not help");
    let file = r#"{"type":"file","encoding":"base64","content":"YXBwcm92ZXJzOiBbYWRhXQo=\n"}"#;
    let server = Server::always(reply("200 OK", &[], file)).await;
    let found = answer(&asking(&server), member(&server, MemberList::OwnersFile, "ada")).await;
    assert_eq!(found, Answer::OwnersFile(Some("approvers: [ada]\n".to_owned())));
    assert_eq!(server.lines(), ["GET /api/v3/repos/acme/web/contents/OWNERS"]);
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_and_one_that_is_paced_is_not() {
    for (answered, requests, expected) in [
        (
            reply("500 Internal Server Error", &[], ""),
            3,
            "500 Internal Server Error; the server fails, so ask again later (tried 3 times)",
        ),
        (
            reply("503 Service Unavailable", &[("Retry-After", "3600")], ""),
            1,
            "503 Service Unavailable; the server fails, so ask again later",
        ),
        (Reply::Close, 3, "(tried 3 times)"),
        (
            reply("429 Too Many Requests", &[], ""),
            1,
            "429 Too Many Requests: too many requests with this access token; it has to wait",
        ),
        (reply("403 Forbidden", &[("Retry-After", "60")], ""), 1, "403 Forbidden: too many requests"),
        (
            reply("403 Forbidden", &[("X-RateLimit-Remaining", "0")], ""),
            1,
            "403 Forbidden: too many requests",
        ),
    ] {
        let server = Server::always(answered.clone()).await;
        let reason = reason(answer(&asking(&server), files(&server)).await);
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(server.seen().len(), requests, "{answered:?}");
    }
    let again = |_: &_, number| match number {
        0 => reply("502 Bad Gateway", &[], ""),
        1 => reply("403 Forbidden", &[("Retry-After", "0")], ""),
        _ => reply("200 OK", &[], "[]"),
    };
    let server = Server::start(again).await;
    assert_eq!(answer(&asking(&server), files(&server)).await, Answer::ChangedFiles(vec![]));
}

#[tokio::test]
async fn a_token_stays_at_its_server() {
    let other = Server::always(reply("200 OK", &[], r#"[{"filename":"stolen"}]"#)).await;
    let (next, moved) = (format!("<{}>; rel=\"next\"", other.url("/next")), other.url("/moved"));
    let server = Server::start(move |seen, number| match (&*seen.line, number) {
        (line, 0) if line.contains("/pulls/") => reply("200 OK", &[("Link", &next)], "[]"),
        (line, _) if line.contains("/pulls/") => reply("301 Moved Permanently", &[("Location", &moved)], ""),
        _ => reply("301 Moved Permanently", &[("Location", "/api/v3/repositories/1/contents")], ""),
    })
    .await;
    let mut settings = settings(&[&server, &other]);
    settings.private.push("127.0.0.0/8".parse().unwrap());
    let calls = calls(settings);
    for _ in 0..2 {
        let reason = refusal(answer(&calls, files(&server)).await);
        let expected = "the API of GitHub does not answer for acme/web: it leads to another server, which does not get the \
                        access token";
        assert_eq!(reason, expected);
    }
    assert!(other.seen().is_empty());
    // A repository that was renamed.
    let reason = refusal(answer(&calls, member(&server, MemberList::OwnersFile, "ada")).await);
    assert!(reason.contains("it redirects more than 10 times"), "{reason}");
    let last = server.seen().pop().unwrap();
    assert_eq!(last.line, "GET /api/v3/repositories/1/contents");
    assert_eq!(last.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
}

#[tokio::test]
async fn a_server_that_repeats_the_token_is_not_quoted() {
    let body = format!(r#"{{"message":"bad credentials: Bearer {TOKEN}"}}"#);
    let server = Server::always(reply("401 Unauthorized", &[], &body)).await;
    let reason = refusal(answer(&asking(&server), files(&server)).await);
    assert!(
        reason.contains("401 Unauthorized: it repeats the access token; replace the access token"),
        "{reason}"
    );
    let body = "{\"message\":\"\\u001b[31mred\\n\"}";
    let server = Server::always(reply("422 Unprocessable Entity", &[], body)).await;
    let reason = refusal(answer(&asking(&server), files(&server)).await);
    assert!(reason.contains("?[31mred?; check"), "{reason}");
}

#[tokio::test]
async fn lists_and_their_pages_have_bounds() {
    let endless = |seen: &Seen, _| {
        let next =
            format!("<http://{}/x?a&page={}>; rel=\"next\"", seen.header("host").unwrap(), page(seen) + 1);
        reply("200 OK", &[("Link", &next)], r#"[{"login":"bob"}]"#)
    };
    let server = Server::start(endless).await;
    let found = answer(&asking(&server), member(&server, MemberList::Collaborators, "ada")).await;
    assert!(refusal(found).contains("the list has more than 100 pages"));
    assert_eq!(server.seen().len(), 100);
    let server = Server::always(Reply::Endless).await;
    assert!(refusal(answer(&asking(&server), files(&server)).await).contains("is larger than 8388608 bytes"));
    let long = format!(r#"[{{"filename":"{}"}}]"#, "f".repeat((1 << 20) + 1));
    let server = Server::always(reply("200 OK", &[], &long)).await;
    assert!(refusal(answer(&asking(&server), files(&server)).await).contains("have more than 1048576 bytes"));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_too_long_is_given_up() {
    let server = Server::always(Reply::Hang).await;
    let start = tokio::time::Instant::now();
    let reason = reason(answer(&asking(&server), files(&server)).await);
    assert!(
        reason.contains("does not answer in time") || reason.contains("it took more than 60s"),
        "{reason}"
    );
    assert!(start.elapsed() <= Duration::from_secs(61));
}

#[tokio::test]
async fn a_token_that_is_not_known_is_an_answer_of_its_own() {
    let server = Server::always(reply("200 OK", &[], "[]")).await;
    let calls = asking(&server);
    let unusable = |name: &str| {
        let reason =
            "of the Secret holds no access token: it is empty, or has a blank or another such character";
        Answer::Refused(format!("the entry `{name}` {reason}"))
    };
    for (secret, name, expected) in [
        ("none", "token", Answer::Secret(SecretAnswer::NoSecret)),
        ("hook", "none", Answer::Secret(SecretAnswer::NoEntry)),
        ("hook", "empty", unusable("empty")),
        ("hook", "odd", unusable("odd")),
        (
            "late",
            "token",
            Answer::Unknown("the Secret team-a/late cannot be read now: the API server is down".into()),
        ),
        (
            "forbidden",
            "token",
            Answer::Unknown(
                "reading the Secret team-a/forbidden is forbidden: allow the service account to get it"
                    .into(),
            ),
        ),
    ] {
        let found = answer(&calls, files_with(&server, Some(entry(secret, name)))).await;
        assert_eq!(found, expected, "{secret} {name}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_host_on_a_private_address_is_for_the_operator_to_allow() {
    let server = Server::always(reply("200 OK", &[], "[]")).await;
    let mut settings = settings(&[&server]);
    settings.private.clear();
    let reason = refusal(answer(&calls(settings), files(&server)).await);
    assert!(reason.contains("has no address that may be contacted"), "{reason}");
    assert!(server.seen().is_empty());
}
