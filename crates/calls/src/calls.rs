use std::fmt;
use std::sync::Arc;

use trigger_egress::{Egress, EgressSettings, EgressSettingsError, on_behalf_of};
use trigger_rules::interceptors::{Address, Answer, Ask, Origin, Question};
use trigger_rules::listeners::CloudEvent;
use trigger_runtime::{Secrets, SharedTurns};

use crate::cloud_event::CloudEventClient;
use crate::cluster_names::ClusterNames;
use crate::forge::ForgeClient;
use crate::interceptor::{InterceptorClient, LONGEST_TRY};
use crate::settings::CallsSettings;

/// Questions of one namespace that are answered at a time. Each may wait for a server for minutes.
pub(crate) const MOST_OF_NAMESPACE: usize = 8;
/// Questions that are answered at a time. Each may hold a response in memory.
pub(crate) const MOST: usize = 256;

/// Answers questions of chains by asking other servers, and sends CloudEvents.
pub struct Calls {
    interceptors: InterceptorClient,
    cloud_events: CloudEventClient,
    forges: ForgeClient,
    turns: SharedTurns<Arc<str>>,
}

impl Calls {
    /// Sets up the clients. Sends nothing.
    pub fn new(settings: CallsSettings, secrets: Arc<dyn Secrets>) -> Result<Self, EgressSettingsError> {
        let CallsSettings { authorities, private, plain_http, cluster_domain } = settings;
        let egress = Egress::new(EgressSettings { authorities, plain_http, private, timeout: LONGEST_TRY })?;
        let names = ClusterNames::new(&cluster_domain);
        Ok(Self {
            interceptors: InterceptorClient::new(egress.clone(), names.clone()),
            cloud_events: CloudEventClient::new(egress.clone(), names),
            forges: ForgeClient::new(egress, secrets),
            turns: SharedTurns::new(MOST, MOST_OF_NAMESPACE),
        })
    }

    /// Answers a question of a chain, on behalf of the namespace of its trigger. Waits for a turn of this namespace.
    ///
    /// Questions about Secrets are not answered here: they need no other server.
    pub async fn answer(&self, ask: &Ask, namespace: &str) -> Answer {
        let namespace: Arc<str> = namespace.into();
        let _turn = self.turns.acquire(Arc::clone(&namespace), 1).await;
        on_behalf_of(namespace, self.ask(&ask.question)).await
    }

    /// Sends a CloudEvent to an address that a listener of a namespace names. The error is a sentence. The caller bounds how
    /// many are sent at a time.
    pub async fn send(&self, event: &CloudEvent, to: &Address) -> Result<(), String> {
        // A receiver whose name cannot be resolved holds up no interceptor of its namespace.
        let tenant = match to.origin() {
            Origin::Namespace(namespace) => format!("CloudEvents of {namespace}"),
            Origin::Cluster => "CloudEvents".to_owned(),
        };
        on_behalf_of(tenant.into(), self.cloud_events.send(event, to)).await
    }

    async fn ask(&self, question: &Question) -> Answer {
        match question {
            Question::Call(request) => self.interceptors.call(request).await,
            Question::ChangedFiles(files) => self.forges.changed_files(files).await,
            Question::Membership(membership) => self.forges.membership(membership).await,
            _ => Answer::Unknown("no other server knows the answer to this question".to_owned()),
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}
