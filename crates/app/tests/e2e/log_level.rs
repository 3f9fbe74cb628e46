//! Changing the log filter at run time.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

async fn send(
    world: &World,
    user: &str,
    method: Method,
    query: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let response = world.tell(user, method, &format!("/log-level{query}"), body).await;
    (response.status, response.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_change_the_log_filter_for_a_limited_time() {
    let world = World::with_users().await;
    if world.dev_only("the log filter belongs to the process").is_none() {
        return;
    }
    let debug = || Some(json!({"filter": "debug"}));
    for user in ["nobody", "editor-a"] {
        for (method, body) in [(Method::GET, None), (Method::PUT, debug()), (Method::DELETE, None)] {
            let (status, response) = send(&world, user, method, "", body).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{response}");
            assert!(
                response["detail"].as_str().unwrap().contains("loglevels.trigger.shipwright.io"),
                "{response}"
            );
        }
    }
    let (_, before) = send(&world, "admin", Method::GET, "", None).await;
    assert_eq!((&before["filter"], &before["until"]), (&before["atStart"], &Value::Null));

    let (status, response) = send(&world, "admin", Method::PUT, "?for=1h", debug()).await;
    assert_eq!(status, StatusCode::OK, "{response}");
    assert!(
        response["filter"].as_str().unwrap().contains("trigger=debug") && response["until"].is_string(),
        "{response}"
    );
    assert_eq!(send(&world, "admin", Method::GET, "", None).await.1, response);
    for (query, filter) in [("?for=2d", "debug"), ("?for=soon", "debug"), ("", "a=b=c"), ("", " ")] {
        let (status, problem) =
            send(&world, "admin", Method::PUT, query, Some(json!({"filter": filter}))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query} {filter}: {problem}");
    }
    assert_eq!(
        send(&world, "admin", Method::GET, "", None).await.1,
        response,
        "a rejected request changes nothing"
    );
    assert_eq!(send(&world, "admin", Method::DELETE, "", None).await.1, before);
}
