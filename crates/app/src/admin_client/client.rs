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

/// Where the admin API is, and who asks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// The address of the admin port.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_SERVER",
        default_value = "http://127.0.0.1:9090",
        value_name = "URL",
        global = true
    )]
    server: String,
    /// A token of the cluster. Other users of this machine may see it; prefer the environment or a file.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    token: Option<Token>,
    /// A file that holds a token of the cluster, and nothing else. Default: that of the pod this runs in.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

/// A token, which is never shown.
#[derive(Clone)]
struct Token(String);

/// Asks the admin API.
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<Token>,
    not_found: NotFound,
}

/// There is no such thing, or not for these eyes: what that means to people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotFound(pub(crate) &'static str);

const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);
/// Where Kubernetes puts the token of a pod's service account.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// How often something is sent that was not answered. Nothing in this API happens twice for that.
const TRIES: usize = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
const MAKE_A_TOKEN: &str = "make one with `kubectl create token -n NAMESPACE SERVICE-ACCOUNT` and give it by \
                            SHIPWRIGHT_TRIGGER_TOKEN or --token-file";

impl Client {
    /// A client that says `not_found` of what is not there.
    pub(crate) fn new(args: &ServerArgs, not_found: NotFound) -> anyhow::Result<Self> {
        let server = args.server.trim_end_matches('/').to_owned();
        if !server.starts_with("http://") && !server.starts_with("https://") {
            bail!("`--server {server}` is no address: write http://127.0.0.1:9090, say");
        }
        let http = client_for(&server);
        // A token is for the server that was named, not for where that one points.
        let http = http.connect_timeout(CONNECTS_WITHIN).redirect(Policy::none()).build()?;
        Ok(Self { http, server, token: args.token()?, not_found })
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = self.request(Method::GET, &with_query(path, query)?).timeout(ANSWERS_WITHIN);
        read(self.answer(request).await?).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let mut tries = 1;
        let sent = loop {
            let request = self.request(Method::POST, path).timeout(ANSWERS_WITHIN).json(body);
            let sent = request.send().await;
            let passing = match &sent {
                Ok(response) => response.status() == StatusCode::SERVICE_UNAVAILABLE,
                Err(error) => !error.is_connect(),
            };
            if !passing || tries == TRIES {
                break sent;
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_TRIES).await;
        };
        read(self.accept(sent).await?).await
    }

    /// The raw bytes of an answer.
    pub(crate) async fn bytes(&self, path: &str) -> anyhow::Result<Bytes> {
        let request = self.request(Method::GET, path).timeout(ANSWERS_WITHIN);
        self.answer(request).await?.bytes().await.context("the answer broke off")
    }

    /// An answer that goes on and on.
    pub(crate) async fn stream(&self, path: &str) -> anyhow::Result<Response> {
        self.answer(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.server));
        match &self.token {
            Some(Token(token)) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        self.accept(request.send().await).await
    }

    /// The answer, if it is what was wished for.
    async fn accept(&self, sent: reqwest::Result<Response>) -> anyhow::Result<Response> {
        let response = sent.map_err(|error| self.out_of_reach(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Option<wire::Problem> = response.json().await.ok();
        Err(match (status, problem) {
            (StatusCode::UNAUTHORIZED, _) if self.token.is_none() => {
                anyhow!(
                    "{} wants to know who you are, by a token of its cluster: {MAKE_A_TOKEN}",
                    self.server
                )
            }
            (StatusCode::UNAUTHORIZED, _) => anyhow!(
                "{} does not accept this token; it may have run out, or be another cluster's: {MAKE_A_TOKEN}",
                self.server
            ),
            (StatusCode::NOT_FOUND, Some(_)) => self.not_found.into(),
            (_, Some(problem)) => anyhow!("{} answered {status}: {}", self.server, problem.detail),
            (_, None) => anyhow!(
                "{} answered {status}, and not as Shipwright Trigger would: give --server the address of its \
                 admin port (9090 by default)",
                self.server
            ),
        })
    }

    fn out_of_reach(&self, error: reqwest::Error) -> anyhow::Error {
        let what = if error.is_timeout() { "does not answer" } else { "cannot be reached" };
        let port = self.server.rsplit_once(':').map_or("9090", |(_, port)| port);
        let what = format!(
            "{} {what}: `kubectl port-forward -n NAMESPACE service/shipwright-trigger-admin {port}:9090` brings the \
             admin port of a cluster here; choose another address with --server",
            self.server
        );
        anyhow::Error::new(error.without_url()).context(what)
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    let text = response.bytes().await.context("the answer broke off")?;
    serde_json::from_slice(&text).context(
        "the answer cannot be understood: is the server Shipwright Trigger, and of this version or a later one?",
    )
}

/// The path with the fields of `query` behind it.
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
        let text = text.with_context(|| format!("the token in {} cannot be read", file.display()))?;
        text.parse().map(Some).map_err(|error| anyhow!("{}: {error}", file.display()))
    }
}

impl std::str::FromStr for Token {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is one word of printable characters");
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
