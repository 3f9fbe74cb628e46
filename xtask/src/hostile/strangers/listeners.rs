//! Requests to listeners.

use std::fmt::Write as _;

use serde_json::json;

use crate::hostile::dice::Dice;
use crate::hostile::tenant::{self, OPEN, OWN};
use crate::hostile::{client, texts, victim};

/// Bodies that are no event, or an odd one.
const BODIES: [&[u8]; 18] = [
    b"",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"\"text\"",
    b"[]",
    b"[{}]",
    b"{",
    b"{}}",
    b"{\"a\":1,\"a\":2}",
    b"{\"\\u0000\":\"\\ud800\"}",
    b"{\"a\":\"\xff\xfe\"}",
    b"\xef\xbb\xbf{}",
    b"{\"n\":123456789012345678901234567890.123456789}",
    b"{\"ref\":{\"ref\":[null,{}]}}",
    b"payload=%7B%7D",
    b"a: &a [*a]",
];
/// Headers that interceptors read.
const HEADERS: [&str; 9] = [
    "content-type",
    "x-github-event",
    "x-gitlab-event",
    "x-event-key",
    "x-hub-signature-256",
    "x-gitlab-token",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "ce-type",
];

/// An event for the open listener: odd JSON, a deep or wide object, or a body that fills the journal.
pub(super) fn open_event(dice: &mut Dice) -> Vec<u8> {
    let body = match dice.below(6) {
        0 => {
            let levels = dice.below(2000);
            format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels)).into_bytes()
        }
        1 => json!({"ref": texts::any(dice), "after": texts::any(dice), texts::any(dice): texts::any(dice)})
            .to_string()
            .into_bytes(),
        // Noise, which does not compress.
        2 => {
            let noise: String = (0..dice.below(400_000))
                .map(|_| char::from(b'#' + dice.number().to_le_bytes()[0] % 56))
                .collect();
            json!({"ref": "refs/heads/main", "noise": noise}).to_string().into_bytes()
        }
        _ => dice.pick(&BODIES).to_vec(),
    };
    let path = format!("{}{}", tenant::listener_path(OPEN), rest(dice));
    request(dice, &path, "hooks", &body)
}

/// A push to the listener of either tenant, with a signature of another key, an odd one, or none.
pub(super) fn forgery(dice: &mut Dice) -> anyhow::Result<Vec<u8>> {
    let number = dice.number() >> 8;
    match dice.below(4) {
        0 => victim::Door::Listener.push(number, b"a made-up key", "main"),
        1 => super::pushed(&tenant::listener_path(OWN), "a made-up key", number),
        2 => Ok(request(dice, &tenant::listener_path(OWN), "hooks", b"{\"ref\":\"refs/heads/main\"}")),
        _ => {
            let body = b"{\"ref\":\"refs/heads/main\"}";
            Ok(client::post(&tenant::listener_path(OWN), &http::HeaderMap::new(), body))
        }
    }
}

/// A request with the name of a Service as its host, or of something else, or for a path that is none.
pub(super) fn by_host(dice: &mut Dice) -> Vec<u8> {
    let text = line(&texts::any(dice), 2000);
    let host = match dice.below(8) {
        0 => victim::host(),
        1 => format!("el-{OWN}.{}.svc:8080", tenant::NAMESPACE),
        2 => format!("el-{OPEN}.{}", tenant::NAMESPACE),
        3 => format!("el-{text}.{}", tenant::NAMESPACE),
        4 => format!("el-{OWN}.{text}"),
        5 => format!("el-{}", "a.".repeat(dice.below(2000))),
        6 => format!("{}\r\nhost: el-{OPEN}.{}.svc", victim::host(), tenant::NAMESPACE),
        _ => text.clone(),
    };
    let path = match dice.below(5) {
        0 => format!("/listeners/{}/{text}", tenant::NAMESPACE),
        1 => format!("/listeners/{text}/{OWN}"),
        2 => format!("/listeners/{}/../{}/web", tenant::NAMESPACE, victim::NAMESPACE),
        3 => format!("http://{}{}", victim::host(), rest(dice)),
        _ => format!("/{}", rest(dice)),
    };
    request(dice, &path, &host, b"{}")
}

/// The part of a URL behind the path of a listener.
fn rest(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => format!("/{}", line(&texts::any(dice), 4000)),
        1 => format!("?{}", line(&texts::any(dice), 4000)),
        _ => String::new(),
    }
}

/// A request with some headers that interceptors read.
fn request(dice: &mut Dice, path: &str, host: &str, body: &[u8]) -> Vec<u8> {
    let method = dice.pick(&["POST", "POST", "POST", "PUT", "GET", "HEAD", "OPTIONS"]);
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for _ in 0..dice.below(4) {
        let value = line(&texts::any(dice), 2000);
        let _ = write!(head, "{}: {value}\r\n", dice.pick(&HEADERS));
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The part of a text that fits into a line of a request.
fn line(text: &str, characters: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(characters).collect()
}
