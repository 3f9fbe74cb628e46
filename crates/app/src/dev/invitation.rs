//! The commands that `dev` suggests once the demo has run, and those of `dev env`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anstream::println;
use owo_colors::OwoColorize;
use trigger_core::ImageRef;

use super::story::Story;
use super::wrap::paragraph;

/// The facts from which commands to try are made.
pub(super) struct Invitation<'a> {
    pub(super) environment: Environment<'a>,
    /// Whether `dev env` finds this demo.
    pub(super) is_known: bool,
    pub(super) webhook: Option<WebhookExample<'a>>,
    /// An image that a Build waits for, and the host of the registry.
    pub(super) image: Option<(&'a ImageRef, &'a str)>,
}

/// The variables with which commands work on the demo.
pub(super) struct Environment<'a> {
    pub(super) kubeconfig: PathBuf,
    pub(super) admin: String,
    pub(super) token: &'a str,
    /// The URL of the hook and the key to sign with.
    pub(super) hook: Option<(String, String)>,
}

/// A webhook to send.
pub(super) struct WebhookExample<'a> {
    /// The provider, if it is not the default.
    pub(super) provider: Option<&'static str>,
    pub(super) repository: &'a str,
}

impl Environment<'_> {
    /// The commands for a shell that set the variables.
    pub(super) fn commands(&self) -> String {
        let Self { kubeconfig, admin, token, hook } = self;
        let kubeconfig = kubeconfig.display().to_string();
        let mut variables = vec![
            ("KUBECONFIG", kubeconfig.as_str()),
            ("SHIPWRIGHT_TRIGGER_SERVER", admin),
            ("SHIPWRIGHT_TRIGGER_TOKEN", token),
        ];
        if let Some((url, key)) = hook {
            variables.extend([("SHIPWRIGHT_TRIGGER_URL", &**url), ("SHIPWRIGHT_TRIGGER_SECRET", &**key)]);
        }
        variables.into_iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
            text
        })
    }
}

impl Invitation<'_> {
    /// Prints commands to try.
    pub(super) fn print(&self, story: &mut Story) {
        let Self { environment, is_known, webhook, image } = self;
        let program = program();
        story.step("Try it");
        println!("  In another terminal:");
        if *is_known {
            println!("    eval \"$({program} dev env)\"");
        } else {
            environment.commands().lines().for_each(|line| println!("    {line}"));
        }
        println!("  Inspect the cluster:");
        println!("    kubectl get builds,buildruns -A");
        println!("    kubectl describe build -n team-a web");
        if let Some(WebhookExample { provider, repository }) = webhook {
            let provider = provider.map(|name| format!(" --provider {name}")).unwrap_or_default();
            let event = format!("push{provider} --repo {repository}");
            println!("  Send webhooks. Each gets a line below; two of these start nothing:");
            println!("    {program} send {event} --ref main");
            println!("    {program} send {event} --ref main --secret wrong");
            println!("    {program} send {event} --ref a-branch-without-rules");
            println!("  Ask why, before a push and after it:");
            println!("    {program} explain {event} --ref dev");
        } else {
            println!("  Ask why:");
        }
        println!("    {program} deliveries list");
        println!("    {program} deliveries show ID");
        println!("    {program} deliveries list --rejected");
        println!("    {program} images list");
        if let Some((image, registry)) = image {
            paragraph(
                2,
                2,
                &format!("Push an image to {registry} (docker, skopeo or crane), and its Builds run:"),
            );
            println!("    crane copy debian:13 {image}");
        }
        println!("  Press {} to stop.", "Ctrl-C".bold());
        println!();
    }
}

/// How this program is called from here: by its name if the shell finds it, else by its path.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "shipwright-trigger".to_owned() };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folder = path.parent();
    if let Some(name) = path.file_name()
        && std::env::split_paths(&folders).any(|found| Some(&*found) == folder)
    {
        return name.to_string_lossy().into_owned();
    }
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(|path| Path::new(".").join(path)));
    below.unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_the_shell() {
        let environment = Environment {
            kubeconfig: "/tmp/a b/kubeconfig".into(),
            admin: "http://127.0.0.1:9090".to_owned(),
            token: "t",
            hook: Some(("http://127.0.0.1:8080/hooks/github".to_owned(), "it's $ecret".to_owned())),
        };
        assert_eq!(
            environment.commands(),
            "export KUBECONFIG='/tmp/a b/kubeconfig'\n\
             export SHIPWRIGHT_TRIGGER_SERVER='http://127.0.0.1:9090'\n\
             export SHIPWRIGHT_TRIGGER_TOKEN='t'\n\
             export SHIPWRIGHT_TRIGGER_URL='http://127.0.0.1:8080/hooks/github'\n\
             export SHIPWRIGHT_TRIGGER_SECRET='it'\\''s $ecret'\n"
        );
    }
}
