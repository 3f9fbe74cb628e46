//! Tokens that are to be accepted, and those that are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::BASE64URL_NOPAD;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::*;

const KID: &str = "key-1";
const AUDIENCE: &str = "https://hooks.example/hooks/registry/google";
const EMAIL: &str = "push@acme.iam.gserviceaccount.com";

/// A key that signs, and the set of keys it is published in.
struct Signer {
    pair: KeyPair,
    set: Value,
}

/// Publishes keys and counts how often it is asked.
struct Published {
    set: Value,
    fails: bool,
    asked: AtomicUsize,
}

impl Signer {
    fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let set = json!({"keys": [{"kid": KID, "kty": "RSA", "alg": "RS256", "use": "sig",
            "n": encode(&public.n), "e": encode(&public.e)}]});
        Self { pair, set }
    }

    fn sign(&self, kid: Option<&str>, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid});
        token(&header, claims, |text| {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        })
    }

    fn publish(&self) -> Arc<Published> {
        Arc::new(Published { set: self.set.clone(), fails: false, asked: AtomicUsize::default() })
    }
}

/// A token: what stands before the signature, signed.
fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(header), part(claims));
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&sign(signed.as_bytes())))
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

impl KeySource for Published {
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeys, KeySourceError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let fetched =
            FetchedKeys { json: self.set.to_string().into(), cache_control: Some("max-age=600".into()) };
        let fetched = if self.fails { Err(KeySourceError::Status(500)) } else { Ok(fetched) };
        async move { fetched }.boxed()
    }
}

fn policy() -> IdTokenPolicy {
    IdTokenPolicy { audiences: vec!["other".into(), AUDIENCE.into()], emails: vec![EMAIL.into()] }
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

/// The claims of a good token with changes; null takes a claim away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": EMAIL,
        "email_verified": true, "exp": now() + 3600, "iat": now(), "sub": "1"});
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

#[tokio::test]
async fn only_the_operators_own_tokens_are_accepted() {
    let ours = Signer::new();
    let tokens = IdTokens::new(ours.publish());
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"aud": [AUDIENCE]}), Ok(())),
        (json!({"exp": now() - 30}), Ok(())),
        (json!({"nbf": now() + 30}), Ok(())),
        (json!({"exp": now() - 90}), Err("has expired")),
        (json!({"exp": null}), Err("malformed")),
        (json!({"nbf": now() + 90}), Err("not valid yet")),
        (json!({"aud": "https://elsewhere.example"}), Err("another audience")),
        (json!({"aud": null}), Err("malformed")),
        (json!({"iss": "https://accounts.example"}), Err("another issuer")),
        (json!({"iss": "accounts.google.com"}), Err("another issuer")),
        (json!({"iss": null}), Err("malformed")),
        (json!({"email": "push@other.iam.gserviceaccount.com"}), Err("another account")),
        (json!({"email": null}), Err("another account")),
        (json!({"email_verified": false}), Err("another account")),
        (json!({"email_verified": null}), Err("another account")),
        (json!({"email_verified": "true"}), Err("malformed")),
    ] {
        let checked = tokens.check(&ours.sign(Some(KID), &claims(&changes)), &policy()).await;
        match (checked, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{changes}: {error}"),
            (checked, _) => panic!("{changes}: {checked:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn the_key_decides_how_a_token_is_signed() {
    let ours = Signer::new();
    let tokens = IdTokens::new(ours.publish());
    let header = |alg: &str| json!({"alg": alg, "kid": KID});
    let good = ours.sign(Some(KID), &claims(&json!({})));
    let unsigned = |alg: &str| token(&header(alg), &claims(&json!({})), |_| vec![0; 256]);
    let without_signature = token(&header("none"), &claims(&json!({})), |_| Vec::new());
    let public: PublicKeyX509Der<'_> = ours.pair.public_key().as_der().unwrap();
    let with_public = token(&header("HS256"), &claims(&json!({})), |text| hmac(public.as_ref(), text));
    let published = ours.set["keys"][0]["n"].as_str().unwrap();
    let with_published =
        token(&header("HS256"), &claims(&json!({})), |text| hmac(published.as_bytes(), text));
    let signature = BASE64URL_NOPAD.decode(good.rsplit_once('.').unwrap().1.as_bytes()).unwrap();
    let moved = token(&header("RS256"), &claims(&json!({"sub": "2"})), |_| signature);
    let other = Signer::new();
    for (what, token, expected) in [
        ("none", unsigned("none"), "not signed with RS256"),
        ("none and no signature", without_signature, "not signed with RS256"),
        ("unsigned RS256", unsigned("RS256"), "signature is wrong"),
        ("HS256 with the public key", with_public, "not signed with RS256"),
        ("HS256 with the public key as it is published", with_published, "not signed with RS256"),
        ("another's key under our name", other.sign(Some(KID), &claims(&json!({}))), "signature is wrong"),
        ("another payload", moved, "signature is wrong"),
        ("no name of a key", ours.sign(None, &claims(&json!({}))), "not signed with RS256"),
        ("an unknown key", ours.sign(Some("key-2"), &claims(&json!({}))), "not published"),
        ("no token", "a.b.c".to_owned(), "not signed with RS256"),
    ] {
        let error = tokens.check(&token, &policy()).await.expect_err(what);
        assert!(error.to_string().contains(expected), "{what}: {error}");
    }
    assert!(tokens.check(&good, &policy()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_seldom() {
    let ours = Signer::new();
    let source = ours.publish();
    let tokens = IdTokens::new(Arc::clone(&source) as Arc<dyn KeySource>);
    let (good, unknown) =
        (ours.sign(Some(KID), &claims(&json!({}))), ours.sign(Some("key-2"), &claims(&json!({}))));
    let asked = || source.asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert!(tokens.check(&good, &policy()).await.is_ok());
        assert!(tokens.check(&unknown, &policy()).await.is_err());
    }
    assert_eq!(asked(), 1);
    tokio::time::advance(Duration::from_secs(61)).await;
    for _ in 0..3 {
        assert!(matches!(tokens.check(&unknown, &policy()).await, Err(IdTokenError::UnknownKey)));
    }
    assert_eq!(asked(), 2, "an unknown key is worth a look, once a minute");
    tokio::time::advance(Duration::from_secs(599)).await;
    assert!(tokens.check(&good, &policy()).await.is_ok());
    assert_eq!(asked(), 2);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(tokens.check(&good, &policy()).await.is_ok());
    assert_eq!(asked(), 3, "what is published lives 600 s");
}

#[tokio::test(start_paused = true)]
async fn without_keys_nothing_is_decided() {
    let ours = Signer::new();
    let source = Arc::new(Published { set: json!({}), fails: true, asked: AtomicUsize::default() });
    let tokens = IdTokens::new(Arc::clone(&source) as Arc<dyn KeySource>);
    let good = ours.sign(Some(KID), &claims(&json!({})));
    for _ in 0..3 {
        assert!(matches!(tokens.check(&good, &policy()).await, Err(IdTokenError::Unavailable(_))));
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert!(tokens.check(&good, &policy()).await.is_err());
    assert_eq!(source.asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_token_stands_in_one_header() {
    for (values, good) in [
        (vec!["Bearer a.b-_.C9"], true),
        (vec!["bearer a.b.c"], true),
        (vec!["Bearer a.b"], false),
        (vec!["Bearer a.b.c.d"], false),
        (vec!["Bearer a..c"], false),
        (vec!["Bearer a.b.c "], false),
        (vec!["Bearer a.b.c="], false),
        (vec!["a.b.c"], false),
        (vec!["Basic a.b.c"], false),
        (vec!["Bearer a.b.c", "Bearer a.b.c"], false),
        (vec![], false),
    ] {
        let mut headers = http::HeaderMap::new();
        for value in &values {
            headers.append("authorization", value.parse().unwrap());
        }
        assert_eq!(bearer(&headers).is_ok(), good, "{values:?}");
    }
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer a.b.{}", "c".repeat(9000)).parse().unwrap());
    assert!(bearer(&headers).is_err());
}
