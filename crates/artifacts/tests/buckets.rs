//! Artifacts in buckets of servers for each protocol, and at addresses of the web.
//!
//! ```text
//!   export PLIMSOLL_S3_SERVER=$(cargo xtask s3) PLIMSOLL_GCS_SERVER=$(cargo xtask gcs)
//!   export PLIMSOLL_AZURE_SERVER=$(cargo xtask azure)
//!   cargo test --package artifacts --test buckets
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]
#![allow(clippy::print_stderr, reason = "tests say what they pass over")]

mod servers;
mod web;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use argo::Artifact;
use argo::exec::Orders;
use artifacts::{Error, Place, load, save};
use serde_json::{Value, json};

use servers::BUCKET;
use servers::azure::{ACCOUNT_KEY, Azure};
use servers::gcs::Gcs;
use servers::s3::{ACCESS_KEY, S3, SECRET_KEY};
use web::Web;

/// This machine alone.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The folder of a step, with the secrets of its artifacts.
struct Step(tempfile::TempDir);

impl Step {
    fn new(secrets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (key, value) in secrets {
            secret(folder.path(), key, value);
        }
        Self(folder)
    }

    /// One that may use an S3 server.
    fn of_s3() -> Self {
        // The second as `echo` puts it into files that become Secrets.
        Self::new(&[("access", ACCESS_KEY), ("secret", &format!("{SECRET_KEY}\n"))])
    }

    fn place(&self, location: &Value) -> Place {
        let orders: Orders = serde_json::from_value(json!({"archiveLocation": location})).unwrap();
        Place::of(&orders).with_secrets(self.at("secrets"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn artifact(&self, path: &str, mut rest: Value) -> Artifact {
        rest["name"] = "art".into();
        rest["path"] = self.at(path).display().to_string().into();
        serde_json::from_value(rest).unwrap()
    }
}

/// The bucket of an S3 server, with one of the step's secrets.
fn in_s3(server: &S3, secret: &str) -> Value {
    json!({"s3": {
        "endpoint": server.endpoint(), "insecure": true, "bucket": BUCKET, "key": "wf/pod",
        "accessKeySecret": {"name": "s", "key": "access"},
        "secretKeySecret": {"name": "s", "key": secret},
    }})
}

fn secret(folder: &Path, key: &str, value: &str) {
    let folder = folder.join("secrets/s");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(key), value).unwrap();
}

/// Saves a folder with a small and a large file, as an archive and file by file, and loads it from what was reported.
fn every_form_comes_back(step: &Step, location: &Value) {
    let place = step.place(location);
    fs::create_dir_all(step.at("out/folder/deep")).unwrap();
    fs::write(step.at("out/folder/deep/small"), "inside").unwrap();
    // More than two parts of an upload.
    let large: Vec<u8> = (0..20_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    fs::write(step.at("out/folder/large"), &large).unwrap();
    for archive in [json!({}), json!({"archive": {"none": {}}})] {
        let saved = save(&place, &step.artifact("out/folder", archive)).unwrap();
        let path = step.at("in/folder").display().to_string();
        let reported = Artifact {
            path,
            ..saved.unwrap()
        };
        // The place is reported whole: it is read without the repository.
        assert!(load(&step.place(&Value::Null), &reported).unwrap());
        assert!(fs::read(step.at("in/folder/large")).unwrap() == large);
        let small = fs::read_to_string(step.at("in/folder/deep/small"));
        assert_eq!(small.unwrap(), "inside");
    }
}

/// Loads what was never saved.
fn what_is_missing_is_told(step: &Step, location: &Value, nowhere: &Value) {
    let place = step.place(location);
    let missing = load(&place, &step.artifact("in", nowhere.clone()));
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let mut optional = nowhere.clone();
    optional["optional"] = true.into();
    assert!(!load(&place, &step.artifact("in", optional)).unwrap());
}

#[test]
fn artifacts_of_every_form_come_back_from_an_s3_server() {
    let Some(server) = S3::start(HERE) else { return };
    let step = Step::of_s3();
    every_form_comes_back(&step, &in_s3(&server, "secret"));
    for key in ["wf/pod/art.tgz", "wf/pod/folder/large"] {
        assert!(server.object(key).is_file(), "{key}");
    }
}

#[test]
fn files_and_folders_come_from_google() {
    let Some(server) = Gcs::start(HERE) else { return };
    let step = Step::new(&[("account", &server.account_key())]);
    let location = json!({"gcs": {
        "bucket": BUCKET, "key": "wf/pod", "serviceAccountKeySecret": {"name": "s", "key": "account"},
    }});
    let place = step.place(&location);
    server.put("wf/file", b"alone");
    let file = step.artifact("in/file", json!({"gcs": {"key": "wf/file"}}));
    assert!(load(&place, &file).unwrap());
    assert_eq!(fs::read_to_string(step.at("in/file")).unwrap(), "alone");
    server.put("wf/folder/a", b"first");
    server.put("wf/folder/deep/b", b"second");
    let folder = step.artifact("in/folder", json!({"gcs": {"key": "wf/folder"}}));
    assert!(load(&place, &folder).unwrap());
    assert_eq!(fs::read_to_string(step.at("in/folder/a")).unwrap(), "first");
    assert_eq!(fs::read_to_string(step.at("in/folder/deep/b")).unwrap(), "second");
    what_is_missing_is_told(&step, &location, &json!({"gcs": {"key": "never/saved"}}));
}

#[test]
fn artifacts_of_every_form_come_back_from_azure() {
    let Some(server) = Azure::start(HERE) else { return };
    let step = Step::new(&[("account", &format!("{ACCOUNT_KEY}\n")), ("wrong", "Z3Vlc3M=")]);
    let location = |key: &str| {
        json!({"azure": {
            "endpoint": server.endpoint(), "container": BUCKET, "blob": "wf/pod",
            "accountKeySecret": {"name": "s", "key": key},
        }})
    };
    every_form_comes_back(&step, &location("account"));
    let nowhere = json!({"azure": {"blob": "never/saved"}});
    what_is_missing_is_told(&step, &location("account"), &nowhere);
    let refused = load(&step.place(&location("wrong")), &step.artifact("in", nowhere));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("AuthorizationFailure"), "{refused}");
}

#[test]
fn a_server_with_an_authority_of_its_own_is_trusted_by_that_alone() {
    let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
    let Some(server) = S3::start_secure(HERE, &certificate, &key) else {
        return;
    };
    let step = Step::of_s3();
    secret(step.0.path(), "authority", &certificate);
    let mut location = in_s3(&server, "secret");
    location["s3"]["insecure"] = false.into();
    location["s3"]["caSecret"] = json!({"name": "s", "key": "authority"});
    let place = step.place(&location);
    fs::write(step.at("out"), "content").unwrap();
    let saved = save(&place, &step.artifact("out", json!({}))).unwrap().unwrap();
    let path = step.at("in").display().to_string();
    assert!(load(&place, &Artifact { path, ..saved }).unwrap());
    assert_eq!(fs::read_to_string(step.at("in")).unwrap(), "content");
}

#[test]
fn what_is_not_there_is_told_from_what_cannot_be_had() {
    let Some(server) = S3::start(HERE) else { return };
    let step = Step::of_s3();
    let nowhere = json!({"s3": {"key": "never/saved"}});
    what_is_missing_is_told(&step, &in_s3(&server, "secret"), &nowhere);
    secret(step.0.path(), "wrong", "a guess");
    let refused = load(
        &step.place(&in_s3(&server, "wrong")),
        &step.artifact("in", nowhere),
    );
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("SignatureDoesNotMatch"), "{refused}");
}

#[test]
fn artifacts_lie_at_addresses_of_the_web() {
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path(), "user", "someone");
    secret(folder.path(), "password", "quite secret");
    let web = Web::new("someone", "quite secret");
    let place = Place::of(&Orders::default()).with_secrets(folder.path().join("secrets"));
    let at = |name: &str| folder.path().join(name);
    let artifact = |path: &str, password: &str, url: &str| -> Artifact {
        serde_json::from_value(json!({
            "name": "art", "path": at(path), "archive": {"none": {}},
            "http": {"url": format!("{}{url}", web.address()), "auth": {"basicAuth": {
                "usernameSecret": {"name": "s", "key": "user"},
                "passwordSecret": {"name": "s", "key": password},
            }}},
        }))
        .unwrap()
    };
    fs::write(at("out"), "content").unwrap();
    save(&place, &artifact("out", "password", "/a/file?version=1")).unwrap();
    assert!(load(&place, &artifact("in", "password", "/a/file?version=1")).unwrap());
    assert_eq!(fs::read_to_string(at("in")).unwrap(), "content");
    let missing = load(&place, &artifact("in", "password", "/other"));
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let refused = load(&place, &artifact("in", "user", "/a/file?version=1"));
    assert!(refused.unwrap_err().to_string().contains("401 Unauthorized"));
}
