//! Failures as Kubernetes' clients expect them: `Status` objects with the real server's reasons, codes and words.
//!
//! Rule: apimachinery's `api/errors`. Every refusal of this crate is made here, so its wording is in one place.
//! Nothing here knows HTTP beyond the code's number.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::registry::Row;

/// The media types of objects, as kube-apiserver lists them. We do not write protobuf, but no client asks for that alone.
const SPOKEN: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// Why a request was refused.
#[derive(Clone, Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: u16,
    reason: &'static str,
    message: String,
    details: Value,
    page: bool,
}

/// One cause of a refusal: a field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable kind, as `FieldValueInvalid`.
    pub reason: &'static str,
    /// The field's path, as `spec.containers[0].name`.
    pub field: String,
    /// What is wrong, without the field's path.
    pub message: String,
}

impl Cause {
    /// A value that the rules do not allow; `value` is shown as JSON.
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self::new(
            "FieldValueInvalid",
            field,
            format!("Invalid value: {value}: {why}"),
        )
    }

    /// A value that must be there.
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Self::new("FieldValueRequired", field, message)
    }

    /// A value that occurs twice where it must be unique.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueDuplicate", field, format!("Duplicate value: {value}"))
    }

    /// A value that names something that does not exist.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new("FieldValueNotFound", field, format!("Not found: {value}"))
    }

    /// A change that is not allowed.
    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {why}"))
    }

    /// A value outside a closed set.
    pub fn not_supported(field: impl Into<String>, value: &Value, allowed: &[&str]) -> Self {
        let list: Vec<String> = allowed.iter().map(|word| format!("\"{word}\"")).collect();
        let message = format!(
            "Unsupported value: {value}: supported values: {}",
            list.join(", ")
        );
        Self::new("FieldValueNotSupported", field, message)
    }

    /// A value larger than `limit` bytes.
    pub fn too_long(field: impl Into<String>, limit: usize) -> Self {
        let message = format!("Too long: may not be more than {limit} bytes");
        Self::new("FieldValueTooLong", field, message)
    }

    /// A list or map with more entries than `limit`.
    pub fn too_many(field: impl Into<String>, count: &Value, limit: u64) -> Self {
        let message = format!("Too many: {count}: must have at most {limit} items");
        Self::new("FieldValueTooMany", field, message)
    }

    /// A value of the wrong JSON type.
    pub fn type_invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self::new(
            "FieldValueTypeInvalid",
            field,
            format!("Invalid value: {value}: {why}"),
        )
    }

    fn new(reason: &'static str, field: impl Into<String>, message: String) -> Self {
        Self {
            reason,
            field: field.into(),
            message,
        }
    }

    fn json(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
            page: false,
        }))
    }

    fn with(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    fn about(self, row: &Row, name: &str) -> Self {
        self.with(target(row, name))
    }

    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// The machine-readable reason.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Seconds after which the same request may succeed.
    pub fn retry_after(&self) -> Option<u64> {
        self.0.details["retryAfterSeconds"].as_u64()
    }

    /// The `Status` object.
    pub fn json(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.0.message, "code": self.0.code,
        });
        if !self.0.reason.is_empty() {
            status["reason"] = self.0.reason.into();
        }
        if !self.0.details.is_null() {
            status["details"] = self.0.details.clone();
        }
        status
    }

    /// 404: no such object.
    pub fn not_found(row: &Row, name: &str) -> Self {
        Self::new(
            404,
            "NotFound",
            format!("{} \"{name}\" not found", row.qualified()),
        )
        .about(row, name)
    }

    /// 404: what the object stands for is not there.
    pub fn no_such(what: impl Into<String>) -> Self {
        Self::new(404, "NotFound", what)
    }

    /// 404: no such path.
    pub fn no_such_path() -> Self {
        Self::no_such("the server could not find the requested resource").with(json!({}))
    }

    /// 404: a path of which nothing is known; the answer is a page of text.
    pub fn no_such_page() -> Self {
        let mut error = Self::no_such_path();
        error.0.page = true;
        error
    }

    /// Whether the answer is a page of text.
    pub(crate) fn is_page(&self) -> bool {
        self.0.page
    }

    /// 409: an object of that name exists.
    pub fn already_exists(row: &Row, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", row.qualified());
        Self::new(409, "AlreadyExists", message).about(row, name)
    }

    /// 409: an object of that name exists, and is on its way out.
    pub fn still_exists(row: &Row, name: &str) -> Self {
        let mut error = Self::already_exists(row, name);
        error.0.message.insert_str(0, "object is being deleted: ");
        error
    }

    /// 409: the object changed since the caller read it.
    pub fn conflict(row: &Row, name: &str) -> Self {
        Self::conflict_because(
            row,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 for another reason.
    pub fn conflict_because(row: &Row, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            row.qualified()
        );
        Self::new(409, "Conflict", message).about(row, name)
    }

    /// 409: the object to be deleted is not the one that is meant. Such messages name the kind, not the resource.
    pub fn precondition(row: &Row, name: &str, why: &str) -> Self {
        let kind = qualified(&row.kind, &row.group);
        let message = format!("Operation cannot be fulfilled on {kind} \"{name}\": {why}");
        Self::new(409, "Conflict", message).with(details(&row.kind, &row.group, name))
    }

    /// 409: the object to be changed is another one than that which is meant.
    pub fn other_object(row: &Row, namespace: &str, name: &str, asked: &str, actual: &str) -> Self {
        let key = row.etcd_key(namespace, name);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition \
             failed: UID in precondition: {asked}, UID in object meta: {actual}"
        );
        Self::conflict_because(row, name, &why)
    }

    /// 409: a pod that cannot be bound.
    pub fn unbindable(pod: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on pods/binding \"{pod}\": {why}");
        Self::new(409, "Conflict", message).with(details("pods/binding", "", pod))
    }

    /// 409: fields that other appliers own would change.
    pub fn apply_conflict(causes: &[(String, String)]) -> Self {
        let message = match causes {
            [(manager, field)] => {
                format!("Apply failed with 1 conflict: conflict with {manager}: {field}")
            }
            _ => format!(
                "Apply failed with {} conflicts: {}",
                causes.len(),
                by_manager(causes)
            ),
        };
        let causes: Vec<Value> = causes
            .iter()
            .map(|(manager, field)| {
                json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": field})
            })
            .collect();
        Self::new(409, "Conflict", message).with(json!({"causes": causes}))
    }

    /// 422: fields break the kind's rules.
    pub fn invalid(row: &Row, name: &str, causes: &[Cause]) -> Self {
        Self::invalid_kind(&row.kind, &row.group, name, causes)
    }

    /// 422 about a kind that no row stands for.
    pub fn invalid_kind(kind: &str, group: &str, name: &str, causes: &[Cause]) -> Self {
        let lines: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let joined = match lines.as_slice() {
            [line] => line.clone(),
            _ => format!("[{}]", lines.join(", ")),
        };
        let mut details = details(kind, group, name);
        details["causes"] = causes.iter().map(Cause::json).collect();
        let kind = qualified(kind, group);
        Self::new(422, "Invalid", format!("{kind} \"{name}\" is invalid: {joined}")).with(details)
    }

    /// 422: parameters of the request, which are an object of their own (`CreateOptions`), break its rules.
    pub fn invalid_options(kind: &str, causes: &[Cause]) -> Self {
        Self::invalid_kind(kind, "meta.k8s.io", "", causes)
    }

    /// 422: what a patch makes of the object cannot be read. `patched` is shown.
    pub fn invalid_patch(patched: &str, why: &str) -> Self {
        let cause = Cause::invalid("patch", &patched.into(), why);
        Self::invalid_kind("", "", "", &[cause])
    }

    /// 422: the operations of a JSON Patch cannot be done to the object as it is.
    pub fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message).with(json!({}))
    }

    /// 500 without a reason: kube-apiserver answers so where it does not say what kind of mistake it met.
    pub fn unclassified(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// The same, where kube-apiserver does not say what kind of mistake it is.
    #[must_use]
    pub(crate) fn unclassified_alike(&self) -> Self {
        Self::unclassified(self.message())
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401: who are you?
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403: the caller may not do this.
    pub fn forbidden(row_name: &str, group: &str, name: &str, why: &str) -> Self {
        let qualified = qualified(row_name, group);
        let subject = if name.is_empty() {
            qualified
        } else {
            format!("{qualified} \"{name}\"")
        };
        Self::new(403, "Forbidden", format!("{subject} is forbidden: {why}"))
            .with(details(row_name, group, name))
    }

    /// 403: the namespace is going away.
    pub fn namespace_terminating(row: &Row, name: &str, namespace: &str) -> Self {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = Self::forbidden(&row.plural, &row.group, name, &why);
        error.0.details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
        error
    }

    /// 405: the resource does not have this verb.
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with(json!({}))
    }

    /// 406: the caller accepts no media type that this server speaks.
    pub fn not_acceptable() -> Self {
        let message = format!(
            "406: Not Acceptable\n\nAvailable representations: {}",
            SPOKEN.join(", ")
        );
        Self::new(406, "NotAcceptable", message).with(json!({}))
    }

    /// 406: the caller accepts the media type, but asks for a form that this server does not make of the object.
    pub fn no_such_form() -> Self {
        let message = format!(
            "only the following media types are accepted: {}",
            SPOKEN.join(", ")
        );
        Self::new(406, "NotAcceptable", message)
    }

    /// 413: the body is larger than `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415: no patch is written in the format of the body.
    pub fn no_patch_type() -> Self {
        Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(json!({}))
    }

    /// 415: the body is in a format that this server does not read.
    pub fn unsupported_media_type(allowed: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            allowed.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 410: history before `oldest` is compacted.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(
            410,
            "Expired",
            format!("too old resource version: {asked} ({oldest})"),
        )
    }

    /// 429: too many of something; come back in a second.
    pub fn busy(message: &str) -> Self {
        Self::new(429, "TooManyRequests", message).with(json!({"retryAfterSeconds": 1}))
    }

    /// 504: a revision that is still in the future.
    pub fn too_new(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        Self::new(504, "Timeout", format!("Timeout: {message}")).with(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }))
    }

    /// 504: the request took too long.
    pub fn timeout(message: &str) -> Self {
        Self::new(504, "Timeout", format!("Timeout: {message}"))
    }

    /// 507: the disk is full or cannot be written; nothing was changed.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(507, "InsufficientStorage", message)
    }

    /// 500: our own fault.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {message}"),
        )
    }
}

/// The answer to a deletion that left nothing behind.
pub(crate) fn deleted(row: &Row, name: &str, uid: &str) -> Value {
    let mut details = target(row, name);
    details["uid"] = uid.into();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// `plural`, or `plural.group` outside the core group: how messages name a resource.
pub(crate) fn qualified(plural: &str, group: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

fn target(row: &Row, name: &str) -> Value {
    details(&row.plural, &row.group, name)
}

/// What a `Status` is about; what is empty is left out.
fn details(kind: &str, group: &str, name: &str) -> Value {
    let fields = [("name", name), ("group", group), ("kind", kind)];
    let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(field, value)| (field.to_owned(), Value::from(value)))
        .collect()
}

/// The conflicts, each manager's together.
fn by_manager(conflicts: &[(String, String)]) -> String {
    let mut managers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (manager, field) in conflicts {
        managers.entry(manager).or_default().push(field);
    }
    let lines = managers
        .into_iter()
        .map(|(manager, fields)| format!("conflicts with {manager}:\n- {}", fields.join("\n- ")));
    lines.collect::<Vec<_>>().join("\n")
}
