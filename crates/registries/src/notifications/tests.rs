//! Each format with its registry's notifications, and with requests of strangers.

use data_encoding::BASE64;
use http::HeaderMap;

use crate::notifications::{FORMATS, MOST_HINTS, NotificationError, by_name};

fn headers(event: Option<&str>) -> HeaderMap {
    event
        .map(|event| (http::HeaderName::from_static("x-github-event"), event.parse().unwrap()))
        .into_iter()
        .collect()
}

/// The hints, one a line: the registry or `*`, the repository, the tag.
fn read_as(event: Option<&str>, format: &str, body: &str) -> Result<Vec<String>, NotificationError> {
    let hints = by_name(format).unwrap().read(&headers(event), body.as_bytes())?;
    Ok(hints
        .into_iter()
        .map(|hint| {
            let registry = hint.registry.unwrap_or_else(|| "*".to_owned());
            format!("{registry} {} {}", hint.repository, hint.tag.unwrap_or_default())
        })
        .collect())
}

fn read(format: &str, body: &str) -> Result<Vec<String>, NotificationError> {
    read_as(Some("package"), format, body)
}

#[track_caller]
fn check(format: &str, rows: &[(&str, &[&str])]) {
    for (body, expected) in rows {
        let hints = read(format, body).unwrap_or_else(|error| panic!("{format}: {body}: {error}"));
        assert_eq!(hints, *expected, "{format}: {body}");
    }
}

#[track_caller]
fn check_refused(format: &str, rows: &[(&str, &str)]) {
    for (body, field) in rows {
        match read(format, body) {
            Err(NotificationError::Field(name)) => assert_eq!(name, *field, "{format}: {body}"),
            other => panic!("{format}: {body}: {other:?}"),
        }
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn distribution_tells_of_manifests_that_are_pushed_by_tag() {
    let event = |action: &str, kind: &str, repository: &str, tag: &str| {
        format!(
            r#"{{"id":"1","timestamp":"2026-01-02T03:04:05Z","action":"{action}","target":{{"mediaType":"{kind}",
                "size":7,"digest":"{DIGEST}","length":7,"repository":"{repository}","url":"http://reg:5000/v2/x",
                "tag":"{tag}"}},"request":{{"host":"reg:5000","method":"PUT"}},"actor":{{"name":"ci"}},"source":{{}}}}"#
        )
    };
    let push = event("push", INDEX, "team/base", "1");
    let v2 = event("push", "application/vnd.docker.distribution.manifest.v2+json", "team/app", "2");
    let layer = event("push", "application/vnd.oci.image.layer.v1.tar+gzip", "team/base", "");
    let untagged = format!(
        r#"{{"action":"push","target":{{"mediaType":"{INDEX}","digest":"{DIGEST}","repository":"team/base"}}}}"#
    );
    let pull = event("pull", INDEX, "team/base", "1");
    let delete = r#"{"action":"delete","target":{"repository":"team/base","digest":"sha256:00"}}"#;
    let illegal = event("push", INDEX, "Team/Base", "1");
    let body = |events: &[&str]| format!(r#"{{"events":[{}]}}"#, events.join(","));
    check(
        "distribution",
        &[
            (&body(&[&push]), &["* team/base 1"]),
            (&body(&[&pull, &push, &layer, &v2, &untagged, delete]), &["* team/base 1", "* team/app 2"]),
            (&body(&[&pull]), &[]),
            (&body(&[&illegal]), &[]),
            (&body(&[]), &[]),
        ],
    );
    check_refused(
        "distribution",
        &[
            (r#"{"events":[{"action":"push"}]}"#, "events[].target"),
            (r#"{"events":[{"action":"push","target":{"tag":"1"}}]}"#, "events[].target.repository"),
        ],
    );
}

#[test]
fn docker_hub_tells_of_a_tag() {
    let body = |name: &str, tag: &str| {
        format!(
            r#"{{"callback_url":"https://registry.hub.docker.com/u/acme/base/hook/1/","push_data":{{"pushed_at":1767322800,
                "pusher":"ci","tag":{tag}}},"repository":{{"repo_name":"{name}","namespace":"acme","name":"base",
                "is_private":true,"star_count":0,"status":"Active"}}}}"#
        )
    };
    check(
        "dockerhub",
        &[
            (&body("acme/base", r#""1.2""#), &["docker.io acme/base 1.2"]),
            (&body("library/node", r#""20""#), &["docker.io library/node 20"]),
            (&body("acme/base", "null"), &["docker.io acme/base "]),
            (&body("ACME", r#""1""#), &[]),
        ],
    );
}

#[test]
fn quay_tells_of_several_tags() {
    let body = |tags: &str| {
        format!(
            r#"{{"name":"base","repository":"team/base","namespace":"team","docker_url":"quay.io/team/base",
                "homepage":"https://quay.io/repository/team/base"{tags}}}"#
        )
    };
    check(
        "quay",
        &[
            (
                &body(r#","updated_tags":["1","latest"]"#),
                &["quay.io team/base 1", "quay.io team/base latest"],
            ),
            (&body(r#","updated_tags":{"latest":"0123"}"#), &["quay.io team/base latest"]),
            (&body(r#","updated_tags":["no tag","1"]"#), &["quay.io team/base 1"]),
            (&body(r#","updated_tags":[]"#), &[]),
            (&body(r#","build_id":"1","docker_tags":["latest"]"#), &[]),
        ],
    );
    check_refused("quay", &[(r#"{"docker_url":"team","updated_tags":["1"]}"#, "docker_url")]);
}

#[test]
fn azure_tells_of_pushes_and_more() {
    let body = |action: &str, tag: &str| {
        format!(
            r#"{{"id":"1","timestamp":"2026-01-02T03:04:05Z","action":"{action}","target":{{"mediaType":"{INDEX}",
                "size":7,"digest":"{DIGEST}","length":7,"repository":"team/base","tag":{tag}}},
                "request":{{"id":"2","host":"acme.azurecr.io","method":"PUT","useragent":"docker"}}}}"#
        )
    };
    check(
        "acr",
        &[
            (&body("push", r#""1""#), &["acme.azurecr.io team/base 1"]),
            (&body("push", "null"), &[]),
            (&body("delete", r#""1""#), &[]),
            (&body("chart_push", r#""1""#), &[]),
            (r#"{"id":"1","timestamp":"2026-01-02T03:04:05Z","action":"ping"}"#, &[]),
        ],
    );
    check_refused(
        "acr",
        &[
            (r#"{"action":"push"}"#, "target"),
            (r#"{"action":"push","target":{"tag":"1"}}"#, "target.repository"),
            (r#"{"action":"push","target":{"repository":"team/base","tag":"1"}}"#, "request.host"),
        ],
    );
}

#[test]
fn harbor_tells_in_two_forms() {
    let resource = |tag: &str, separator: &str| {
        format!(
            r#"{{"digest":"{DIGEST}","tag":"{tag}","resource_url":"hub.example:8443/team/base{separator}{tag}"}}"#
        )
    };
    let (one, two) = (resource("1", ":"), resource("latest", ":"));
    let digest = resource(DIGEST, "@");
    let repository =
        r#""repository":{"date_created":1,"name":"base","namespace":"team","repo_full_name":"team/base"}"#;
    let own = |kind: &str, resources: &[&str]| {
        let resources = resources.join(",");
        format!(
            r#"{{"type":"{kind}","occur_at":1,"operator":"ci","event_data":{{"resources":[{resources}],{repository}}}}}"#
        )
    };
    let cloud = |kind: &str, resources: &[&str]| {
        let resources = resources.join(",");
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"/projects/2/webhook/policies/15","type":"{kind}",
                "datacontenttype":"application/json","data":{{"resources":[{resources}],{repository}}}}}"#
        )
    };
    let elsewhere = r#"{"tag":"1","resource_url":"hub.example/team/other:1"}"#;
    let longer = r#"{"tag":"1","resource_url":"hub.example/team/base-x:1"}"#;
    let named = "hub.example:8443 team/base ";
    check(
        "harbor",
        &[
            (&own("PUSH_ARTIFACT", &[&one]), &[named]),
            (&own("PUSH_ARTIFACT", &[&one, &two, &digest]), &[named]),
            (&own("PUSH_ARTIFACT", &[elsewhere, longer, r#"{"tag":"2"}"#]), &["* team/base "]),
            (&own("DELETE_ARTIFACT", &[&one]), &[]),
            (&own("PUSH_ARTIFACT", &[&digest]), &[named]),
            (&own("PUSH_ARTIFACT", &[&one, elsewhere]), &["* team/base ", named]),
            (&cloud("harbor.artifact.pushed", &[&two]), &[named]),
            (&cloud("harbor.artifact.pushed", &[&digest]), &[named]),
            (&cloud("harbor.artifact.pulled", &[&one]), &[]),
            (
                r#"{"type":"PUSH_ARTIFACT","event_data":{"resources":null,"repository":{"repo_full_name":"a"}}}"#,
                &["* a "],
            ),
        ],
    );
    check_refused(
        "harbor",
        &[
            (r#"{"type":"PUSH_ARTIFACT"}"#, "event_data"),
            (r#"{"type":"PUSH_ARTIFACT","event_data":{}}"#, "repository.repo_full_name"),
            (r#"{"type":"harbor.artifact.pushed"}"#, "data"),
        ],
    );
}

#[test]
fn github_tells_of_packages_of_all_kinds() {
    let body = |key: &str, action: &str, kind: &str, version: &str| {
        format!(
            r#"{{"action":"{action}","{key}":{{"id":1,"name":"base","namespace":"Acme","ecosystem":"CONTAINER",
                "package_type":"{kind}","html_url":"https://github.com/orgs/Acme/packages/1","package_version":{version}}},
                "organization":{{"login":"Acme"}},"sender":{{"login":"ci"}}}}"#
        )
    };
    let version = |tag: &str, url: &str| {
        format!(
            r#"{{"version":"{DIGEST}","container_metadata":{{"tag":{{"name":"{tag}","digest":"{DIGEST}"}},
                "labels":{{}},"manifest":{{}}}},"package_url":"{url}"}}"#
        )
    };
    let usual = version("1", "ghcr.io/acme/base:1");
    let deep = version("1", "ghcr.io/acme/web/base:1");
    check(
        "ghcr",
        &[
            (&body("package", "published", "CONTAINER", &usual), &["ghcr.io acme/base "]),
            (&body("registry_package", "published", "CONTAINER", &usual), &["ghcr.io acme/base "]),
            (&body("package", "updated", "container", &deep), &["ghcr.io acme/web/base "]),
            (&body("package", "published", "CONTAINER", &version("1", "")), &["ghcr.io acme/base "]),
            (
                &body("package", "published", "CONTAINER", &version("1", "npm.example/x/y:1")),
                &["ghcr.io acme/base "],
            ),
            (
                &body("package", "published", "CONTAINER", r#"{"package_url":"ghcr.io/acme/base:7"}"#),
                &["ghcr.io acme/base "],
            ),
            (
                &body("package", "published", "CONTAINER", &version("", "ghcr.io/acme/base:")),
                &["ghcr.io acme/base "],
            ),
            (
                &body(
                    "package",
                    "published",
                    "CONTAINER",
                    &version("", &format!("ghcr.io/acme/x/base@{DIGEST}")),
                ),
                &["ghcr.io acme/x/base "],
            ),
            (&body("package", "published", "CONTAINER", "null"), &["ghcr.io acme/base "]),
            (
                &body("package", "published", "CONTAINER", r#"{"container_metadata":null}"#),
                &["ghcr.io acme/base "],
            ),
            (&body("package", "published", "npm", &usual), &[]),
            (&body("package", "deleted", "CONTAINER", &usual), &[]),
        ],
    );
    check_refused(
        "ghcr",
        &[
            (r#"{"action":"published"}"#, "package"),
            (r#"{"action":"published","package":{"package_type":"container"}}"#, "package.namespace"),
            (
                r#"{"action":"published","package":{"package_type":"container","package_version":{}}}"#,
                "package.namespace",
            ),
        ],
    );

    let usual = body("package", "published", "CONTAINER", &usual);
    assert_eq!(read_as(Some("push"), "ghcr", &usual), Ok(vec![]), "other events are not for us");
    assert_eq!(read_as(None, "ghcr", &usual), Err(NotificationError::Header("x-github-event")));
    let ghcr = by_name("ghcr").unwrap();
    assert!(ghcr.is_ping(&headers(Some("ping"))) && !ghcr.is_ping(&headers(Some("package"))));

    let mut headers = headers(Some("package"));
    headers.insert("content-type", "application/x-www-form-urlencoded; charset=utf-8".parse().unwrap());
    let form: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &usual).finish();
    assert_eq!(ghcr.read(&headers, form.as_bytes()).map(|hints| hints.len()), Ok(1));
    for form in ["", "other=1", "payload={}&payload={}"] {
        assert_eq!(ghcr.read(&headers, form.as_bytes()), Err(NotificationError::Form("payload")), "{form}");
    }
}

#[test]
fn artifactory_may_mean_one_of_several_names() {
    let body = |domain: &str, kind: &str, key: &str| {
        format!(
            r#"{{"domain":"{domain}","event_type":"{kind}","data":{{"repo_key":"{key}","event_type":"{kind}",
                "path":"team/base/1/manifest.json","name":"manifest.json","sha256":"00","size":7,
                "image_name":"team/base","tag":"1","platforms":[]}},"subscription_key":"x","jpd_origin":"https://acme.example","source":"x"}}"#
        )
    };
    let last_part = |path: &str, tag: &str| {
        format!(
            r#"{{"domain":"docker","event_type":"pushed","data":{{"repo_key":"docker-local","path":"{path}",
                "image_name":"base","tag":{tag}}}}}"#
        )
    };
    check(
        "artifactory",
        &[
            (&body("docker", "pushed", "docker-local"), &["* team/base 1", "* docker-local/team/base 1"]),
            (&body("docker", "pushed", "Docker_Local"), &["* team/base 1"]),
            (&body("docker", "deleted", "docker-local"), &[]),
            (&body("artifact", "deployed", "docker-local"), &[]),
            (
                &last_part("platform/web/base/1/manifest.json", r#""1""#),
                &[
                    "* base 1",
                    "* docker-local/base 1",
                    "* platform/web/base 1",
                    "* docker-local/platform/web/base 1",
                ],
            ),
            (&last_part("platform/other/1/manifest.json", r#""1""#), &["* base 1", "* docker-local/base 1"]),
            (&last_part("xbase/1/manifest.json", r#""1""#), &["* base 1", "* docker-local/base 1"]),
            (
                &last_part(&format!("web/base/{DIGEST}/manifest.json"), &format!("{DIGEST:?}")),
                &["* base ", "* docker-local/base ", "* web/base ", "* docker-local/web/base "],
            ),
            (&last_part("", "null"), &["* base ", "* docker-local/base "]),
        ],
    );
    check_refused(
        "artifactory",
        &[
            (r#"{"domain":"docker","event_type":"pushed"}"#, "data"),
            (r#"{"domain":"docker","event_type":"pushed","data":{"tag":"1"}}"#, "data.image_name"),
        ],
    );
}

#[test]
fn google_tells_in_an_envelope() {
    let body = |data: &str| {
        format!(
            r#"{{"message":{{"data":"{}","messageId":"1","publishTime":"2026-01-02T03:04:05Z"}},
                "subscription":"projects/acme/subscriptions/builds"}}"#,
            BASE64.encode(data.as_bytes())
        )
    };
    let tag = "europe-docker.pkg.dev/acme/team/base:1";
    let digest = format!("europe-docker.pkg.dev/acme/team/base@{DIGEST}");
    check(
        "google",
        &[
            (
                &body(&format!(r#"{{"action":"INSERT","digest":"{digest}","tag":"{tag}"}}"#)),
                &["europe-docker.pkg.dev acme/team/base 1"],
            ),
            (&body(r#"{"action":"INSERT","tag":"gcr.io/acme/base:1"}"#), &["gcr.io acme/base 1"]),
            (&body(&format!(r#"{{"action":"INSERT","digest":"{digest}"}}"#)), &[]),
            (&body(&format!(r#"{{"action":"DELETE","tag":"{tag}"}}"#)), &[]),
        ],
    );
    check_refused(
        "google",
        &[
            (r#"{"message":{"data":"no base64"}}"#, "message.data"),
            (&body(r#"{"action":"INSERT","tag":"base"}"#), "tag"),
        ],
    );
    assert!(matches!(read("google", &body("{")), Err(NotificationError::NotJson { .. })));
    assert!(matches!(read("google", &body("[]")), Err(NotificationError::UnexpectedJson { .. })));
}

#[test]
fn our_own_format_names_images_as_manifests_do() {
    check(
        "generic",
        &[
            (r#"{"image":"registry.example/team/base:1"}"#, &["registry.example team/base 1"]),
            (
                r#"{"images":["registry.example/team/base","node:20"]}"#,
                &["registry.example team/base latest", "docker.io library/node 20"],
            ),
            (r#"{"image":"a/b:1","images":["a/b:2"]}"#, &["docker.io a/b 1", "docker.io a/b 2"]),
            (r#"{"images":[]}"#, &[]),
        ],
    );
    let pinned = format!(r#"{{"image":"registry.example/team/base@{DIGEST}"}}"#);
    check_refused(
        "generic",
        &[
            ("{}", "image"),
            (r#"{"image":""}"#, "image"),
            (r#"{"image":"Team/Base"}"#, "image"),
            (&pinned, "image"),
            (r#"{"images":["a","no image"]}"#, "images[]"),
        ],
    );
    assert!(matches!(read("generic", r#"{"imag":"a"}"#), Err(NotificationError::UnexpectedJson { .. })));
}

#[test]
fn lists_have_a_length() {
    let tags = |count: usize| vec![r#""1""#; count].join(",");
    let quay = |count| format!(r#"{{"docker_url":"quay.io/a/b","updated_tags":[{}]}}"#, tags(count));
    assert_eq!(read("quay", &quay(MOST_HINTS)).map(|hints| hints.len()), Ok(MOST_HINTS));
    let event =
        format!(r#"{{"action":"push","target":{{"mediaType":"{INDEX}","repository":"a","tag":"1"}}}}"#);
    let resource = r#"{"tag":"1"}"#;
    let many = |item: &str| vec![item; MOST_HINTS + 1].join(",");
    let object: Vec<_> = (0..=MOST_HINTS).map(|tag| format!(r#""{tag}":1"#)).collect();
    for (format, body) in [
        ("quay", quay(MOST_HINTS + 1)),
        ("quay", format!(r#"{{"docker_url":"quay.io/a/b","updated_tags":{{{}}}}}"#, object.join(","))),
        ("distribution", format!(r#"{{"events":[{}]}}"#, many(&event))),
        ("generic", format!(r#"{{"images":[{}]}}"#, many(r#""a""#))),
        (
            "harbor",
            format!(
                r#"{{"type":"PUSH_ARTIFACT","event_data":{{"resources":[{}],"repository":{{"repo_full_name":"a"}}}}}}"#,
                many(resource)
            ),
        ),
    ] {
        let refused = read(format, &body);
        assert!(matches!(refused, Err(NotificationError::UnexpectedJson { .. })), "{format}: {refused:?}");
    }
    let full = format!(r#"{{"image":"a","images":[{}]}}"#, vec![r#""a""#; MOST_HINTS].join(","));
    assert_eq!(read("generic", &full).map(|hints| hints.len()), Ok(MOST_HINTS));
}

#[test]
fn what_strangers_send_is_refused_and_never_quoted() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested =
        ["action", "events", "push_data", "docker_url", "type", "domain", "message", "image", "package"]
            .map(|field| format!(r#"{{"{field}":{deep}}}"#));
    let plain = [
        "",
        "s3cr3t",
        "{",
        "null",
        "[]",
        r#""s3cr3t""#,
        "{\"s3cr3t\":1}",
        r#"{"action":1,"events":"s3cr3t","push_data":[],"docker_url":{},"type":null,"domain":0,"message":"s3cr3t","images":{"s3cr3t":1}}"#,
        r#"{"action":"push","action":"push","events":[],"events":[],"push_data":{},"push_data":{},"docker_url":"a/b","docker_url":"a/b","type":"a","type":"a","domain":"a","domain":"b","message":{"data":""},"message":{"data":""},"image":"a","image":"a"}"#,
        "{\"action\":\"\u{0}s3cr3t\"}",
        &"[".repeat(100_000),
    ];
    for format in FORMATS {
        for body in plain.into_iter().chain(nested.iter().map(String::as_str)) {
            let error = match read(format.name(), body) {
                Err(error) => error,
                Ok(hints) => panic!("{}: {body:.80} is read as {hints:?}", format.name()),
            };
            let told = format!("{error} {error:?}");
            assert!(!told.contains("s3cr3t") && told.len() < 200, "{}: {told}", format.name());
        }
        assert!(format.read(&headers(Some("package")), b"\xff\xfe{}").is_err(), "{}", format.name());
    }
}
