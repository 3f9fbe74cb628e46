//! Objects of other kinds that the program reads: Secrets, Images, PipelineRuns, CustomRuns, BuildRuns.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use trigger_providers::ALL;

use crate::hostile::dice::Dice;
use crate::hostile::texts;

/// An object of any of these kinds.
pub(super) fn any(dice: &mut Dice, name: &str) -> Value {
    let (version, kind) = dice.pick(&[
        ("v1", "Secret"),
        ("v1", "Secret"),
        ("shipwright.io/v1beta1", "Image"),
        ("shipwright.io/v1beta1", "BuildRun"),
        ("tekton.dev/v1", "PipelineRun"),
        ("tekton.dev/v1beta1", "CustomRun"),
    ]);
    let mut object = match kind {
        "Secret" => secret(dice),
        "Image" => json!({"spec": {"source": texts::any(dice)}, "status": image_status(dice)}),
        "BuildRun" => json!({
            "spec": {"build": {"name": texts::any(dice)}},
            "status": {"conditions": conditions(dice), "output": {"digest": texts::any(dice)}},
        }),
        "PipelineRun" => json!({
            "spec": {"pipelineRef": {"name": texts::any(dice)}},
            "status": {
                "conditions": conditions(dice), "startTime": texts::any(dice), "completionTime": texts::any(dice),
            },
        }),
        _ => json!({"spec": custom_run(dice), "status": {"conditions": conditions(dice)}}),
    };
    object["apiVersion"] = version.into();
    object["kind"] = kind.into();
    object["metadata"] = json!({"namespace": super::NAMESPACE, "name": name});
    if dice.one_in(3) {
        object["metadata"]["annotations"] = annotations(dice);
    }
    object
}

/// Contents of a Secret: wrong bytes, many keys, long keys, or a Docker configuration that is none.
fn secret(dice: &mut Dice) -> Value {
    if dice.one_in(4) {
        let text = match dice.below(4) {
            0 => "[".repeat(dice.below(500_000)),
            1 => format!("{{\"auths\":{}}}", texts::any(dice)),
            2 => json!({"auths": (0..dice.below(5000)).map(|number| (number.to_string(), json!({"auth": "e30="})))
                .collect::<Map<_, _>>()})
            .to_string(),
            _ => json!({"auths": {texts::any(dice): {"username": texts::any(dice), "password": texts::any(dice)}}})
                .to_string(),
        };
        let data = BASE64.encode(text.as_bytes());
        return json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": data}});
    }
    let entries = if dice.one_in(10) { 3000 } else { 4 };
    let data: Map<_, _> = (0..dice.below(entries))
        .map(|_| {
            let mut entries = dice.pick(ALL).secret_entries();
            let name = match dice.below(3) {
                0 => texts::name(dice, 30),
                1 => entries.swap_remove(dice.below(entries.len())),
                _ => format!("{}.previous", entries.swap_remove(0)),
            };
            let length = if dice.one_in(100) { 500_000 } else { 100 };
            let bytes: Vec<u8> = (0..dice.below(length)).map(|_| dice.number().to_le_bytes()[0]).collect();
            (name, BASE64.encode(&bytes).into())
        })
        .collect();
    json!({"type": "Opaque", "data": data})
}

fn image_status(dice: &mut Dice) -> Value {
    let imports = (0..dice.below(30)).map(|_| {
        json!({"source": texts::any(dice), "imageReference": texts::any(dice), "importedAt": texts::any(dice)})
    });
    json!({"hashReferences": imports.collect::<Vec<_>>()})
}

fn conditions(dice: &mut Dice) -> Value {
    let one = |dice: &mut Dice| {
        let status = dice.pick(&["True", "False", "Unknown", "", "Perhaps"]);
        json!({"type": "Succeeded", "status": status, "reason": texts::any(dice), "message": texts::any(dice)})
    };
    (0..dice.below(5)).map(|_| one(dice)).collect()
}

fn custom_run(dice: &mut Dice) -> Value {
    let params: Vec<_> = (0..dice.below(20))
        .map(|_| {
            let value = if dice.one_in(2) {
                json!(texts::any(dice))
            } else {
                json!([texts::any(dice), texts::any(dice)])
            };
            json!({"name": texts::any(dice), "value": value})
        })
        .collect();
    json!({
        "customRef": {"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": texts::any(dice)},
        "params": params,
        "timeout": texts::any(dice),
        "retries": dice.number().cast_signed(),
        "serviceAccountName": texts::any(dice),
    })
}

fn annotations(dice: &mut Dice) -> Value {
    const KEYS: &[&str] = &[
        "trigger.shipwright.io/delivery",
        "trigger.shipwright.io/canceled-at",
        "triggers.shipwright.io/pipelinerun-name",
        "triggers.shipwright.io/pipelinerun-triggered-builds",
        "triggers.shipwright.io/buildrun-names",
        "tekton.dev/traceparent",
    ];
    (0..dice.below(5))
        .map(|_| (dice.pick(KEYS).to_owned(), Value::from(texts::any(dice))))
        .collect::<Map<_, _>>()
        .into()
}
