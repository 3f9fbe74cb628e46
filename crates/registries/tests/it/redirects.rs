use trigger_devregistry::{DevRegistry, Fault};
use trigger_egress::EgressSettings;
use trigger_registries::{Registries, ResolveErrorKind};

use crate::scene::{GET, HEAD, MANIFEST, RATE, Scene, digest, known, settings};

const PATH: &str = "/v2/team/base/manifests/latest";

/// The scene's registry redirects to the other, for which it needs a credential of its own.
async fn two() -> (Scene, DevRegistry) {
    let mut scene = Scene::new(DevRegistry::builder().basic("user", "password")).await;
    let other = DevRegistry::builder().start().await.unwrap();
    scene.registries = Registries::new(settings(&[scene.registry.host(), other.host()]), RATE).unwrap();
    // From here on it asks at once with the credential.
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    scene.registry.faults().set("team/base", Fault::Redirect(format!("http://{}{PATH}", other.host())));
    (scene, other)
}

#[tokio::test]
async fn a_redirect_to_another_host_is_followed_without_credentials() {
    let (scene, other) = two().await;
    scene.requests();
    other.push("team/base", "latest", MANIFEST);
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    let own = scene.registry.requests();
    assert!(own[0].authorization.is_some(), "{own:?}");
    let seen = other.requests();
    assert_eq!((seen.len(), seen[0].method.as_str(), &seen[0].authorization), (1, "HEAD", &None));
}

#[tokio::test]
async fn who_was_redirected_to_gets_no_credentials_by_asking_for_them() {
    let (scene, _) = two().await;
    for builder in
        [DevRegistry::builder().basic("user", "password"), DevRegistry::builder().token("user", "password")]
    {
        let thief = builder.start().await.unwrap();
        let hosts = [scene.registry.host(), thief.host()];
        let registries = Registries::new(settings(&hosts), RATE).unwrap();
        scene.registry.faults().clear();
        let place = format!("http://{}{PATH}", thief.host());
        scene.registry.faults().set("team/base", Fault::Redirect(place));
        for _ in 0..2 {
            let fault = registries.digest(&scene.image, Some(&known())).await.unwrap_err();
            assert_eq!(fault.kind, ResolveErrorKind::Unauthorized, "{fault}");
        }
        let seen = thief.requests();
        assert!(seen.len() == 2 && seen.iter().all(|seen| seen.authorization.is_none()), "{seen:?}");
    }
}

#[tokio::test]
async fn a_redirect_within_the_registry_keeps_the_credentials() {
    let scene = Scene::new(DevRegistry::builder().basic("user", "password").without_digest_header()).await;
    scene.registry.push("moved", "latest", MANIFEST);
    scene.registry.faults().set("team/base", Fault::Redirect("/v2/moved/manifests/latest".to_owned()));
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    let moved = "/v2/moved/manifests/latest";
    let moved = [format!("HEAD {moved}"), format!("GET {moved}")];
    assert_eq!(scene.requests(), [HEAD, &moved[0], HEAD, &moved[0], GET, &moved[1]]);
}

#[tokio::test]
async fn a_redirect_is_held_to_our_rules() {
    let (scene, other) = two().await;
    other.push("team/base", "latest", MANIFEST);
    let own = scene.registry.host();
    let only_own = EgressSettings {
        plain_http: vec![own.parse().unwrap(), other.host().parse().unwrap()],
        ..settings(std::slice::from_ref(&own))
    };
    let registries = Registries::new(only_own, RATE).unwrap();
    for (place, kind) in [
        (format!("http://{}{PATH}", other.host()), ResolveErrorKind::Refused),
        (format!("http://localhost:{}{PATH}", other.port()), ResolveErrorKind::Refused),
        (format!("https://localhost:{}{PATH}", other.port()), ResolveErrorKind::Unreachable),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), ResolveErrorKind::Refused),
        ("https://[::ffff:169.254.169.254]/".to_owned(), ResolveErrorKind::Refused),
        ("http://registry.example/".to_owned(), ResolveErrorKind::Refused),
        ("ftp://registry.example/".to_owned(), ResolveErrorKind::Refused),
        ("file:///etc/passwd".to_owned(), ResolveErrorKind::Garbled),
        ("https://user:secret@registry.example/".to_owned(), ResolveErrorKind::Garbled),
        ("http://[".to_owned(), ResolveErrorKind::Garbled),
        (format!("http://{own}{PATH}"), ResolveErrorKind::Garbled),
    ] {
        scene.registry.faults().clear();
        scene.registry.faults().set("team/base", Fault::Redirect(place.clone()));
        let fault = registries.digest(&scene.image, Some(&known())).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{place}: {fault}");
        assert!(!fault.message().contains("secret"), "{fault}");
    }
    assert!(other.requests().is_empty());
}
