use std::ops::ControlFlow;

use serde_json::Value;

use super::pod::{Pod, PodRules};
use super::{Context, FieldError, Report};
use crate::triggers::decode::{DecodeError, Decoder, Fields, metadata};

const KUBERNETES: &str = "spec.resources.kubernetesResource";
const CUSTOM: &str = "spec.resources.customResource";

/// Checks `spec.resources` of a listener. Breaks if it has both kinds of resources: that is the only mistake then.
pub(super) fn check_resources(resources: &Value, context: &Context, report: &mut Report) -> ControlFlow<()> {
    let mut decoder = Decoder::default();
    let read =
        decoder.at("spec.resources", |decoder| read_resources(resources.clone(), decoder, context.is_alpha));
    match read {
        Ok(read) if read.kubernetes.is_some() && !read.custom.is_null() => return ControlFlow::Break(()),
        Ok(read) => {
            if let Some(kubernetes) = read.kubernetes {
                check_kubernetes(&kubernetes, context, report);
            }
            if !read.custom.is_null() {
                check_custom(read.custom, context, report);
            }
        }
        Err(error) => report.push(FieldError::from(&error)),
    }
    for path in &decoder.into_notes().unknown {
        report.unknown(path);
    }
    ControlFlow::Continue(())
}

struct Resources {
    kubernetes: Option<KubernetesResource>,
    custom: Value,
}

/// The Deployment and the Service that Tekton would make.
struct KubernetesResource {
    replicas: Option<i32>,
    service_type: String,
    load_balancer_class: Option<String>,
    pod: Pod,
}

fn read_resources(value: Value, decoder: &mut Decoder, is_alpha: bool) -> Result<Resources, DecodeError> {
    let mut fields = decoder.fields(value)?;
    let kubernetes = fields.read(decoder, "kubernetesResource", |value, decoder| {
        if value.is_null() { Ok(None) } else { read_kubernetes(value, decoder, is_alpha).map(Some) }
    })?;
    let custom = fields.take("customResource");
    fields.other(decoder);
    Ok(Resources { kubernetes, custom })
}

fn read_kubernetes(
    value: Value,
    decoder: &mut Decoder,
    is_alpha: bool,
) -> Result<KubernetesResource, DecodeError> {
    let mut fields = decoder.fields(value)?;
    let mut load_balancer_class = None;
    if !is_alpha {
        fields.optional_number(decoder, "servicePort")?;
        load_balancer_class = fields.optional_text(decoder, "serviceLoadBalancerClass")?;
    }
    let resource = KubernetesResource {
        replicas: fields.optional_number(decoder, "replicas")?,
        service_type: fields.text(decoder, "serviceType")?,
        load_balancer_class,
        pod: fields.read(decoder, "spec", read_pod)?,
    };
    fields.other(decoder);
    Ok(resource)
}

/// Reads the `spec` of something that has a pod template.
fn read_pod(value: Value, decoder: &mut Decoder) -> Result<Pod, DecodeError> {
    let mut fields = decoder.fields(value)?;
    let pod = fields.read(decoder, "template", |value, decoder| {
        let mut fields: Fields = decoder.fields(value)?;
        fields.read(decoder, "metadata", metadata)?;
        let pod = fields.object(decoder, "spec")?;
        fields.other(decoder);
        Ok(pod)
    })?;
    fields.other(decoder);
    Ok(pod)
}

fn check_kubernetes(resource: &KubernetesResource, context: &Context, report: &mut Report) {
    if let Some(replicas) = resource.replicas.filter(|replicas| *replicas < 0) {
        report.invalid(replicas, &format!("{KUBERNETES}.spec.replicas"));
    }
    let rules = if context.is_alpha { &PodRules::KUBERNETES_ALPHA } else { &PodRules::KUBERNETES };
    resource.pod.check(rules, &format!("{KUBERNETES}.spec.template.spec"), report);
    if let Some(class) = &resource.load_balancer_class
        && resource.service_type != "LoadBalancer"
    {
        report.invalid_because(
            class,
            &format!("{KUBERNETES}.serviceLoadBalancerClass"),
            "ServiceLoadBalancerClass is only needed for LoadBalancer service type",
        );
    }
}

/// A custom resource has a pod template too, beside fields of its own.
fn check_custom(value: Value, context: &Context, report: &mut Report) {
    let mut decoder = Decoder::default();
    let pod = decoder.at(CUSTOM, |decoder| {
        let mut fields = decoder.fields(value)?;
        fields.read(decoder, "metadata", metadata)?;
        fields.read(decoder, "spec", read_pod)
    });
    match pod {
        Ok(pod) => {
            let rules = if context.is_alpha { &PodRules::CUSTOM_ALPHA } else { &PodRules::CUSTOM };
            pod.check(rules, &format!("{CUSTOM}.spec.template.spec"), report);
        }
        Err(error) => report.invalid(error, &format!("{CUSTOM}.spec")),
    }
}
