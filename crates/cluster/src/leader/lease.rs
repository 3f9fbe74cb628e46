use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::{Patch, PostParams};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::DURATION;
use super::election::{Seen, Step};
use crate::MANAGER;
use crate::api_server_error::{is_absent, is_status};
use crate::patch::patch_parameters;
use crate::read::get_opt;
use crate::sentence::words;

/// The timeout of a request. A leader has time for two.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// The object on the cluster.
#[derive(Clone)]
pub(super) struct LeaseObject {
    pub(super) api: Api<Lease>,
    pub(super) name: String,
}

/// Why the Lease could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// Another client has written it meanwhile.
    #[error("another replica has written the Lease")]
    Overtaken,
    /// It does not exist.
    #[error("there is no such Lease")]
    Absent,
    /// The API server refuses the request, or cannot be reached.
    #[error("{}", words(.0))]
    Api(Box<kube::Error>),
    /// The API server has not answered in time.
    #[error("the API server does not answer")]
    Slow,
}

impl LeaseObject {
    /// The Lease as it is now, if there is one.
    pub(super) async fn read(&self) -> Result<Option<Seen>, LeaseError> {
        in_time(get_opt(&self.api, &self.name)).await.map(|lease| lease.map(seen))
    }

    /// Sets or keeps `us` as the holder. Fails if the Lease has another version than the one that was read.
    pub(super) async fn hold(&self, us: &str, step: &Step) -> Result<Seen, LeaseError> {
        let now = MicroTime(Timestamp::now());
        match step {
            Step::Create => self.create(us, now).await,
            Step::Take(seen) => {
                let spec = json!({
                    "holderIdentity": us, "leaseDurationSeconds": DURATION.as_secs(), "acquireTime": now,
                    "renewTime": now, "leaseTransitions": seen.transitions.saturating_add(1),
                });
                self.write(seen, spec).await
            }
            Step::Renew(seen) => {
                let spec = json!({
                    "holderIdentity": us, "leaseDurationSeconds": DURATION.as_secs(), "renewTime": now,
                });
                self.write(seen, spec).await
            }
            Step::Wait => Err(LeaseError::Overtaken),
        }
    }

    /// Releases it, so that the next replica may take it at once.
    pub(super) async fn release(&self, seen: &Seen) -> Result<Seen, LeaseError> {
        let spec = json!({
            "holderIdentity": null, "leaseDurationSeconds": 1, "renewTime": MicroTime(Timestamp::now()),
        });
        self.write(seen, spec).await
    }

    async fn create(&self, us: &str, now: MicroTime) -> Result<Seen, LeaseError> {
        let lease = Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec {
                holder_identity: Some(us.to_owned()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        };
        let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match in_time(self.api.create(&parameters, &lease)).await {
            // A 404 of a creation is that of the namespace.
            Err(LeaseError::Absent) => Err(LeaseError::Api(Box::new(no_place()))),
            created => created.map(seen),
        }
    }

    /// Replaces parts of the Lease if it still has the version that was read.
    async fn write(&self, seen: &Seen, spec: Value) -> Result<Seen, LeaseError> {
        // A patch without a version would overwrite whatever is there.
        let Some(version) = &seen.version else { return Err(LeaseError::Overtaken) };
        let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": spec}));
        in_time(self.api.patch(&self.name, &patch_parameters(), &patch)).await.map(self::seen)
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, kube::Error>>) -> Result<T, LeaseError> {
    match timeout(ANSWERS_WITHIN, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if is_status(&error, 409) => Err(LeaseError::Overtaken),
        Ok(Err(error)) if is_absent(&error) => Err(LeaseError::Absent),
        Ok(Err(error)) => Err(LeaseError::Api(Box::new(error))),
        Err(_) => Err(LeaseError::Slow),
    }
}

fn no_place() -> kube::Error {
    let message = "the namespace does not exist, or the API server serves no Leases";
    kube::Error::Api(Box::new(kube::core::Status::failure(message, "NotFound").with_code(404)))
}

fn seen(lease: Lease) -> Seen {
    let spec = lease.spec.unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Seen {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()).map(Arc::from),
        duration: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
        renewed: spec.renew_time.map(|MicroTime(time)| time.to_string()),
        transitions: spec.lease_transitions.unwrap_or_default(),
        version: lease.metadata.resource_version,
    }
}

#[cfg(test)]
mod tests {
    use trigger_runtime::error_chain;

    use super::*;

    fn read(spec: &Value) -> Seen {
        seen(serde_json::from_value(json!({"metadata": {"resourceVersion": "7"}, "spec": spec})).unwrap())
    }

    #[test]
    fn an_error_of_the_api_server_is_told_in_its_own_words_once() {
        let status = |code, message: &str| {
            let status = kube::core::Status::failure(message, "Reason").with_code(code);
            LeaseError::Api(Box::new(kube::Error::Api(status.boxed())))
        };
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let unreachable = LeaseError::Api(Box::new(kube::Error::Service(refused.into())));
        for (error, expected) in [
            (status(403, "leases is forbidden: no"), "leases is forbidden: no"),
            (status(500, ""), "the API server answered 500"),
            (
                unreachable,
                "the API server cannot be reached: connection refused; check that it runs, and that the kubeconfig \
                 has its address",
            ),
        ] {
            assert_eq!(error_chain(&error), expected);
        }
    }

    #[test]
    fn what_others_wrote_is_understood() {
        let none = Seen {
            holder: None,
            duration: None,
            renewed: None,
            transitions: 0,
            version: Some("7".to_owned()),
        };
        assert_eq!(read(&json!({})), none);
        assert_eq!(read(&json!({"holderIdentity": "", "leaseDurationSeconds": -1})), none);
        let whole = read(&json!({
            "holderIdentity": "one", "leaseDurationSeconds": 15, "leaseTransitions": 3,
            "renewTime": "2026-11-23T05:00:00.123456Z",
        }));
        assert_eq!(whole.holder.as_deref(), Some("one"));
        assert_eq!((whole.duration, whole.transitions), (Some(DURATION), 3));
        assert!(whole.renewed.is_some_and(|renewed| renewed.contains(".123456")));
    }
}
