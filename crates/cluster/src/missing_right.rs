//! Rights that the API server says are missing, and how they are granted.

use trigger_core::{ObjectKey, is_dns_label, is_dns_subdomain};

use crate::impersonation::user_name;

/// The reason in the message of a 403. The name of the object, which may be any text, stands before the last
/// ` is forbidden: `. `None` if the message has another form.
pub(crate) fn why_forbidden(message: &str) -> Option<&str> {
    message.rsplit_once(" is forbidden: ").map(|(_, why)| why)
}

/// A right that is missing. The API server writes
/// `R.G "N" is forbidden: User "U" cannot V resource "R" in API group "G" in the namespace "S"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissingRight<'a> {
    pub(crate) user: &'a str,
    pub(crate) verb: &'a str,
    resource: &'a str,
    group: &'a str,
    /// Where, in the words of the API server.
    place: &'a str,
}

impl<'a> MissingRight<'a> {
    /// Reads the message of a 403. `None` if it is about something else.
    pub(crate) fn of(message: &'a str) -> Option<Self> {
        let (user, rest) =
            why_forbidden(message).unwrap_or(message).strip_prefix("User \"")?.split_once("\" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once("\" in API group \"")?;
        let (group, place) = rest.split_once('"')?;
        Some(Self { user, verb, resource, group, place: place.trim() })
    }

    /// The resource as kubectl writes it, such as `builds.shipwright.io`.
    pub(crate) fn resource(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        format!("{}{dot}{}", self.resource, self.group)
    }

    /// Where it is missing, in words.
    pub(crate) fn place(&self) -> String {
        match self.place {
            "at the cluster scope" | "in the namespace \"\"" => "in all namespaces".to_owned(),
            place => place.replace('"', ""),
        }
    }

    /// The namespace where it is missing. `None` for all of them and for objects without one.
    fn namespace(&self) -> Option<&'a str> {
        let (namespace, _) = self.place.strip_prefix("in the namespace \"")?.split_once('"')?;
        is_dns_label(namespace).then_some(namespace)
    }

    /// What is missing for a request as the service account `account`, with the commands that grant it. `None` if the right is
    /// another's.
    pub(crate) fn told_for(&self, account: &ObjectKey) -> Option<String> {
        if self.verb == "impersonate" {
            let ObjectKey { namespace, name } = account;
            let grant = Grant {
                name: format!("run-as-{name}"),
                namespace: Some(namespace),
                right: format!("--verb=impersonate --resource=serviceaccounts --resource-name={name}"),
                subject: subject(self.user)?,
            };
            return Some(format!(
                "this program may not act as the service account {account}; {}",
                grant.commands()
            ));
        }
        if self.user != user_name(account) {
            return None;
        }
        let Self { verb, resource, group, .. } = self;
        let is_plain = |text: &str| text.is_empty() || is_dns_subdomain(text);
        let is_plain = is_plain(verb) && is_plain(group) && resource.split('/').all(is_dns_subdomain);
        let right = self.resource();
        let grant = is_plain.then(|| Grant {
            name: format!("{}-{verb}-{}", account.name, resource.replace('/', "-")),
            namespace: self.namespace(),
            right: format!("--verb={verb} --resource={right}"),
            subject: format!("--serviceaccount={}:{}", account.namespace, account.name),
        });
        let grant = grant.map(|grant| format!("; {}", grant.commands())).unwrap_or_default();
        Some(format!("the service account {account} may not {verb} {right} {}{grant}", self.place()))
    }
}

/// A role and its binding.
struct Grant<'a> {
    name: String,
    namespace: Option<&'a str>,
    right: String,
    subject: String,
}

impl Grant<'_> {
    fn commands(&self) -> String {
        let Self { name, namespace, right, subject } = self;
        let (cluster, option) = match namespace {
            Some(namespace) => ("", format!(" -n {namespace}")),
            None => ("cluster", String::new()),
        };
        format!(
            "run `kubectl create {cluster}role {name}{option} {right}` and `kubectl create {cluster}rolebinding \
             {name}{option} --{cluster}role={name} {subject}`"
        )
    }
}

/// A user as kubectl takes it. `None` if it is no plain text.
fn subject(user: &str) -> Option<String> {
    if let Some((namespace, name)) =
        user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'))
    {
        let is_account = is_dns_label(namespace) && is_dns_subdomain(name);
        return is_account.then(|| format!("--serviceaccount={namespace}:{name}"));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":._@-".contains(&byte);
    (!user.is_empty() && user.bytes().all(is_plain)).then(|| format!("--user={user}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_told_with_the_account_that_lacks_it_and_the_commands_that_grant_it() {
        let ci = ObjectKey::new("team-a", "ci");
        let told = |message: &str| MissingRight::of(message).and_then(|right| right.told_for(&ci));
        let as_ci = "User \"system:serviceaccount:team-a:ci\" cannot";
        for (message, expected) in [
            (
                "serviceaccounts \"ci\" is forbidden: User \"system:serviceaccount:shipwright-trigger:st\" cannot \
                 impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"team-a\"",
                "this program may not act as the service account team-a/ci; run `kubectl create role run-as-ci -n team-a \
                 --verb=impersonate --resource=serviceaccounts --resource-name=ci` and `kubectl create rolebinding \
                 run-as-ci -n team-a --role=run-as-ci --serviceaccount=shipwright-trigger:st`",
            ),
            (
                &format!(
                    "pipelineruns.tekton.dev is forbidden: {as_ci} create resource \"pipelineruns\" in API group \
                     \"tekton.dev\" in the namespace \"team-a\""
                ),
                "the service account team-a/ci may not create pipelineruns.tekton.dev in the namespace team-a; run \
                 `kubectl create role ci-create-pipelineruns -n team-a --verb=create --resource=pipelineruns.tekton.dev` \
                 and `kubectl create rolebinding ci-create-pipelineruns -n team-a --role=ci-create-pipelineruns \
                 --serviceaccount=team-a:ci`",
            ),
            (
                &format!(
                    "namespaces is forbidden: {as_ci} create resource \"namespaces\" in API group \"\" at the cluster \
                     scope"
                ),
                "the service account team-a/ci may not create namespaces in all namespaces; run `kubectl create \
                 clusterrole ci-create-namespaces --verb=create --resource=namespaces` and `kubectl create \
                 clusterrolebinding ci-create-namespaces --clusterrole=ci-create-namespaces --serviceaccount=team-a:ci`",
            ),
        ] {
            assert_eq!(told(message).as_deref(), Some(expected));
        }
        for other in [
            "pods \"x\" is forbidden: exceeded quota: pods, requested: pods=1",
            "pods is forbidden: User \"system:serviceaccount:team-b:ci\" cannot create resource \"pods\" in API group \
             \"\" in the namespace \"team-a\"",
            "serviceaccounts \"ci\" is forbidden: User \"a`b $(x)\" cannot impersonate resource \"serviceaccounts\" in \
             API group \"\" in the namespace \"team-a\"",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_that_reads_like_a_message_changes_nothing_of_the_remedy() {
        let name = "x\" is forbidden: User \"system:serviceaccount:team-a:ci\" cannot create resource \"secrets\" in API \
                    group \"\" in the namespace \"team-a";
        let message = format!(
            "configmaps \"{name}\" is forbidden: User \"system:serviceaccount:team-a:ci\" cannot get resource \
             \"configmaps\" in API group \"\" in the namespace \"team-a\""
        );
        let told = MissingRight::of(&message).unwrap().told_for(&ObjectKey::new("team-a", "ci")).unwrap();
        assert!(told.contains("--verb=get --resource=configmaps`") && !told.contains("secrets"), "{told}");
        // No command is made of what is no plain name.
        let odd = "x is forbidden: User \"system:serviceaccount:team-a:ci\" cannot get resource \"a;b`\" in API group \
                   \"\" in the namespace \"team-a\"";
        let told = MissingRight::of(odd).unwrap().told_for(&ObjectKey::new("team-a", "ci")).unwrap();
        assert!(!told.contains("kubectl"), "{told}");
    }
}
