//! Google's Pub/Sub, which proves itself by a token that Google has signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio_util::sync::DropGuard;

use crate::bodies::google;
use crate::scene::{AUDIENCE, EMAIL, KEY, Scene, run};

const KID: &str = "key-1";

/// A signing key, and a server that publishes its public part.
struct Google {
    pair: KeyPair,
    requests: Arc<AtomicUsize>,
    url: String,
    _ends: DropGuard,
}

impl Google {
    async fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let set = json!({"keys": [{"kid": KID, "kty": "RSA", "alg": "RS256", "use": "sig",
            "n": encode(&public.n), "e": encode(&public.e)}]})
        .to_string();
        let requests = Arc::new(AtomicUsize::default());
        let count = Arc::clone(&requests);
        let answer = move || {
            count.fetch_add(1, Ordering::Relaxed);
            let set = set.clone();
            async move { ([(header::CACHE_CONTROL, "public, max-age=600")], set) }
        };
        let (address, ends) = run(Router::new().route("/certs", get(answer))).await;
        Self { pair, requests, url: format!("http://{address}/certs"), _ends: ends }
    }

    /// The header with a valid token whose claims are replaced by `changes`.
    fn token(&self, alg: &str, kid: &str, changes: &Value) -> [(&'static str, String); 1] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": EMAIL,
            "email_verified": true, "exp": now + 3600, "iat": now});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&json!({"alg": alg, "kid": kid})), part(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        [("authorization", format!("Bearer {signed}.{}", BASE64URL_NOPAD.encode(&signature)))]
    }

    async fn scene(&self) -> Scene {
        let scene = Scene::with_keys_at(&self.url).await;
        scene.synced();
        scene
    }
}

#[tokio::test]
async fn a_token_of_the_operators_own_subscription_is_accepted() {
    let google_cloud = Google::new().await;
    let scene = google_cloud.scene().await;
    for _ in 0..3 {
        let token = google_cloud.token("RS256", KID, &json!({}));
        assert_eq!(scene.post("google", &token, &google()).await, (202, "accepted".to_owned()));
        assert_eq!(scene.hinted(), ["team/base:1"]);
    }
    assert_eq!(google_cloud.requests.load(Ordering::Relaxed), 1, "the keys are cached");
}

#[tokio::test]
async fn tokens_for_another_subscription_are_rejected() {
    let (google_cloud, forger) = (Google::new().await, Google::new().await);
    let scene = google_cloud.scene().await;
    let rejected = (401, "unauthorized".to_owned());
    let token = |changes: Value| google_cloud.token("RS256", KID, &changes);
    for (what, headers) in [
        ("another audience", token(json!({"aud": "https://elsewhere.example"}))),
        ("another account", token(json!({"email": "push@other.iam.gserviceaccount.com"}))),
        ("an address that is not verified", token(json!({"email_verified": false}))),
        ("another issuer", token(json!({"iss": "https://accounts.example"}))),
        ("expired", token(json!({"exp": 1}))),
        ("no algorithm", google_cloud.token("none", KID, &json!({}))),
        ("another algorithm", google_cloud.token("HS256", KID, &json!({}))),
        ("an unknown key", google_cloud.token("RS256", "key-2", &json!({}))),
        ("a forged key", forger.token("RS256", KID, &json!({}))),
        ("no token", [("authorization", format!("Bearer {KEY}"))]),
        ("nothing", [("accept", "*/*".to_owned())]),
    ] {
        assert_eq!(scene.post("google", &headers, &google()).await, rejected, "{what}");
    }
    assert!(scene.hinted().is_empty());
    let reasons: Vec<_> = scene.rejections(9).await.into_iter().map(|rejection| rejection.reason).collect();
    for expected in ["the ID token is not valid: it has expired", "the signature or token is malformed"] {
        assert!(reasons.iter().any(|reason| reason == expected), "`{expected}` is not among {reasons:?}");
    }
}

#[tokio::test]
async fn without_googles_keys_requests_are_unavailable() {
    let google_cloud = Google::new().await;
    let scene = Scene::new().await;
    let token = google_cloud.token("RS256", KID, &json!({}));
    assert_eq!(scene.post("google", &token, &google()).await, (503, "unavailable".to_owned()));
    let policy = "audience=x\n";
    scene.write_key("google", Some(policy));
    assert_eq!(scene.post("google", &token, &google()).await, (503, "unavailable".to_owned()));
}
