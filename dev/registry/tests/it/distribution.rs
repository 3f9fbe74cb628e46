use trigger_devregistry::{Distribution, DistributionOptions};

use crate::client::{Listener, ask, header};

#[tokio::test]
async fn the_reference_registry_takes_images_and_tells_of_them() {
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
    // The blob comes first.
    loop {
        let told = listener.next(200).await;
        if told.contains(r#""tag": "latest""#) || told.contains(r#""tag":"latest""#) {
            assert!(told.contains(&first) && told.contains("Bearer secret"), "{told}");
            break;
        }
    }
    let host = running.host();
    drop(running);
    assert!(tokio::net::TcpStream::connect(&host).await.is_err(), "it goes away");
}
