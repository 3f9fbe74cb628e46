//! Who sends the deliveries of a scenario. A scenario that does not depend on a provider is played for every line of
//! [`ALL`]; no other line of these tests names a provider, except where its own protocol is tested.

use http::HeaderMap;
use jiff::Timestamp;
use trigger_providers::{ALL, Provider, Sample, SampleRequest};

tokio::task_local! {
    /// The provider for which the scenario of this task is played.
    static PLAYED: &'static dyn Provider;
}

/// Makes a test of the scenario below it, an `async fn` without parameters, which is played for every provider.
macro_rules! for_every_provider {
    ($scenario:ident) => {
        mod $scenario {
            #[tokio::test(flavor = "multi_thread")]
            async fn for_every_provider() {
                let name = concat!(module_path!(), "::", stringify!($scenario));
                $crate::world::play_for_every_provider(name, super::$scenario).await;
            }
        }
    };
}

pub(crate) use for_every_provider;

/// With this variable each scenario is played for one provider, and all scenarios together for all of them.
const BY_TURNS: &str = "TRIGGER_PROVIDERS_BY_TURNS";

/// Plays a scenario for one provider after the other. The worlds that it makes are of that provider.
#[expect(clippy::print_stdout, reason = "the test runner shows the line if the scenario fails")]
pub async fn play_for_every_provider(name: &str, scenario: impl AsyncFn()) {
    let turn = name.bytes().map(usize::from).sum::<usize>() % ALL.len();
    let all = if std::env::var_os(BY_TURNS).is_some() { &ALL[turn..=turn] } else { ALL };
    for provider in all {
        println!("{} sends the deliveries", provider.title());
        played_by(*provider, scenario()).await;
    }
}

/// Plays a scenario, or makes its world, for one provider: where its own protocol is tested.
pub async fn played_by<T>(provider: &'static dyn Provider, scenario: impl Future<Output = T>) -> T {
    PLAYED.scope(provider, Box::pin(scenario)).await
}

/// The provider for which this scenario is played: the first of the table where it does not matter.
pub fn played() -> &'static dyn Provider {
    PLAYED.try_with(|provider| *provider).unwrap_or(ALL[0])
}

/// The request that the provider makes of a sample.
pub fn compose(provider: &dyn Provider, sample: &Sample) -> SampleRequest {
    provider.compose(sample).unwrap()
}

/// The headers that the provider sends with a body now.
pub fn sign(provider: &dyn Provider, event: &str, id: &str, body: &[u8], key: Option<&str>) -> HeaderMap {
    provider.sign(event, id, body, key.map(str::as_bytes), Timestamp::now())
}

/// The names of those headers that make the difference between a delivery with a key and one without.
pub fn credential_headers(provider: &dyn Provider, key: &str) -> Vec<http::HeaderName> {
    let unsigned = sign(provider, "event", "id", b"{}", None);
    let signed = sign(provider, "event", "id", b"{}", Some(key));
    signed.keys().filter(|name| !unsigned.contains_key(*name)).cloned().collect()
}

/// The headers of a delivery without those that name its event: all but the credential and the type of the body.
pub fn without_event(provider: &dyn Provider, headers: HeaderMap, key: Option<&str>) -> HeaderMap {
    let credential = key.map(|key| credential_headers(provider, key)).unwrap_or_default();
    let stays = |name: &http::HeaderName| *name == http::header::CONTENT_TYPE || credential.contains(name);
    headers
        .into_iter()
        .filter_map(|(name, value)| Some((name?, value)))
        .filter(|(name, _)| stays(name))
        .collect()
}

/// The path of the provider's hooks, unless it is set up another way.
pub fn hook_path(provider: &dyn Provider) -> String {
    format!("/hooks/{}", provider.name())
}

/// The entry of a Secret with the provider's key.
pub fn secret_entry(provider: &dyn Provider) -> String {
    provider.secret_entries().swap_remove(0)
}

/// The address of a repository on a server of the provider's.
pub fn repository_of(provider: &dyn Provider, path: &str) -> String {
    format!("https://git.{}.example/{path}", provider.name())
}
