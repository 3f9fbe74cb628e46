use serde_json::Value;
use trigger_providers::ALL;

use super::images::ImageDemo;
use super::invitation::{self, Invitation, WebhookExample};
use super::known_folder::ENVIRONMENT;
use super::listeners::ListenerDemo;
use super::objects::{builds, key, text};
use super::pipelines::PipelineDemo;
use super::playground::Playground;
use super::story::{BuildSummary, Environment, Hook, Story};
use super::webhooks::WebhookDemo;
use crate::options::default_provider;

/// The steps of the demo, as far as the loaded manifests allow them.
pub(crate) struct Rehearsal {
    webhooks: Vec<WebhookDemo>,
    pipelines: Vec<PipelineDemo>,
    listener: Option<ListenerDemo>,
    images: Option<ImageDemo>,
}

impl Rehearsal {
    /// Finds the steps that the loaded manifests allow.
    pub(crate) async fn prepare(playground: &Playground) -> anyhow::Result<Self> {
        Ok(Self {
            webhooks: WebhookDemo::find(playground).await?,
            pipelines: PipelineDemo::find(playground).await?,
            listener: ListenerDemo::find(playground).await?,
            images: ImageDemo::find(playground).await?,
        })
    }

    /// Runs every step. False if one failed, or if there is no webhook to send.
    pub(crate) async fn run(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        story.environment(&environment(playground).await?);
        let mut succeeded = !self.webhooks.is_empty();
        if self.webhooks.is_empty() {
            let entries = ALL.iter().filter_map(|provider| provider.secret_entries().into_iter().next());
            story.no_webhook(&entries.collect::<Vec<_>>());
        }
        for webhook in &self.webhooks {
            succeeded &= webhook.run(story, playground).await?;
        }
        if let Some(first) = self.webhooks.first() {
            succeeded &= first.run_again(story, playground).await?;
        }
        for pipeline in &self.pipelines {
            succeeded &= pipeline.run(story, playground).await?;
        }
        if let Some(listener) = &self.listener {
            succeeded &= listener.run(story, playground).await?;
        }
        if let Some(images) = &self.images {
            succeeded &= images.run(story, playground).await?;
        }
        Ok(succeeded)
    }

    /// Shows commands to try, once the steps have run, and then a line for each delivery. Does not return unless the
    /// journal cannot be read.
    pub(crate) async fn stay(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<()> {
        let hook = self.webhooks.first().map(|webhook| {
            let key = String::from_utf8_lossy(&webhook.key.value).into_owned();
            (playground.hook_url(webhook.provider), key)
        });
        let environment = invitation::Environment {
            kubeconfig: playground.kubeconfig(),
            admin: playground.admin_url(),
            token: &playground.token,
            hook,
        };
        if let Some(known) = &playground.known {
            known.write(ENVIRONMENT, &environment.commands())?;
        }
        let invitation = Invitation {
            environment,
            is_known: playground.known.is_some(),
            webhook: self.webhooks.first().map(|webhook| WebhookExample {
                provider: Some(webhook.provider.name()).filter(|name| *name != default_provider()),
                repository: &webhook.url,
            }),
            image: self
                .images
                .as_ref()
                .and_then(ImageDemo::image)
                .map(|image| (image, playground.registry.host())),
        };
        let live = playground.live().await?;
        invitation.print(story);
        playground.print(live).await;
        Ok(())
    }
}

async fn environment(playground: &Playground) -> anyhow::Result<Environment> {
    let hooks =
        ALL.iter().map(|provider| Hook { provider: provider.title(), url: playground.hook_url(*provider) });
    Ok(Environment {
        cluster: playground.cluster.url(),
        hooks: hooks.collect(),
        registry: (playground.registry.host().to_owned(), playground.registry.description),
        admin: playground.admin_url(),
        builds: playground.list(&builds()).await?.iter().map(summary).collect(),
    })
}

fn summary(build: &Value) -> BuildSummary {
    BuildSummary {
        key: key(build),
        url: text(&build["spec"]["source"]["git"]["url"]).to_owned(),
        rules: build["spec"]["trigger"]["when"].as_array().map_or(0, Vec::len),
    }
}
