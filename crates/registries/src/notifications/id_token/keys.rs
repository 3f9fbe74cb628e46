use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{FetchedKeys, KeySource, KeySourceError};

/// The bounds of `max-age` in `Cache-Control`.
const SHORTEST_LIFE: Duration = Duration::from_mins(5);
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// The pause between fetches that unknown key ids cause: any sender can invent one.
const BETWEEN_LOOKS: Duration = Duration::from_mins(1);
/// The pause after a failed fetch while there are no keys at all.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(5);
/// The number of stored keys. Google publishes two or three.
pub(crate) const MAX_KEYS: usize = 32;

/// The published keys, fetched when they are needed.
///
/// Not an `ExpiringMap`: the whole set is replaced at once and expires at once, so that a key that is no longer
/// published is no longer accepted, and tokens cannot add entries.
pub(super) struct KeyCache {
    source: Arc<dyn KeySource>,
    known: RwLock<Option<Known>>,
    /// When the keys were last fetched. Locked during a fetch, so that there is one at a time.
    asked: Mutex<Option<Instant>>,
}

struct Known {
    keys: HashMap<String, Arc<DecodingKey>>,
    until: Instant,
}

/// The result of a lookup.
enum Look {
    Found(Arc<DecodingKey>),
    /// The set does not contain this key.
    Unknown,
    /// There is no set, or it has expired.
    Nothing,
}

impl KeyCache {
    pub(super) fn new(source: Arc<dyn KeySource>) -> Self {
        Self { source, known: RwLock::default(), asked: Mutex::default() }
    }

    /// The key called `kid`, if one is published.
    pub(super) async fn key(&self, kid: &str) -> Result<Option<Arc<DecodingKey>>, KeySourceError> {
        if let Look::Found(key) = self.look(kid) {
            return Ok(Some(key));
        }
        let mut asked = self.asked.lock().await;
        // Another may have fetched them meanwhile.
        let pause = match self.look(kid) {
            Look::Found(key) => return Ok(Some(key)),
            Look::Unknown => BETWEEN_LOOKS,
            Look::Nothing => BETWEEN_ATTEMPTS,
        };
        if asked.is_some_and(|asked| asked.elapsed() < pause) {
            return if pause == BETWEEN_LOOKS { Ok(None) } else { Err(KeySourceError::NotNow) };
        }
        *asked = Some(Instant::now());
        let fetched = self.source.fetch().await?;
        let known = Known { until: Instant::now() + lifetime(&fetched), keys: read(&fetched)? };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(match self.look(kid) {
            Look::Found(key) => Some(key),
            Look::Unknown | Look::Nothing => None,
        })
    }

    fn look(&self, kid: &str) -> Look {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.as_ref().filter(|known| Instant::now() < known.until) {
            None => Look::Nothing,
            Some(known) => known.keys.get(kid).map_or(Look::Unknown, |key| Look::Found(Arc::clone(key))),
        }
    }
}

/// The RSA keys of a set. Others are left out, of unknown types too: tokens are accepted with RS256 only.
fn read(fetched: &FetchedKeys) -> Result<HashMap<String, Arc<DecodingKey>>, KeySourceError> {
    let set: JwkSet = serde_json::from_slice(&fetched.json).map_err(|_| KeySourceError::Unreadable)?;
    let keys: HashMap<_, _> = set.keys.into_iter().take(MAX_KEYS).filter_map(usable).collect();
    if keys.is_empty() { Err(KeySourceError::Unreadable) } else { Ok(keys) }
}

/// The key with its name, if it verifies RS256.
fn usable(key: Jwk) -> Option<(String, Arc<DecodingKey>)> {
    let signs = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && key.common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256);
    if !signs || !matches!(key.algorithm, AlgorithmParameters::RSA(_)) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    Some((key.common.key_id?, Arc::new(decoding)))
}

/// How long keys may be used, as RFC 9111 says in `max-age`.
fn lifetime(fetched: &FetchedKeys) -> Duration {
    let directives = fetched.cache_control.as_deref().unwrap_or_default().split(',');
    let seconds = directives.filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| value.trim().trim_matches('"').parse().ok())?
    });
    let seconds = seconds.min().unwrap_or_default();
    Duration::from_secs(seconds).clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_live_as_long_as_their_source_says_within_bounds() {
        for (cache_control, seconds) in [
            (Some("public, max-age=19204, must-revalidate, no-transform"), 19204),
            (Some("max-age=10"), 300),
            (Some("Max-Age=\"3600\""), 3600),
            (Some("max-age=3600, max-age=600"), 600),
            (Some("max-age=99999999"), 86400),
            (Some("max-age=99999999999999999999999"), 300),
            (Some("max-age=-1"), 300),
            (Some("s-maxage=3600"), 300),
            (Some("no-store"), 300),
            (None, 300),
        ] {
            let cache_control = cache_control.map(ToOwned::to_owned);
            let fetched = FetchedKeys { json: Vec::new(), cache_control };
            assert_eq!(lifetime(&fetched).as_secs(), seconds, "{:?}", fetched.cache_control);
        }
    }

    #[test]
    fn only_rsa_keys_that_sign_are_taken() {
        let read = |json: &str| {
            let keys = read(&FetchedKeys { json: json.into(), cache_control: None }).ok()?;
            let mut names: Vec<_> = keys.into_keys().collect();
            names.sort();
            Some(names)
        };
        let all = r#"{"keys":[
            {"kid":"a","kty":"RSA","alg":"RS256","use":"sig","n":"AQAB","e":"AQAB"},
            {"kid":"b","kty":"RSA","n":"AQAB","e":"AQAB"},
            {"kid":"c","kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"},
            {"kid":"d","kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"},
            {"kid":"e","kty":"RSA","alg":"RS512","n":"AQAB","e":"AQAB"},
            {"kid":"f","kty":"oct","k":"AQAB"},
            {"kid":"h","kty":"AKP","alg":"ML-DSA-44","pub":"AQAB"},
            {"kid":"i","kty":"RSA","alg":"RS256","e":"AQAB"},
            {"kid":"j","kty":"RSA","alg":"RS256","use":"other","n":"AQAB","e":"AQAB"},
            {"kid":"g","kty":"RSA","n":"!","e":"AQAB"},
            {"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#;
        assert_eq!(read(all), Some(vec!["a".to_owned(), "b".to_owned()]));
        for json in
            ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kid":"f","kty":"oct"}]}"#, r#"{"keys":[{}]}"#]
        {
            assert_eq!(read(json), None, "{json}");
        }
    }
    #[test]
    fn of_a_large_set_only_the_first_keys_are_taken() {
        let key = |number: usize| json!({"kid": number.to_string(), "kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let set = json!({"keys": (0..MAX_KEYS + 8).map(key).collect::<Vec<_>>()});
        let keys = read(&FetchedKeys { json: set.to_string().into(), cache_control: None }).unwrap();
        assert!(keys.len() == MAX_KEYS && !keys.contains_key(&MAX_KEYS.to_string()), "{}", keys.len());
    }
}
