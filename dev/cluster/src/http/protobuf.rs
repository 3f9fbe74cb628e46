//! Decoding protobuf bodies of the built-in kinds that kubectl sends.
//!
//! Since 1.33, `kubectl create namespace`, `kubectl auth can-i` and others send protobuf and accept JSON. Only those
//! kinds are described here; other clients can send JSON. Field numbers are those of the `generated.proto` files
//! of k8s.io/api and k8s.io/apimachinery.

use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Prefix of every Kubernetes protobuf body.
const MAGIC: &[u8] = b"k8s\0";

/// Limit of nested messages. Those described here have at most five levels.
const MAX_DEPTH: usize = 8;

/// The fields of a message: number, name in JSON, type.
type Message = &'static [(u64, &'static str, Field)];

#[derive(Clone, Copy)]
enum Field {
    Text,
    Number,
    Flag,
    Time,
    Texts,
    One(Message),
    Many(Message),
    TextMap,
    BytesMap,
}

use Field::{BytesMap, Flag, Many, Number, One, Text, TextMap, Texts, Time};

const OWNER: Message = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Flag),
    (7, "blockOwnerDeletion", Flag),
];

const METADATA: Message = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Number),
    (8, "creationTimestamp", Time),
    (9, "deletionTimestamp", Time),
    (10, "deletionGracePeriodSeconds", Number),
    (11, "labels", TextMap),
    (12, "annotations", TextMap),
    (13, "ownerReferences", Many(OWNER)),
    (14, "finalizers", Texts),
];

const REFERENCE: Message = &[
    (1, "kind", Text),
    (2, "namespace", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "resourceVersion", Text),
    (7, "fieldPath", Text),
];

const ATTRIBUTES: Message = &[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
];

const REVIEW_SPEC: Message = &[
    (1, "resourceAttributes", One(ATTRIBUTES)),
    (2, "nonResourceAttributes", One(&[(1, "path", Text), (2, "verb", Text)])),
];

const RULE: Message = &[
    (1, "verbs", Texts),
    (2, "apiGroups", Texts),
    (3, "resources", Texts),
    (4, "resourceNames", Texts),
    (5, "nonResourceURLs", Texts),
];

const SUBJECT: Message =
    &[(1, "kind", Text), (2, "apiGroup", Text), (3, "name", Text), (4, "namespace", Text)];

const ROLE_REFERENCE: Message = &[(1, "apiGroup", Text), (2, "kind", Text), (3, "name", Text)];

fn message(api_version: &str, kind: &str) -> Option<Message> {
    Some(match (api_version, kind) {
        ("v1", "Namespace") => {
            &[(1, "metadata", One(METADATA)), (2, "spec", One(&[(1, "finalizers", Texts)]))]
        }
        ("v1", "Secret") => &[
            (1, "metadata", One(METADATA)),
            (2, "data", BytesMap),
            (3, "type", Text),
            (4, "stringData", TextMap),
            (5, "immutable", Flag),
        ],
        ("v1", "ConfigMap") => &[
            (1, "metadata", One(METADATA)),
            (2, "data", TextMap),
            (3, "binaryData", BytesMap),
            (4, "immutable", Flag),
        ],
        ("v1", "ServiceAccount") => &[
            (1, "metadata", One(METADATA)),
            (2, "secrets", Many(REFERENCE)),
            (3, "imagePullSecrets", Many(&[(1, "name", Text)])),
            (4, "automountServiceAccountToken", Flag),
        ],
        ("rbac.authorization.k8s.io/v1", "Role" | "ClusterRole") => {
            &[(1, "metadata", One(METADATA)), (2, "rules", Many(RULE))]
        }
        ("rbac.authorization.k8s.io/v1", "RoleBinding" | "ClusterRoleBinding") => &[
            (1, "metadata", One(METADATA)),
            (2, "subjects", Many(SUBJECT)),
            (3, "roleRef", One(ROLE_REFERENCE)),
        ],
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview") => {
            &[(1, "metadata", One(METADATA)), (2, "spec", One(REVIEW_SPEC))]
        }
        (_, "DeleteOptions") => &[
            (1, "gracePeriodSeconds", Number),
            (2, "preconditions", One(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
            (3, "orphanDependents", Flag),
            (4, "propagationPolicy", Text),
            (5, "dryRun", Texts),
        ],
        _ => return None,
    })
}

/// The JSON form of a protobuf body, or `None` if the body is malformed or of a kind that is not described here.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    const TYPE: Message = &[(1, "apiVersion", Text), (2, "kind", Text)];
    let mut rest = body.strip_prefix(MAGIC)?;
    let (mut kind, mut raw) = (Value::Null, None);
    while !rest.is_empty() {
        match read_field(&mut rest)? {
            (1, Wire::Bytes(bytes)) => kind = read_message(bytes, TYPE, MAX_DEPTH)?,
            (2, Wire::Bytes(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    let (api_version, kind) = (kind["apiVersion"].as_str()?, kind["kind"].as_str()?);
    let mut value = read_message(raw?, message(api_version, kind)?, MAX_DEPTH)?;
    value["apiVersion"] = api_version.into();
    value["kind"] = kind.into();
    Some(value)
}

enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn read_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let tag = read_varint(rest)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(read_varint(rest)?),
        1 => {
            *rest = rest.get(8..)?;
            Wire::Fixed
        }
        2 => {
            let length = usize::try_from(read_varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Wire::Bytes(bytes)
        }
        5 => {
            *rest = rest.get(4..)?;
            Wire::Fixed
        }
        _ => return None,
    };
    Some((tag >> 3, wire))
}

fn read_message(mut rest: &[u8], message: Message, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let mut map = Map::new();
    while !rest.is_empty() {
        let (number, wire) = read_field(&mut rest)?;
        if let Some((_, name, field)) = message.iter().find(|(known, _, _)| *known == number) {
            read_value(&mut map, name, *field, &wire, depth)?;
        }
    }
    Some(Value::Object(map))
}

/// Adds one field to `map`. Empty texts and zeros are omitted, as Go's `omitempty` does.
fn read_value(
    map: &mut Map<String, Value>,
    name: &str,
    field: Field,
    wire: &Wire<'_>,
    depth: usize,
) -> Option<()> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    match (field, wire) {
        (Text, Wire::Bytes([])) | (Number, Wire::Varint(0)) => {}
        (Text, Wire::Bytes(bytes)) => drop(map.insert(name.to_owned(), text(bytes)?.into())),
        // Negative numbers are two's complement in 64 bits.
        (Number, Wire::Varint(number)) => drop(map.insert(name.to_owned(), number.cast_signed().into())),
        (Flag, Wire::Varint(flag)) => drop(map.insert(name.to_owned(), (*flag != 0).into())),
        (Time, Wire::Bytes(bytes)) => {
            let seconds = read_message(bytes, &[(1, "seconds", Number)], depth)?["seconds"].as_i64();
            if let Some(time) = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
                map.insert(name.to_owned(), crate::identity::format_seconds(time).into());
            }
        }
        (Texts, Wire::Bytes(bytes)) => push(map, name, text(bytes)?.into()),
        (One(inner), Wire::Bytes(bytes)) => {
            drop(map.insert(name.to_owned(), read_message(bytes, inner, depth)?));
        }
        (Many(inner), Wire::Bytes(bytes)) => push(map, name, read_message(bytes, inner, depth)?),
        (TextMap | BytesMap, Wire::Bytes(bytes)) => {
            let (key, value) = read_entry(bytes)?;
            let value = if matches!(field, TextMap) { text(value)? } else { BASE64.encode(value) };
            let entries = map.entry(name).or_insert_with(|| json!({}));
            entries[text(key)?] = value.into();
        }
        _ => return None,
    }
    Some(())
}

fn push(map: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(list) = map.entry(name).or_insert_with(|| json!([])).as_array_mut() {
        list.push(value);
    }
}

fn read_entry(mut rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while !rest.is_empty() {
        match read_field(&mut rest)? {
            (1, Wire::Bytes(bytes)) => key = bytes,
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Some((key, value))
}
