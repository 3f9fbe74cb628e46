use std::time::Duration;

use trigger_calls::CallsSettings;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_rules::interceptors::Origin;
use trigger_rules::listeners::{CloudEvent, Lifecycle, Moment};

use crate::scene::{NAMESPACE, address, calls, settings};
use crate::server::{Reply, Server, reply};

fn event() -> CloudEvent {
    let (listener, delivery) = (ObjectKey::new(NAMESPACE, "web"), DeliveryId::derive(&[b"1"]));
    let lifecycle = Lifecycle::of(&listener, &delivery, [("x-github-event", "push")]);
    lifecycle.unwrap().event(Moment::Started, "2026-03-01T12:00:00Z".parse().unwrap())
}

/// The result of sending a CloudEvent to a URL that the namespace has chosen.
async fn sent(settings: CallsSettings, url: &str) -> Result<(), String> {
    let to = address(url, b"", Origin::Namespace(NAMESPACE.into()));
    let sent = calls(settings).send(&event(), &to).await;
    let error = sent.as_ref().err().cloned().unwrap_or_default();
    assert!(!error.contains("hush"), "an error repeats a secret: {error}");
    sent
}

#[tokio::test]
async fn a_cloud_event_is_posted_in_binary_mode() {
    let server = Server::always(reply("202 Accepted", &[], "")).await;
    assert_eq!(sent(settings(&[&server]), &server.url("/sink?token=hush")).await, Ok(()));
    let [seen] = &server.seen()[..] else { panic!("one request: {:?}", server.lines()) };
    assert_eq!(seen.line, "POST /sink?token=hush");
    assert_eq!(seen.body, r#"{"X-Github-Event":["push"]}"#);
    for (name, value) in event().headers {
        assert_eq!(seen.header(&name.to_ascii_lowercase()), Some(&*value), "{name}");
    }
}

#[tokio::test]
async fn a_receiver_that_fails_gets_a_few_tries_and_one_that_refuses_gets_one() {
    for (answer, requests, expected) in [
        (reply("500 Internal Server Error", &[], ""), 3, "answers 500 Internal Server Error"),
        (reply("429 Too Many Requests", &[("Retry-After", "0")], ""), 3, "answers 429 Too Many Requests"),
        (Reply::Close, 3, "`127.0.0.1` cannot be reached"),
        (reply("404 Not Found", &[], ""), 1, "answers 404 Not Found"),
        (reply("401 Unauthorized", &[], ""), 1, "answers 401 Unauthorized"),
    ] {
        let server = Server::always(answer.clone()).await;
        let error = sent(settings(&[&server]), &server.url("/?token=hush")).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert_eq!(error.contains("(tried 3 times)"), requests == 3, "{error}");
        assert_eq!(server.seen().len(), requests, "{answer:?}");
    }
    let again = |_: &_, number| match number {
        0 => reply("503 Service Unavailable", &[], ""),
        _ => reply("200 OK", &[], ""),
    };
    let server = Server::start(again).await;
    assert_eq!(sent(settings(&[&server]), &server.url("/")).await, Ok(()));
}

#[tokio::test]
async fn a_receiver_that_redirects_is_not_followed() {
    let other = Server::always(reply("200 OK", &[], "")).await;
    for location in [other.url("/"), "http://169.254.169.254/latest/meta-data/".to_owned()] {
        for status in ["302 Found", "307 Temporary Redirect"] {
            let server = Server::always(reply(status, &[("Location", &location)], "")).await;
            let error = sent(settings(&[&server, &other]), &server.url("/")).await.unwrap_err();
            assert!(error.contains("redirects, which is not followed"), "{error}");
            assert_eq!((server.seen().len(), other.seen().len()), (1, 0));
        }
    }
}

#[tokio::test]
async fn of_an_answer_without_end_only_the_head_is_read() {
    let server = Server::always(Reply::Endless).await;
    assert_eq!(sent(settings(&[&server]), &server.url("/")).await, Ok(()));
    // This is on its way in the buffers of both sides.
    assert!(server.sent() < 100 << 20, "{} bytes", server.sent());
}

#[tokio::test]
async fn a_receiver_at_a_private_address_is_for_the_operator_to_allow() {
    let server = Server::always(reply("200 OK", &[], "")).await;
    for url in [
        server.url("/"),
        format!("http://localhost:{}/", server.port()),
        "http://10.0.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
    ] {
        let error = sent(CallsSettings::default(), &url).await.unwrap_err();
        assert!(error.contains("has no address that may be contacted"), "{error}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_is_given_up_within_half_a_minute() {
    let server = Server::always(Reply::Hang).await;
    let start = tokio::time::Instant::now();
    let error = sent(settings(&[&server]), &server.url("/")).await.unwrap_err();
    assert!(error.contains("does not answer in time") && error.contains("(tried 3 times)"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
