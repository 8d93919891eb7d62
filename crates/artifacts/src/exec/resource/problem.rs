//! What can go wrong with a request, in kubectl's words.

use std::fmt;

use http::StatusCode;
use serde_json::Value;

/// Why an action did not work.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Problem {
    /// The server refused it: its Status.
    Refused {
        /// The HTTP status.
        code: u16,
        /// The Status object.
        status: Value,
    },
    /// kubectl itself would refuse it.
    Local(String),
    /// There was no answer.
    Unreachable(String),
}

impl Problem {
    /// The server's refusal.
    pub(super) fn of(code: StatusCode, status: &Value) -> Self {
        Self::Refused {
            code: code.as_u16(),
            status: status.clone(),
        }
    }

    /// Whether it is that there is no such object.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether the same may work later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == 429 || *code >= 500,
            Self::Local(_) => false,
            Self::Unreachable(_) => true,
        }
    }

    /// The same, with what was tried on which file: `error when creating "FILE": ...`.
    pub(super) fn when(mut self, verb: &str, file: &str) -> Self {
        if let Self::Refused { status, .. } = &mut self {
            let message = status["message"].as_str().unwrap_or_default();
            status["message"] = format!("error when {verb} \"{file}\": {message}").into();
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(message) => write!(f, "error: {message}"),
            Self::Unreachable(message) => write!(f, "Unable to connect to the server: {message}"),
            Self::Refused { status, .. } if status["reason"] == "Invalid" => f.write_str(&invalid(status)),
            Self::Refused { code, status } => {
                let text = |field: &str| status[field].as_str().unwrap_or_default();
                match (text("reason"), text("message")) {
                    ("", "") => write!(f, "Error from server: the server answered {code}"),
                    ("", message) => write!(f, "Error from server: {message}"),
                    (reason, message) => write!(f, "Error from server ({reason}): {message}"),
                }
            }
        }
    }
}

/// An object that does not hold what it must: each cause in a line of its own.
fn invalid(status: &Value) -> String {
    let details = &status["details"];
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let what = format!(
        "The {} \"{}\" is invalid",
        text(details, "kind"),
        text(details, "name")
    );
    let causes = details["causes"].as_array().into_iter().flatten();
    let causes: Vec<String> = causes
        .map(|cause| match text(cause, "field") {
            field if field.is_empty() => text(cause, "message"),
            field => format!("{field}: {}", text(cause, "message")),
        })
        .collect();
    match causes.as_slice() {
        [] => what,
        [one] => format!("{what}: {one}"),
        many => format!("{what}: \n* {}", many.join("\n* ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn problems_are_said_as_kubectl_says_them() {
        let refused = |status: Value| Problem::of(StatusCode::CONFLICT, &status);
        let exists =
            refused(json!({"reason": "AlreadyExists", "message": "configmaps \"a\" already exists"}));
        let one = json!({"reason": "Invalid", "details": {"kind": "Pod", "name": "p", "causes": [
            {"field": "spec.containers", "message": "Required value"},
        ]}});
        let two = json!({"reason": "Invalid", "details": {"kind": "Pod", "name": "p", "causes": [
            {"field": "a", "message": "x"}, {"message": "y"},
        ]}});
        for (problem, expected) in [
            (
                exists.when("creating", MANIFEST),
                "Error from server (AlreadyExists): error when creating \"/tmp/manifest.yaml\": configmaps \"a\" already exists",
            ),
            (
                refused(one),
                "The Pod \"p\" is invalid: spec.containers: Required value",
            ),
            (refused(two), "The Pod \"p\" is invalid: \n* a: x\n* y"),
            (refused(json!({})), "Error from server: the server answered 409"),
            (Problem::Local("no".to_owned()), "error: no"),
        ] {
            assert_eq!(problem.to_string(), expected);
        }
    }

    const MANIFEST: &str = "/tmp/manifest.yaml";
}
