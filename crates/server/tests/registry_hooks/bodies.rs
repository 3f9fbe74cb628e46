//! The bodies that registries send after a push of `team/base:1`.

use data_encoding::BASE64;

pub const GHCR_PING: &str = r#"{"zen":"x","hook_id":1}"#;

/// A push notification for each format with a key.
pub fn pushes() -> Vec<(&'static str, String)> {
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    vec![
        (
            "distribution",
            format!(
                r#"{{"events":[{{"action":"push","target":{{"mediaType":"{manifest}","repository":"team/base","tag":"1"}}}}]}}"#
            ),
        ),
        ("dockerhub", r#"{"push_data":{"tag":"1"},"repository":{"repo_name":"team/base"}}"#.to_owned()),
        ("quay", r#"{"docker_url":"quay.io/team/base","updated_tags":["1"]}"#.to_owned()),
        (
            "acr",
            r#"{"action":"push","target":{"repository":"team/base","tag":"1"},"request":{"host":"acme.azurecr.io"}}"#
                .to_owned(),
        ),
        (
            "harbor",
            r#"{"type":"PUSH_ARTIFACT","event_data":{"resources":[{"tag":"1"}],"repository":{"repo_full_name":"team/base"}}}"#
                .to_owned(),
        ),
        (
            "ghcr",
            r#"{"action":"published","package":{"name":"base","namespace":"team","package_type":"CONTAINER","package_version":{"container_metadata":{"tag":{"name":"1"}}}}}"#
                .to_owned(),
        ),
        (
            "artifactory",
            r#"{"domain":"docker","event_type":"pushed","data":{"image_name":"team/base","tag":"1"}}"#.to_owned(),
        ),
        ("generic", r#"{"image":"registry.example/team/base:1"}"#.to_owned()),
    ]
}

/// The same from Google.
pub fn google() -> String {
    let data = r#"{"action":"INSERT","tag":"europe-docker.pkg.dev/team/base:1"}"#;
    format!(r#"{{"message":{{"data":"{}"}},"subscription":"x"}}"#, BASE64.encode(data.as_bytes()))
}
