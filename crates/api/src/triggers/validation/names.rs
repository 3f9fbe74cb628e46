use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use trigger_core::is_dns_subdomain;

use super::Report;

/// The longest name of an object, in bytes.
const LONGEST: usize = 63;

/// Checks the name of an object; true if there is nothing to say. The API server makes up a name for an object that
/// has only the beginning of one.
pub(super) fn check_metadata(metadata: &ObjectMeta, report: &mut Report) -> bool {
    let name = metadata.name.as_deref().unwrap_or_default();
    if name.is_empty() && metadata.generate_name.is_some() {
        return true;
    }
    let message = if !is_dns_subdomain(name) {
        format!("invalid resource name {name:?}: must be a valid DNS label")
    } else if name.len() > LONGEST {
        "Invalid resource name: length must be no more than 63 characters".to_owned()
    } else {
        return true;
    };
    report.plain(message, "metadata.name");
    false
}
