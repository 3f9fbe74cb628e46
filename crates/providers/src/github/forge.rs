//! The REST API of GitHub, on github.com, ghe.com and GitHub Enterprise Server.
//!
//! Source: <https://docs.github.com/en/rest>, under "Pull requests", "Organization members", "Collaborators", "Repository
//! contents" and "Rate limits".

use data_encoding::BASE64;
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::forge::{Forge, ForgeAnswer, ForgeError, ForgeQuery, ForgeRepository, ForgeRequest};
use crate::link::next_page;

/// The API of GitHub.
pub(super) struct GitHubForge;

const PUBLIC: &str = "https://api.github.com";
/// Organizations with a host of their own at GitHub.
const HOSTED: &str = ".ghe.com";
/// The version of the API that github.com and Enterprise Server both have.
const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.github+json");

const REQUESTS_LEFT: &str = "x-ratelimit-remaining";
/// The permissions that a request needs, for tokens of the newer and of the older kind.
const NEEDED: [&str; 2] = ["x-accepted-github-permissions", "x-accepted-oauth-scopes"];

#[derive(Deserialize)]
struct File {
    filename: String,
}

#[derive(Deserialize)]
struct Person {
    login: String,
}

#[derive(Deserialize)]
struct Content {
    encoding: String,
    content: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

impl Forge for GitHubForge {
    fn request(
        &self,
        repository: &ForgeRepository<'_>,
        query: ForgeQuery<'_>,
    ) -> Result<ForgeRequest, ForgeError> {
        let ForgeRepository { host, owner, name } = *repository;
        if ![owner, name].into_iter().all(is_segment) {
            return Err(ForgeError::Name);
        }
        let path = match query {
            ForgeQuery::PullRequestFiles(number) => {
                format!("/repos/{owner}/{name}/pulls/{number}/files?per_page=100")
            }
            ForgeQuery::OrganizationMembers => format!("/orgs/{owner}/public_members?per_page=100"),
            ForgeQuery::Collaborators => format!("/repos/{owner}/{name}/collaborators?per_page=100"),
            ForgeQuery::RootFile(file) if is_segment(file) => {
                format!("/repos/{owner}/{name}/contents/{file}")
            }
            ForgeQuery::RootFile(_) => return Err(ForgeError::Name),
        };
        let headers = HeaderMap::from_iter([(ACCEPT, MEDIA_TYPE), VERSION]);
        Ok(ForgeRequest { url: format!("{}{path}", base(host)?), headers })
    }

    fn authorization(&self, token: &[u8]) -> Option<HeaderValue> {
        let is_token = !token.is_empty() && token.iter().all(u8::is_ascii_graphic);
        let mut value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok().filter(|_| is_token)?;
        value.set_sensitive(true);
        Some(value)
    }

    fn read(
        &self,
        query: ForgeQuery<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<ForgeAnswer, ForgeError> {
        let page = |entries| ForgeAnswer::Page { entries, next: next_page(headers) };
        match (query, status) {
            (ForgeQuery::PullRequestFiles(_), StatusCode::OK) => {
                let files: Vec<File> = json(body, "it is no list of files")?;
                Ok(page(files.into_iter().map(|file| file.filename).collect()))
            }
            (ForgeQuery::OrganizationMembers | ForgeQuery::Collaborators, StatusCode::OK) => {
                let people: Vec<Person> = json(body, "it is no list of people")?;
                Ok(page(people.into_iter().map(|person| person.login).collect()))
            }
            (ForgeQuery::RootFile(_), StatusCode::OK) => text(body).map(|text| ForgeAnswer::File(Some(text))),
            (ForgeQuery::OrganizationMembers, StatusCode::NOT_FOUND) => {
                Ok(ForgeAnswer::Page { entries: Vec::new(), next: None })
            }
            (ForgeQuery::RootFile(_), StatusCode::NOT_FOUND) => Ok(ForgeAnswer::File(None)),
            _ => Err(error(status, headers, body)),
        }
    }
}

/// The root of the API at a host.
fn base(host: Option<&str>) -> Result<String, ForgeError> {
    let Some(host) = host else { return Ok(PUBLIC.to_owned()) };
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_legal) {
        return Err(ForgeError::Name);
    }
    Ok(match host.to_ascii_lowercase().as_str() {
        "github.com" | "api.github.com" => PUBLIC.to_owned(),
        host if host.ends_with(HOSTED) => format!("https://api.{host}"),
        host => format!("https://{host}/api/v3"),
    })
}

/// Whether a text is one segment of a path, and no way to another one.
fn is_segment(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.bytes().all(is_legal) && ![".", ".."].contains(&text)
}

fn json<T: DeserializeOwned>(body: &[u8], otherwise: &'static str) -> Result<T, ForgeError> {
    serde_json::from_slice(body).map_err(|_| ForgeError::Malformed(otherwise))
}

/// The text of a file. A folder is a list.
fn text(body: &[u8]) -> Result<String, ForgeError> {
    let file: Content = json(body, "it is no file")?;
    if file.encoding != "base64" {
        return Err(ForgeError::Malformed("the file is too large"));
    }
    let digits: Vec<u8> =
        file.content.into_bytes().into_iter().filter(|b| !b.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(&digits).map_err(|_| ForgeError::Malformed("the file is no base64"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ForgeError {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let message = serde_json::from_slice(body).map(|body: ErrorBody| body.message).unwrap_or_default();
    let has_used_up = || {
        // The secondary limits leave requests over.
        headers.contains_key(RETRY_AFTER)
            || header(REQUESTS_LEFT) == Some("0")
            || message.to_ascii_lowercase().contains("rate limit")
    };
    match status {
        StatusCode::TOO_MANY_REQUESTS => return ForgeError::Paced(status),
        StatusCode::FORBIDDEN if has_used_up() => return ForgeError::Paced(status),
        StatusCode::REQUEST_TIMEOUT => return ForgeError::Failing(status),
        status if status.is_server_error() => return ForgeError::Failing(status),
        _ => {}
    }
    let needed = NEEDED.iter().find_map(|name| header(name)).filter(|needed| !needed.is_empty());
    let advice = match (status, needed) {
        (StatusCode::UNAUTHORIZED, _) => "replace the access token, which is not valid".to_owned(),
        (_, Some(needed)) => format!("give the access token the permission it lacks: {needed}"),
        (StatusCode::FORBIDDEN, None) => "give the access token the permission it lacks".to_owned(),
        _ => "check that the repository exists, and that the access token may read it".to_owned(),
    };
    ForgeError::Refused { status, message, advice }
}
