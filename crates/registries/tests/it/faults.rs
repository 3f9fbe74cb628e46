use std::time::Duration;

use trigger_core::Digest;
use trigger_devregistry::{DevRegistry, Fault};
use trigger_egress::EgressSettings;
use trigger_registries::{Registries, RegistryCredential, ResolveErrorKind};

use crate::scene::{GET, HEAD, MANIFEST, RATE, Scene, digest, image, known, settings, stranger};

#[tokio::test]
async fn each_refusal_is_told_apart_and_never_asked_again() {
    let mut scene = Scene::new(DevRegistry::builder()).await;
    for (status, kind) in [
        (401, ResolveErrorKind::Unauthorized),
        (402, ResolveErrorKind::Forbidden),
        (403, ResolveErrorKind::Forbidden),
        (404, ResolveErrorKind::NotFound),
        (410, ResolveErrorKind::NotFound),
        (408, ResolveErrorKind::Unavailable),
        (429, ResolveErrorKind::TooManyRequests),
        (500, ResolveErrorKind::Unavailable),
        (503, ResolveErrorKind::Unavailable),
        (599, ResolveErrorKind::Unavailable),
        (204, ResolveErrorKind::Garbled),
        (304, ResolveErrorKind::Garbled),
        (400, ResolveErrorKind::Garbled),
        (418, ResolveErrorKind::Garbled),
    ] {
        scene.forget_pauses();
        scene.registry.faults().clear();
        scene.registry.faults().set("team/base", Fault::Status(status, Some(30)));
        let found = scene.look(None).await.unwrap_err();
        assert_eq!(found.kind, kind, "{status}: {found}");
        assert_eq!(found.retry_after, Some(Duration::from_secs(30)), "{status}");
        assert!(found.message().contains(&status.to_string()), "{found}");
        // Its answer to a GET may be another one.
        let by_get_too = matches!(status, 400 | 403 | 404);
        assert_eq!(scene.requests(), if by_get_too { &[HEAD, GET][..] } else { &[HEAD] }, "{status}");
    }
}

#[tokio::test]
async fn a_registry_that_has_had_too_much_is_paused_for_that_credential() {
    let scene = Scene::new(DevRegistry::builder()).await;
    scene.registry.faults().set_for("team/base", Fault::Status(429, Some(30)), 1);
    scene.registry.push("other", "latest", b"{}");
    let other = image(&scene.registry, "other");
    assert_eq!(scene.kind(None).await, ResolveErrorKind::TooManyRequests);
    for image in [&scene.image, &other] {
        let found = scene.registries.digest(image, None).await.unwrap_err();
        assert_eq!(found.kind, ResolveErrorKind::TooManyRequests);
        assert!(found.retry_after.is_some_and(|pause| pause <= Duration::from_secs(30)), "{found:?}");
    }
    assert_eq!(scene.requests(), [HEAD], "nothing is sent during the pause");
    assert_eq!(scene.look(Some(&known())).await, Ok(digest()), "another account has limits of its own");
}

#[tokio::test]
async fn every_request_of_a_resolution_takes_a_turn() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password").without_digest_header()).await;
    scene.registry.push("other", "latest", MANIFEST);
    scene.registry.faults().set("team/base", Fault::Redirect("/v2/other/manifests/latest".to_owned()));
    let registries = Registries::new(settings(&[scene.registry.host()]), 20.0).unwrap();
    let tried = [
        known(),
        stranger(),
        RegistryCredential::identity("wrong"),
        RegistryCredential::identity("password"),
    ];
    let looks = tried.iter().map(|credential| registries.digest(&scene.image, Some(credential)));
    futures::future::join_all(looks).await;
    let sent = scene.registry.requests();
    assert!(sent.len() >= 12, "{sent:?}");
    let mut times: Vec<_> = sent.iter().map(|sent| sent.at).collect();
    times.sort();
    // The machine may be busy, so the rate is that of all together.
    let spacing = Duration::from_secs(1) / 20;
    let least = spacing * u32::try_from(times.len() - 2).unwrap();
    assert!(times[times.len() - 1] - times[0] >= least, "{times:?}");
}

#[tokio::test]
async fn a_registry_that_redirects_and_asks_without_end_gets_a_bounded_number_of_requests() {
    let builder = DevRegistry::builder().token("user", "password").token_lifetime(Duration::ZERO);
    let scene = Scene::new(builder.without_digest_header()).await;
    for n in 0..8 {
        let next = format!("/v2/r{}/manifests/latest", n + 1);
        scene.registry.faults().set(&format!("r{n}"), Fault::Redirect(next));
    }
    scene.registry.faults().set("team/base", Fault::Redirect("/v2/r0/manifests/latest".to_owned()));
    assert!(scene.look(Some(&known())).await.is_err());
    assert!(scene.requests().len() <= 12);
}

#[tokio::test]
async fn a_registry_that_refuses_head_is_asked_by_get() {
    let mut scene = Scene::new(DevRegistry::builder()).await;
    for status in [400, 403, 404, 405, 501] {
        scene.forget_pauses();
        scene.registry.faults().set_for("team/base", Fault::Status(status, None), 1);
        assert_eq!(scene.look(None).await, Ok(digest()), "{status}");
        assert_eq!(scene.requests(), [HEAD, GET], "{status}");
    }
    scene.registry.faults().set("team/base", Fault::Status(405, None));
    let found = scene.look(None).await.unwrap_err();
    assert_eq!(found.kind, ResolveErrorKind::Garbled);
    assert!(found.message().contains("405, INJECTED"), "{found}");
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_apart_from_images() {
    let scene = Scene::new(DevRegistry::builder()).await;
    for (fault, requests) in [
        (Fault::Garbage, &[HEAD][..]),
        (Fault::WrongContentType, &[HEAD]),
        (Fault::Truncated, &[HEAD, GET]),
        (Fault::Endless, &[HEAD, GET]),
    ] {
        scene.registry.faults().clear();
        scene.registry.faults().set("team/base", fault.clone());
        let found = scene.look(None).await.unwrap_err();
        assert_eq!(found.kind, ResolveErrorKind::Garbled, "{fault:?}: {found}");
        assert_eq!(scene.requests(), requests, "{fault:?}");
    }
    scene.registry.faults().clear();
    assert_eq!(scene.look(None).await, Ok(digest()));
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let scene = Scene::new(DevRegistry::builder()).await;
    scene.registry.faults().set("team/base", Fault::Slow(Duration::from_hours(1)));
    let hosts = [scene.registry.host()];
    let settings = EgressSettings { timeout: Duration::from_millis(200), ..settings(&hosts) };
    let found = Registries::new(settings, RATE).unwrap().digest(&scene.image, None).await.unwrap_err();
    assert_eq!(found.kind, ResolveErrorKind::Unreachable, "{found}");
    assert!(found.message().contains("in time"), "{found}");
    assert_eq!(scene.requests(), [HEAD]);
}

#[tokio::test]
async fn many_ask_at_once() {
    let scene = Scene::new(DevRegistry::builder().token("user", "password").anonymous_pull()).await;
    let looks = (0..50).map(|_| scene.look(None));
    let found: Vec<Result<Digest, _>> = futures::future::join_all(looks).await;
    assert!(found.iter().all(|found| *found == Ok(digest())), "{found:?}");
}
