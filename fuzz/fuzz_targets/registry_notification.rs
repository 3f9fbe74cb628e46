#![no_main]

#[path = "../checks/registry_notification.rs"]
mod registry_notification;

libfuzzer_sys::fuzz_target!(|data: &[u8]| registry_notification::check(data));
