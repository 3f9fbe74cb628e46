//! Shapes of objects that once ended the program or slowed it down, their relatives, and shapes of listeners that could.

use serde_json::{Map, Value, json};
use trigger_providers::ALL;

use super::builds::{build, push_rule};
use super::{KEY, NAMESPACE, REPOSITORY, SECRET, listener_shapes};
use crate::hostile::addresses::Addresses;
use crate::hostile::victim;

/// Patterns are made of these.
const PIECES: [&str; 5] = ["*a", "{a,b}", "[a-z]", "**/", "\\"];
/// Intervals beyond what a clock counts.
const INTERVALS: [&str; 4] = ["2500000000000000h", "9223372036854775807s", "106751991167300d", "0.0000001s"];
/// Names that are none, or that would change the path of a request.
const SECRET_NAMES: [&str; 9] =
    ["a b", "hook\n", "hook?", "?limit=1", "x?watch=true", "../..", "HOOK", "hook/status", "no-such-secret"];

/// A set of objects that exist at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hostile) enum Shape {
    LongGlob,
    LongInterval,
    ManyImages,
    ManyShortImages,
    ManyRules,
    LongSecretName,
    SecretNames,
    EqualKeys,
    ManyBuilds,
    HangingImages,
    ManyGlobs,
    LargeBuilds,
    ManySecrets,
    LongDecisions,
    ManyTriggers,
    ManyListeners,
    LongFilters,
    CelBombs,
    NoBooleans,
    LargeTemplates,
    ManyValues,
    BrokenBindings,
    Selectors,
    ManyGroups,
    HangingInterceptors,
    RedirectingInterceptors,
    OddNames,
    ManyHooks,
    WrongTypes,
}

impl Shape {
    pub(in crate::hostile) const ALL: [Self; 29] = [
        Self::LongGlob,
        Self::LongInterval,
        Self::ManyImages,
        Self::ManyShortImages,
        Self::ManyRules,
        Self::LongSecretName,
        Self::SecretNames,
        Self::EqualKeys,
        Self::ManyBuilds,
        Self::HangingImages,
        Self::ManyGlobs,
        Self::LargeBuilds,
        Self::ManySecrets,
        Self::LongDecisions,
        Self::ManyTriggers,
        Self::ManyListeners,
        Self::LongFilters,
        Self::CelBombs,
        Self::NoBooleans,
        Self::LargeTemplates,
        Self::ManyValues,
        Self::BrokenBindings,
        Self::Selectors,
        Self::ManyGroups,
        Self::HangingInterceptors,
        Self::RedirectingInterceptors,
        Self::OddNames,
        Self::ManyHooks,
        Self::WrongTypes,
    ];

    /// Whether the objects are listeners, or belong to them.
    pub(in crate::hostile) fn is_of_listeners(self) -> bool {
        let first = Self::ALL.iter().position(|shape| *shape == Self::ManyTriggers);
        Self::ALL.iter().position(|shape| *shape == self) >= first
    }

    pub(in crate::hostile) fn name(self) -> &'static str {
        match self {
            Self::LongGlob => "long-glob",
            Self::LongInterval => "long-interval",
            Self::ManyImages => "many-images",
            Self::ManyShortImages => "many-short-images",
            Self::ManyRules => "many-rules",
            Self::LongSecretName => "long-secret-name",
            Self::SecretNames => "secret-names",
            Self::EqualKeys => "equal-keys",
            Self::ManyBuilds => "many-builds",
            Self::HangingImages => "hanging-images",
            Self::ManyGlobs => "many-globs",
            Self::LargeBuilds => "large-builds",
            Self::ManySecrets => "many-secrets",
            Self::LongDecisions => "long-decisions",
            Self::ManyTriggers => "many-triggers",
            Self::ManyListeners => "many-listeners",
            Self::LongFilters => "long-filters",
            Self::CelBombs => "cel-bombs",
            Self::NoBooleans => "no-booleans",
            Self::LargeTemplates => "large-templates",
            Self::ManyValues => "many-values",
            Self::BrokenBindings => "broken-bindings",
            Self::Selectors => "selectors",
            Self::ManyGroups => "many-groups",
            Self::HangingInterceptors => "hanging-interceptors",
            Self::RedirectingInterceptors => "redirecting-interceptors",
            Self::OddNames => "odd-names",
            Self::ManyHooks => "many-hooks",
            Self::WrongTypes => "wrong-types",
        }
    }

    /// The objects, which may name servers at these addresses.
    pub(super) fn objects(self, addresses: &Addresses) -> Vec<Value> {
        let registry = &addresses.silent;
        let name = |number: usize| format!("{}-{number}", self.name());
        let join = victim::repository(0);
        let one = |repository: &str, secret: &str, rules: Vec<Value>| {
            vec![build(self.name(), repository, &json!({"triggerSecret": secret, "when": rules}))]
        };
        // A Build on the victim's repository, with a Secret.
        let shared = |number: usize, secret: &str| {
            let rules = json!({"triggerSecret": secret, "when": [push_rule("push", &["main"])]});
            build(&name(number), &victim::repository(number), &rules)
        };
        match self {
            Self::LongGlob => (0..PIECES.len())
                .map(|number| {
                    let pattern = PIECES[number].repeat(140_000 / PIECES[number].len());
                    let rules = json!({"triggerSecret": SECRET, "when": [push_rule("glob", &[&pattern])]});
                    build(&name(number), &join, &rules)
                })
                .collect(),
            Self::LongInterval => (0..INTERVALS.len())
                .map(|number| {
                    // The second refuses at once, after which the interval counts.
                    let images = [format!("{registry}/base"), "127.0.0.1:1/base".to_owned()];
                    on_images(&name(number), &images, INTERVALS[number])
                })
                .collect(),
            Self::ManyImages => {
                let images: Vec<_> =
                    (0..3500).map(|image| format!("{registry}/team/image-{image}:latest")).collect();
                vec![on_images(self.name(), &images, "1h")]
            }
            Self::ManyShortImages => {
                let images: Vec<_> = (0..40_000).map(|image| format!("r.invalid/{image}")).collect();
                vec![on_images(self.name(), &images, "1h")]
            }
            Self::HangingImages => (0..100)
                .map(|number| {
                    let images: Vec<_> =
                        (0..10).map(|image| format!("{registry}/{number}/{image}:1")).collect();
                    on_images(&name(number), &images, "1s")
                })
                .collect(),
            Self::ManyRules => one(&join, SECRET, rules(3000, "rule", "main")),
            Self::LongDecisions => one(&join, SECRET, rules(3000, &"r".repeat(400), "release")),
            Self::LongSecretName => one(&join, &"s".repeat(20_000), rules(3000, "rule", "main")),
            Self::ManyGlobs => {
                let patterns: Vec<_> = (0..80_000).map(|number| format!("*{number}*")).collect();
                let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
                one(&join, SECRET, patterns.chunks(100).map(|some| push_rule("globs", some)).collect())
            }
            Self::SecretNames => {
                let long = "a".repeat(70_000);
                let names = SECRET_NAMES.iter().copied().chain([long.as_str()]);
                names.enumerate().map(|(number, secret)| shared(number, secret)).collect()
            }
            Self::EqualKeys => {
                (0..200).flat_map(|number| [secret(&name(number)), shared(number, &name(number))]).collect()
            }
            Self::ManyBuilds => (0..4000).map(|number| shared(number, &format!("secret-{number}"))).collect(),
            Self::ManySecrets => (0..300)
                .flat_map(|number| {
                    let mut large = secret(&name(number));
                    large["stringData"]["more"] = "x".repeat(300_000).into();
                    [large, shared(number, &name(number))]
                })
                .collect(),
            Self::ManyTriggers => listener_shapes::many_triggers(self.name()),
            Self::ManyListeners => listener_shapes::many_listeners(self.name()),
            Self::LongFilters => listener_shapes::long_filters(self.name()),
            Self::CelBombs => listener_shapes::cel_bombs(self.name()),
            Self::NoBooleans => listener_shapes::no_booleans(self.name()),
            Self::LargeTemplates => listener_shapes::large_templates(self.name()),
            Self::ManyValues => listener_shapes::many_values(self.name()),
            Self::BrokenBindings => listener_shapes::broken_bindings(self.name()),
            Self::Selectors => listener_shapes::selectors(self.name()),
            Self::ManyGroups => listener_shapes::many_groups(self.name()),
            Self::HangingInterceptors => listener_shapes::hanging_interceptors(self.name(), addresses),
            Self::RedirectingInterceptors => {
                listener_shapes::redirecting_interceptors(self.name(), addresses)
            }
            Self::OddNames => listener_shapes::odd_names(self.name()),
            Self::ManyHooks => listener_shapes::many_hooks(self.name()),
            Self::WrongTypes => listener_shapes::wrong_types(self.name()),
            Self::LargeBuilds => (0..150)
                .map(|number| {
                    let mut large = shared(number, SECRET);
                    large["metadata"]["annotations"] = json!({"note": "n".repeat(200_000)});
                    large["spec"]["paramValues"] = json!([{"name": "text", "value": "p".repeat(1_000_000)}]);
                    large
                })
                .collect(),
        }
    }
}

/// So many rules with numbered names, each for a branch of its own, except `main`, which is the same for all.
fn rules(count: usize, name: &str, branch: &str) -> Vec<Value> {
    let of = |number: usize| if branch == "main" { branch.to_owned() } else { format!("{branch}-{number}") };
    (0..count).map(|number| push_rule(&format!("{name} {number}"), &[&of(number)])).collect()
}

/// A Build that waits for images, with an interval between polls.
fn on_images(name: &str, images: &[String], interval: &str) -> Value {
    let rule = json!({"name": "images", "type": "Image", "github": {}, "image": {"names": images}});
    let mut object = build(name, REPOSITORY, &json!({"triggerSecret": SECRET, "when": [rule]}));
    object["metadata"]["annotations"] = json!({"trigger.shipwright.io/image-interval": interval});
    object
}

/// A Secret with the key of tenant B.
pub(super) fn secret(name: &str) -> Value {
    let entries = ALL.iter().flat_map(|provider| provider.secret_entries().into_iter().take(1));
    let data: Map<_, _> = entries.map(|entry| (entry, KEY.into())).collect();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"namespace": NAMESPACE, "name": name}, "stringData": data,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Kubernetes would refuse a larger object, and the shape would prove nothing.
    const OBJECT_BYTES: usize = 1_500_000;

    #[test]
    fn every_shape_fits_into_the_store_of_a_cluster() {
        let address = "127.0.0.1:1".to_owned();
        let addresses = Addresses { silent: address.clone(), redirecting: address };
        for shape in Shape::ALL {
            for object in shape.objects(&addresses) {
                let name = &object["metadata"]["name"];
                assert!(object.to_string().len() < OBJECT_BYTES, "{name}");
                assert!(name.as_str().is_some_and(|name| name.starts_with(shape.name())), "{name}");
            }
        }
        let names: BTreeSet<_> = Shape::ALL.map(Shape::name).into();
        assert_eq!(names.len(), Shape::ALL.len());
    }
}
