#![no_main]

#[path = "../checks/github_payload.rs"]
mod github_payload;

libfuzzer_sys::fuzz_target!(|data: &[u8]| github_payload::check(data));
