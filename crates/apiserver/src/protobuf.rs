//! Reads the few kinds of objects that kubectl sends as protobuf, whatever the server says it speaks: `kubectl create
//! configmap`, `create secret`, `create service`, `auth can-i`, `drain` and their like. Answers are JSON, which it takes.
//!
//! ```text
//!   "k8s\0"  Unknown { typeMeta { apiVersion, kind }, raw }  ─ raw, by the kind's table ─> JSON
//! ```
//!
//! Rule: apimachinery's protobuf serializer and the field numbers of `generated.proto`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::status::ApiError;

/// The content type of such bodies.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
const MAGIC: &[u8] = b"k8s\0";

/// A field: number, name in JSON, type.
type Field = (u64, &'static str, Type);

/// What a field holds.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Number,
    Flag,
    /// A number that is absent where it is zero, as Go's `omitempty` leaves it out.
    NonZero,
    /// A flag that is absent where it is false.
    True,
    IntOrString,
    Texts,
    Message(&'static [Field]),
    Messages(&'static [Field]),
    TextMap,
    BytesMap,
}

use Type::{BytesMap, Flag, IntOrString, Message, Messages, NonZero, Number, Text, TextMap, Texts, True};

const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Flag),
    (7, "blockOwnerDeletion", Flag),
];
const META: &[Field] = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (11, "labels", TextMap),
    (12, "annotations", TextMap),
    (13, "ownerReferences", Messages(OWNER)),
    (14, "finalizers", Texts),
];
const NAMED: &[Field] = &[(1, "name", Text)];
const RESOURCE: &[Field] = &[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
];
const NON_RESOURCE: &[Field] = &[(1, "path", Text), (2, "verb", Text)];
const ACCESS: &[Field] = &[
    (1, "resourceAttributes", Message(RESOURCE)),
    (2, "nonResourceAttributes", Message(NON_RESOURCE)),
];
const BOUND: &[Field] = &[
    (1, "kind", Text),
    (2, "apiVersion", Text),
    (3, "name", Text),
    (4, "uid", Text),
];
const TOKEN: &[Field] = &[
    (1, "audiences", Texts),
    (3, "boundObjectRef", Message(BOUND)),
    (4, "expirationSeconds", Number),
];
const PRECONDITIONS: &[Field] = &[(1, "uid", Text), (2, "resourceVersion", Text)];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", Number),
    (2, "preconditions", Message(PRECONDITIONS)),
    (3, "orphanDependents", Flag),
    (4, "propagationPolicy", Text),
    (5, "dryRun", Texts),
];
const PORT: &[Field] = &[
    (1, "name", Text),
    (2, "protocol", Text),
    (3, "port", Number),
    (4, "targetPort", IntOrString),
    (5, "nodePort", NonZero),
    (6, "appProtocol", Text),
];
const SERVICE: &[Field] = &[
    (1, "ports", Messages(PORT)),
    (2, "selector", TextMap),
    (3, "clusterIP", Text),
    (4, "type", Text),
    (5, "externalIPs", Texts),
    (7, "sessionAffinity", Text),
    (8, "loadBalancerIP", Text),
    (9, "loadBalancerSourceRanges", Texts),
    (10, "externalName", Text),
    (11, "externalTrafficPolicy", Text),
    (12, "healthCheckNodePort", NonZero),
    (13, "publishNotReadyAddresses", True),
    (17, "ipFamilyPolicy", Text),
    (18, "clusterIPs", Texts),
    (19, "ipFamilies", Texts),
    (20, "allocateLoadBalancerNodePorts", Flag),
    (21, "loadBalancerClass", Text),
    (22, "internalTrafficPolicy", Text),
    (23, "trafficDistribution", Text),
];

/// The kinds that are read.
const KINDS: &[(&str, &[Field])] = &[
    (
        "ConfigMap",
        &[
            (1, "metadata", Message(META)),
            (2, "data", TextMap),
            (3, "binaryData", BytesMap),
            (4, "immutable", Flag),
        ],
    ),
    ("DeleteOptions", DELETE_OPTIONS),
    (
        "Eviction",
        &[
            (1, "metadata", Message(META)),
            (2, "deleteOptions", Message(DELETE_OPTIONS)),
        ],
    ),
    ("Namespace", &[(1, "metadata", Message(META))]),
    (
        "Secret",
        &[
            (1, "metadata", Message(META)),
            (2, "data", BytesMap),
            (3, "type", Text),
            (4, "stringData", TextMap),
            (5, "immutable", Flag),
        ],
    ),
    (
        "SelfSubjectAccessReview",
        &[(1, "metadata", Message(META)), (2, "spec", Message(ACCESS))],
    ),
    ("SelfSubjectReview", &[(1, "metadata", Message(META))]),
    (
        "Service",
        &[(1, "metadata", Message(META)), (2, "spec", Message(SERVICE))],
    ),
    (
        "ServiceAccount",
        &[
            (1, "metadata", Message(META)),
            (3, "imagePullSecrets", Messages(NAMED)),
            (4, "automountServiceAccountToken", Flag),
        ],
    ),
    (
        "TokenRequest",
        &[(1, "metadata", Message(META)), (2, "spec", Message(TOKEN))],
    ),
];

/// Reads a body.
pub(crate) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    let unknown = body
        .strip_prefix(MAGIC)
        .ok_or_else(|| broken("it does not begin as it should"))?;
    let (mut type_meta, mut raw) = (&[][..], &[][..]);
    for part in Parts(unknown) {
        match part? {
            (1, Part::Bytes(bytes)) => type_meta = bytes,
            (2, Part::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let identity = message(type_meta, &[(1, "apiVersion", Text), (2, "kind", Text)])?;
    let kind = identity.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some((_, fields)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        return Err(ApiError::unsupported_media_type(&[
            "application/json",
            "application/yaml",
        ]));
    };
    let mut object = message(raw, fields)?;
    object.extend(identity);
    Ok(Value::Object(object))
}

fn broken(why: &str) -> ApiError {
    ApiError::bad_request(format!("the protobuf body cannot be read: {why}"))
}

fn message(bytes: &[u8], fields: &[Field]) -> Result<Map<String, Value>, ApiError> {
    let mut object = Map::new();
    for part in Parts(bytes) {
        let (number, part) = part?;
        if let Some((_, name, kind)) = fields.iter().find(|field| field.0 == number) {
            put(&mut object, name, *kind, part)?;
        }
    }
    Ok(object)
}

fn put(object: &mut Map<String, Value>, name: &str, kind: Type, part: Part<'_>) -> Result<(), ApiError> {
    match (kind, part) {
        (Text, Part::Bytes([])) => {}
        (Text, Part::Bytes(bytes)) => {
            object.insert(name.to_owned(), text(bytes)?.into());
        }
        (Number, Part::Number(number)) => {
            // Two's complement: int64 fields travel as unsigned.
            object.insert(name.to_owned(), number.cast_signed().into());
        }
        (NonZero | True, Part::Number(0)) => {}
        (NonZero, Part::Number(number)) => {
            object.insert(name.to_owned(), number.cast_signed().into());
        }
        (Flag | True, Part::Number(number)) => {
            object.insert(name.to_owned(), (number != 0).into());
        }
        (IntOrString, Part::Bytes(bytes)) => {
            object.extend(int_or_string(bytes)?.map(|value| (name.to_owned(), value)));
        }
        (Message(fields), Part::Bytes(bytes)) => {
            object.insert(name.to_owned(), message(bytes, fields)?.into());
        }
        (Texts, Part::Bytes(bytes)) => push(object, name, text(bytes)?.into()),
        (Messages(fields), Part::Bytes(bytes)) => push(object, name, message(bytes, fields)?.into()),
        (TextMap | BytesMap, Part::Bytes(bytes)) => {
            let (key, value) = pair(bytes)?;
            let value = if matches!(kind, TextMap) {
                text(value)?
            } else {
                STANDARD.encode(value)
            };
            let map = object.entry(name).or_insert_with(|| json!({}));
            map[text(key)?] = value.into();
        }
        _ => return Err(broken(&format!("field {name} is of another type"))),
    }
    Ok(())
}

/// The number, or the text, of an `IntOrString`; nothing where it is neither.
fn int_or_string(bytes: &[u8]) -> Result<Option<Value>, ApiError> {
    let fields = message(
        bytes,
        &[(1, "type", NonZero), (2, "int", NonZero), (3, "text", Text)],
    )?;
    let value = fields.get(if fields.contains_key("type") {
        "text"
    } else {
        "int"
    });
    Ok(value.cloned())
}

fn push(object: &mut Map<String, Value>, name: &str, value: Value) {
    if let Value::Array(list) = object.entry(name).or_insert_with(|| json!([])) {
        list.push(value);
    }
}

fn pair(bytes: &[u8]) -> Result<(&[u8], &[u8]), ApiError> {
    let (mut key, mut value) = (&[][..], &[][..]);
    for part in Parts(bytes) {
        match part? {
            (1, Part::Bytes(bytes)) => key = bytes,
            (2, Part::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Ok((key, value))
}

fn text(bytes: &[u8]) -> Result<String, ApiError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| broken("a text is not UTF-8"))
}

/// One field on the wire.
enum Part<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message, with their numbers; ends at the first that is broken.
struct Parts<'b>(&'b [u8]);

impl<'b> Iterator for Parts<'b> {
    type Item = Result<(u64, Part<'b>), ApiError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let part = self.part().ok_or_else(|| broken("it ends too early"));
        if part.is_err() {
            self.0 = &[];
        }
        Some(part)
    }
}

impl<'b> Parts<'b> {
    fn part(&mut self) -> Option<(u64, Part<'b>)> {
        let tag = self.varint()?;
        let part = match tag & 7 {
            0 => Part::Number(self.varint()?),
            1 => Part::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Part::Bytes(self.take(length)?)
            }
            5 => Part::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, part))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A length-delimited field.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn a_secret_is_read() {
        let metadata = field(1, &field(1, b"s"));
        let entry = [field(1, b"key"), field(2, &[0xff])].concat();
        let raw = [metadata, field(2, &entry), vec![5 << 3, 1]].concat();
        let type_meta = [field(1, b"v1"), field(2, b"Secret")].concat();
        let body = [MAGIC, &field(1, &type_meta), &field(2, &raw)].concat();
        let expected = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"},
            "data": {"key": "/w=="}, "immutable": true});
        assert_eq!(decode(&body).unwrap(), expected);
    }

    #[test]
    fn a_service_is_read_without_what_is_left_at_zero() {
        let number = |field: u8, value: u8| vec![field << 3, value];
        let target = [number(1, 1), number(2, 0), field(3, b"http")].concat();
        let port = [field(1, b"web"), number(3, 80), field(4, &target), number(5, 0)].concat();
        let plain = [number(3, 81), field(4, &[number(1, 0), number(2, 82)].concat())].concat();
        let spec = [
            field(1, &port),
            field(1, &plain),
            field(4, b"ClusterIP"),
            number(12, 0),
            number(13, 0),
        ]
        .concat();
        let raw = [field(1, &field(1, b"s")), field(2, &spec)].concat();
        let type_meta = [field(1, b"v1"), field(2, b"Service")].concat();
        let body = [MAGIC, &field(1, &type_meta), &field(2, &raw)].concat();
        let expected = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {
            "type": "ClusterIP",
            "ports": [{"name": "web", "port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 82}]}});
        assert_eq!(decode(&body).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn no_body_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let type_meta = [field(1, b"v1"), field(2, b"Secret")].concat();
            let _ = decode(&[MAGIC, &field(1, &type_meta), &bytes].concat());
            let _ = decode(&bytes);
        }
    }
}
