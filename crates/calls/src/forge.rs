//! Questions to the API of a Git provider about a repository.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use trigger_egress::Egress;
use trigger_providers::{ForgeAnswer, ForgeQuery};
use trigger_rules::interceptors::{Answer, ForgeAccess, MemberList, Membership, PullRequestFiles};
use trigger_runtime::Secrets;

use crate::forge_access::ForgeSession;

/// Pages of a list: 10,000 entries of GitHub.
pub(crate) const MOST_PAGES: usize = 100;
/// The longest time for all pages of a list.
pub(crate) const LONGEST_QUERY: Duration = Duration::from_mins(1);
/// The paths of all files that a pull request changes, in bytes. They are stored with the delivery.
pub(crate) const LARGEST_FILE_LIST: usize = 1 << 20;

/// The file with the people who have a say in a repository.
const OWNERS: &str = "OWNERS";

/// Asks the APIs of Git providers.
pub(crate) struct ForgeClient {
    egress: Egress,
    secrets: Arc<dyn Secrets>,
}

impl ForgeClient {
    pub(crate) fn new(egress: Egress, secrets: Arc<dyn Secrets>) -> Self {
        Self { egress, secrets }
    }

    /// The files of a pull request.
    pub(crate) async fn changed_files(
        &self,
        PullRequestFiles { access, number }: &PullRequestFiles,
    ) -> Answer {
        let (mut files, mut bytes) = (Vec::new(), 0);
        let asked = self.list(access, ForgeQuery::PullRequestFiles(*number), |page| {
            bytes += page.iter().map(String::len).sum::<usize>();
            if bytes > LARGEST_FILE_LIST {
                return Err(format!("the paths of the files have more than {LARGEST_FILE_LIST} bytes"));
            }
            files.extend(page);
            Ok(true)
        });
        match asked.await {
            Ok(()) => Answer::ChangedFiles(files),
            Err(answer) => answer,
        }
    }

    /// Whether a person is in a list; or the file with the list.
    pub(crate) async fn membership(&self, membership: &Membership) -> Answer {
        let Membership { access, list, login } = membership;
        let query = match list {
            MemberList::Organization => ForgeQuery::OrganizationMembers,
            MemberList::Collaborators => ForgeQuery::Collaborators,
            MemberList::OwnersFile => return self.owners_file(access).await,
        };
        let mut is_member = false;
        let asked = self.list(access, query, |page| {
            is_member = page.contains(login);
            Ok(!is_member)
        });
        match asked.await {
            Ok(()) => Answer::Member(is_member),
            Err(answer) => answer,
        }
    }

    async fn owners_file(&self, access: &ForgeAccess) -> Answer {
        let asked = async {
            let session = self.open(access, ForgeQuery::RootFile(OWNERS)).await?;
            match in_time(&session, session.first()).await? {
                ForgeAnswer::File(text) => Ok(Answer::OwnersFile(text)),
                ForgeAnswer::Page { .. } => Err(session.refused(&"it answers with a list")),
            }
        };
        asked.await.unwrap_or_else(|answer| answer)
    }

    /// Passes the pages of a list to `take`, until this returns false or the reason why it takes no more.
    async fn list(
        &self,
        access: &ForgeAccess,
        query: ForgeQuery<'_>,
        take: impl FnMut(Vec<String>) -> Result<bool, String>,
    ) -> Result<(), Answer> {
        let session = self.open(access, query).await?;
        in_time(&session, pages(&session, take)).await
    }

    async fn open<'a>(
        &'a self,
        access: &'a ForgeAccess,
        query: ForgeQuery<'a>,
    ) -> Result<ForgeSession<'a>, Answer> {
        ForgeSession::open(&self.egress, &*self.secrets, access, query).await
    }
}

impl fmt::Debug for ForgeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForgeClient").finish_non_exhaustive()
    }
}

async fn pages(
    session: &ForgeSession<'_>,
    mut take: impl FnMut(Vec<String>) -> Result<bool, String>,
) -> Result<(), Answer> {
    let mut answer = session.first().await?;
    for number in 1.. {
        let ForgeAnswer::Page { entries, next } = answer else {
            return Err(session.refused(&"it answers with a file"));
        };
        let goes_on = take(entries).map_err(|reason| session.refused(&reason))?;
        let Some(next) = next.filter(|_| goes_on) else { break };
        if number == MOST_PAGES {
            return Err(session.refused(&format!("the list has more than {MOST_PAGES} pages")));
        }
        answer = session.page(&next).await?;
    }
    Ok(())
}

/// The result of `asked`, unless it takes too long.
async fn in_time<T>(
    session: &ForgeSession<'_>,
    asked: impl Future<Output = Result<T, Answer>>,
) -> Result<T, Answer> {
    let late = |_| session.unknown(&format!("it took more than {LONGEST_QUERY:?}; ask again later"));
    timeout(LONGEST_QUERY, asked).await.map_err(late)?
}
