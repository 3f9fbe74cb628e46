use std::time::Duration;

use futures::future::join_all;
use trigger_rules::interceptors::{Answer, Question, WireRequest};

use crate::scene::{NAMESPACE, ask, calls, request, response, settings, unknown};
use crate::server::{Reply, Server, reply};

#[tokio::test]
async fn of_a_large_answer_one_byte_too_many_is_read() {
    let server = Server::always(Reply::Endless).await;
    let answer = response(&calls(settings(&[&server])), request(&server.url("/"))).await;
    assert_eq!((answer.status, answer.body.len()), (200, 1001));
    // More than that is on its way in the buffers of both sides.
    assert!(server.sent() < 100 << 20, "{} bytes", server.sent());
}

#[tokio::test]
async fn headers_have_a_bound() {
    for (length, good) in [(30_000, true), (33_000, false)] {
        let large = "x".repeat(length);
        let server = Server::always(reply("200 OK", &[("X-Large", &large)], "")).await;
        let calls = calls(settings(&[&server]));
        let asked = WireRequest { retries: 2, ..request(&server.url("/")) };
        if good {
            assert_eq!(response(&calls, asked).await.status, 200);
        } else {
            let reason = unknown(&calls, asked).await;
            assert!(reason.contains("has more than 32768 bytes of headers"), "{reason}");
        }
        assert_eq!(server.seen().len(), 1, "it would be as large again");
    }
}

#[tokio::test]
async fn a_namespace_whose_calls_hang_holds_up_no_other() {
    let server = Server::start(|seen, _| match &*seen.line {
        "POST /hangs" => Reply::Hang,
        _ => reply("200 OK", &[], ""),
    })
    .await;
    let calls = calls(settings(&[&server]));
    let hanging = ask(Question::Call(Box::new(request(&server.url("/hangs")))));
    let quick = ask(Question::Call(Box::new(request(&server.url("/")))));
    let hang = join_all((0..50).map(|_| calls.answer(&hanging, NAMESPACE)));
    tokio::pin!(hang);
    let arrived = async {
        while server.seen().len() < 8 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = &mut hang => panic!("these calls hang"),
        () = arrived => {}
    }
    let other = tokio::select! {
        _ = &mut hang => panic!("these calls hang"),
        answer = calls.answer(&quick, "team-b") => answer,
    };
    assert!(matches!(other, Answer::Response(_)), "{other:?}");
    let hanging = server.lines().iter().filter(|line| *line == "POST /hangs").count();
    assert_eq!(hanging, 8, "the others wait for their turn");
}
