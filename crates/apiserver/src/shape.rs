//! The shapes of requests: what is asked for, without the names of what it is about.
//!
//! ```text
//!   PATCH /api/v1/namespaces/{namespace}/pods/{name}/status?fieldManager application/merge-patch+json -> json
//! ```
//!
//! What clients ask for in the test suites is recorded in this form, and the scenarios that compare this server with
//! kube-apiserver are held to cover it. Kinds that definitions add are one kind here: the server knows nothing of any.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::request::Parts;

use crate::path::{self, Route, Target};
use crate::query::Query;

/// Is told the shape of every request.
pub type Witness = Arc<dyn Fn(&str) + Send + Sync>;

/// A witness that writes each shape once into a file of this process in `folder`, which is made if need be.
///
/// # Errors
/// The file cannot be made.
pub fn record_shapes(folder: &Path) -> io::Result<Witness> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}.txt", std::process::id()));
    let file = OpenOptions::new().create(true).append(true).open(file)?;
    let seen = Mutex::new((BTreeSet::new(), file));
    Ok(Arc::new(move |shape| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut seen, shape);
    }))
}

fn note((seen, file): &mut (BTreeSet<String>, File), shape: &str) {
    if seen.insert(shape.to_owned())
        && let Err(error) = writeln!(file, "{shape}")
    {
        tracing::warn!(%error, "a shape is not recorded");
    }
}

/// The shape of a request; `custom` says whether a definition made what it is about.
pub(crate) fn shape(parts: &Parts, custom: impl Fn(&Target<'_>) -> bool) -> String {
    let place = match path::parse(parts.uri.path()) {
        Route::Objects(target) => place(&target, custom(&target)),
        _ => parts.uri.path().to_owned(),
    };
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let names: Vec<&str> = query.names().into_iter().collect();
    let mark = if names.is_empty() { "" } else { "?" };
    let (body, answer) = (media(parts, CONTENT_TYPE), media(parts, ACCEPT));
    let line = format!(
        "{} {place}{mark}{} {body} -> {answer}",
        parts.method,
        names.join("&")
    );
    line.replace("  ", " ").trim_end_matches(" -> ").to_owned()
}

fn place(target: &Target<'_>, custom: bool) -> String {
    let mut place = match (custom, target.group) {
        (true, _) => "/apis/{custom}".to_owned(),
        (false, "") => format!("/api/{}", target.version),
        (false, group) => format!("/apis/{group}/{}", target.version),
    };
    if target.watch {
        place.push_str("/watch");
    }
    if !target.namespace.is_empty() {
        place.push_str("/namespaces/{namespace}");
    }
    place.push('/');
    place.push_str(if custom { "{plural}" } else { target.resource });
    if !target.name.is_empty() {
        place.push_str("/{name}");
    }
    if !target.subresource.is_empty() {
        place.push('/');
        place.push_str(target.subresource);
    }
    place
}

/// The media types of a header in short: of each range the form, or else its last word.
fn media(parts: &Parts, header: HeaderName) -> String {
    let value = parts.headers.get(header).and_then(|value| value.to_str().ok());
    let ranges = value.unwrap_or_default().split(',').map(str::trim);
    ranges.map(short).collect::<Vec<_>>().join(",")
}

fn short(range: &str) -> &str {
    let mut words = range.split(';').map(str::trim);
    let media = words.next().unwrap_or_default();
    let form = words.find_map(|word| word.strip_prefix("as="));
    form.unwrap_or_else(|| media.strip_prefix("application/").unwrap_or(media))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn check(method: &str, uri: &str, headers: &[(&str, &str)], custom: bool, expected: &str) {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(shape(&parts, |_| custom), expected);
    }

    #[test]
    fn shapes_leave_names_out() {
        check(
            "PATCH",
            "/api/v1/namespaces/a/pods/p/status?fieldManager=x&dryRun=All",
            &[
                ("content-type", "application/merge-patch+json"),
                ("accept", "application/json"),
            ],
            false,
            "PATCH /api/v1/namespaces/{namespace}/pods/{name}/status?dryRun&fieldManager merge-patch+json -> json",
        );
        check(
            "GET",
            "/apis/x.dev/v1/widgets?watch=true",
            &[(
                "accept",
                "application/json;as=Table;v=v1;g=meta.k8s.io, application/json",
            )],
            true,
            "GET /apis/{custom}/{plural}?watch -> Table,json",
        );
        check("GET", "/version", &[], false, "GET /version");
    }
}
