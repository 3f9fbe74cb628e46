//! Requests to the API of a provider, and its responses, as data. The caller sends them.

use http::{HeaderMap, HeaderValue, StatusCode};

/// The API of a provider: what a Git server knows about a repository beside its webhooks.
pub trait Forge: Send + Sync + 'static {
    /// The request for the answer to a query, or for its first page.
    fn request(
        &self,
        repository: &ForgeRepository<'_>,
        query: ForgeQuery<'_>,
    ) -> Result<ForgeRequest, ForgeError>;

    /// The value of the header `Authorization` with an access token; `None` if the bytes cannot be one. It is marked as
    /// sensitive.
    fn authorization(&self, token: &[u8]) -> Option<HeaderValue>;

    /// Reads a response, which is no redirect.
    fn read(
        &self,
        query: ForgeQuery<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<ForgeAnswer, ForgeError>;
}

/// A repository at a server of the provider.
#[derive(Debug, Clone, Copy)]
pub struct ForgeRepository<'a> {
    /// The host of a server of one's own, with its port; `None` for the public service.
    pub host: Option<&'a str>,
    /// The owner: one segment of a path.
    pub owner: &'a str,
    /// The name: one segment of a path.
    pub name: &'a str,
}

/// A question about a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeQuery<'a> {
    /// The paths of the files that a pull request changes, by its number.
    PullRequestFiles(u64),
    /// The logins of the public members of the organization that owns the repository. An owner that is no organization has
    /// none.
    OrganizationMembers,
    /// The logins of the collaborators.
    Collaborators,
    /// The text of a file at the root of the default branch.
    RootFile(&'a str),
}

/// A GET request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeRequest {
    /// The URL, with `https`.
    pub url: String,
    /// The headers, without the credential. They are the same for further pages.
    pub headers: HeaderMap,
}

/// The content of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeAnswer {
    /// A page of a list.
    Page {
        /// The entries.
        entries: Vec<String>,
        /// The URL of the next page. The server chose it: the caller checks the host.
        next: Option<String>,
    },
    /// The text of a file; `None` if there is no such file.
    File(Option<String>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// A name cannot be part of the URL.
    #[error("the name of the host, the owner or the repository has characters that no such name has")]
    Name,
    /// The server refuses to answer. Asking again does not help.
    #[error("{status}{}{message}; {advice}", if message.is_empty() { "" } else { ": " })]
    Refused {
        /// The status, as people read it.
        status: StatusCode,
        /// The reason in the server's words, in which anything can stand.
        message: String,
        /// The remedy.
        advice: String,
    },
    /// The access token has used its requests up.
    #[error("{0}: too many requests with this access token; it has to wait")]
    Paced(StatusCode),
    /// The server fails. It may answer later.
    #[error("{0}; the server fails, so ask again later")]
    Failing(StatusCode),
    /// The response is none of the API.
    #[error("the response is none of this API: {0}")]
    Malformed(&'static str),
}

impl ForgeError {
    /// Whether the same request may have an answer later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Paced(_) | Self::Failing(_))
    }
}
