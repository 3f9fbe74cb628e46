use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigger_server::wire;

use crate::sender::client_for;

/// The address of the admin API, and the caller's token.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// URL of the admin port.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_SERVER",
        default_value = "http://127.0.0.1:9090",
        value_name = "URL",
        global = true
    )]
    server: String,
    /// A bearer token of the cluster. Other users of this machine can read it; prefer the environment or a file.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    token: Option<Token>,
    /// A file that contains only a bearer token of the cluster. Default: the token of the pod, inside a pod.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

/// A bearer token, which is never printed.
#[derive(Clone)]
struct Token(String);

/// A client of the admin API.
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<Token>,
    not_found: NotFound,
}

/// The message for a 404: the object does not exist, or the caller may not see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotFound(pub(crate) &'static str);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// The path at which Kubernetes mounts the token of a pod's service account.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Attempts for a POST without a response. Requests of this API are idempotent.
const ATTEMPTS: usize = 3;
const RETRY_DELAY: Duration = Duration::from_secs(1);
const CREATE_TOKEN: &str = "create one with `kubectl create token -n NAMESPACE SERVICE-ACCOUNT` and set it with \
                            SHIPWRIGHT_TRIGGER_TOKEN or --token-file";

impl Client {
    /// A client that reports a 404 as `not_found`.
    pub(crate) fn new(args: &ServerArgs, not_found: NotFound) -> anyhow::Result<Self> {
        let server = args.server.trim_end_matches('/').to_owned();
        if !server.starts_with("http://") && !server.starts_with("https://") {
            bail!("`--server {server}` is not an HTTP URL: use one such as http://127.0.0.1:9090");
        }
        let http = client_for(&server);
        // The token is for this server only, so redirects are not followed.
        let http = http.connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).build()?;
        Ok(Self { http, server, token: args.token()?, not_found })
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = self.request(Method::GET, &with_query(path, query)?).timeout(REQUEST_TIMEOUT);
        read(self.send(request).await?).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let mut attempts = 1;
        let sent = loop {
            let request = self.request(Method::POST, path).timeout(REQUEST_TIMEOUT).json(body);
            let sent = request.send().await;
            let is_retryable = match &sent {
                Ok(response) => response.status() == StatusCode::SERVICE_UNAVAILABLE,
                Err(error) => !error.is_connect(),
            };
            if !is_retryable || attempts == ATTEMPTS {
                break sent;
            }
            attempts += 1;
            tokio::time::sleep(RETRY_DELAY).await;
        };
        read(self.check(sent).await?).await
    }

    /// The body of a response.
    pub(crate) async fn bytes(&self, path: &str) -> anyhow::Result<Bytes> {
        let request = self.request(Method::GET, path).timeout(REQUEST_TIMEOUT);
        self.send(request).await?.bytes().await.context("the response was incomplete")
    }

    /// A response whose body is a stream.
    pub(crate) async fn stream(&self, path: &str) -> anyhow::Result<Response> {
        self.send(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.server));
        match &self.token {
            Some(Token(token)) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        self.check(request.send().await).await
    }

    /// The response, if its status is a success.
    async fn check(&self, sent: reqwest::Result<Response>) -> anyhow::Result<Response> {
        let response = sent.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Option<wire::Problem> = response.json().await.ok();
        Err(match (status, problem) {
            (StatusCode::UNAUTHORIZED, _) if self.token.is_none() => {
                anyhow!("{} requires a bearer token of its cluster: {CREATE_TOKEN}", self.server)
            }
            (StatusCode::UNAUTHORIZED, _) => anyhow!(
                "{} rejects this token; it may be expired or belong to another cluster: {CREATE_TOKEN}",
                self.server
            ),
            (StatusCode::NOT_FOUND, Some(_)) => self.not_found.into(),
            (_, Some(problem)) => anyhow!("{} responded with {status}: {}", self.server, problem.detail),
            (_, None) => anyhow!(
                "{} responded with {status}, but not as Shipwright Trigger does: set --server to its admin port \
                 (9090 by default)",
                self.server
            ),
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> anyhow::Error {
        let problem = if error.is_timeout() { "timed out" } else { "cannot be reached" };
        let port = self.server.rsplit_once(':').map_or("9090", |(_, port)| port);
        let message = format!(
            "{} {problem}: forward the admin port of a cluster with `kubectl port-forward -n NAMESPACE \
             service/shipwright-trigger-admin {port}:9090`, or set another address with --server",
            self.server
        );
        anyhow::Error::new(error.without_url()).context(message)
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    let text = response.bytes().await.context("the response was incomplete")?;
    serde_json::from_slice(&text).context(
        "cannot parse the response: the server must be Shipwright Trigger of this version or a later one",
    )
}

/// The path with the fields of `query` as a query string.
fn with_query(path: &str, query: &impl Serialize) -> anyhow::Result<String> {
    let mut text = form_urlencoded::Serializer::new(String::new());
    let fields = serde_json::to_value(query)?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(value) => drop(text.append_pair(name, value)),
            other => drop(text.append_pair(name, &other.to_string())),
        }
    }
    Ok(match text.finish().as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    })
}

impl ServerArgs {
    fn token(&self) -> anyhow::Result<Option<Token>> {
        let file = match (&self.token_file, &self.token) {
            (Some(file), _) => file.as_path(),
            (None, Some(token)) => return Ok(Some(token.clone())),
            (None, None) if Path::new(POD_TOKEN).exists() => Path::new(POD_TOKEN),
            (None, None) => return Ok(None),
        };
        let text = std::fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read the token in {}", file.display()))?;
        text.parse().map(Some).map_err(|error| anyhow!("{}: {error}", file.display()))
    }
}

impl std::str::FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token consists of printable characters without spaces");
        }
        Ok(Self(token.to_owned()))
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for NotFound {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
