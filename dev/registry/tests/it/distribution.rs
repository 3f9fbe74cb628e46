use trigger_devregistry::{Distribution, DistributionOptions};

use crate::client::{Listener, ask, header};

#[tokio::test]
async fn the_reference_registry_accepts_pushes_and_sends_notifications() {
    let Some(distribution) = Distribution::for_test("the reference registry") else { return };
    let listener = Listener::new().await;
    let headers = vec![("Authorization".to_owned(), "Bearer secret".to_owned())];
    let options = DistributionOptions { notifications: Some((listener.url(), headers)) };
    let running = distribution.start(&options).await.unwrap();
    let first = running.push("team/base", "latest", b"one").await.unwrap();
    let head = ask(
        &running.host(),
        "HEAD",
        "/v2/team/base/manifests/latest",
        &["accept: application/vnd.oci.image.manifest.v1+json"],
        "",
    )
    .await;
    assert_eq!(header(&head, "docker-content-digest"), Some(first.clone()), "{head}");
    assert_ne!(running.push("team/base", "latest", b"two").await.unwrap(), first);
    // The notification of the blob comes first.
    loop {
        let event = listener.next(200).await;
        if event.contains(r#""tag": "latest""#) || event.contains(r#""tag":"latest""#) {
            assert!(event.contains(&first) && event.contains("Bearer secret"), "{event}");
            break;
        }
    }
    let host = running.host();
    drop(running);
    assert!(tokio::net::TcpStream::connect(&host).await.is_err(), "the registry still listens");
}
