//! Requests that two readers could read differently, or that no sender would send.

use std::net::SocketAddr;

use reqwest::StatusCode;

use crate::raw::exchange;
use crate::world::{played, sign, KEY, World, usual_rules};

/// A request line and the headers of a signed push without those that say how long it is.
fn head(line: &str, body: &[u8]) -> String {
    let headers = sign(played(), "push", "id", body, Some(KEY));
    let lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
    format!("{line}\r\nhost: hooks.example\r\n{}", lines.concat())
}

const POST: &str = "POST /hooks/github HTTP/1.1";

async fn send(hooks: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut request = head.as_bytes().to_vec();
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    exchange(hooks, &request).await
}

/// The statuses of all answers that came back on the connection.
fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_within_a_request_is_not_answered() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let smuggled = String::from_utf8(body.clone()).unwrap();
    let inner = format!("{}content-length: {}\r\n\r\n{smuggled}", head(POST, &body), body.len());
    let ended = format!("0\r\n\r\n{inner}");
    let short = "content-length: 4\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    for (what, lengths, sent) in [
        ("a length and chunks", format!("{short}{chunked}"), &ended),
        ("chunks and a length", format!("{chunked}{short}"), &ended),
        ("two lengths", format!("{short}content-length: {}\r\n", ended.len()), &ended),
        ("chunks that are not the last coding", "transfer-encoding: chunked, gzip\r\n".to_owned(), &ended),
        ("another coding", "transfer-encoding: xchunked\r\n".to_owned(), &ended),
        ("a length with a sign", "content-length: +4\r\n".to_owned(), &ended),
        ("a length that is a list", "content-length: 4, 9\r\n".to_owned(), &ended),
        ("a length that is none", "content-length: 0x4\r\n".to_owned(), &ended),
        ("a space before the colon", format!("transfer-encoding : chunked\r\n{short}"), &ended),
        ("a folded header", format!("x-a: b\r\n {chunked}{short}"), &ended),
        ("a return without a line feed", format!("x-a: b\rtransfer-encoding: chunked\r\n{short}"), &ended),
        ("a zero in a header", format!("x-a: b\0\r\n{short}"), &ended),
        ("a chunk beyond all bounds", chunked.to_owned(), &format!("fffffffffffffffff\r\n{inner}")),
        ("a chunk of less than nothing", chunked.to_owned(), &format!("-1\r\n{inner}")),
    ] {
        let answer =
            send(world.program.hooks, &format!("{}{lengths}", head(POST, b"")), sent.as_bytes()).await;
        let statuses = statuses(&answer);
        assert!(statuses.len() <= 1, "{what}: {answer}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {answer}");
    }
    assert_eq!(world.run_counts().await, (0, 0));
    assert!(world.program.journal.stats().await.unwrap().oldest_unsettled.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_come_twice_prove_and_mean_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let length = format!("content-length: {}\r\nconnection: close\r\n", body.len());
    for (twice, expected) in [
        ("x-github-event: ping\r\n", 400),
        ("X-GitHub-Event: push\r\n", 400),
        ("content-type: application/x-www-form-urlencoded\r\n", 400),
        ("x-hub-signature-256: sha256=00\r\n", 401),
        ("X-Hub-Signature-256:\r\n", 401),
    ] {
        for first in [true, false] {
            let good = head(POST, &body);
            let (line, rest) = good.split_once("\r\n").unwrap();
            let head = if first {
                format!("{line}\r\n{twice}{rest}{length}")
            } else {
                format!("{good}{twice}{length}")
            };
            let answer = send(world.program.hooks, &head, &body).await;
            assert_eq!(statuses(&answer), [expected], "{twice}: {answer}");
        }
    }
    assert_eq!(world.run_counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_is_another_hook() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let length = format!("content-length: {}\r\nconnection: close\r\n", body.len());
    let long = format!("/hooks/{}", "github/".repeat(1000));
    let mut bodies = Vec::new();
    for path in [
        "//hooks/github",
        "/hooks//github",
        "/hooks/github/",
        "/hooks/github//",
        "/hooks/./github",
        "/hooks/x/../github",
        "/hooks/%2e/github",
        "/hooks/x/%2e%2e/github",
        "/hooks%2fgithub",
        "/hooks/%67ithub",
        "/hooks/github%00",
        "/hooks/github;x=y",
        "/HOOKS/GITHUB",
        "/hooks/github/../../metrics",
        "/metrics",
        "/readyz",
        "/api/v1/deliveries",
        "/hooks/registry/harbor",
        "/hooks/registry/..%2fgithub",
        "/",
        "*",
        &long,
    ] {
        let head = format!("{}{length}", head(&format!("POST {path} HTTP/1.1"), &body));
        let answer = send(world.program.hooks, &head, &body).await;
        assert_eq!(statuses(&answer), [404], "{path}: {answer}");
        bodies.push(answer.rsplit_once("\r\n\r\n").unwrap().1.to_owned());
    }
    bodies.dedup();
    assert_eq!(bodies, [r#"{"status":"not-found","message":"no build uses this repository"}"#]);

    // The host is not looked at, wherever it stands: nothing hangs on it.
    for (line, more) in [
        ("POST http://mallory.example/hooks/github HTTP/1.1", ""),
        ("POST /hooks/github?x=/metrics HTTP/1.1", "x-forwarded-host: mallory.example\r\n"),
        (POST, "x-original-url: /metrics\r\nx-rewrite-url: /metrics\r\nx-http-method-override: DELETE\r\n"),
        (POST, "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"),
    ] {
        let answer = send(world.program.hooks, &format!("{}{more}{length}", head(line, &body)), &body).await;
        assert!(matches!(statuses(&answer)[..], [200 | 202]), "{line}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_posts_are_deliveries() {
    let world = World::new().await;
    let refused = r#"{"status":"method-not-allowed","message":"deliveries are sent by POST"}"#;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "POSTS", "post"] {
        let head = format!(
            "{method} /hooks/github HTTP/1.1\r\nhost: x\r\norigin: https://mallory.example\r\n\
             access-control-request-method: POST\r\nx-secret: reflected\r\nconnection: close\r\n"
        );
        let answer = send(world.program.hooks, &head, b"").await;
        assert_eq!(statuses(&answer), [405], "{method}: {answer}");
        let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, refused, "{method}");
        let headers = headers.to_ascii_lowercase();
        assert!(headers.contains("allow: post"), "{headers}");
        assert!(!headers.contains("access-control") && !headers.contains("reflected"), "{headers}");
    }
    for (what, line) in [
        ("a tunnel", "CONNECT 127.0.0.1:443 HTTP/1.1"),
        ("HTTP/2", "PRI * HTTP/2.0"),
        ("HTTP/0.9", "POST /hooks/github"),
        ("no HTTP", "\u{16}\u{3}\u{1}\u{2}"),
    ] {
        let answer =
            send(world.program.hooks, &format!("{line}\r\nhost: x\r\nconnection: close\r\n"), b"").await;
        assert!(statuses(&answer).iter().all(|status| (400..500).contains(status)), "{what}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_have_bounds() {
    let world = World::new().await;
    let many: Vec<_> = (0..70).map(|number| format!("x-{number}: y\r\n")).collect();
    let many = many.concat();
    let large = format!("x-large: {}\r\n", "y".repeat(100 << 10));
    let path = format!("POST /{} HTTP/1.1", "x".repeat(100 << 10));
    for (what, head) in [
        ("many headers", format!("{POST}\r\nhost: x\r\n{many}")),
        ("a large header", format!("{POST}\r\nhost: x\r\n{large}")),
        ("a long path", format!("{path}\r\nhost: x\r\n")),
    ] {
        let answer = send(world.program.hooks, &head, b"").await;
        assert!(matches!(statuses(&answer)[..], [414 | 431]), "{what}: {answer}");
    }
}

/// Who does not know a key learns the same from every answer, but whether a repository is used here.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_the_same_whether_a_repository_is_known_or_not() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let known = world.compose(&world.push_main()).body;
    let text = String::from_utf8(known.clone()).unwrap();
    let unknown = text.replace("acme", "nobody").into_bytes();
    let mut told = Vec::new();
    for body in [&known, &unknown] {
        let headers = || world.sign("push", "id", body, Some("guessed"));
        let with = |name: &'static str, value: &'static str| {
            let mut headers = headers();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let mut nameless = headers();
        nameless.remove("x-github-event");
        let mut answers = Vec::new();
        for headers in [
            nameless,
            with("x-github-event", "a b"),
            with("content-type", "text/plain"),
            with("content-type", "application/x-www-form-urlencoded"),
        ] {
            answers.push(world.post_with(headers, body).await);
        }
        answers.push(world.post_with(headers(), &body[..body.len() - 1]).await);
        told.push(answers);
        let one = world.post_with(headers(), body).await;
        let expected = if body == &known { StatusCode::UNAUTHORIZED } else { StatusCode::NOT_FOUND };
        assert_eq!(one.status, expected, "{one:?}");
        assert!(!one.body.contains("team") && !one.body.contains("acme"), "{one:?}");
    }
    assert_eq!(told[0], told[1]);
}
