use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use trigger_core::ObjectKey;
use trigger_expr::Headers;

/// The media type of a body, unless a header names another.
const JSON: &str = "application/json";

/// Flags of `explain` about a listener.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct ListenerArgs {
    /// Explain a request to this EventListener of Tekton. The payload is its body.
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "payload", conflicts_with_all = ["object", "event", "provider", "allow_unsigned"])]
    listener: Option<Name>,
    /// A header of the request to the listener. Repeat the flag for several. Without a Content-Type the body is JSON.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "listener")]
    headers: Vec<Header>,
    /// Path and query of the request to the listener.
    #[arg(long, default_value = "/", value_name = "PATH", requires = "listener")]
    path: String,
    /// Print the objects that the listener's triggers would create, as YAML, and nothing else.
    #[arg(long, requires = "listener")]
    objects: bool,
}

/// A request to a listener.
pub(super) struct Request {
    pub(super) target: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// The namespace and the name of an EventListener.
#[derive(Debug, Clone)]
struct Name(ObjectKey);

/// A header, with one value.
#[derive(Clone)]
struct Header(http::HeaderName, String);

/// Without the value, which may be a token.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Header").field(&self.0).finish_non_exhaustive()
    }
}

impl ListenerArgs {
    /// Whether the question is about a listener.
    pub(in crate::commands::explain) fn is_given(&self) -> bool {
        self.listener.is_some()
    }

    /// Whether the objects are to be printed, and not the decisions.
    pub(super) fn shows_objects(&self) -> bool {
        self.objects
    }

    /// The listener, and the request with this body.
    pub(super) fn into_request(self, body: Vec<u8>) -> anyhow::Result<(ObjectKey, Request)> {
        let Self { listener, headers: given, path: target, .. } = self;
        let Name(key) = listener.context("specify the listener with --listener NAMESPACE/NAME")?;
        if !target.starts_with('/') || target.contains(|c: char| c.is_whitespace() || c.is_control()) {
            bail!("invalid `--path`: begin it with `/`, and write spaces as `%20`");
        }
        let mut headers = Headers::new();
        for Header(name, value) in given {
            // The server keeps it for itself, as Go's does.
            if name != http::header::HOST {
                headers.append(name.as_str(), value);
            }
        }
        if headers.first(http::header::CONTENT_TYPE.as_str()).is_none() {
            headers.append(http::header::CONTENT_TYPE.as_str(), JSON.to_owned());
        }
        Ok((key, Request { target, headers, body }))
    }
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self(ObjectKey::new(namespace, name)))
            }
            _ => Err("write the namespace and the name of the EventListener, such as team-a/web"),
        }
    }
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "write name and value of the header, such as `X-GitHub-Event: push`";
        let (name, value) = text.split_once(':').ok_or(EXPECTED)?;
        let name = name.trim().parse().map_err(|_| EXPECTED)?;
        let value = value.trim();
        if value.contains(|c: char| c.is_control() && c != '\t') {
            return Err("a header holds no line breaks or other control characters: remove them");
        }
        Ok(Self(name, value.to_owned()))
    }
}
