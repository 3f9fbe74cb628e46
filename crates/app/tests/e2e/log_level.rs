//! What is logged, changed while the program runs.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::World;

async fn ask(
    world: &World,
    user: &str,
    method: Method,
    query: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let told = world.tell(user, method, &format!("/log-level{query}"), body).await;
    (told.status, told.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_change_what_is_logged_for_a_while() {
    let world = World::with_users().await;
    if world.dev_only("what is logged is one setting of the process").is_none() {
        return;
    }
    let debug = || Some(json!({"filter": "debug"}));
    for user in ["nobody", "editor-a"] {
        for (method, body) in [(Method::GET, None), (Method::PUT, debug()), (Method::DELETE, None)] {
            let (status, told) = ask(&world, user, method, "", body).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{told}");
            assert!(told["detail"].as_str().unwrap().contains("loglevels.trigger.shipwright.io"), "{told}");
        }
    }
    let (_, before) = ask(&world, "admin", Method::GET, "", None).await;
    assert_eq!((&before["filter"], &before["until"]), (&before["atStart"], &Value::Null));

    let (status, told) = ask(&world, "admin", Method::PUT, "?for=1h", debug()).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert!(told["filter"].as_str().unwrap().starts_with("debug") && told["until"].is_string(), "{told}");
    assert_eq!(ask(&world, "admin", Method::GET, "", None).await.1, told);
    for (query, filter) in [("?for=2d", "debug"), ("?for=soon", "debug"), ("", "a=b=c"), ("", " ")] {
        let (status, problem) =
            ask(&world, "admin", Method::PUT, query, Some(json!({"filter": filter}))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query} {filter}: {problem}");
    }
    assert_eq!(ask(&world, "admin", Method::GET, "", None).await.1, told, "what is refused changes nothing");
    assert_eq!(ask(&world, "admin", Method::DELETE, "", None).await.1, before);
}
