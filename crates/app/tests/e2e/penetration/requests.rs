//! Requests that two readers could read differently, or that no sender would send.

use std::net::SocketAddr;

use http::HeaderName;
use reqwest::StatusCode;

use crate::raw::exchange;
use crate::world::{
    KEY, PROVIDER_ID, World, credential_headers, for_every_provider, usual_rules, without_event,
};

/// A request line and the headers of a signed push without those that say how long it is.
fn head(world: &World, line: &str, body: &[u8]) -> String {
    let headers = world.sign(world.compose(&world.push_main()).event, PROVIDER_ID, body, Some(KEY));
    let lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
    format!("{line}\r\nhost: hooks.example\r\n{}", lines.concat())
}

/// The request line of a delivery.
fn post(world: &World) -> String {
    format!("POST {} HTTP/1.1", world.hook_path())
}

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

for_every_provider!(a_request_within_a_request_is_not_answered);
async fn a_request_within_a_request_is_not_answered() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let smuggled = String::from_utf8(body.clone()).unwrap();
    let inner =
        format!("{}content-length: {}\r\n\r\n{smuggled}", head(&world, &post(&world), &body), body.len());
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
        let answer = send(
            world.program.hooks,
            &format!("{}{lengths}", head(&world, &post(&world), b"")),
            sent.as_bytes(),
        )
        .await;
        let statuses = statuses(&answer);
        assert!(statuses.len() <= 1, "{what}: {answer}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {answer}");
    }
    assert!(world.program.journal.stats().await.unwrap().oldest_unsettled.is_none());
    world.nothing_started().await;
}

for_every_provider!(a_request_names_its_host_once);
async fn a_request_names_its_host_once() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let length = format!("content-length: {}\r\nconnection: close\r\n", body.len());
    let post = post(&world);
    let old = post.replace("HTTP/1.1", "HTTP/1.0");
    for (line, host, accepted) in [
        (&post, "host: hooks.example\r\n", true),
        (&post, "host:\r\n", true),
        (&post, "", false),
        (&post, "host: hooks.example\r\nhost: hooks.example\r\n", false),
        (&post, "host: hooks.example\r\nHOST: mallory.example\r\n", false),
        // Proxies speak HTTP/1.0 too, which has no such rule.
        (&old, "", true),
        (&old, "host: hooks.example\r\n", true),
        (&old, "host: hooks.example\r\nhost: mallory.example\r\n", false),
    ] {
        let head = head(&world, line, &body).replace("host: hooks.example\r\n", host);
        let answer = send(world.program.hooks, &format!("{head}{length}"), &body).await;
        let status = answer.split(' ').nth(1).unwrap();
        assert_eq!(matches!(status, "200" | "202"), accepted, "{line} {host:?}: {answer}");
        assert!(accepted || status == "400" && answer.ends_with("\r\n\r\n"), "{line} {host:?}: {answer}");
    }
    let answer = send(world.program.admin, "GET /healthz HTTP/1.1\r\n", b"").await;
    assert_eq!(statuses(&answer), [400], "the other port has the same rule: {answer}");
}

for_every_provider!(a_line_feed_ends_a_line_and_hides_nothing);
/// RFC 9112 lets a server take a line feed alone for the end of a line, section 2.2. Another reader on the way may see
/// one header where we see two.
async fn a_line_feed_ends_a_line_and_hides_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let plain = format!(
        "{}content-length: {}\r\nconnection: close\r\n",
        head(&world, &post(&world), &body),
        body.len()
    );
    let mut request = plain.replace("\r\n", "\n").into_bytes();
    request.extend_from_slice(b"\n");
    request.extend_from_slice(&body);
    let answer = exchange(world.program.hooks, &request).await;
    assert!(matches!(statuses(&answer)[..], [200 | 202]), "{answer}");

    let inner = format!("{plain}\r\n{}", String::from_utf8(body.clone()).unwrap());
    for (what, lengths) in [
        ("chunks behind a line feed", "x-a: b\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n"),
        ("a length behind a line feed", "content-length: 4\r\nx-a: b\ncontent-length: 9\r\n"),
    ] {
        let head = format!("{}{lengths}", head(&world, &post(&world), b""));
        let answer = send(world.program.hooks, &head, format!("0\r\n\r\n{inner}").as_bytes()).await;
        assert!(statuses(&answer).len() <= 1, "{what}: {answer}");
        assert!(statuses(&answer).iter().all(|status| (400..500).contains(status)), "{what}: {answer}");
    }
}

for_every_provider!(codings_of_a_response_are_not_negotiated);
async fn codings_of_a_response_are_not_negotiated() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let length = format!("content-length: {}\r\n", body.len());
    for te in ["TE: trailers", "TE: trailers, deflate;q=0.5, chunked", "TE:", "TE: \u{1}"] {
        let more = format!("{te}\r\nconnection: TE, close\r\naccept-encoding: gzip, br\r\n{length}");
        let answer =
            send(world.program.hooks, &format!("{}{more}", head(&world, &post(&world), &body)), &body).await;
        if te.ends_with('\u{1}') {
            assert_eq!(statuses(&answer), [400], "{te:?}: {answer}");
            continue;
        }
        assert!(matches!(statuses(&answer)[..], [200 | 202]), "{te}: {answer}");
        let (headers, _) = answer.split_once("\r\n\r\n").unwrap();
        let headers = headers.to_ascii_lowercase();
        for negotiated in ["transfer-encoding", "content-encoding", "trailer"] {
            assert!(!headers.contains(negotiated), "{te}: {headers}");
        }
    }
    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", body.len(), String::from_utf8(body.clone()).unwrap());
    let old = post(&world).replace("HTTP/1.1", "HTTP/1.0");
    let head = format!("{}transfer-encoding: chunked\r\n", head(&world, &old, &body));
    let answer = send(world.program.hooks, &head, chunks.as_bytes()).await;
    assert!(answer.split(' ').nth(1) == Some("400"), "HTTP/1.0 has no chunks: {answer}");
}

for_every_provider!(headers_that_come_twice_prove_and_mean_nothing);
async fn headers_that_come_twice_prove_and_mean_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let length = format!("content-length: {}\r\nconnection: close\r\n", body.len());
    let unsigned = world.sign("the event", PROVIDER_ID, b"", None);
    let names_event = |name: &&HeaderName| unsigned[*name] == "the event";
    let of_event = unsigned.keys().filter(names_event).map(|name| (name.to_string(), "ping", 400));
    let credential = credential_headers(world.provider, KEY);
    let of_credential = credential.iter().map(|name| (name.to_string(), "sha256=00", 401));
    let of_type = [("content-type".to_owned(), "application/x-www-form-urlencoded", 400)];
    let all: Vec<_> = of_event.chain(of_credential).chain(of_type).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    let spellings = all.iter().flat_map(|(name, value, status)| {
        [(name.clone(), *value, *status), (name.to_uppercase(), *value, *status), (name.clone(), "", *status)]
    });
    for (name, value, expected) in spellings {
        let twice = format!("{name}: {value}\r\n");
        for first in [true, false] {
            let good = head(&world, &post(&world), &body);
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
    world.nothing_started().await;
}

for_every_provider!(no_spelling_of_a_path_is_another_hook);
async fn no_spelling_of_a_path_is_another_hook() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let body = world.compose(&world.push_main()).body;
    let length = format!("content-length: {}\r\nconnection: close\r\n", body.len());
    let name = world.provider.name();
    let first = name.as_bytes()[0];
    let long = format!("/hooks/{}", format!("{name}/").repeat(1000));
    let mut bodies = Vec::new();
    for path in [
        format!("/hooks/./{name}"),
        format!("/hooks/x/../{name}"),
        format!("/hooks/%2e/{name}"),
        format!("/hooks/x/%2e%2e/{name}"),
        format!("/hooks%2f{name}"),
        format!("/hooks/%{first:x}{}", &name[1..]),
        format!("/hooks/{name}%00"),
        format!("/hooks/{name};x=y"),
        format!("/hooks/{name}").to_uppercase(),
        format!("/hooks/{name}/../../metrics"),
        "/metrics".to_owned(),
        "/readyz".to_owned(),
        "/api/v1/deliveries".to_owned(),
        "/hooks/registry/harbor".to_owned(),
        format!("/hooks/registry/..%2f{name}"),
        "/".to_owned(),
        "*".to_owned(),
        long,
    ] {
        let head = format!("{}{length}", head(&world, &format!("POST {path} HTTP/1.1"), &body));
        let answer = send(world.program.hooks, &head, &body).await;
        assert_eq!(statuses(&answer), [404], "{path}: {answer}");
        bodies.push(answer.rsplit_once("\r\n\r\n").unwrap().1.to_owned());
    }
    bodies.dedup();
    let paths = "there is no such path; requests are accepted at /hooks/gitea, /hooks/github, \
                 /hooks/gitlab, /listeners/<namespace>/<name>";
    assert_eq!(bodies, [format!(r#"{{"status":"not-found","message":"{paths}"}}"#)]);

    let (path, plain) = (world.hook_path(), post(&world));
    // The host is not looked at, wherever it stands: nothing hangs on it.
    for (line, more) in [
        (&*format!("POST http://mallory.example{path} HTTP/1.1"), ""),
        (&*format!("POST {path}?x=/metrics HTTP/1.1"), "x-forwarded-host: mallory.example\r\n"),
        (
            &*plain,
            "x-original-url: /metrics\r\nx-rewrite-url: /metrics\r\nx-http-method-override: DELETE\r\n",
        ),
        (&*plain, "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"),
    ] {
        let answer =
            send(world.program.hooks, &format!("{}{more}{length}", head(&world, line, &body)), &body).await;
        assert!(matches!(statuses(&answer)[..], [200 | 202]), "{line}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_posts_are_deliveries() {
    let world = World::new().await;
    let path = world.hook_path();
    let refused = r#"{"status":"method-not-allowed","message":"deliveries are sent by POST"}"#;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "POSTS", "post"] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\norigin: https://mallory.example\r\n\
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
        ("HTTP/0.9", &*format!("POST {path}")),
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
    let post = post(&world);
    let path = format!("POST /{} HTTP/1.1", "x".repeat(100 << 10));
    for (what, head) in [
        ("many headers", format!("{post}\r\nhost: x\r\n{many}")),
        ("a large header", format!("{post}\r\nhost: x\r\n{large}")),
        ("a long path", format!("{path}\r\nhost: x\r\n")),
    ] {
        let answer = send(world.program.hooks, &head, b"").await;
        assert!(matches!(statuses(&answer)[..], [414 | 431]), "{what}: {answer}");
    }
}

for_every_provider!(refusals_are_the_same_whether_a_repository_is_known_or_not);
/// Who does not know a key learns the same from every answer, but whether a repository is used here.
async fn refusals_are_the_same_whether_a_repository_is_known_or_not() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.compose(&world.push_main());
    let known = push.body;
    let text = String::from_utf8(known.clone()).unwrap();
    let unknown = text.replace("acme", "nobody").into_bytes();
    let mut told = Vec::new();
    for body in [&known, &unknown] {
        let headers = || world.sign(push.event, "id", body, Some("guessed"));
        let nameless = without_event(world.provider, headers(), Some("guessed"));
        let misnamed = world.sign("a  b", "id", body, Some("guessed"));
        let typed = |value: &'static str| {
            let mut headers = headers();
            headers.insert("content-type", value.parse().unwrap());
            headers
        };
        let mut answers = Vec::new();
        for headers in [nameless, misnamed, typed("text/plain"), typed("application/x-www-form-urlencoded")] {
            answers.push(world.post_with(headers, body).await);
        }
        answers.push(world.post_with(headers(), &body[..body.len() - 1]).await);
        assert!(answers.iter().all(|answer| answer.status.is_client_error()), "{answers:?}");
        told.push(answers);
        let one = world.post_with(headers(), body).await;
        let expected = if body == &known { StatusCode::UNAUTHORIZED } else { world.unused() };
        assert_eq!(one.status, expected, "{one:?}");
        assert!(!one.body.contains("team") && !one.body.contains("acme"), "{one:?}");
    }
    assert_eq!(told[0], told[1]);
}
