use super::{ALPHA, BETA, check};
use crate::limits::MOST_POD_ENTRIES;

const ENV: &str = "spec.template.spec.containers[0].env";

fn listener(resources: &str) -> String {
    format!("{{triggers: [{{triggerRef: t}}], resources: {resources}}}")
}

fn check_rows(wrap: impl Fn(&str) -> String, at: &str, rows: &[(&str, &str, &str)]) {
    for (version, part, expected) in rows {
        let spec = listener(&wrap(part));
        check("EventListener", ToOwned::to_owned, &[(version, &spec, &expected.replace('@', at))]);
    }
}

#[test]
fn resources_are_of_one_kind() {
    let both =
        "expected exactly one, got both: spec.resources.customResource, spec.resources.kubernetesResource";
    check(
        "EventListener",
        listener,
        &[
            (BETA, "{}", ""),
            (BETA, "{kubernetesResource: {}}", ""),
            (BETA, "{KubernetesResource: {Replicas: 1}, customResource: null}", ""),
            (BETA, "{customResource: {apiVersion: v1, kind: X}}", ""),
            (BETA, "{kubernetesResource: {}, customResource: {}}", both),
            (BETA, "{kubernetesResource: {replicas: -1}, customResource: {}}", both),
            (ALPHA, "{kubernetesResource: {}, customResource: {}}", both),
            (BETA, "[]", "must be an object, not a list: spec.resources"),
            (BETA, "{otherResource: {}}", "unknown field \"otherResource\": spec.resources.otherResource"),
        ],
    );
    check(
        "EventListener",
        ToOwned::to_owned,
        &[(BETA, "{triggers: [{}], resources: {kubernetesResource: {}, customResource: {}}}", both)],
    );
}

#[test]
fn a_service_and_its_replicas_are_checked() {
    check_rows(
        |part| format!("{{kubernetesResource: {part}}}"),
        "spec.resources.kubernetesResource",
        &[
            (BETA, "{replicas: -1}", "invalid value: -1: @.spec.replicas"),
            (BETA, "{replicas: 0}", ""),
            (BETA, "{replicas: 3, serviceType: NodePort, servicePort: 80}", ""),
            (BETA, "{replicas: '2'}", "must be a whole number of 32 bits, not a string: @.replicas"),
            (BETA, "{replicas: 1.5}", "must be a whole number of 32 bits, not the number 1.5: @.replicas"),
            (BETA, "{serviceType: LoadBalancer, serviceLoadBalancerClass: c}", ""),
            (
                BETA,
                "{serviceType: ClusterIP, serviceLoadBalancerClass: c}",
                "invalid value: c: @.serviceLoadBalancerClass\n\
             ServiceLoadBalancerClass is only needed for LoadBalancer service type",
            ),
            (
                BETA,
                "{serviceLoadBalancerClass: ''}",
                "invalid value: : @.serviceLoadBalancerClass\n\
             ServiceLoadBalancerClass is only needed for LoadBalancer service type",
            ),
            (BETA, "{loadBalancer: x}", "unknown field \"loadBalancer\": @.loadBalancer"),
            (ALPHA, "{replicas: -1}", "invalid value: -1: @.spec.replicas"),
            (ALPHA, "{servicePort: 80}", "unknown field \"servicePort\": @.servicePort"),
            (
                ALPHA,
                "{serviceLoadBalancerClass: c}",
                "unknown field \"serviceLoadBalancerClass\": @.serviceLoadBalancerClass",
            ),
        ],
    );
}

/// Rows about the spec of a pod that hold for both kinds of resources.
const POD: &[(&str, &str, &str)] = &[
    (BETA, "{}", ""),
    (BETA, "null", ""),
    (BETA, "{serviceAccountName: s, tolerations: [{key: k}], nodeSelector: {a: b}}", ""),
    (ALPHA, "{serviceAccountName: s, tolerations: [{key: k}], nodeSelector: {a: b}}", ""),
    (
        BETA,
        "{affinity: {}, topologySpreadConstraints: [{}], imagePullSecrets: [{name: s}], securityContext: {}}",
        "",
    ),
    (
        ALPHA,
        "{affinity: {}, topologySpreadConstraints: [{}], imagePullSecrets: [{name: s}], securityContext: {}}",
        "must not set the field(s): @.affinity, @.imagePullSecrets, @.securityContext, @.topologySpreadConstraints",
    ),
    (BETA, "{volumes: [{name: v}]}", "must not set the field(s): @.volumes"),
    (BETA, "{volumes: [], hostNetwork: false, hostname: '', overhead: {}}", ""),
    (BETA, "{hostNetwork: true, hostPID: true}", "must not set the field(s): @.hostNetwork, @.hostPID"),
    (BETA, "{enableServiceLinks: false}", "must not set the field(s): @.enableServiceLinks"),
    (BETA, "{priority: 0}", "must not set the field(s): @.priority"),
    (BETA, "{dnsPolicy: Default}", "must not set the field(s): @.dnsPolicy"),
    (BETA, "{initContainers: [{name: i}]}", "must not set the field(s): @.initContainers"),
    (BETA, "{RestartPolicy: Never}", "must not set the field(s): @.restartPolicy"),
    (BETA, "{containers: [{}, {}]}", "expected exactly one, got both: @.containers"),
    (BETA, "{containers: [{name: a}, {image: b}]}", "expected exactly one, got both: @.containers"),
    (BETA, "{containers: []}", ""),
    (BETA, "{containers: [{}]}", ""),
    (BETA, "{containers: [{resources: {limits: {cpu: 1}}, securityContext: {}}]}", ""),
    (
        BETA,
        "{containers: [{name: m, image: i}]}",
        "must not set the field(s): @.containers[0].image, @.containers[0].name",
    ),
    (
        BETA,
        "{nodeName: m, containers: [{command: [c], stdin: true, tty: false}]}",
        "must not set the field(s): @.containers[0].command, @.containers[0].stdin, @.nodeName",
    ),
    (
        ALPHA,
        "{containers: [{securityContext: {}}]}",
        "must not set the field(s): @.containers[0].securityContext",
    ),
    (ALPHA, "{containers: [{resources: {limits: {cpu: 1}}}]}", ""),
];

#[test]
fn a_pod_may_set_some_fields_only() {
    let kubernetes = |part: &str| format!("{{kubernetesResource: {{spec: {{template: {{spec: {part}}}}}}}}}");
    check_rows(kubernetes, "spec.resources.kubernetesResource.spec.template.spec", POD);
    let custom =
        |part: &str| format!("{{customResource: {{kind: X, spec: {{template: {{spec: {part}}}}}}}}}");
    check_rows(custom, "spec.resources.customResource.spec.template.spec", POD);
}

#[test]
fn a_pod_has_no_more_entries_than_its_bound() {
    let pod = |spec: &str| format!("{{kubernetesResource: {{spec: {{template: {{spec: {spec}}}}}}}}}");
    let containers = |count: usize| format!("{{containers: [{}]}}", vec!["{}"; count].join(", "));
    let variables =
        |count: usize| format!("{{containers: [{{env: [{}]}}]}}", vec!["{name: A}"; count].join(", "));
    let (most, more) = (MOST_POD_ENTRIES, MOST_POD_ENTRIES + 1);
    let refused = format!("{more} entries, at most {most} are permitted: @");
    check_rows(
        pod,
        "spec.resources.kubernetesResource.spec.template.spec.containers",
        &[
            (BETA, &containers(most), "expected exactly one, got both: @"),
            (BETA, &containers(more), &refused),
            (BETA, &variables(most), ""),
            (BETA, &variables(more), &format!("{refused}[0].env")),
        ],
    );
}

#[test]
fn probes_belong_to_the_deployment_only() {
    let probes = "{containers: [{livenessProbe: {}, readinessProbe: {}, startupProbe: {}}]}";
    let refused = "must not set the field(s): @.containers[0].livenessProbe, @.containers[0].readinessProbe, \
                   @.containers[0].startupProbe";
    let kubernetes = |part: &str| format!("{{kubernetesResource: {{spec: {{template: {{spec: {part}}}}}}}}}");
    let custom = |part: &str| format!("{{customResource: {{spec: {{template: {{spec: {part}}}}}}}}}");
    for version in [BETA, ALPHA] {
        check_rows(kubernetes, "", &[(version, probes, "")]);
        check_rows(custom, "spec.resources.customResource.spec.template.spec", &[(version, probes, refused)]);
    }
}

#[test]
fn variables_come_from_secrets() {
    let secret = "valueFrom: {secretKeyRef: {name: s, key: k}}";
    let cert = format!("{{name: TLS_CERT, {secret}}}");
    let both = format!("{cert}, {{name: TLS_KEY, {secret}}}");
    let two = format!("{cert}, {cert}");
    let other = format!("{{name: A, {secret}}}");
    let kubernetes = |env: &str| {
        format!(
            "{{kubernetesResource: {{spec: {{template: {{spec: {{containers: [{{env: [{env}]}}]}}}}}}}}}}"
        )
    };
    let custom = |env: &str| {
        format!("{{customResource: {{spec: {{template: {{spec: {{containers: [{{env: [{env}]}}]}}}}}}}}}}")
    };
    for version in [BETA, ALPHA] {
        let rows: &[(&str, &str, &str)] = &[
            (version, &other, ""),
            (version, "{name: A}", ""),
            (version, "{name: A, value: ''}", ""),
            (version, "{name: KUBE_API_QPS, value: '50'}", "must not set the field(s): @[0].value"),
            (
                version,
                "{name: A, valueFrom: {configMapKeyRef: {name: c}}}",
                "must not set the field(s): @[0].valueFrom.configMapKeyRef",
            ),
            (
                version,
                "{name: A, value: x, valueFrom: {fieldRef: {}, resourceFieldRef: {}}}",
                "must not set the field(s): @[0].value, @[0].valueFrom.fieldRef, @[0].valueFrom.resourceFieldRef",
            ),
            (version, &cert, "Expected env's are TLS_CERT and TLS_KEY, but got only one env TLS_CERT: "),
            (version, &both, ""),
            (version, &two, ""),
        ];
        check_rows(kubernetes, &format!("spec.resources.kubernetesResource.{ENV}"), rows);
        check_rows(custom, &format!("spec.resources.customResource.{ENV}"), rows);
    }
}

#[test]
fn a_custom_resource_may_have_any_other_field() {
    check_rows(
        |part| format!("{{customResource: {part}}}"),
        "spec.resources.customResource",
        &[
            (
                BETA,
                "{apiVersion: a/v1, kind: X, extra: 1, spec: {more: 2, template: {other: 3, spec: {unheard: 4}}}}",
                "",
            ),
            (
                BETA,
                "{spec: {template: {spec: {containers: {}}}}}",
                "invalid value: @.spec.template.spec.containers must be a list, not an object: @.spec",
            ),
            (BETA, "text", "invalid value: @ must be an object, not a string: @.spec"),
        ],
    );
    let kubernetes = "{kubernetesResource: {spec: {template: {spec: {unheard: 4}}}}}";
    check(
        "EventListener",
        listener,
        &[(
            BETA,
            kubernetes,
            "unknown field \"unheard\": spec.resources.kubernetesResource.spec.template.spec.unheard",
        )],
    );
}
