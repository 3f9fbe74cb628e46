use std::time::Duration;

use trigger_core::ImageRef;
use trigger_devregistry::DevRegistry;
use trigger_registries::{PrivateAllowed, Registries, RegistrySettings, ResolveErrorKind};

use crate::scene::{GET, HEAD, MANIFEST, Scene, digest, settings};

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
async fn a_private_address_is_refused_unless_it_is_allowed() {
    let registry = DevRegistry::builder().start().await.unwrap();
    registry.push("team/base", "latest", MANIFEST);
    let (literal, named) = (registry.host(), format!("localhost:{}", registry.port()));
    let hosts = [literal.clone(), named.clone()];
    let network = || "127.0.0.0/8".parse().unwrap();
    let host = |host: &String| PrivateAllowed::Host(host.clone());
    for (private, asked, allowed) in [
        (vec![], &literal, false),
        (vec![], &named, false),
        (vec![network()], &literal, true),
        (vec![network()], &named, true),
        (vec![host(&literal)], &literal, true),
        (vec![host(&literal)], &named, false),
        (vec![host(&named)], &named, true),
        (vec![host(&"localhost".to_owned())], &named, false),
        (vec!["10.0.0.0/8".parse().unwrap()], &named, false),
    ] {
        registry.clear_requests();
        let registries = Registries::new(RegistrySettings { private: private.clone(), ..settings(&hosts) });
        let image = ImageRef::of(asked, "team/base", "latest").unwrap();
        let found = registries.unwrap().digest(&image, None).await.map_err(|fault| fault.kind);
        let expected = if allowed { Ok(digest()) } else { Err(ResolveErrorKind::Refused) };
        assert_eq!(found, expected, "{private:?} {asked}");
        assert_eq!(registry.requests().is_empty(), !allowed, "{private:?} {asked}");
    }
}

#[tokio::test]
async fn plain_http_is_spoken_only_where_it_is_allowed() {
    let scene = Scene::new(DevRegistry::builder()).await;
    let settings = RegistrySettings { plain_http: vec![], ..settings(&[scene.registry.host()]) };
    let fault = Registries::new(settings).unwrap().digest(&scene.image, None).await.unwrap_err();
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

#[test]
fn settings_that_make_no_sense_are_refused() {
    let usual = || RegistrySettings { timeout: Duration::from_secs(1), ..RegistrySettings::default() };
    assert!(Registries::new(usual()).is_ok());
    for bad in [
        RegistrySettings { plain_http: vec!["http://host".to_owned()], ..usual() },
        RegistrySettings { private: vec![PrivateAllowed::Host("a/b".to_owned())], ..usual() },
        RegistrySettings { authorities: vec![b"nothing".to_vec()], ..usual() },
        RegistrySettings {
            authorities: vec![b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()],
            ..usual()
        },
    ] {
        assert!(Registries::new(bad.clone()).is_err(), "{bad:?}");
    }
}
