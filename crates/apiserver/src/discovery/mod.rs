//! What there is to ask for: groups, versions and resources, from the registry's rows.
//!
//! Two forms: aggregated (`apidiscovery.k8s.io/v2`, all in one answer) and the older one, a document per group and
//! version. Beside them `/version` and the OpenAPI documents.

mod aggregated;
mod legacy;
pub(crate) mod openapi;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::body::{Answer, Body, json as json_answer, typed};
use crate::negotiate;
use crate::path::Route;
use crate::registry::Registry;
use crate::status::ApiError;

/// The Kubernetes version whose API is served: that of the typed kinds.
const MINOR: &str = "35";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers a question about the API itself.
pub(crate) fn answer(
    registry: &Registry,
    route: &Route<'_>,
    headers: &HeaderMap,
) -> Result<Answer, ApiError> {
    let discovers = matches!(
        route,
        Route::CoreVersions | Route::Groups | Route::Group(_) | Route::Resources { .. }
    );
    if discovers && !wants_aggregated(headers) {
        negotiate::form(headers).map_err(|_| ApiError::no_such_form())?;
    }
    let document = match route {
        Route::Version => version(),
        Route::CoreVersions | Route::Groups if wants_aggregated(headers) => {
            let list = aggregated::list(registry, matches!(route, Route::CoreVersions));
            let body = Body::Once(Some(list.to_string().into()));
            return Ok(typed(StatusCode::OK, HeaderValue::from_static(AGGREGATED), body));
        }
        Route::CoreVersions => json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]}),
        Route::Groups => legacy::groups(registry),
        Route::Group(group) => legacy::group(registry, group).ok_or_else(ApiError::no_such_page)?,
        Route::Resources { group, version } => {
            legacy::resources(registry, group, version).ok_or_else(|| match group.is_empty() {
                true => ApiError::no_such_path(),
                false => ApiError::no_such_page(),
            })?
        }
        Route::OpenApi("") => openapi::index(registry),
        Route::OpenApi(path) => openapi::document(registry, path).ok_or_else(ApiError::no_such_path)?,
        Route::OpenApiV2 => openapi::v2(registry),
        Route::Health | Route::Objects(_) | Route::Unknown => return Err(ApiError::no_such_path()),
    };
    Ok(json_answer(StatusCode::OK, &document))
}

fn wants_aggregated(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let json = parts.next() == Some("application/json");
        let parts: Vec<&str> = parts.collect();
        json && ["g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"]
            .iter()
            .all(|p| parts.contains(p))
    })
}

/// Sorts versions, the one to prefer first: stable before beta before alpha, then the higher number.
///
/// Rule: apimachinery's `version.CompareKubeAwareVersionStrings`.
fn by_preference(versions: &mut [String]) {
    versions.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.cmp(b)));
}

/// Stability, major and minor number of `v1`, `v1beta2`, `v2alpha1`; anything else comes last.
fn rank(version: &str) -> (u8, u32, u32) {
    let digits = |text: &str| text.parse::<u32>().ok();
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    for (stability, word) in [(2, "beta"), (1, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word) {
            return match (digits(major), digits(minor)) {
                (Some(major), Some(minor)) => (stability, major, minor),
                _ => (0, 0, 0),
            };
        }
    }
    digits(rest).map_or((0, 0, 0), |major| (3, major, 0))
}

fn version() -> Value {
    json!({
        "major": "1", "minor": MINOR, "gitVersion": format!("v1.{MINOR}.0+plimsoll"), "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn stable_versions_come_first() {
        let mut versions: Vec<String> = [
            "foo1",
            "v1alpha1",
            "v1beta2",
            "v2",
            "v11alpha2",
            "v1",
            "v10",
            "v1beta10",
        ]
        .map(str::to_owned)
        .into();
        super::by_preference(&mut versions);
        assert_eq!(
            versions,
            [
                "v10",
                "v2",
                "v1",
                "v1beta10",
                "v1beta2",
                "v11alpha2",
                "v1alpha1",
                "foo1"
            ]
        );
    }
}
