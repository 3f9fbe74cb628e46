//! Pushes as GitHub sends them, every one with commits and a signature of its own.

// What the benchmark of the providers reads: one text is realistic enough for both.
#[path = "../../../crates/providers/src/github/fixtures/push.rs"]
mod push;

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use trigger_core::{KeyForm, sign};

use super::scene;

/// Makes a body of about 7 KB.
const COMMITS: u32 = 8;
const HOOKS: &str = "/hooks/github";
const NO_SIGNATURE: [u8; 64] = [b'0'; 64];
const NO_DELIVERY: [u8; 36] = *b"00000000-0000-0000-0000-000000000000";

/// Makes requests: what differs between two of one repository is written over a template.
pub(crate) struct Pushes {
    templates: Vec<Template>,
    /// Differs from run to run, so that no store has seen the commits before.
    salt: u64,
}

struct Template {
    request: Vec<u8>,
    key: String,
    body: usize,
    commits: Vec<usize>,
    delivery: usize,
    signature: usize,
}

/// What makes one push different from every other.
pub(crate) struct Signed {
    number: u64,
    signature: [u8; 64],
}

/// Pushes signed beforehand, to be sent one after the other.
pub(crate) struct Stock<'a> {
    pushes: &'a Pushes,
    signed: std::vec::IntoIter<Signed>,
}

impl Pushes {
    /// Pushes to `branch` of so many repositories in turn.
    pub(crate) fn new(repositories: usize, branch: &str) -> Self {
        Self::of((0..repositories).map(|number| Template::new(HOOKS, number, branch)).collect())
    }

    /// Pushes to `branch` of the first repository, sent to the listener.
    pub(super) fn to_listener(branch: &str) -> Self {
        let path = format!("/listeners/{}/{}", scene::namespace(0), scene::LISTENER);
        Self::of(vec![Template::new(&path, 0, branch)])
    }

    fn of(templates: Vec<Template>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { templates, salt: u64::try_from(since.as_micros()).unwrap_or(u64::MAX) }
    }

    /// The size of a body.
    pub(crate) fn body_size(&self) -> usize {
        self.templates.first().map_or(0, |template| template.request.len() - template.body)
    }

    /// Signs `count` pushes, numbered from `first`, on all processors.
    pub(crate) fn stock(&self, first: u64, count: u64) -> Stock<'_> {
        let parts = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let signed = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for part in 0..parts {
                let signed = &signed;
                scope.spawn(move || {
                    let mut request = Vec::new();
                    let numbers = (first..first + count).filter(|number| number % parts == part);
                    let own: Vec<_> = numbers.map(|number| self.sign(number, &mut request)).collect();
                    signed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(own);
                });
            }
        });
        let mut signed = signed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        signed.sort_unstable_by_key(|signed| signed.number);
        Stock { pushes: self, signed: signed.into_iter() }
    }

    fn sign(&self, number: u64, request: &mut Vec<u8>) -> Signed {
        let template = self.write(number, request);
        let mut signature = NO_SIGNATURE;
        if let Some(tag) = sign(template.key.as_bytes(), KeyForm::Raw, b"", &request[template.body..]) {
            HEXLOWER.encode_mut(&tag, &mut signature);
        }
        Signed { number, signature }
    }

    /// Writes the request of push `number` without its signature.
    fn write(&self, number: u64, request: &mut Vec<u8>) -> &Template {
        let places = self.templates.len().max(1);
        let template = &self.templates[usize::try_from(number).unwrap_or_default() % places];
        request.clear();
        request.extend_from_slice(&template.request);
        // Ids of commits are hashes: they must not compress better than those.
        let mut commit = [0; 40];
        let hash = [mixed(self.salt ^ number), mixed(number), number.wrapping_add(self.salt)];
        let bytes: Vec<u8> = hash.iter().flat_map(|part| part.to_be_bytes()).take(20).collect();
        HEXLOWER.encode_mut(&bytes, &mut commit);
        for at in &template.commits {
            request[*at..*at + commit.len()].copy_from_slice(&commit);
        }
        request[template.delivery..template.delivery + 8].copy_from_slice(&commit[..8]);
        template
    }

    /// Writes push `number`, signed.
    pub(crate) fn request(&self, number: u64, request: &mut Vec<u8>) {
        let signed = self.sign(number, request);
        let at = self.write(number, request).signature;
        request[at..at + signed.signature.len()].copy_from_slice(&signed.signature);
    }

    /// Makes the signature of a request one that no key gives.
    pub(crate) fn forge(&self, request: &mut [u8]) {
        let Some(at) = self.templates.first().map(|template| template.signature) else { return };
        request[at..at + NO_SIGNATURE.len()].copy_from_slice(&NO_SIGNATURE);
    }

    /// The body of push `number` alone.
    pub(crate) fn body(&self, number: u64) -> Bytes {
        let mut request = Vec::new();
        let start = self.write(number, &mut request).body;
        Bytes::from(request).slice(start..)
    }
}

impl Template {
    fn new(path: &str, number: usize, branch: &str) -> Self {
        let body = push::push(branch, COMMITS).replace("acme/web", &scene::repository(number));
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: GitHub-Hookshot/5f00cff\r\naccept: */*\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nx-github-event: push\r\n\
             x-github-hook-id: 292430182\r\nx-github-hook-installation-target-id: 79929171\r\n\
             x-github-hook-installation-target-type: repository\r\nx-github-delivery: {}\r\n\
             x-hub-signature-256: sha256={}\r\n\r\n",
            body.len(),
            String::from_utf8_lossy(&NO_DELIVERY),
            String::from_utf8_lossy(&NO_SIGNATURE),
        );
        let (delivery, signature) = (place(&head, &NO_DELIVERY), place(&head, &NO_SIGNATURE));
        let request = format!("{head}{body}");
        let commits = request.match_indices(push::AFTER).map(|(at, _)| at).collect();
        let request = request.into_bytes();
        Self { request, key: scene::key(number), body: head.len(), commits, delivery, signature }
    }
}

fn place(text: &str, wanted: &[u8]) -> usize {
    text.as_bytes().windows(wanted.len()).position(|window| window == wanted).unwrap_or_default()
}

/// The finalizer of SplitMix64: spreads a counter over all bits.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Stock<'_> {
    /// Writes the next request; false if there is none left.
    pub(crate) fn next(&mut self, request: &mut Vec<u8>) -> bool {
        let Some(signed) = self.signed.next() else { return false };
        let template = self.pushes.write(signed.number, request);
        let at = template.signature;
        request[at..at + signed.signature.len()].copy_from_slice(&signed.signature);
        true
    }
}
