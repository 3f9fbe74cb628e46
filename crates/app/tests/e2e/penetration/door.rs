//! The admin API, asked by those who should not, and by web pages in the browser of somebody who may.

use reqwest::{Method, StatusCode, header};
use shipwright_trigger::AdminAuth;

use crate::raw::exchange;
use crate::world::{World, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_in_one_place_only() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let admin = world.token("admin");
    for (what, path, headers) in [
        ("nothing", String::new(), String::new()),
        ("the query", format!("?access_token={admin}&token={admin}"), String::new()),
        ("a cookie", String::new(), format!("cookie: token={admin}; Authorization=Bearer {admin}\r\n")),
        ("a password", String::new(), format!("authorization: Basic {admin}\r\n")),
        ("no scheme", String::new(), format!("authorization: {admin}\r\n")),
        ("two", String::new(), format!("authorization: Bearer {admin}\r\nauthorization: Bearer x\r\n")),
        ("a list", String::new(), format!("authorization: Bearer x, Bearer {admin}\r\n")),
        ("a proxy's", String::new(), format!("proxy-authorization: Bearer {admin}\r\n")),
        ("names of others", String::new(), "impersonate-user: admin\r\nx-remote-user: admin\r\n".to_owned()),
        ("an address inside", String::new(), "x-forwarded-for: 127.0.0.1\r\nhost: localhost\r\n".to_owned()),
    ] {
        let host = if headers.contains("\r\nhost: ") { "" } else { "host: x\r\n" };
        let request =
            format!("GET /api/v1/deliveries/{id}{path} HTTP/1.1\r\n{host}{headers}connection: close\r\n\r\n");
        let answer = exchange(world.program.admin, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{what}: {answer}");
        assert!(!answer.contains(&admin) && !answer.contains("acme"), "{what}: {answer}");
    }
    let path =
        format!("GET /api/v1/deliveries/{id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\n");
    let answer = exchange(world.program.admin, format!("{path}connection: close\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_goes_past_the_door() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for path in [
        format!("/api/v1//deliveries/{id}"),
        format!("/healthz/../api/v1/deliveries/{id}"),
        format!("/healthz/%2e%2e/api/v1/deliveries/{id}"),
        format!("/api%2fv1/deliveries/{id}"),
        format!("/API/V1/deliveries/{id}"),
        format!("/api/v1/deliveries/{id}/"),
        format!("/api/v1/deliveries/{id}%00"),
        format!("/api/v1/deliveries/%2e%2e/deliveries/{id}"),
        format!("http://127.0.0.1/api/v1/deliveries/{id}"),
        "/metrics/../api/v1/deliveries".to_owned(),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(world.program.admin, request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 401 ") || answer.starts_with("HTTP/1.1 404 "),
            "{path}: {answer}"
        );
        assert!(!answer.contains("acme"), "{path}: {answer}");
    }
}

/// What a browser asks before it lets a page of another site send JSON or a token, and what a page can send
/// without being asked.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_another_site_can_ask() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let replay = format!("{}/api/v1/deliveries/{id}/replay", world.admin_url());
    let send = |method: Method, with: &[(&'static str, &'static str)]| {
        let mut request =
            world.http.request(method, &replay).header(header::ORIGIN, "https://mallory.example");
        for (name, value) in with {
            request = request.header(*name, *value);
        }
        request
    };
    let asked = send(
        Method::OPTIONS,
        &[
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
            ("access-control-request-private-network", "true"),
        ],
    );
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");

    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = send(Method::POST, &[("content-type", kind)]).bearer_auth(world.token("editor-a"));
        let answer = form.body(r#"{"request":"r"}"#).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let read = send(Method::GET, &[]).bearer_auth(world.token("admin")).send().await.unwrap();
    assert!(read.headers().get("access-control-allow-origin").is_none());
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

/// Where nobody is asked who they are, a page could else have a name of its own lead to this machine, and would
/// be of the same site then.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_admin_port_answers_to_no_name_of_a_page() {
    let world = World::with(|options| options.access.admin_auth = AdminAuth::None).await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    for (host, status) in [
        ("rebound.mallory.example", 403),
        ("rebound.mallory.example:9090", 403),
        ("localhost.mallory.example", 403),
        ("localhost:9090", 200),
        ("127.0.0.1:9090", 200),
        ("[::1]:9090", 200),
    ] {
        let request = format!("GET /api/v1/deliveries HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = exchange(world.program.admin, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
        assert_eq!(answer.contains("acme"), status == 200, "{host}: {answer}");
    }
}
