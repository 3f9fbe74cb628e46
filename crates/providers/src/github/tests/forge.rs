//! Requests to the REST API and its responses.

use http::StatusCode;

use super::super::forge::GitHubForge;
use crate::testing::with;
use crate::{Forge as _, ForgeAnswer, ForgeError, ForgeQuery, ForgeRepository};

const FILES: ForgeQuery<'_> = ForgeQuery::PullRequestFiles(7);
const OWNERS: ForgeQuery<'_> = ForgeQuery::RootFile("OWNERS");

fn url(host: Option<&str>, query: ForgeQuery<'_>) -> String {
    let repository = ForgeRepository { host, owner: "acme", name: "web.js" };
    GitHubForge.request(&repository, query).unwrap().url
}

fn read(query: ForgeQuery<'_>, status: u16, headers: &[(&'static str, &str)], body: &str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    match GitHubForge.read(query, status, &with(headers), body.as_bytes()) {
        Ok(ForgeAnswer::Page { entries, next }) => format!("{} next {next:?}", entries.join(",")),
        Ok(ForgeAnswer::File(text)) => format!("{text:?}"),
        Err(error) => format!("{}: {error}", if error.may_pass() { "later" } else { "never" }),
    }
}

#[test]
fn each_query_has_its_path_at_each_kind_of_server() {
    let api = "https://api.github.com";
    for (host, query, expected) in [
        (None, FILES, format!("{api}/repos/acme/web.js/pulls/7/files?per_page=100")),
        (None, ForgeQuery::OrganizationMembers, format!("{api}/orgs/acme/public_members?per_page=100")),
        (None, ForgeQuery::Collaborators, format!("{api}/repos/acme/web.js/collaborators?per_page=100")),
        (None, OWNERS, format!("{api}/repos/acme/web.js/contents/OWNERS")),
        (Some("github.com"), OWNERS, format!("{api}/repos/acme/web.js/contents/OWNERS")),
        (Some("Octo.ghe.com"), OWNERS, "https://api.octo.ghe.com/repos/acme/web.js/contents/OWNERS".into()),
        (
            Some("git.example.com:8443"),
            OWNERS,
            "https://git.example.com:8443/api/v3/repos/acme/web.js/contents/OWNERS".into(),
        ),
    ] {
        assert_eq!(url(host, query), expected);
    }
    let request = ForgeRepository { host: None, owner: "acme", name: "web" };
    let headers = GitHubForge.request(&request, FILES).unwrap().headers;
    assert_eq!(headers["accept"], "application/vnd.github+json");
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
}

#[test]
fn a_name_that_would_lead_elsewhere_is_refused() {
    for (host, owner, name) in [
        (None, "..", "web"),
        (None, "acme", "."),
        (None, "", "web"),
        (None, "acme", "web/../other"),
        (None, "acme", "web?x"),
        (None, "acme%2f", "web"),
        (Some(""), "acme", "web"),
        (Some("evil.example/"), "acme", "web"),
        (Some("user@evil.example"), "acme", "web"),
        (Some("evil.example#"), "acme", "web"),
    ] {
        let refused = GitHubForge.request(&ForgeRepository { host, owner, name }, FILES);
        assert_eq!(refused, Err(ForgeError::Name), "{host:?} {owner} {name}");
    }
}

#[test]
fn a_token_is_a_header_that_is_never_printed() {
    let value = GitHubForge.authorization(b"ghp_abc").unwrap();
    assert_eq!(value, "Bearer ghp_abc");
    assert_eq!(format!("{value:?}"), "Sensitive");
    for bad in [&b""[..], b"a b", b"a\n", b"\xff", b"a\r\nHost: x"] {
        assert_eq!(GitHubForge.authorization(bad), None, "{bad:?}");
    }
}

#[test]
fn a_response_is_a_page_or_a_file() {
    let next = [("link", r#"<https://api.github.com/x?page=2>; rel="next""#)];
    for (query, status, headers, body, expected) in [
        (
            FILES,
            200,
            &next[..],
            r#"[{"filename":"a","patch":"x"},{"filename":"b c"}]"#,
            r#"a,b c next Some("https://api.github.com/x?page=2")"#,
        ),
        (FILES, 200, &[], "[]", " next None"),
        (
            FILES,
            200,
            &[],
            r#"[{"name":"a"}]"#,
            "never: the response is none of this API: it is no list of files",
        ),
        (FILES, 200, &[], "<html>", "never: the response is none of this API: it is no list of files"),
        (ForgeQuery::Collaborators, 200, &[], r#"[{"login":"ada","id":1}]"#, "ada next None"),
        (
            ForgeQuery::OrganizationMembers,
            200,
            &[],
            r#"{"login":"ada"}"#,
            "never: the response is none of this API: it is no list of people",
        ),
        (ForgeQuery::OrganizationMembers, 404, &[], "", " next None"),
        (OWNERS, 404, &[], "", "None"),
        (
            OWNERS,
            200,
            &[],
            r#"{"encoding":"base64","content":"YXBwcm92\nZXJzOgo=\n"}"#,
            r#"Some("approvers:\n")"#,
        ),
        (OWNERS, 200, &[], r#"{"encoding":"base64","content":"/w=="}"#, "Some(\"\u{fffd}\")"),
        (
            OWNERS,
            200,
            &[],
            r#"{"encoding":"base64","content":"?"}"#,
            "never: the response is none of this API: the file is no base64",
        ),
        (
            OWNERS,
            200,
            &[],
            r#"{"encoding":"none","content":""}"#,
            "never: the response is none of this API: the file is too large",
        ),
        (
            OWNERS,
            200,
            &[],
            r#"[{"name":"inside"}]"#,
            "never: the response is none of this API: it is no file",
        ),
    ] {
        assert_eq!(read(query, status, headers, body), expected, "{body}");
    }
}

#[test]
fn an_error_says_whether_asking_again_helps() {
    let not_found = r#"{"message":"Not Found","documentation_url":"https://docs"}"#;
    for (status, headers, body, expected) in [
        (
            404,
            &[][..],
            not_found,
            "never: 404 Not Found: Not Found; check that the repository exists, and that the access token may read it",
        ),
        (401, &[], "", "never: 401 Unauthorized; replace the access token, which is not valid"),
        (403, &[], "", "never: 403 Forbidden; give the access token the permission it lacks"),
        (
            403,
            &[("x-accepted-github-permissions", "members=read")],
            r#"{"message":"Resource not accessible"}"#,
            "never: 403 Forbidden: Resource not accessible; give the access token the permission it lacks: members=read",
        ),
        (
            403,
            &[("x-ratelimit-remaining", "0")],
            r#"{"message":"API rate limit exceeded"}"#,
            "later: 403 Forbidden: too many requests with this access token; it has to wait",
        ),
        (
            403,
            &[("retry-after", "60")],
            "",
            "later: 403 Forbidden: too many requests with this access token; it has to wait",
        ),
        (
            403,
            &[("x-ratelimit-remaining", "9")],
            r#"{"message":"You have exceeded a secondary rate limit"}"#,
            "later: 403 Forbidden: too many requests with this access token; it has to wait",
        ),
        (
            429,
            &[],
            "",
            "later: 429 Too Many Requests: too many requests with this access token; it has to wait",
        ),
        (500, &[], "", "later: 500 Internal Server Error; the server fails, so ask again later"),
        (503, &[], "<html>", "later: 503 Service Unavailable; the server fails, so ask again later"),
        (408, &[], "", "later: 408 Request Timeout; the server fails, so ask again later"),
        (
            422,
            &[],
            "{}",
            "never: 422 Unprocessable Entity; check that the repository exists, and that the access token may read it",
        ),
    ] {
        assert_eq!(read(FILES, status, headers, body), expected, "{status} {body}");
    }
    assert!(read(ForgeQuery::Collaborators, 404, &[], "").starts_with("never: 404"));
}
