use http::StatusCode;
use trigger_devregistry::{DevRegistry, Fault};
use trigger_egress::{Egress, EgressErrorKind, EgressSettings, PrivateAllowed};

use crate::scene::{REPOSITORY, get, host, server, settings, status};

#[tokio::test]
async fn a_private_address_is_refused_unless_it_is_allowed() {
    let server = server(DevRegistry::builder()).await;
    let (literal, named) = (server.host(), format!("localhost:{}", server.port()));
    let hosts = [literal.clone(), named.clone()];
    let network = || "127.0.0.0/8".parse().unwrap();
    let by_name = |text: &str| PrivateAllowed::Host(host(text));
    for (private, contacted, allowed) in [
        (vec![], &literal, false),
        (vec![], &named, false),
        (vec![network()], &literal, true),
        (vec![network()], &named, true),
        (vec![by_name(&literal)], &literal, true),
        (vec![by_name(&literal)], &named, false),
        (vec![by_name(&named)], &named, true),
        (vec![by_name("localhost")], &named, false),
        (vec!["10.0.0.0/8".parse().unwrap()], &named, false),
    ] {
        server.clear_requests();
        let settings = EgressSettings { private: private.clone(), ..settings(&hosts) };
        // A name is rejected as one without an address is.
        let rejected =
            if *contacted == literal { EgressErrorKind::Refused } else { EgressErrorKind::Unreachable };
        let expected = if allowed { Ok(StatusCode::OK) } else { Err(rejected) };
        assert_eq!(status(settings, "http", contacted).await, expected, "{private:?} {contacted}");
        assert_eq!(server.requests().is_empty(), !allowed, "{private:?} {contacted}");
    }
}

#[tokio::test]
async fn plain_http_is_refused_unless_it_is_allowed() {
    let server = server(DevRegistry::builder()).await;
    let hosts = [server.host()];
    let https_only = EgressSettings { plain_http: vec![], ..settings(&hosts) };
    for (settings, scheme, expected) in [
        (settings(&hosts), "http", Ok(StatusCode::OK)),
        (https_only.clone(), "http", Err(EgressErrorKind::Refused)),
        // The server does not speak TLS.
        (https_only, "https", Err(EgressErrorKind::Unreachable)),
    ] {
        server.clear_requests();
        assert_eq!(status(settings, scheme, &hosts[0]).await, expected, "{scheme}");
        assert_eq!(server.requests().is_empty(), expected.is_err(), "{scheme}");
    }
}

#[tokio::test]
async fn a_redirect_is_the_callers_to_follow() {
    let (server, other) = (server(DevRegistry::builder()).await, server(DevRegistry::builder()).await);
    server.faults().set(REPOSITORY, Fault::Redirect(format!("http://{}/", other.host())));
    let egress = Egress::new(settings(&[server.host(), other.host()])).unwrap();
    let response = egress.send(get("http", &server.host())).await.unwrap();
    assert!(
        response.status().is_redirection() && response.headers().contains_key("location"),
        "{response:?}"
    );
    // A client that follows it would have waited for the other server.
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_name_without_an_address_is_unreachable() {
    let settings = EgressSettings::default();
    assert_eq!(status(settings, "https", "registry.invalid").await, Err(EgressErrorKind::Unreachable));
}

/// Authors of Builds read these errors: they learn nothing about names and ports inside.
#[tokio::test]
async fn an_error_does_not_tell_an_internal_name_from_a_missing_one() {
    let text = async |settings: EgressSettings, authority: &str| {
        let error = Egress::new(settings).unwrap().send(get("https", authority)).await.unwrap_err();
        (error.kind, error.message().replace(authority.split_once(':').unwrap().0, "HOST"))
    };
    let server = server(DevRegistry::builder()).await;
    let open = format!("localhost:{}", server.port());
    let closed = "localhost:1".to_owned();
    let missing = "registry.invalid:443".to_owned();
    let nothing = || EgressSettings::default();
    let expected = text(nothing(), &missing).await;
    assert_eq!(text(nothing(), &open).await, expected);
    assert_eq!(text(nothing(), &closed).await, expected);
    let network = || EgressSettings {
        private: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        ..nothing()
    };
    // The first speaks no TLS, the second is closed.
    assert_eq!(text(network(), &open).await, text(network(), &closed).await);
    let by_name = EgressSettings { private: vec![PrivateAllowed::Host(host(&closed))], ..nothing() };
    assert!(text(by_name, &closed).await.1.contains("refused"), "the operator has named this host");
}
