use serde_json::Value;

use super::Report;
use crate::limits::MOST_POD_ENTRIES;
use crate::triggers::decode::{Decode, DecodeError, Decoder, Fields};

/// How an unset field looks.
#[derive(Clone, Copy)]
enum Shape {
    /// Unset where it is empty, zero or false.
    Value,
    /// Unset where it is absent only.
    Pointer,
}
use Shape::{Pointer, Value as Plain};

/// The fields of a pod, but for containers, as Kubernetes 1.36 has them.
const POD_FIELDS: &[(&str, Shape)] = &[
    ("activeDeadlineSeconds", Pointer),
    ("affinity", Pointer),
    ("automountServiceAccountToken", Pointer),
    ("dnsConfig", Pointer),
    ("dnsPolicy", Plain),
    ("enableServiceLinks", Pointer),
    ("ephemeralContainers", Plain),
    ("hostAliases", Plain),
    ("hostIPC", Plain),
    ("hostNetwork", Plain),
    ("hostPID", Plain),
    ("hostUsers", Pointer),
    ("hostname", Plain),
    ("hostnameOverride", Pointer),
    ("imagePullSecrets", Plain),
    ("initContainers", Plain),
    ("nodeName", Plain),
    ("nodeSelector", Plain),
    ("os", Pointer),
    ("overhead", Plain),
    ("preemptionPolicy", Pointer),
    ("priority", Pointer),
    ("priorityClassName", Plain),
    ("readinessGates", Plain),
    ("resourceClaims", Plain),
    ("resources", Pointer),
    ("restartPolicy", Plain),
    ("runtimeClassName", Pointer),
    ("schedulerName", Plain),
    ("schedulingGates", Plain),
    ("securityContext", Pointer),
    ("serviceAccount", Plain),
    ("serviceAccountName", Plain),
    ("setHostnameAsFQDN", Pointer),
    ("shareProcessNamespace", Pointer),
    ("subdomain", Plain),
    ("terminationGracePeriodSeconds", Pointer),
    ("tolerations", Plain),
    ("topologySpreadConstraints", Plain),
    ("volumes", Plain),
    ("workloadRef", Pointer),
];

/// The fields of a container, but for its environment.
const CONTAINER_FIELDS: &[(&str, Shape)] = &[
    ("args", Plain),
    ("command", Plain),
    ("envFrom", Plain),
    ("image", Plain),
    ("imagePullPolicy", Plain),
    ("lifecycle", Pointer),
    ("livenessProbe", Pointer),
    ("name", Plain),
    ("ports", Plain),
    ("readinessProbe", Pointer),
    ("resizePolicy", Plain),
    ("resources", Plain),
    ("restartPolicy", Pointer),
    ("restartPolicyRules", Plain),
    ("securityContext", Pointer),
    ("startupProbe", Pointer),
    ("stdin", Plain),
    ("stdinOnce", Plain),
    ("terminationMessagePath", Plain),
    ("terminationMessagePolicy", Plain),
    ("tty", Plain),
    ("volumeDevices", Plain),
    ("volumeMounts", Plain),
    ("workingDir", Plain),
];

/// Where a variable's value may come from.
const SOURCE_FIELDS: &[(&str, Shape)] = &[
    ("configMapKeyRef", Pointer),
    ("fieldRef", Pointer),
    ("fileKeyRef", Pointer),
    ("resourceFieldRef", Pointer),
    ("secretKeyRef", Pointer),
];

/// The variables that only make sense together.
const TLS: [&str; 2] = ["TLS_CERT", "TLS_KEY"];

/// The fields that a listener may set.
pub(super) struct PodRules {
    pod: &'static [&'static str],
    container: &'static [&'static str],
}

impl PodRules {
    /// Of the Deployment that Tekton makes.
    pub(super) const KUBERNETES: Self = Self {
        pod: Self::POD,
        container: &["resources", "livenessProbe", "readinessProbe", "startupProbe", "securityContext"],
    };
    /// Of a custom resource.
    pub(super) const CUSTOM: Self = Self { pod: Self::POD, container: &["resources", "securityContext"] };
    /// Of the Deployment, in `v1alpha1`.
    pub(super) const KUBERNETES_ALPHA: Self = Self {
        pod: Self::ALPHA_POD,
        container: &["resources", "livenessProbe", "readinessProbe", "startupProbe"],
    };
    /// Of a custom resource, in `v1alpha1`.
    pub(super) const CUSTOM_ALPHA: Self = Self { pod: Self::ALPHA_POD, container: &["resources"] };

    const ALPHA_POD: &'static [&'static str] = &["serviceAccountName", "tolerations", "nodeSelector"];
    const POD: &'static [&'static str] = &[
        "serviceAccountName",
        "tolerations",
        "nodeSelector",
        "affinity",
        "topologySpreadConstraints",
        "imagePullSecrets",
        "securityContext",
    ];
}

/// A pod, as far as it is checked.
#[derive(Debug, Default)]
pub(super) struct Pod {
    set: Vec<&'static str>,
    containers: Vec<Container>,
}

#[derive(Debug, Default)]
struct Container {
    set: Vec<&'static str>,
    env: Vec<Variable>,
}

#[derive(Debug)]
struct Variable {
    name: String,
    has_value: bool,
    sources: Vec<&'static str>,
}

impl Pod {
    /// Reports the fields that may not be set, and what is wrong with the variables.
    pub(super) fn check(&self, rules: &PodRules, at: &str, report: &mut Report) {
        for field in self.set.iter().filter(|field| !rules.pod.contains(field)) {
            report.disallowed(&format!("{at}.{field}"));
        }
        match self.containers.as_slice() {
            [] => {}
            [container] => container.check(rules, &format!("{at}.containers[0]"), report),
            _ => report.multiple_of(&[&format!("{at}.containers")]),
        }
    }
}

impl Container {
    fn check(&self, rules: &PodRules, at: &str, report: &mut Report) {
        for field in self.set.iter().filter(|field| !rules.container.contains(field)) {
            report.disallowed(&format!("{at}.{field}"));
        }
        for (index, variable) in self.env.iter().enumerate() {
            if variable.has_value {
                report.disallowed(&format!("{at}.env[{index}].value"));
            }
            for field in variable.sources.iter().filter(|field| **field != "secretKeyRef") {
                report.disallowed(&format!("{at}.env[{index}].valueFrom.{field}"));
            }
        }
        let tls: Vec<_> = self.env.iter().filter(|variable| TLS.contains(&variable.name.as_str())).collect();
        if let [only] = tls.as_slice() {
            report.without_path(format!(
                "Expected env's are TLS_CERT and TLS_KEY, but got only one env {}",
                only.name
            ));
        }
    }
}

impl Decode for Pod {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let containers = fields.list(decoder, "containers", MOST_POD_ENTRIES)?;
        let set = set_fields(POD_FIELDS, &mut fields);
        fields.other(decoder);
        Ok(Self { set, containers })
    }
}

impl Decode for Container {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let env = fields.list(decoder, "env", MOST_POD_ENTRIES)?;
        let set = set_fields(CONTAINER_FIELDS, &mut fields);
        fields.other(decoder);
        Ok(Self { set, env })
    }
}

impl Decode for Variable {
    fn decode(value: Value, decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let mut fields = decoder.fields(value)?;
        let variable = Self {
            name: fields.text(decoder, "name")?,
            has_value: fields.nonempty_text(decoder, "value")?.is_some(),
            sources: fields.read(decoder, "valueFrom", |value, decoder| {
                let mut fields = decoder.fields(value)?;
                let sources = set_fields(SOURCE_FIELDS, &mut fields);
                fields.other(decoder);
                Ok(sources)
            })?,
        };
        fields.other(decoder);
        Ok(variable)
    }
}

/// Takes the known fields; those that are set.
fn set_fields(known: &[(&'static str, Shape)], fields: &mut Fields) -> Vec<&'static str> {
    let is_set = |(name, shape): &&(&'static str, Shape)| match (fields.take(name), shape) {
        (Value::Null, _) => false,
        (_, Pointer) => true,
        (Value::Bool(value), Plain) => value,
        (Value::Number(number), Plain) => number.as_f64() != Some(0.0),
        (Value::String(text), Plain) => !text.is_empty(),
        (Value::Array(entries), Plain) => !entries.is_empty(),
        (Value::Object(entries), Plain) => !entries.is_empty(),
    };
    known.iter().filter(is_set).map(|(name, _)| *name).collect()
}
