use serde_json::Value;
use trigger_core::KeyRef;

use super::payload::{Payload, RepositoryName};
use super::{NAME, PULL_REQUEST};
use crate::interceptors::answer::{Answer, SecretAnswer};
use crate::interceptors::ask::{ForgeAccess, PullRequestFiles, Question};
use crate::interceptors::interceptor::{Halt, Run};
use crate::interceptors::params::{Params, ParamsError, SecretRef};
use crate::interceptors::secret_guard::missing_secret;
use crate::interceptors::status::Code;

/// The parameter `addChangedFiles`: the paths of the files that an event changes become the extension `changed_files`,
/// joined by commas.
#[derive(Debug)]
pub(super) struct ChangedFiles {
    token: Option<SecretRef>,
}

const SUBJECT: &str = "changed-files";
const FAILED: &str = "error getting changed files";

impl ChangedFiles {
    /// `None` unless it is switched on.
    pub(super) fn compile(params: Params<'_>, namespace: &str) -> Result<Option<Self>, ParamsError> {
        let Some(params) = params.object("addChangedFiles", "addChangedFiles.")? else { return Ok(None) };
        let token = params.secret_ref("personalAccessToken", namespace)?;
        Ok(params.flag("enabled")?.then_some(Self { token }))
    }

    /// The paths that a push or a pull request changes.
    pub(super) fn list(
        &self,
        run: &Run<'_>,
        event: &str,
        host: impl Fn() -> Result<Option<String>, Halt>,
    ) -> Result<String, Halt> {
        let payload = Payload::of(run.state.body(), "body is empty")?;
        let is_pull_request = event == PULL_REQUEST;
        let missing = "pull_request body missing 'number' field";
        let number = is_pull_request.then(|| payload.number("number", missing)).transpose()?;
        let repository = payload.repository()?;
        let Some(number) = number else { return of_push(payload) };
        let token = match &self.token {
            Some(SecretRef::NoEntry) => {
                let message = "error getting secret: github interceptor githubToken.secretKey is empty";
                return Err(Halt::stop(Code::FAILED_PRECONDITION, message));
            }
            token => token.as_ref().and_then(SecretRef::entry),
        };
        let access = access(repository, host()?, token);
        let subject = access.subject(SUBJECT);
        match run.ask(&subject, || Question::ChangedFiles(PullRequestFiles { access, number }))? {
            Answer::ChangedFiles(files) => Ok(files.join(",")),
            other => Err(refused(other, token, &subject, FAILED, "error getting secret")),
        }
    }
}

/// The files of each commit: those added, then those modified, then those removed. A path can occur several times.
fn of_push(payload: Payload<'_>) -> Result<String, Halt> {
    let mut files = Vec::new();
    for commit in payload.objects("commits") {
        // All three lists have to be there, before any counts.
        let lists = ["added", "modified", "removed"]
            .map(|name| commit.list(name, &format!("payload body missing 'commits.*.{name}' field")));
        for list in lists {
            files.extend(list?.iter().map(|file| match file {
                Value::String(path) => path.clone(),
                other => other.to_string(),
            }));
        }
    }
    Ok(files.join(","))
}

/// Access to a repository with a token.
pub(super) fn access(
    repository: RepositoryName,
    host: Option<String>,
    token: Option<&KeyRef>,
) -> ForgeAccess {
    let RepositoryName { owner, name: repository } = repository;
    ForgeAccess { provider: NAME, host, token: token.cloned(), owner, repository }
}

/// The event stops, since GitHub has not answered a question. `failed` and `no_token` are Tekton's words.
pub(super) fn refused(
    answer: &Answer,
    token: Option<&KeyRef>,
    subject: &str,
    failed: &str,
    no_token: &str,
) -> Halt {
    let message = match (answer, token) {
        (Answer::Refused(reason), _) => format!("{failed}: {reason}"),
        (Answer::Secret(missing @ (SecretAnswer::NoSecret | SecretAnswer::NoEntry)), Some(key)) => {
            format!("{no_token}: {}", missing_secret(*missing, key))
        }
        _ => return Halt::mismatched(subject),
    };
    Halt::stop(Code::FAILED_PRECONDITION, message)
}
