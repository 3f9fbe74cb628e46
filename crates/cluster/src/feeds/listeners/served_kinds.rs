use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::core::ApiResource;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};
use trigger_api::triggers::{ALPHA_VERSION, GROUP, Kind, VERSION};

use crate::api_server_error::is_status;
use crate::feeds::tekton_triggers::resource;
use crate::sentence::{Remedies, sentence};
use crate::watch::{PROBE_INTERVAL, served};

/// How long the API server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The remedies where discovery fails.
const TO_DISCOVER: Remedies<'_> = Remedies {
    forbidden: "bind the ClusterRole `system:discovery`",
    absent: "the API server has no discovery",
};

/// Which kinds of Tekton Triggers the API server serves, and in which version.
///
/// All watches share it. A cluster without Tekton costs the API server two small requests each time, however many
/// namespaces are watched, and the log one line.
#[derive(Default)]
pub(super) struct ServedKinds {
    found: watch::Sender<Found>,
    outdated: Notify,
}

/// The answers so far.
#[derive(Debug, Clone, Default)]
pub(super) enum Found {
    /// There is none.
    #[default]
    Nothing,
    /// There was no answer yet but errors.
    Failure {
        /// The last one, in a sentence.
        reason: Arc<str>,
        /// Whether a right is missing.
        is_forbidden: bool,
    },
    /// The kinds that are served, each in the version to ask for.
    Kinds(Arc<BTreeMap<Kind, ApiResource>>),
}

impl ServedKinds {
    /// The answers, now and later.
    pub(super) fn found(&self) -> watch::Receiver<Found> {
        self.found.subscribe()
    }

    /// A kind turned out not to be served.
    pub(super) fn ask_again(&self) {
        self.outdated.notify_one();
    }

    /// Asks for as long as a kind is absent, and when a watch finds that the answer is outdated.
    pub(super) async fn run(&self, client: &Client) {
        let mut logged = None;
        loop {
            let asked = timeout(TIMEOUT, served_kinds(client)).await;
            let is_complete = match asked {
                Ok(Ok(kinds)) => self.take(kinds),
                Ok(Err(error)) => {
                    self.fail(&mut logged, &sentence(&error, TO_DISCOVER), is_status(&error, 403))
                }
                Err(_) => self.fail(&mut logged, "the API server does not answer", false),
            };
            sleep(PROBE_INTERVAL).await;
            if is_complete {
                self.outdated.notified().await;
            }
        }
    }

    /// True if all kinds are served.
    fn take(&self, kinds: BTreeMap<Kind, ApiResource>) -> bool {
        let is_complete = kinds.len() == Kind::ALL.len();
        self.found.send_if_modified(|found| {
            let known = match found {
                Found::Kinds(known) => Some(&**known),
                Found::Nothing | Found::Failure { .. } => None,
            };
            if known == Some(&kinds) {
                return false;
            }
            match (kinds.is_empty(), known.is_none_or(BTreeMap::is_empty)) {
                (true, _) => info!("Tekton Triggers is not installed; listeners wait for it"),
                (false, true) => info!(kinds = kinds.len(), "Tekton Triggers is installed"),
                (false, false) => debug!(kinds = kinds.len(), "other kinds of Tekton Triggers are served"),
            }
            *found = Found::Kinds(Arc::new(kinds));
            true
        });
        is_complete
    }

    /// False: it has to be asked again.
    fn fail(&self, logged: &mut Option<String>, reason: &str, is_forbidden: bool) -> bool {
        if logged.as_deref() != Some(reason) {
            warn!(reason, "cannot find out whether Tekton Triggers is installed; trying again");
            *logged = Some(reason.to_owned());
        }
        self.found.send_if_modified(|found| {
            let is_new = match found {
                Found::Nothing => true,
                Found::Failure { reason: known, .. } => **known != *reason,
                // The earlier result holds until a watch finds otherwise.
                Found::Kinds(_) => false,
            };
            if is_new {
                *found = Found::Failure { reason: reason.into(), is_forbidden };
            }
            is_new
        });
        false
    }
}

/// The kinds that are served, each in the version to ask for.
async fn served_kinds(client: &Client) -> Result<BTreeMap<Kind, ApiResource>, kube::Error> {
    let mut kinds = BTreeMap::new();
    for version in [VERSION, ALPHA_VERSION] {
        let plurals = served(client, &format!("{GROUP}/{version}")).await?;
        for kind in Kind::ALL.into_iter().filter(|kind| kind.versions().contains(&version)) {
            if plurals.iter().any(|plural| plural == kind.plural()) {
                kinds.entry(kind).or_insert_with(|| resource(kind, version));
            }
        }
    }
    Ok(kinds)
}
