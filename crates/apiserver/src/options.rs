//! The parameters of requests, which kube-apiserver reads as objects with rules of their own (`CreateOptions` and its
//! like), checked before anything else.

use serde_json::Value;

use crate::query::Query;
use crate::status::{ApiError, Cause};

/// Longest name of a field manager, in bytes.
const MANAGER_MAX: usize = 128;

/// Checks the parameters of a request with this verb.
pub(crate) fn check(verb: &str, applies: bool, query: &Query<'_>) -> Result<(), ApiError> {
    let causes = match verb {
        "list" | "watch" => {
            query.number("limit")?;
            query.number("timeoutSeconds")?;
            listing(verb, query)
        }
        "create" | "update" | "patch" => writing(verb, applies, query),
        _ => Vec::new(),
    };
    if causes.is_empty() {
        return Ok(());
    }
    let kind = match verb {
        "create" => "CreateOptions",
        "update" => "UpdateOptions",
        "patch" => "PatchOptions",
        _ => "ListOptions",
    };
    Err(ApiError::invalid_options(kind, &causes))
}

/// What tables are to carry.
pub(crate) fn check_include(query: &Query<'_>) -> Result<(), ApiError> {
    match query.get("includeObject") {
        None | Some("Metadata" | "Object" | "None") => Ok(()),
        Some(other) => Err(ApiError::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: \"{other}\": must be 'Metadata', \
             'Object', 'None', or empty"
        ))),
    }
}

fn writing(verb: &str, applies: bool, query: &Query<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let manager = query.get("fieldManager");
    if verb == "patch" && applies && manager.is_none() {
        causes.push(Cause::required("fieldManager", "is required for apply patch"));
    }
    if verb == "patch" && !applies && query.get("force").is_some() {
        causes.push(Cause::forbidden(
            "force",
            "may not be specified for non-apply patch",
        ));
    }
    if manager.is_some_and(|manager| manager.len() > MANAGER_MAX) {
        causes.push(Cause::too_long("fieldManager", MANAGER_MAX));
    }
    causes.extend(query.get("dryRun").and_then(dry_run));
    let validation = query.get("fieldValidation");
    if let Some(other) = validation.filter(|word| !["Ignore", "Strict", "Warn"].contains(word)) {
        let allowed = ["", "Ignore", "Strict", "Warn"];
        causes.push(Cause::not_supported("fieldValidation", &other.into(), &allowed));
    }
    causes
}

/// What is wrong with a value of `dryRun`.
pub(crate) fn dry_run(word: &str) -> Option<Cause> {
    (word != "All").then(|| Cause::not_supported("dryRun", &Value::from(vec![word]), &["All"]))
}

/// Rule: apimachinery's `ValidateListOptions`.
fn listing(verb: &str, query: &Query<'_>) -> Vec<Cause> {
    let initial = query.get("sendInitialEvents").is_some();
    let (revision, rule) = (query.get("resourceVersion"), query.get("resourceVersionMatch"));
    let forbidden = |field: &str, why: &str| vec![Cause::forbidden(field, why)];
    if verb == "watch" {
        return match (initial, rule) {
            (false, Some(_)) => forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ),
            (true, rule) if rule != Some("NotOlderThan") => forbidden(
                "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ),
            _ => Vec::new(),
        };
    }
    if initial {
        return forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    match (rule, revision) {
        (None, _) => Vec::new(),
        (Some(_), None) => forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (Some(_), _) if query.get("continue").is_some() => forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden when continue is provided",
        ),
        (Some("Exact"), Some("0")) => forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        ),
        (Some("Exact" | "NotOlderThan"), _) => Vec::new(),
        (Some(other), _) => {
            let allowed = ["Exact", "NotOlderThan", ""];
            vec![Cause::not_supported(
                "resourceVersionMatch",
                &other.into(),
                &allowed,
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verb: &str, query: &str, expected: &str) {
        let verdict = super::check(verb, false, &Query::parse(query));
        let message = verdict.map_or_else(|error| error.message().to_owned(), |()| String::new());
        assert_eq!(message, expected, "{verb} {query}");
    }

    #[test]
    fn parameters_have_rules() {
        check("create", "dryRun=All&fieldValidation=Strict&fieldManager=me", "");
        check(
            "create",
            "dryRun=Some",
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \"All\"",
        );
        check(
            "patch",
            "force=true",
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        );
        check(
            "list",
            "resourceVersionMatch=Exact",
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
             unless resourceVersion is provided",
        );
        check(
            "list",
            "limit=x",
            "strconv.ParseInt: parsing \"x\": invalid syntax",
        );
        check(
            "watch",
            "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            "",
        );
    }
}
