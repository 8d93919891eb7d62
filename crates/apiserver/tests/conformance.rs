//! Every pod that a real cluster took is taken here, with the quality of service that it was given there.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;

use common::{client, server};
use kinds::kube::api::{DynamicObject, PostParams};
use kinds::kube::core::{ApiResource, GroupVersionKind};
use kinds::kube::{Api, ResourceExt};
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/pods");

#[tokio::test]
async fn real_pods_are_admitted() {
    let Ok(cases) = std::fs::read_dir(CASES) else {
        eprintln!("SKIPPED: no folder {CASES}");
        return;
    };
    let mut files: Vec<_> = cases.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    for file in files {
        check(&file).await;
    }
}

async fn check(file: &Path) {
    let server = server().await;
    let manifest = std::fs::read_to_string(file).unwrap();
    let reported = std::fs::read_to_string(file.with_extension("json")).unwrap();
    let reported: Value = serde_json::from_str(&reported).unwrap();
    for document in manifest.split("\n---") {
        // The cases were written by YAML 1.2's rules: `N` is a name there.
        let options = serde_saphyr::options! { strict_booleans: true };
        let object: DynamicObject = serde_saphyr::from_str_with_options(document, options).unwrap();
        let kind = object.types.clone().unwrap();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", &kind.api_version, &kind.kind));
        let api: Api<DynamicObject> = Api::default_namespaced_with(client(&server), &resource);
        let made = api.create(&PostParams::default(), &object).await;
        let made = made.unwrap_or_else(|error| panic!("{}: {}: {error}", file.display(), object.name_any()));
        if kind.kind == "Pod" && !reported["qosClass"].is_null() {
            assert_eq!(
                made.data["status"]["qosClass"],
                reported["qosClass"],
                "{}",
                file.display()
            );
        }
    }
}
