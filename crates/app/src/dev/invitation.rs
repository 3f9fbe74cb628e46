//! The commands that `dev` suggests once the demo has run.

use std::path::PathBuf;

use anstream::println;
use owo_colors::OwoColorize;
use trigger_core::{ImageRef, ObjectKey};

use super::story::Story;

/// The facts from which commands to try are made.
pub(super) struct Invitation<'a> {
    pub(super) kubeconfig: PathBuf,
    pub(super) admin: String,
    pub(super) token: &'a str,
    pub(super) registry: &'a str,
    pub(super) webhook: Option<WebhookExample<'a>>,
    /// An image that a Build waits for.
    pub(super) image: Option<&'a ImageRef>,
}

/// A webhook to send.
pub(super) struct WebhookExample<'a> {
    pub(super) hook_url: String,
    /// The provider, if it is not the default.
    pub(super) provider: Option<&'static str>,
    pub(super) repository: &'a str,
    pub(super) secret: &'a ObjectKey,
    pub(super) entry: &'a str,
}

impl Invitation<'_> {
    /// Prints commands to try.
    pub(super) fn print(&self, story: &mut Story) {
        let Self { kubeconfig, admin, token, registry, webhook, image } = self;
        let program = program();
        story.step("Try it");
        println!("  In another terminal, inspect the cluster:");
        println!("    export KUBECONFIG={}", kubeconfig.display());
        println!("    kubectl get builds,buildruns -A");
        println!("    kubectl describe builds -A");
        println!("    kubectl get buildruns -A -w");
        println!("    curl {admin}/metrics");
        if let Some(WebhookExample { hook_url, provider, repository, secret, entry }) = webhook {
            let ObjectKey { namespace, name } = secret;
            let provider = provider.map(|name| format!(" --provider {name}")).unwrap_or_default();
            println!("  Send more webhooks; two of these start nothing:");
            println!("    export SHIPWRIGHT_TRIGGER_URL={hook_url}");
            println!(
                "    export SHIPWRIGHT_TRIGGER_SECRET=$(kubectl get secret -n {namespace} {name} -o go-template='{{{{index .data \"{entry}\" | base64decode}}}}')"
            );
            let send = format!("{program} send push{provider} --repo {repository}");
            println!("    {send} --ref main");
            println!("    {send} --ref main --secret wrong");
            println!("    {send} --ref a-branch-without-rules");
        }
        println!("  Create PipelineRuns with `kubectl create -f` and watch them:");
        println!("    kubectl get pipelineruns,customruns,buildruns -A -w");
        if let Some(image) = image {
            println!("  Push an image to {registry}, with one of these tools:");
            println!("    docker pull debian:13 && docker tag debian:13 {image} && docker push {image}");
            println!("    skopeo copy --dest-tls-verify=false docker://debian:13 docker://{image}");
            println!("    crane copy debian:13 {image}");
        }
        println!("  List deliveries, show their decisions, replay them:");
        println!("    export SHIPWRIGHT_TRIGGER_SERVER={admin}");
        println!("    export SHIPWRIGHT_TRIGGER_TOKEN={token}");
        println!("    {program} deliveries list");
        println!("    {program} deliveries show ID");
        println!("    {program} deliveries replay ID");
        println!("  List the images that Builds wait for, with their digests:");
        println!("    {program} images list");
        println!("  Press {} to stop.", "Ctrl-C".bold());
    }
}

/// The path of this program, relative to the working directory if it is below it.
fn program() -> String {
    let here = std::env::current_dir().ok();
    let path = std::env::current_exe().unwrap_or_else(|_| "shipwright-trigger".into());
    let short = here.and_then(|here| path.strip_prefix(here).ok().map(|path| path.display().to_string()));
    short.unwrap_or_else(|| path.display().to_string())
}
