use trigger_core::ImageRef;
use trigger_devregistry::{Distribution, DistributionOptions};
use trigger_registries::{Registries, ResolveErrorKind};

use crate::scene::{RATE, settings};

#[tokio::test]
async fn the_reference_registry_is_understood() {
    let Some(distribution) = Distribution::for_test("asking the reference registry") else { return };
    let running = distribution.start(&DistributionOptions::default()).await.unwrap();
    let registries = Registries::new(settings(&[running.host()]), RATE).unwrap();
    let image = ImageRef::of(&running.host(), "team/base", "latest").unwrap();
    let absent = registries.digest(&image, None).await.unwrap_err();
    assert_eq!(absent.kind, ResolveErrorKind::NotFound, "{absent}");
    for content in [b"one", b"two"] {
        let pushed = running.push("team/base", "latest", content).await.unwrap();
        assert_eq!(registries.digest(&image, None).await.unwrap().as_str(), pushed);
    }
}
