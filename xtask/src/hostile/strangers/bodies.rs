//! Requests whose bodies cost more than they look.

use std::sync::Arc;

use jiff::Timestamp;
use trigger_core::RepoId;
use trigger_providers::{ALL, Provider, Sample, SampleKind};

use crate::hostile::dice::Dice;
use crate::hostile::{client, tenant, texts, victim};

/// The longest body that `serve` reads by default.
const LONGEST: usize = 25 * 1024 * 1024;

/// Requests that are made once and sent often.
pub(super) struct Bodies {
    /// A form of the largest size, almost all of it percent-encoded.
    pub(super) form: Arc<[u8]>,
    /// JSON of the largest size, almost all of it escapes in a field that is read.
    pub(super) escapes: Arc<[u8]>,
    /// JSON of millions of levels.
    pub(super) levels: Arc<[u8]>,
    /// JSON of millions of small fields.
    pub(super) fields: Arc<[u8]>,
    /// The same levels, for a listener that any sender may use.
    pub(super) open_levels: Arc<[u8]>,
    /// The same fields, for such a listener.
    pub(super) open_fields: Arc<[u8]>,
}

impl Bodies {
    pub(super) fn new() -> anyhow::Result<Self> {
        let json = push(&victim::repository(0), 1)?;
        let rest = json.get(1..).unwrap_or_default();
        let room = LONGEST - 4096 - json.len();
        let escaped = format!("{{\"ref\":\"refs/heads/{}\",{rest}", "\\u0041".repeat(room / 6));
        let levels = format!("{{\"filler\":{}{},{rest}", "[".repeat(room / 2), "]".repeat(room / 2));
        let fields = format!("{{\"filler\":{{{}\"b\":1}},{rest}", "\"a\":1,".repeat(room / 6));
        let filled = json.replacen('{', "{\"filler\":\"\",", 1);
        let encoded = filled.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
        let (before, after) = encoded.split_once("%22%22").unwrap_or_default();
        let room = LONGEST - 4096 - encoded.len() - 32;
        let form = format!("payload={before}%22{}%22{after}", "%41".repeat(room / 3));
        Ok(Self {
            form: request("application/x-www-form-urlencoded", form.as_bytes()),
            escapes: request("application/json", escaped.as_bytes()),
            levels: request("application/json", levels.as_bytes()),
            fields: request("application/json", fields.as_bytes()),
            open_levels: open(levels.as_bytes()),
            open_fields: open(fields.as_bytes()),
        })
    }
}

/// A request at the first provider with a well-formed signature, of a key that the stranger made up.
fn request(content_type: &'static str, body: &[u8]) -> Arc<[u8]> {
    let provider = ALL[0];
    let mut headers = provider.sign("push", "id", body, Some(b"a made-up key"), Timestamp::now());
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    client::post(&path(provider), &headers, body).into()
}

/// An event for the listener of the hostile tenant that any sender may use.
fn open(body: &[u8]) -> Arc<[u8]> {
    client::post(&tenant::listener_path(tenant::OPEN), &http::HeaderMap::new(), body).into()
}

/// A push to `main` of the hostile tenant's repository at the first provider, sent to a path and signed with a key.
pub(in crate::hostile) fn pushed(path: &str, key: &str, number: u64) -> anyhow::Result<Vec<u8>> {
    let body = push(tenant::REPOSITORY, number)?;
    let key = Some(key.as_bytes());
    let headers = ALL[0].sign("push", &format!("{number:036x}"), body.as_bytes(), key, Timestamp::now());
    Ok(client::post(path, &headers, body.as_bytes()))
}

/// A push that the hostile tenant's key signs, of a repository at the first provider. Its body has `size` bytes of
/// noise, which does not compress.
pub(super) fn signed(repository: &str, number: u64, size: usize, dice: &mut Dice) -> anyhow::Result<Vec<u8>> {
    let provider = ALL[0];
    let json = push(repository, number)?;
    let noise: String = (0..size).map(|_| char::from(b'#' + (dice.number() % 56) as u8)).collect();
    let body = json.replacen('{', &format!("{{\"noise\":\"{noise}\","), 1);
    let key = Some(tenant::KEY.as_bytes());
    let headers = provider.sign("push", &format!("{number:036x}"), body.as_bytes(), key, Timestamp::now());
    Ok(client::post(&path(provider), &headers, body.as_bytes()))
}

/// The JSON of a push to `main`.
fn push(repository: &str, number: u64) -> anyhow::Result<String> {
    let sample = Sample {
        repository: RepoId::parse(repository)?,
        default_branch: "main".to_owned(),
        sender: "mallory".to_owned(),
        kind: SampleKind::Push {
            full_ref: "refs/heads/main".to_owned(),
            commit: format!("{:040x}", number + 1),
            files: Vec::new(),
        },
    };
    Ok(String::from_utf8(ALL[0].compose(&sample)?.body)?)
}

fn path(provider: &dyn Provider) -> String {
    format!("/hooks/{}", provider.name())
}

/// A request of the victim's with random changes: other bytes, missing and repeated parts, hostile texts.
pub(super) fn mutated(dice: &mut Dice) -> anyhow::Result<Vec<u8>> {
    let key = if dice.one_in(2) { tenant::KEY } else { "a made-up key" };
    let mut request = victim::signed(dice.number() % 100_000, key.as_bytes(), "main")?;
    for _ in 0..dice.below(6) {
        let place = dice.below(request.len());
        match dice.below(5) {
            0 => request[place] = dice.number().to_le_bytes()[0],
            1 => request.truncate(place + 1),
            2 => {
                let part = request.get(place..place + 200).unwrap_or_default().to_vec();
                request.splice(place..place, part);
            }
            3 => {
                request.splice(place..place, texts::any(dice).into_bytes());
            }
            _ => {
                request.drain(place..(place + dice.below(50)).min(request.len()));
            }
        }
        if request.is_empty() {
            break;
        }
    }
    Ok(request)
}

/// A notification of a registry in some format, with the right key or without.
pub(super) fn notification(dice: &mut Dice, key: &str) -> Vec<u8> {
    let format = dice.pick(&super::FORMATS);
    let path = match dice.below(3) {
        0 => format!("/hooks/registry/{format}"),
        1 => format!("/hooks/registry/{format}/{}", texts::name(dice, 40)),
        _ => format!("/hooks/registry/{format}/{key}"),
    };
    let image = |dice: &mut Dice| serde_json::json!({"repository": texts::any(dice), "tag": texts::any(dice), "digest": texts::any(dice)});
    let most = if dice.one_in(20) { 3000 } else { 20 };
    let images: Vec<_> = (0..dice.below(most)).map(|_| image(dice)).collect();
    let body = match dice.below(4) {
        0 => "[".repeat(dice.below(1_000_000)),
        1 => serde_json::json!({"events": images.iter().map(|image| serde_json::json!({
            "action": "push", "target": image, "request": {"host": texts::any(dice)},
        })).collect::<Vec<_>>()})
        .to_string(),
        2 => serde_json::json!({"image": texts::any(dice), "images": images}).to_string(),
        _ => texts::any(dice),
    };
    client::post(&path, &http::HeaderMap::new(), body.as_bytes())
}
