use jiff::Timestamp;
use serde_json::Value;
use trigger_core::{Digest, ImageRef, ObjectKey};

use super::followed_images::FollowedImage;
use super::objects::{build_runs, builds, key};
use super::outcome::follow;
use super::playground::{Playground, REGISTRY_HOOK};
use super::story::{self, Story};

/// The push of a new version of an image that Builds wait for, and the chain of Builds that follows from it.
pub(super) struct ImageDemo {
    /// The image that is pushed, then the images that the started Builds push, as long as another one waits for
    /// them.
    chain: Vec<FollowedImage>,
    /// The first version of the image that is pushed.
    before: Digest,
}

impl ImageDemo {
    /// Finds an image of the playground's registry that a rule waits for and that no Build pushes.
    pub(super) async fn find(playground: &Playground) -> anyhow::Result<Option<Self>> {
        let mut followed = Vec::new();
        for build in playground.list(&builds()).await? {
            followed.extend(FollowedImage::of(&serde_json::from_value(build)?));
        }
        let is_output =
            |image: &ImageRef| followed.iter().any(|followed| followed.output.as_ref() == Some(image));
        let is_first = |followed: &FollowedImage| {
            playground.first_versions.contains_key(&followed.image) && !is_output(&followed.image)
        };
        let Some(first) = followed.iter().position(is_first) else { return Ok(None) };
        let first = followed.swap_remove(first);
        let Some(before) = playground.first_versions.get(&first.image).cloned() else { return Ok(None) };
        let mut chain = vec![first];
        // Each entry is removed from the rest, so a cycle ends.
        while let Some(last) = chain.last()
            && let Some(next) = followed.iter().position(|followed| followed.comes_after(last))
        {
            chain.push(followed.swap_remove(next));
        }
        Ok(Some(Self { chain, before }))
    }

    /// The image that is pushed.
    pub(super) fn image(&self) -> Option<&ImageRef> {
        self.chain.first().map(|first| &first.image)
    }

    /// Pushes a new version and follows each Build of the chain. False if a step failed.
    pub(super) async fn run(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        let mut succeeded = true;
        let begin = Timestamp::now();
        for (index, FollowedImage { image, build, .. }) in self.chain.iter().enumerate() {
            if index == 0 {
                story.step(&format!(
                    "The image {image} changes; a rule of the Build {} waits for it",
                    build.name
                ));
                succeeded &= self.push(story, playground, image, build).await?;
            } else {
                story.step(&format!(
                    "Its BuildRun has pushed {image}; a rule of the Build {} waits for it",
                    build.name
                ));
            }
            let record = playground.image_changed(image, build, begin).await?;
            story.observed(&record);
            succeeded &= follow(story, playground, &record).await?;
        }
        Ok(succeeded)
    }

    /// Shows that the first version started nothing, then pushes the second. False if it did start a run.
    async fn push(
        &self,
        story: &Story,
        playground: &Playground,
        image: &ImageRef,
        build: &ObjectKey,
    ) -> anyhow::Result<bool> {
        playground.resolves_to(image, &self.before).await?;
        let runs = playground.list(&build_runs()).await?;
        let runs = runs.iter().filter(|run| belongs_to(run, build)).count();
        story.first_version(&self.before, runs);
        let pushed = playground.registry.push(image, "the second version").await?;
        story::pushed(&pushed);
        playground.resolves_to(image, &pushed).await?;
        story.notified(REGISTRY_HOOK, &pushed);
        Ok(runs == 0)
    }
}

fn belongs_to(run: &Value, build: &ObjectKey) -> bool {
    key(run).namespace == build.namespace && run["spec"]["build"]["name"] == build.name.as_ref()
}
