use std::time::Duration;

use trigger_devregistry::{DevRegistry, Fault};
use trigger_egress::{Egress, EgressErrorKind, EgressSettings, HttpRequest};

use crate::scene::{BODY, REPOSITORY, get, server, settings};

#[tokio::test]
async fn a_body_is_read_up_to_the_limit() {
    let server = server(DevRegistry::builder()).await;
    let egress = Egress::new(settings(&[server.host()])).unwrap();
    let send = || async { egress.send(get("http", &server.host())).await.unwrap() };
    let (length, whole) = (BODY.len(), Ok(BODY.to_vec()));
    for (fault, limit, body, prefix) in [
        (None, length, whole.clone(), Ok(length)),
        (None, length + 1, whole.clone(), Ok(length)),
        (None, length - 1, Err(EgressErrorKind::TooLarge), Ok(length - 1)),
        (None, 0, Err(EgressErrorKind::TooLarge), Ok(0)),
        (Some(Fault::Endless), 100_000, Err(EgressErrorKind::TooLarge), Ok(100_000)),
        (
            Some(Fault::Truncated),
            100_000,
            Err(EgressErrorKind::Interrupted),
            Err(EgressErrorKind::Interrupted),
        ),
    ] {
        server.faults().clear();
        if let Some(fault) = fault.clone() {
            server.faults().set(REPOSITORY, fault);
        }
        assert_eq!(send().await.body(limit).await.map_err(|error| error.kind), body, "{fault:?} {limit}");
        let read = send().await.body_prefix(limit).await;
        assert_eq!(read.map(|read| read.len()).map_err(|error| error.kind), prefix, "{fault:?} {limit}");
    }
}

#[tokio::test]
async fn a_slow_response_is_given_up() {
    let server = server(DevRegistry::builder()).await;
    server.faults().set(REPOSITORY, Fault::Slow(Duration::from_hours(1)));
    let (short, long) = (Duration::from_millis(200), Duration::from_hours(1));
    // The shorter of both limits counts.
    for (settings_timeout, timeout) in [(short, None), (short, Some(long)), (long, Some(short))] {
        let settings = EgressSettings { timeout: settings_timeout, ..settings(&[server.host()]) };
        let request = HttpRequest { timeout, ..get("http", &server.host()) };
        let error = Egress::new(settings).unwrap().send(request).await.unwrap_err();
        assert_eq!(error.kind, EgressErrorKind::TimedOut, "{error}");
        assert!(error.message().contains("in time"), "{error}");
    }
}
