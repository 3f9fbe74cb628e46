//! The cost of a delivery before it is kept: a push of 12 KB, from the bytes to its events. The budget is 60 µs for
//! all of it together. Writing the delivery to disk takes several times that.
//!
//! And the time of a refusal, which must not depend on how much of a signature was right.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

#[path = "../src/github/fixtures/push.rs"]
mod push;

use std::hint::black_box;

use aws_lc_rs::hmac;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use trigger_providers::{GitHub, Provider, RequestPayload, Selector};

const KEY: &[u8] = b"a secret of usual length, 32 byte";

fn sign(body: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), body).as_ref().to_vec()
}

fn headers(signature: &[u8]) -> HeaderMap {
    let signature = format!("sha256={}", HEXLOWER.encode(signature));
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-github-event", HeaderValue::from_static("push"));
    headers.insert("x-github-delivery", HeaderValue::from_static("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
    if let Ok(signature) = HeaderValue::from_str(&signature) {
        headers.insert("x-hub-signature-256", signature);
    }
    headers
}

fn verified(headers: &HeaderMap, body: &[u8]) -> bool {
    let credentials = GitHub.credentials(headers, Timestamp::UNIX_EPOCH);
    credentials.is_ok_and(|credentials| credentials.are_verified_by(KEY, body))
}

fn payload<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Option<RequestPayload<'a>> {
    GitHub.payload(headers, body).ok()
}

fn github(criterion: &mut Criterion) {
    let body = push::push("refs/heads/main", 20).into_bytes();
    let headers = headers(&sign(&body));
    let read = payload(&headers, &body);
    let events = read.as_ref().and_then(|payload| GitHub.events(payload).ok());
    assert!(verified(&headers, &body) && events.is_some(), "the benchmark would measure refusals");

    let mut group = criterion.benchmark_group("github push");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("credential", |bencher| {
        bencher.iter(|| verified(black_box(&headers), black_box(&body)));
    });
    group.bench_function("payload and selector", |bencher| {
        bencher
            .iter(|| payload(black_box(&headers), black_box(&body)).map(|payload| GitHub.selector(&payload)));
    });
    group.bench_function("events", |bencher| {
        bencher.iter(|| read.as_ref().map(|payload| GitHub.events(black_box(payload))));
    });
    group.bench_function("all", |bencher| {
        bencher.iter(|| {
            // As intake does it: the payload is read once, and its events name the repository.
            let payload = payload(black_box(&headers), black_box(&body))?;
            let events = GitHub.events(&payload).ok()?;
            Some((Selector::of(&events), verified(&headers, &body), events))
        });
    });
    group.finish();
}

fn refusals(criterion: &mut Criterion) {
    // As short as a body can be: what comparing takes is least hidden behind what hashing takes.
    let body = b"{}";
    let right = sign(body);
    let mut group = criterion.benchmark_group("github signature");
    for (name, wrong) in [("wrong from the first byte", 0), ("wrong in the last byte", right.len() - 1)] {
        let mut signature = right.clone();
        signature.iter_mut().skip(wrong).for_each(|byte| *byte = !*byte);
        let headers = headers(&signature);
        assert!(
            GitHub.credentials(&headers, Timestamp::UNIX_EPOCH).is_ok() && !verified(&headers, body),
            "the benchmark would measure nothing"
        );
        group.bench_function(name, |bencher| bencher.iter(|| verified(black_box(&headers), black_box(body))));
    }
    group.finish();
}

criterion_group!(benches, github, refusals);
criterion_main!(benches);
