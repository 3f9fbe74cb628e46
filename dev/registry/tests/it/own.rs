use trigger_devregistry::{DevRegistry, Fault, TOKENS, push_image};

use crate::client::{Listener, ask, header};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}"#;

#[tokio::test]
async fn a_pushed_manifest_is_pulled_by_tag_and_by_digest() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let digest = registry.push("team/base", "latest", MANIFEST.as_bytes());
    for reference in ["latest", &digest] {
        let path = format!("/v2/team/base/manifests/{reference}");
        let answer = ask(&registry.host(), "GET", &path, &[], "").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(MANIFEST), "{answer}");
        let head = ask(&registry.host(), "HEAD", &path, &[], "").await;
        for answer in [answer, head] {
            assert_eq!(header(&answer, "docker-content-digest").as_deref(), Some(digest.as_str()));
            let kind = header(&answer, "content-type");
            assert_eq!(kind.as_deref(), Some("application/vnd.oci.image.index.v1+json"));
            assert_eq!(header(&answer, "content-length"), Some(MANIFEST.len().to_string()));
        }
    }
    let tags = ask(&registry.host(), "GET", "/v2/team/base/tags/list", &[], "").await;
    assert!(tags.ends_with(r#"{"name":"team/base","tags":["latest"]}"#), "{tags}");
    let absent = ask(&registry.host(), "GET", "/v2/team/base/manifests/none", &[], "").await;
    assert!(absent.starts_with("HTTP/1.1 404") && absent.contains("MANIFEST_UNKNOWN"), "{absent}");
}

#[tokio::test]
async fn an_image_is_pushed_over_http() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let host = registry.host();
    let started = ask(&host, "POST", "/v2/team/app/blobs/uploads/", &[], "").await;
    let location = header(&started, "location").unwrap();
    let patched = ask(&host, "PATCH", &location, &[], "hello").await;
    assert_eq!(header(&patched, "range").as_deref(), Some("0-4"));
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let finished = ask(&host, "PUT", &format!("{location}?digest={digest}"), &[], "").await;
    assert!(finished.starts_with("HTTP/1.1 201"), "{finished}");
    let blob = ask(&host, "GET", &format!("/v2/team/app/blobs/{digest}"), &[], "").await;
    assert!(blob.ends_with("\r\n\r\nhello"), "{blob}");
    let put = ask(&host, "PUT", "/v2/team/app/manifests/v1", &["content-type: application/x"], "{}").await;
    assert!(put.starts_with("HTTP/1.1 201"), "{put}");
    let got = ask(&host, "HEAD", "/v2/team/app/manifests/v1", &[], "").await;
    assert_eq!(header(&got, "content-type").as_deref(), Some("application/x"));
    let wrong =
        ask(&host, "POST", &format!("/v2/team/app/blobs/uploads/?digest={digest}"), &[], "other").await;
    assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
}

#[tokio::test]
async fn push_image_pushes_a_small_image() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let host = registry.host();
    let first = push_image(&host, "team/base", "1", b"one").await.unwrap();
    let second = push_image(&host, "team/base", "1", b"two").await.unwrap();
    assert_ne!(first, second);
    let head = ask(&host, "HEAD", "/v2/team/base/manifests/1", &[], "").await;
    assert_eq!(header(&head, "docker-content-digest"), Some(second));
    let locked = DevRegistry::builder().basic("u", "p").start().await.unwrap();
    let refused = push_image(&locked.host(), "team/base", "1", b"one").await.unwrap_err().to_string();
    assert!(refused.contains("responded 401 to POST /v2/team/base/blobs/uploads/"), "{refused}");
}

#[tokio::test]
async fn a_token_is_required_per_repository_and_action() {
    let registry = DevRegistry::builder().token("u", "p").start().await.unwrap();
    registry.push("team/base", "latest", MANIFEST.as_bytes());
    let (host, path) = (registry.host(), "/v2/team/base/manifests/latest");
    let refused = ask(&host, "HEAD", path, &[], "").await;
    let challenge = header(&refused, "www-authenticate").unwrap();
    assert!(challenge.contains(r#"service="devregistry",scope="repository:team/base:pull""#), "{challenge}");
    let token_url = "/token?service=devregistry&scope=repository:team/base:pull";
    let login = "authorization: Basic dTpw";
    assert!(ask(&host, "GET", token_url, &[], "").await.starts_with("HTTP/1.1 401"));
    let given = ask(&host, "GET", token_url, &[login], "").await;
    let token = given.split('"').skip_while(|word| *word != "token").nth(2).unwrap();
    let shown = format!("authorization: Bearer {token}");
    for (method, path, expected) in
        [("GET", path, 200), ("GET", "/v2/team/other/manifests/latest", 401), ("PUT", path, 401)]
    {
        let answer = ask(&host, method, path, &[&shown], "{}").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{method} {path}: {answer}");
    }
    registry.revoke_tokens();
    assert!(ask(&host, "GET", path, &[&shown], "").await.starts_with("HTTP/1.1 401"));
    let requests = registry.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("HEAD", path));
    assert_eq!(requests[2].authorization.as_deref(), Some("Basic dTpw"));
    registry.clear_requests();
    assert!(registry.requests().is_empty());
}

#[tokio::test]
async fn faults_affect_their_target_as_often_as_set() {
    let registry = DevRegistry::builder().token("u", "p").start().await.unwrap();
    registry.faults().set_for("team/base", Fault::Status(429, Some(7)), 1);
    registry.faults().set(TOKENS, Fault::WrongContentType);
    let (host, path) = (registry.host(), "/v2/team/base/manifests/latest");
    let other = ask(&host, "GET", "/v2/other/manifests/latest", &[], "").await;
    assert!(other.starts_with("HTTP/1.1 401"), "{other}");
    let refused = ask(&host, "GET", path, &[], "").await;
    assert_eq!(header(&refused, "retry-after").as_deref(), Some("7"), "{refused}");
    assert!(ask(&host, "GET", path, &[], "").await.starts_with("HTTP/1.1 401"));
    let page = ask(&host, "GET", "/token", &[], "").await;
    assert!(page.contains("text/html"), "{page}");
    registry.faults().clear();
    registry.faults().set("team/base", Fault::Truncated);
    let cut = ask(&host, "GET", path, &[], "").await;
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    assert!(header(head, "content-length").unwrap().parse::<usize>().unwrap() > body.len(), "{cut}");
}

#[tokio::test]
async fn a_push_is_notified_until_the_receiver_accepts() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let listener = Listener::new().await;
    registry.notify(&listener.url(), &[("authorization", "Bearer secret")]);
    let digest = registry.push("team/base", "latest", MANIFEST.as_bytes());
    let rejected = listener.next(503).await;
    let accepted = listener.next(200).await;
    for expected in [
        "authorization: Bearer secret",
        "content-type: application/vnd.docker.distribution.events.v1+json",
        r#""action":"push""#,
        r#""repository":"team/base""#,
        r#""tag":"latest""#,
        &format!(r#""digest":"{digest}""#),
    ] {
        assert!(accepted.contains(expected), "{expected} is missing: {accepted}");
    }
    let body = |request: &str| request.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&rejected), body(&accepted));
}
