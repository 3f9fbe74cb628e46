use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use trigger_api::shipwright::{Build, Condition};
use trigger_core::{Digest, ImageRef, ObjectKey};

use super::playground::{Playground, build_runs, builds};
use super::registry::Registry;
use super::rehearsal::all_built;
use super::story::{self, Story};

/// An image of the playground's registry that Builds wait for, of which a new version is pushed.
pub(crate) struct ImageRehearsal {
    /// The image that is pushed, and after it what the Builds push that this starts, as far as others wait for it.
    links: Vec<Link>,
    /// What the first image is before.
    before: Digest,
}

/// An image, and a Build that waits for it.
struct Link {
    image: ImageRef,
    build: ObjectKey,
    /// What the Build pushes itself.
    output: Option<ImageRef>,
}

impl ImageRehearsal {
    /// An image of the playground's registry that a rule waits for and that no Build pushes, if there is one.
    pub(crate) async fn of(playground: &Playground) -> anyhow::Result<Option<Self>> {
        let mut waiting = Vec::new();
        for build in playground.list(&builds()).await? {
            waiting.extend(links_of(&serde_json::from_value(build)?));
        }
        let is_pushed = |image: &ImageRef| waiting.iter().any(|link| link.output.as_ref() == Some(image));
        let before = |link: &Link| playground.first_versions.get(&link.image).cloned();
        let first = waiting.iter().position(|link| before(link).is_some() && !is_pushed(&link.image));
        let Some(first) = first.map(|place| waiting.swap_remove(place)) else { return Ok(None) };
        let Some(before) = before(&first) else { return Ok(None) };
        let mut links = vec![first];
        // Each is taken out, so a circle ends.
        while let Some(last) = links.last()
            && let Some(place) = waiting.iter().position(|link| follows(link, last))
        {
            links.push(waiting.swap_remove(place));
        }
        Ok(Some(Self { links, before }))
    }

    /// The image that is pushed.
    pub(super) fn image(&self) -> Option<&ImageRef> {
        self.links.first().map(|link| &link.image)
    }

    /// Pushes a new version and tells what becomes of it. False if something failed.
    pub(crate) async fn play(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        let mut good = true;
        let begun = Timestamp::now();
        for (place, Link { image, build, .. }) in self.links.iter().enumerate() {
            if place == 0 {
                story.sending(&format!(
                    "The image {image} changes; a rule of the Build {} waits for it",
                    build.name
                ));
                good &= self.begin(playground, image, build).await?;
            } else {
                story.sending(&format!(
                    "Its BuildRun has pushed {image}; a rule of the Build {} waits for it",
                    build.name
                ));
            }
            let record = playground.image_changed(image, build, begun).await?;
            story::kept(&record);
            story::decided(&record);
            good &= all_built(playground, &record).await?;
        }
        Ok(good)
    }

    /// Tells of the first version, that it has started nothing, and pushes the next one. False if it has.
    async fn begin(
        &self,
        playground: &Playground,
        image: &ImageRef,
        build: &ObjectKey,
    ) -> anyhow::Result<bool> {
        playground.stands_for(image, &self.before).await?;
        let runs = playground.list(&build_runs()).await?;
        let runs = runs.iter().filter(|run| is_of(run, build)).count();
        story::first_version(&self.before, runs);
        let pushed = playground.registry.push(image, "the second version").await?;
        story::pushed(&pushed);
        playground.stands_for(image, &pushed).await?;
        story::looked(&pushed);
        Ok(runs == 0)
    }
}

/// Pushes a first version of every image of the registry that rules wait for, so that there is something to compare
/// later ones with. Tells the digests.
pub(super) async fn first_versions(
    registry: &Registry,
    objects: &[Value],
) -> anyhow::Result<BTreeMap<ImageRef, Digest>> {
    let mut digests = BTreeMap::new();
    for object in objects.iter().filter(|object| object["kind"] == "Build") {
        for Link { image, .. } in links_of(&serde_json::from_value(object.clone())?) {
            if image.registry() == registry.host() && !digests.contains_key(&image) {
                let digest = registry.push(&image, "the first version").await?;
                digests.insert(image, digest);
            }
        }
    }
    Ok(digests)
}

/// The images that a Build waits for.
fn links_of(build: &Build) -> Vec<Link> {
    let rules = build.spec.trigger.iter().flat_map(|trigger| &trigger.when);
    let names = rules.filter_map(|rule| match rule.condition() {
        Ok(Condition::Image(names)) => Some(names),
        _ => None,
    });
    let key = ObjectKey::new(
        build.metadata.namespace.as_deref().unwrap_or_default(),
        build.metadata.name.as_deref().unwrap_or_default(),
    );
    let output = build.output_image().and_then(|image| ImageRef::parse(image).ok());
    let link = |name: String| {
        let image = ImageRef::parse(&name).ok()?;
        Some(Link { image, build: key.clone(), output: output.clone() })
    };
    names.flatten().filter_map(link).collect()
}

/// Whether a link waits for what the Build of another one pushes.
fn follows(link: &Link, last: &Link) -> bool {
    Some(&link.image) == last.output.as_ref() && link.build.namespace == last.build.namespace
}

fn is_of(run: &Value, build: &ObjectKey) -> bool {
    run["metadata"]["namespace"] == build.namespace.as_ref()
        && run["spec"]["build"]["name"] == build.name.as_ref()
}
