use std::time::Duration;

use trigger_rules::interceptors::{Origin, Redirects, WireRequest};

use crate::scene::{address, calls, request, response, settings, unknown};
use crate::server::{Reply, Server, reply};

#[tokio::test]
async fn an_answer_with_any_status_is_a_response() {
    for (status, body) in [
        ("200 OK", r#"{"continue":true}"#),
        ("200 OK", "garbage \u{fffd}"),
        ("204 No Content", ""),
        ("404 Not Found", "gone"),
        ("500 Internal Server Error", "broken"),
        ("304 Not Modified", ""),
        ("302 Found", "without an address"),
    ] {
        let server = Server::always(reply(status, &[("X-Made", "a"), ("x-made", "b")], body)).await;
        let calls = calls(settings(&[&server]));
        let asked = WireRequest { retries: 2, ..request(&server.url("/check?level=2")) };
        let response = response(&calls, asked).await;
        assert_eq!(format!("{} {}", response.status, response.reason), status);
        assert_eq!(&*response.body, body);
        assert_eq!(response.headers.get("X-Made"), Some(&["a".to_owned(), "b".to_owned()][..]));
        let [seen] = &server.seen()[..] else { panic!("{status}: one request: {:?}", server.lines()) };
        assert_eq!((&*seen.line, &*seen.body), ("POST /check?level=2", "{}"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert!(seen.header("user-agent").unwrap().starts_with("shipwright-trigger/"));
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_become_replacement_characters() {
    let bytes =
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Odd: \xff\r\nConnection: close\r\n\r\na\xffb".to_vec();
    let server = Server::always(Reply::Bytes(bytes)).await;
    let response = response(&calls(settings(&[&server])), request(&server.url("/"))).await;
    assert_eq!((&*response.body, response.headers.first("x-odd")), ("a\u{fffd}b", Some("\u{fffd}")));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_last_answer_counts() {
    for (first, status, requests) in [
        (reply("503 Service Unavailable", &[], ""), 200, 3),
        (reply("429 Too Many Requests", &[("Retry-After", "0")], ""), 200, 3),
        (reply("502 Bad Gateway", &[], ""), 200, 3),
        (reply("504 Gateway Timeout", &[], ""), 200, 3),
        (Reply::Close, 200, 3),
        // The body ends too early.
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec()), 200, 3),
        (Reply::Bytes(b"no HTTP\r\n\r\n".to_vec()), 200, 3),
        (reply("500 Internal Server Error", &[], ""), 500, 1),
    ] {
        let bad = first.clone();
        let answers = move |_: &_, number| if number < 2 { bad.clone() } else { reply("200 OK", &[], "") };
        let server = Server::start(answers).await;
        let asked = WireRequest { retries: 2, ..request(&server.url("/")) };
        let response = response(&calls(settings(&[&server])), asked).await;
        assert_eq!((response.status, server.seen().len()), (status, requests), "{first:?}");
    }
    let server = Server::always(reply("503 Service Unavailable", &[], "late")).await;
    let asked = WireRequest { retries: 1, ..request(&server.url("/")) };
    let response = response(&calls(settings(&[&server])), asked).await;
    assert_eq!((response.status, &*response.body, server.seen().len()), (503, "late", 2));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_after_all_tries() {
    let server = Server::always(Reply::Hang).await;
    let short = Duration::from_millis(300);
    let asked = WireRequest { timeout: short, retries: 1, ..request(&server.url("/secret-hush?token=hush")) };
    let reason = unknown(&calls(settings(&[&server])), asked).await;
    let expected = "the interceptor at `127.0.0.1` has not answered within 300ms; see why it is slow, or give it more time \
                    (tried 2 times)";
    assert_eq!(reason, expected);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unknown() {
    let server = Server::always(Reply::Close).await;
    let settings = settings(&[&server]);
    let reason = unknown(&calls(settings), request(&server.url("/hush?token=hush"))).await;
    assert!(reason.starts_with("`127.0.0.1` cannot be reached"), "{reason}");
}

#[tokio::test]
async fn a_redirect_is_followed_to_servers_that_may_be_asked() {
    let target = Server::always(reply("200 OK", &[], "target")).await;
    let location = format!("http://localhost:{}/x", target.port());
    let to = location.clone();
    let server = Server::start(move |seen, _| match &*seen.line {
        "POST /other" => reply("307 Temporary Redirect", &[("Location", &to)], ""),
        "POST /here" => reply("308 Permanent Redirect", &[("Location", "/end")], ""),
        "POST /get" => reply("303 See Other", &[("Location", "end")], ""),
        _ => reply("200 OK", &[], "end"),
    })
    .await;
    let mut settings = settings(&[&server]);
    settings.private.push(format!("localhost:{}", target.port()).parse().unwrap());
    let calls = calls(settings);
    let body = async |asked| response(&calls, asked).await.body.to_string();
    assert_eq!(body(request(&server.url("/here"))).await, "end");
    assert_eq!(body(request(&server.url("/get"))).await, "end");
    assert_eq!(body(request(&server.url("/other"))).await, "target");
    let seen = server.seen();
    let here = seen.iter().find(|seen| seen.line == "POST /end").unwrap();
    assert_eq!((&*here.body, here.header("authorization")), ("{}", Some("Bearer hush")));
    let got = seen.iter().find(|seen| seen.line == "GET /end").unwrap();
    assert_eq!((&*got.body, got.header("content-type")), ("", None));
    let [moved] = &target.seen()[..] else { panic!("one request") };
    assert_eq!((&*moved.line, &*moved.body, moved.header("authorization")), ("POST /x", "{}", None));
    // As Tekton's listener, which does not keep the body of a webhook.
    let asked = WireRequest { redirects: Redirects::RefuseBody, ..request(&server.url("/here")) };
    assert_eq!(response(&calls, asked).await.status, 308);
}

#[tokio::test]
async fn a_redirect_elsewhere_is_refused_before_anything_is_sent() {
    let inside = Server::always(reply("200 OK", &[], "inside")).await;
    for target in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
        inside.url("/"),
        format!("http://localhost:{}/", inside.port()),
        "http://0.0.0.0/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        for origin in [Origin::Cluster, Origin::Namespace("team-a".into())] {
            let to = target.clone();
            let server =
                Server::start(move |_, _| reply("307 Temporary Redirect", &[("Location", &to)], "")).await;
            let asked = WireRequest {
                address: address(&server.url("/"), b"", origin),
                timeout: Duration::from_secs(20),
                ..request(&server.url("/"))
            };
            let reason = unknown(&calls(settings(&[&server])), asked).await;
            let is_refused =
                reason.contains("has no address that may be contacted") || reason.contains("no URL");
            assert!(is_refused, "{target}: {reason}");
            assert_eq!((server.seen().len(), inside.seen().len()), (1, 0), "{target}");
        }
    }
}

#[tokio::test]
async fn redirects_end() {
    let answers = |_: &_, number| reply("307 Temporary Redirect", &[("Location", &format!("/{number}"))], "");
    let server = Server::start(answers).await;
    let asked = WireRequest { retries: 3, ..request(&server.url("/")) };
    let reason = unknown(&calls(settings(&[&server])), asked).await;
    assert!(reason.contains("it redirects more than 10 times; correct its address"), "{reason}");
    assert_eq!(server.seen().len(), 11);
}
