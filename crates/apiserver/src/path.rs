//! From a URL to what is asked for: `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE`.
//!
//! Rule: apiserver's `RequestInfo`. Knows the shape of paths, no kind.

use std::borrow::Cow;

/// What a path addresses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/version`
    Version,
    /// `/healthz`, `/livez`, `/readyz`, also of one check (`/readyz/ping`)
    Health,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(&'a str),
    /// `/api/v1` or `/apis/GROUP/VERSION`
    Resources { group: &'a str, version: &'a str },
    /// `/openapi/v3`, or one of its documents
    OpenApi(&'a str),
    /// `/openapi/v2`
    OpenApiV2,
    /// Objects
    Objects(Target<'a>),
    /// Anything else
    Unknown,
}

/// The objects, or the object, or the part of it that a path names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) resource: &'a str,
    /// Empty for cluster-scoped kinds and for lists over all namespaces.
    pub(crate) namespace: Cow<'a, str>,
    /// Empty for collections.
    pub(crate) name: Cow<'a, str>,
    /// Empty for whole objects.
    pub(crate) subresource: &'a str,
    /// The deprecated `/watch/` prefix was used.
    pub(crate) watch: bool,
}

/// Reads a path.
pub(crate) fn parse(path: &str) -> Route<'_> {
    let mut parts = path.trim_matches('/').split('/');
    match parts.next().unwrap_or_default() {
        "version" => Route::Version,
        "healthz" | "livez" | "readyz" => Route::Health,
        "api" => match parts.next() {
            None => Route::CoreVersions,
            Some(version) => objects("", version, parts),
        },
        "apis" => match (parts.next(), parts.next()) {
            (None, _) => Route::Groups,
            (Some(group), None) => Route::Group(group),
            (Some(group), Some(version)) => objects(group, version, parts),
        },
        "openapi" => match parts.next() {
            Some("v3") => Route::OpenApi(path.trim_matches('/').get("openapi/v3/".len()..).unwrap_or("")),
            Some("v2") => Route::OpenApiV2,
            _ => Route::Unknown,
        },
        _ => Route::Unknown,
    }
}

fn objects<'a>(group: &'a str, version: &'a str, mut parts: std::str::Split<'a, char>) -> Route<'a> {
    let mut target = Target {
        group,
        version,
        ..Target::default()
    };
    let mut first = parts.next();
    if first == Some("watch") {
        target.watch = true;
        first = parts.next();
    }
    let Some(first) = first else {
        return Route::Resources { group, version };
    };
    if first != "namespaces" {
        return finish(target, first, parts.next(), parts);
    }
    let (namespace, third) = (parts.next(), parts.next());
    match (namespace, third) {
        // `namespaces/NAME` is a Namespace itself, and so are its own subresources.
        (_, None | Some("status" | "finalize")) => {
            target.resource = "namespaces";
            target.name = namespace.map(decode).unwrap_or_default();
            target.subresource = third.unwrap_or_default();
            last(target, parts)
        }
        (namespace, Some(resource)) => {
            target.namespace = namespace.map(decode).unwrap_or_default();
            finish(target, resource, parts.next(), parts)
        }
    }
}

fn finish<'a>(
    mut target: Target<'a>,
    resource: &'a str,
    name: Option<&'a str>,
    mut parts: std::str::Split<'a, char>,
) -> Route<'a> {
    target.resource = resource;
    target.name = name.map(decode).unwrap_or_default();
    target.subresource = parts.next().unwrap_or_default();
    last(target, parts)
}

fn last<'a>(target: Target<'a>, mut parts: std::str::Split<'a, char>) -> Route<'a> {
    match parts.next() {
        None => Route::Objects(target),
        Some(_) => Route::Unknown,
    }
}

/// Undoes percent-encoding; bytes that are no UTF-8 become replacement characters.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match (byte, hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: (&str, &str, &str, &str, &str, &str)) {
        let (group, version, resource, namespace, name, subresource) = expected;
        let expected = Target {
            group,
            version,
            resource,
            namespace: namespace.into(),
            name: name.into(),
            subresource,
            watch: false,
        };
        assert_eq!(parse(path), Route::Objects(expected), "{path}");
    }

    #[test]
    fn objects() {
        check("/api/v1/pods", ("", "v1", "pods", "", "", ""));
        check("/api/v1/namespaces", ("", "v1", "namespaces", "", "", ""));
        check("/api/v1/namespaces/a", ("", "v1", "namespaces", "", "a", ""));
        check(
            "/api/v1/namespaces/a/status",
            ("", "v1", "namespaces", "", "a", "status"),
        );
        check("/api/v1/namespaces/a/pods", ("", "v1", "pods", "a", "", ""));
        check(
            "/api/v1/namespaces/a/pods/p/log",
            ("", "v1", "pods", "a", "p", "log"),
        );
        check(
            "/api/v1/nodes/n%3A1/status",
            ("", "v1", "nodes", "", "n:1", "status"),
        );
        check(
            "/apis/argoproj.io/v1alpha1/workflows",
            ("argoproj.io", "v1alpha1", "workflows", "", "", ""),
        );
    }

    #[test]
    fn others() {
        assert_eq!(parse("/api"), Route::CoreVersions);
        assert_eq!(parse("/apis/"), Route::Groups);
        assert_eq!(parse("/apis/batch"), Route::Group("batch"));
        assert_eq!(
            parse("/api/v1/"),
            Route::Resources {
                group: "",
                version: "v1"
            }
        );
        assert_eq!(parse("/openapi/v3"), Route::OpenApi(""));
        assert_eq!(
            parse("/openapi/v3/apis/batch/v1"),
            Route::OpenApi("apis/batch/v1")
        );
        assert_eq!(parse("/readyz/ping"), Route::Health);
        for unknown in ["/", "", "/metrics", "/api/v1/pods/a/log/x", "/openapi"] {
            assert_eq!(parse(unknown), Route::Unknown, "{unknown}");
        }
    }
}
