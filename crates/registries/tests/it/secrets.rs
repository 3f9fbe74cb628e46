use trigger_devregistry::{ANYWHERE, DevRegistry, Fault};

use crate::scene::{Scene, stranger};

/// The password, and the user with it in Base64.
const SECRETS: [&str; 2] = ["wrong-secret", "dXNlcjp3cm9uZy1zZWNyZXQ"];

#[tokio::test]
async fn no_secret_is_told() {
    for builder in
        [DevRegistry::builder().basic("user", "password"), DevRegistry::builder().token("user", "password")]
    {
        let scene = Scene::new(builder).await;
        for fault in [
            None,
            Some(Fault::Garbage),
            Some(Fault::Truncated),
            Some(Fault::Status(401, None)),
            Some(Fault::Redirect("http://other.example/?signature=wrong-secret".to_owned())),
        ] {
            scene.registry.faults().clear();
            if let Some(fault) = fault.clone() {
                scene.registry.faults().set(ANYWHERE, fault);
            }
            let credential = stranger();
            let found = scene.look(Some(&credential)).await.unwrap_err();
            let told = format!("{found} {found:?} {credential:?} {:?}", scene.registries);
            assert!(!SECRETS.iter().any(|secret| told.contains(secret)), "{fault:?}: {told}");
        }
    }
}
