use serde_json::{Value, json};

/// The results of a task, from the BuildRun that has succeeded, as `status.results` holds them.
///
/// What is not known is left out: a consumer of an empty digest would pull whatever the tag means by then.
/// The names are those that users of Builds ask for, and those that Tekton Chains looks for.
pub(crate) fn of(run: &Value) -> Vec<Value> {
    let spec = match run.pointer("/status/buildSpec") {
        Some(spec) if spec.is_object() => spec,
        _ => &run["spec"]["build"]["spec"],
    };
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let image = text(&run["spec"]["output"]["image"]).or_else(|| text(&spec["output"]["image"]));
    let digest = text(&run["status"]["output"]["digest"]);
    let size = run["status"]["output"]["size"].as_i64().filter(|size| *size > 0).map(|size| size.to_string());
    let url = text(&spec["source"]["git"]["url"]).map(|url| without_credentials(&url));
    let commit = text(&run["status"]["source"]["git"]["commitSha"]);
    let (name, tag) = image.as_deref().map(parts).unzip();
    let results = [
        ("image", image.clone()),
        ("image-name", name.map(ToOwned::to_owned)),
        ("image-tag", tag.flatten().map(ToOwned::to_owned)),
        ("image-digest", digest.clone()),
        ("image-size", size),
        ("sourceGitURL", url),
        ("sourceGitCommit", commit),
        ("outputImageURL", image.clone()),
        ("outputImageDigest", digest.clone()),
        ("IMAGE_URL", image),
        ("IMAGE_DIGEST", digest),
    ];
    let known = results.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// The name and the tag of an image reference. A reference with neither tag nor digest means `latest`
/// wherever it is pushed to or pulled from.
fn parts(image: &str) -> (&str, Option<&str>) {
    let (rest, has_digest) = match image.split_once('@') {
        Some((rest, _)) => (rest, true),
        None => (image, false),
    };
    // A colon before the last slash belongs to the port of the registry.
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') && !tag.is_empty() => (name, Some(tag)),
        _ => (rest, (!has_digest).then_some("latest")),
    }
}

/// Results are shown to everybody who sees the pipeline, so a password in an address is left out.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') || scheme.starts_with("http") => {
            format!("{scheme}://{}", rest.get(user.len() + 1..).unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(run: &Value, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(n, v)| json!({"name": n, "value": v})).collect();
        assert_eq!(of(run), expected, "{run}");
    }

    #[test]
    fn what_is_known_is_told_and_what_is_not_is_left_out() {
        check(&json!({}), &[]);
        check(
            &json!({"status": {"output": {"digest": "", "size": 0}, "source": {"git": {"commitSha": ""}}}}),
            &[],
        );
        let whole = json!({
            "status": {
                "buildSpec": {
                    "output": {"image": "registry.example:5000/acme/web:v1"},
                    "source": {"git": {"url": "https://git.example/acme/web"}},
                },
                "output": {"digest": "sha256:0123", "size": 12_345},
                "source": {"git": {"commitSha": "abc"}},
            },
        });
        let image = "registry.example:5000/acme/web:v1";
        check(
            &whole,
            &[
                ("image", image),
                ("image-name", "registry.example:5000/acme/web"),
                ("image-tag", "v1"),
                ("image-digest", "sha256:0123"),
                ("image-size", "12345"),
                ("sourceGitURL", "https://git.example/acme/web"),
                ("sourceGitCommit", "abc"),
                ("outputImageURL", image),
                ("outputImageDigest", "sha256:0123"),
                ("IMAGE_URL", image),
                ("IMAGE_DIGEST", "sha256:0123"),
            ],
        );
        let embedded = json!({"spec": {"build": {"spec": {"output": {"image": "web"}}}}});
        let [name, tag] = [("image-name", "web"), ("image-tag", "latest")];
        check(&embedded, &[("image", "web"), name, tag, ("outputImageURL", "web"), ("IMAGE_URL", "web")]);
    }

    #[test]
    fn an_image_reference_comes_apart_at_the_right_colon() {
        for (image, name, tag) in [
            ("web", "web", Some("latest")),
            ("web:v1", "web", Some("v1")),
            ("localhost:5000/web", "localhost:5000/web", Some("latest")),
            ("localhost:5000/web:v1", "localhost:5000/web", Some("v1")),
            ("ghcr.io/acme/web@sha256:01", "ghcr.io/acme/web", None),
            ("ghcr.io/acme/web:v1@sha256:01", "ghcr.io/acme/web", Some("v1")),
        ] {
            assert_eq!(parts(image), (name, tag), "{image}");
        }
    }

    #[test]
    fn no_password_is_told() {
        for (url, told) in [
            ("https://user:token@git.example/acme/web", "https://git.example/acme/web"),
            ("https://token@git.example/acme/web", "https://git.example/acme/web"),
            ("https://git.example/acme/web@v2", "https://git.example/acme/web@v2"),
            ("ssh://git@git.example/acme/web", "ssh://git@git.example/acme/web"),
            ("git@git.example:acme/web.git", "git@git.example:acme/web.git"),
        ] {
            assert_eq!(without_credentials(url), told);
        }
    }
}
