use serde::Deserialize;

use super::changed_files::{access, refused};
use super::payload::Payload;
use super::{ISSUE_COMMENT, PULL_REQUEST};
use crate::interceptors::answer::Answer;
use crate::interceptors::ask::{MemberList, Membership, Question};
use crate::interceptors::interceptor::{Halt, Run};
use crate::interceptors::params::{Params, ParamsError, SecretRef};
use crate::interceptors::status::Code;
use crate::limits::{LARGEST_OWNERS_FILE, LONGEST_WORD};

/// The parameter `githubOwners`: a pull request, or a comment `/ok-to-test`, must be of a person with a say in the
/// repository.
#[derive(Debug)]
pub(super) struct Owners {
    check: CheckType,
    token: Option<SecretRef>,
}

/// Whom the check accepts, beside the people in the file `OWNERS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckType {
    OrganizationMembers,
    Collaborators,
    All,
    /// No token is needed.
    None,
    /// Tekton accepts any other text too, and asks for a token.
    Unknown,
}

/// The content of a file `OWNERS` that counts.
#[derive(Deserialize)]
struct OwnersFile {
    #[serde(default)]
    approvers: Option<Vec<String>>,
    #[serde(default)]
    reviewers: Option<Vec<String>>,
}

/// The person behind an event, and the comment.
struct Request<'a> {
    sender: &'a str,
    /// The text of a comment; absent for a pull request, even if its payload holds one.
    comment: Option<&'a str>,
}

const FAILED: &str = "error checking owner verification";

impl Owners {
    /// The largest number of questions about one event.
    pub(super) const MOST_ASKS: usize = 3;

    /// `None` unless it is switched on.
    pub(super) fn compile(params: Params<'_>, namespace: &str) -> Result<Option<Self>, ParamsError> {
        let Some(params) = params.object("githubOwners", "githubOwners.")? else { return Ok(None) };
        let check = match params.text("checkType")?.unwrap_or_default() {
            "orgMembers" => CheckType::OrganizationMembers,
            "repoMembers" => CheckType::Collaborators,
            "all" => CheckType::All,
            "none" => CheckType::None,
            _ => CheckType::Unknown,
        };
        let token = params.secret_ref("personalAccessToken", namespace)?;
        Ok(params.flag("enabled")?.then_some(Self { check, token }))
    }

    /// Stops the event unless its sender may start something.
    pub(super) fn check(
        &self,
        run: &Run<'_>,
        event: &str,
        host: impl Fn() -> Result<Option<String>, Halt>,
    ) -> Result<(), Halt> {
        let stop = |message: &str| Halt::stop(Code::FAILED_PRECONDITION, message);
        match &self.token {
            Some(SecretRef::NoEntry) => {
                let empty =
                    "error getting github token: github interceptor personalAccessToken.secretKey is empty";
                return Err(stop(empty));
            }
            None if self.check != CheckType::None => {
                return Err(stop(
                    "checkType is set to check org or repo members but no personalAccessToken was supplied",
                ));
            }
            _ => {}
        }
        let payload = Payload::of(run.state.body(), "payload body is empty")?;
        let request = request(payload, event)?;
        let repository = payload.repository()?;
        let token = self.token.as_ref().and_then(SecretRef::entry);
        let not_met = || stop("owners check requirements not met");
        if request.comment.is_some_and(|comment| !is_ok_to_test(comment)) || request.sender.is_empty() {
            return Err(not_met());
        }
        let access = access(repository, host()?, token);
        for list in self.lists() {
            let subject = access.subject(list.name());
            let (access, login) = (access.clone(), request.sender.to_owned());
            match run.ask(&subject, || Question::Membership(Membership { access, list, login }))? {
                Answer::Member(true) if list != MemberList::OwnersFile => return Ok(()),
                Answer::Member(false) if list != MemberList::OwnersFile => {}
                Answer::OwnersFile(file) if list == MemberList::OwnersFile => {
                    if file.as_deref().map_or(Ok(false), |text| is_owner(text, request.sender))? {
                        return Ok(());
                    }
                }
                other => return Err(refused(other, token, &subject, FAILED, "error getting github token")),
            }
        }
        Err(not_met())
    }

    /// The lists in which a person is looked up, until one holds it.
    fn lists(&self) -> impl Iterator<Item = MemberList> {
        let organization = matches!(self.check, CheckType::OrganizationMembers | CheckType::All);
        let collaborators = matches!(self.check, CheckType::Collaborators | CheckType::All);
        let lists = [
            organization.then_some(MemberList::Organization),
            collaborators.then_some(MemberList::Collaborators),
            Some(MemberList::OwnersFile),
        ];
        lists.into_iter().flatten()
    }
}

fn request<'a>(payload: Payload<'a>, event: &str) -> Result<Request<'a>, Halt> {
    if event == PULL_REQUEST {
        payload.number("number", "pull_request body missing 'number' field")?;
    }
    let comment = if event == ISSUE_COMMENT {
        let issue = payload.object("issue", "issue_comment body missing 'issue' section")?;
        issue.number("number", "'number' field missing in the issue section of issue_comment body")?;
        let comment = payload.object("comment", "issue_comment body missing 'comment' section")?;
        Some(comment.text("body", "'body' field missing in the comment section of issue_comment body")?)
    } else {
        None
    };
    // The repository is missed before the sender is.
    payload.repository()?;
    let sender = payload.object("sender", "payload body missing 'sender' field")?;
    let login = sender.text("login", "").unwrap_or_default();
    Ok(Request { sender: if login.len() > LONGEST_WORD { "" } else { login }, comment })
}

/// Whether a line of a comment is `/ok-to-test`.
fn is_ok_to_test(comment: &str) -> bool {
    let rest =
        |line: &str| line.strip_prefix("/ok-to-test").map(|rest| rest.is_empty() || rest.starts_with('\r'));
    comment.split('\n').any(|line| rest(line).unwrap_or(false))
}

/// Whether a file `OWNERS` names a person, without regard to case.
fn is_owner(text: &str, login: &str) -> Result<bool, Halt> {
    let failed = |error: String| Halt::stop(Code::FAILED_PRECONDITION, format!("{FAILED}: {error}"));
    if text.len() > LARGEST_OWNERS_FILE {
        let message =
            format!("the file OWNERS has {} bytes, at most {LARGEST_OWNERS_FILE} are read", text.len());
        return Err(failed(message));
    }
    if text.trim().is_empty() {
        return Ok(false);
    }
    let file: Option<OwnersFile> = serde_saphyr::from_str(text)
        .map_err(|error| failed(format!("the file OWNERS is no YAML: {error}")))?;
    let lists = file.map(|file| [file.approvers, file.reviewers]).into_iter().flatten().flatten();
    Ok(lists.flatten().any(|owner| owner.eq_ignore_ascii_case(login)))
}
