use trigger_core::ImageRef;
use trigger_devregistry::DevRegistry;
use trigger_egress::EgressSettings;
use trigger_registries::{Registries, ResolveErrorKind};

use crate::scene::{GET, HEAD, RATE, Scene, digest, settings};

#[tokio::test]
async fn the_digest_that_the_registry_names_is_taken() {
    let scene = Scene::new(DevRegistry::builder()).await;
    assert_eq!(scene.look(None).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD]);
    let moved = scene.registry.push("team/base", "latest", b"{}");
    assert_eq!(scene.look(None).await.unwrap().as_str(), moved);
}

#[tokio::test]
async fn the_manifest_is_hashed_where_no_digest_is_named() {
    let scene = Scene::new(DevRegistry::builder().without_digest_header()).await;
    assert_eq!(scene.look(None).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD, GET]);
}

#[tokio::test]
async fn a_manifest_may_be_as_long_as_registries_take_them() {
    let scene = Scene::new(DevRegistry::builder().without_digest_header()).await;
    let longest = vec![b' '; 4 * 1024 * 1024];
    let expected = scene.registry.push("team/base", "latest", &longest);
    assert_eq!(scene.look(None).await.unwrap().as_str(), expected);
    scene.registry.push("team/base", "latest", &[longest.as_slice(), b" "].concat());
    assert_eq!(scene.kind(None).await, ResolveErrorKind::Garbled);
}

#[tokio::test]
async fn plain_http_is_spoken_only_where_it_is_allowed() {
    let scene = Scene::new(DevRegistry::builder()).await;
    let settings = EgressSettings { plain_http: vec![], ..settings(&[scene.registry.host()]) };
    let fault = Registries::new(settings, RATE).unwrap().digest(&scene.image, None).await.unwrap_err();
    // It speaks no TLS.
    assert_eq!(fault.kind, ResolveErrorKind::Unreachable, "{fault}");
    assert!(scene.requests().is_empty());
}

#[tokio::test]
async fn who_is_not_there_is_unreachable() {
    let Scene { registry, registries, image } = Scene::new(DevRegistry::builder()).await;
    drop(registry);
    let fault = loop {
        // It goes away in a moment.
        if let Err(fault) = registries.digest(&image, None).await {
            break fault;
        }
    };
    assert_eq!(fault.kind, ResolveErrorKind::Unreachable, "{fault}");
    assert!(!fault.kind.is_lasting());
    let unknown = ImageRef::parse("registry.invalid/team/base").unwrap();
    let fault = registries.digest(&unknown, None).await.unwrap_err();
    assert_eq!(fault.kind, ResolveErrorKind::Unreachable, "{fault}");
}
