#![no_main]

#[path = "../checks/repo_id.rs"]
mod repo_id;

libfuzzer_sys::fuzz_target!(|data: &[u8]| repo_id::check(data));
