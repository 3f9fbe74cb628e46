use super::{Context, Report, Validate};
use crate::triggers::{ClusterInterceptor, Interceptor, InterceptorSpec};

impl Validate for Interceptor {
    fn validate(&self, _: &Context, report: &mut Report) {
        check_spec(&self.spec, report);
    }
}

impl Validate for ClusterInterceptor {
    fn validate(&self, _: &Context, report: &mut Report) {
        check_spec(&self.spec, report);
    }
}

fn check_spec(spec: &InterceptorSpec, report: &mut Report) {
    let config = &spec.client_config;
    let Some(service) = &config.service else { return };
    if config.url.is_some() {
        report.multiple_of(&["spec.clientConfig.url", "spec.clientConfig.service"]);
    }
    if service.namespace.is_empty() {
        report.missing("spec.clientConfig.service.namespace");
    }
    if service.name.is_empty() {
        report.missing("spec.clientConfig.service.name");
    }
}
