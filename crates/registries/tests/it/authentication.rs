use std::time::Duration;

use trigger_core::ImageRef;
use trigger_devregistry::{DevRegistry, Fault, TOKENS};
use trigger_egress::EgressSettings;
use trigger_registries::{Registries, RegistryCredential, ResolveErrorKind};

use crate::scene::{GET, HEAD, MANIFEST, RATE, Scene, TOKEN, digest, image, known, settings, stranger};

#[tokio::test]
async fn a_user_and_a_password_are_shown_to_who_asks_for_them() {
    let scene = Scene::new(DevRegistry::builder().basic("user", "password")).await;
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD, HEAD]);
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD], "what it asks for is remembered");
    assert_eq!(scene.kind(None).await, ResolveErrorKind::Unauthorized);
    assert_eq!(scene.kind(Some(&stranger())).await, ResolveErrorKind::Unauthorized);
    assert_eq!(scene.requests(), [HEAD, HEAD], "the same is not tried twice");
    let identity = RegistryCredential::identity("password");
    assert_eq!(scene.kind(Some(&identity)).await, ResolveErrorKind::Unauthorized);
}

#[tokio::test]
async fn nothing_is_shown_to_who_does_not_ask() {
    let scene = Scene::new(DevRegistry::builder()).await;
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert!(scene.registry.requests().iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn a_token_is_had_and_kept() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    let seen = scene.registry.requests();
    assert_eq!(seen[1].path, "/token?service=devregistry&scope=repository%3Ateam%2Fbase%3Apull");
    assert_eq!(scene.requests(), [HEAD, TOKEN, HEAD]);
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD]);
}

#[tokio::test]
async fn for_another_repository_a_token_is_had_first() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    scene.registry.push("other", "latest", MANIFEST);
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    scene.requests();
    let other = image(&scene.registry, "other");
    assert_eq!(scene.registries.digest(&other, Some(&known())).await, Ok(digest()));
    assert_eq!(scene.requests(), [TOKEN, "HEAD /v2/other/manifests/latest"]);
}

#[tokio::test]
async fn a_token_is_no_ones_but_whose_credential_it_was_had_with() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert_eq!(scene.kind(None).await, ResolveErrorKind::Unauthorized);
    assert_eq!(scene.kind(Some(&stranger())).await, ResolveErrorKind::Unauthorized);
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
}

#[tokio::test]
async fn a_token_is_had_without_a_credential_too() {
    let builder = DevRegistry::builder().token("user", "password").anonymous_pull();
    let scene = Scene::new(builder).await;
    assert_eq!(scene.look(None).await, Ok(digest()));
    let seen = scene.registry.requests();
    assert!(seen[1].path.starts_with("/token") && seen[1].authorization.is_none(), "{seen:?}");
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    assert_eq!(scene.look(Some(&RegistryCredential::identity("password"))).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD, "POST /token", HEAD]);
    assert_eq!(
        scene.kind(Some(&RegistryCredential::identity("wrong"))).await,
        ResolveErrorKind::Unauthorized
    );
}

#[tokio::test]
async fn a_token_that_is_refused_is_had_anew_once() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    scene.requests();
    scene.registry.revoke_tokens();
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD, TOKEN, HEAD]);
    scene.registry.faults().set("team/base", Fault::Status(401, None));
    assert_eq!(scene.kind(Some(&known())).await, ResolveErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_not_used() {
    let builder = DevRegistry::builder().token("user", "password").token_lifetime(Duration::from_secs(4));
    let scene = Scene::new(builder.without_digest_header()).await;
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
    assert_eq!(scene.requests(), [HEAD, TOKEN, HEAD, TOKEN, GET]);
}

#[tokio::test]
async fn a_registry_that_refuses_every_token_is_not_asked_for_ever() {
    // It says that a token is good for no time, and means it.
    let builder = DevRegistry::builder().token("user", "password").token_lifetime(Duration::ZERO);
    let scene = Scene::new(builder).await;
    for expected in [&[HEAD, TOKEN, HEAD][..], &[TOKEN, HEAD]] {
        assert_eq!(scene.kind(Some(&known())).await, ResolveErrorKind::Unauthorized);
        assert_eq!(scene.requests(), expected);
    }
}

#[tokio::test]
async fn a_token_service_in_trouble_is_told_of_as_a_registry_in_trouble() {
    let mut scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    for (fault, kind) in [
        (Fault::Status(500, None), ResolveErrorKind::Unavailable),
        (Fault::Status(403, None), ResolveErrorKind::Forbidden),
        (Fault::Status(429, Some(9)), ResolveErrorKind::TooManyRequests),
        (Fault::Status(204, None), ResolveErrorKind::Garbled),
        (Fault::Garbage, ResolveErrorKind::Garbled),
        (Fault::Truncated, ResolveErrorKind::Garbled),
        (Fault::WrongContentType, ResolveErrorKind::Garbled),
        (Fault::Endless, ResolveErrorKind::Garbled),
        (Fault::Redirect("https://elsewhere.example/".to_owned()), ResolveErrorKind::Garbled),
    ] {
        scene.forget_pauses();
        scene.registry.faults().clear();
        scene.registry.faults().set(TOKENS, fault.clone());
        let found = scene.look(Some(&known())).await.unwrap_err();
        assert_eq!(found.kind, kind, "{fault:?}: {found}");
        let limited = kind == ResolveErrorKind::TooManyRequests;
        assert_eq!(found.retry_after, limited.then(|| Duration::from_secs(9)), "{fault:?}");
    }
    scene.registry.faults().clear();
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()));
}

#[tokio::test]
async fn a_token_service_is_held_to_our_rules() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password")).await;
    // The registry names its token service by its address.
    let (own, service) = (format!("localhost:{}", scene.registry.port()), scene.registry.host());
    let both = settings(&[own.clone(), service.clone()]);
    let only_own = settings(std::slice::from_ref(&own));
    let image = ImageRef::of(&own, "team/base", "latest").unwrap();
    for (settings, expected) in [
        (both.clone(), Ok(digest())),
        (
            EgressSettings { plain_http: vec![own.parse().unwrap()], ..both.clone() },
            Err(ResolveErrorKind::Refused),
        ),
        (EgressSettings { private: only_own.private, ..both }, Err(ResolveErrorKind::Refused)),
    ] {
        scene.requests();
        let found = Registries::new(settings, RATE).unwrap().digest(&image, Some(&known())).await;
        assert_eq!(found.clone().map_err(|fault| fault.kind), expected, "{found:?}");
        assert_eq!(scene.requests().contains(&TOKEN.to_owned()), expected.is_ok());
    }
}
