//! Artifacts in a bucket of a real S3 server that checks every signature, and at addresses of the web.
//!
//! ```text
//!   PLIMSOLL_S3_SERVER=$(cargo xtask s3) cargo test --package artifacts --test buckets
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]
#![allow(clippy::print_stderr, reason = "tests say what they pass over")]

mod s3;
mod web;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use argo::Artifact;
use argo::exec::Orders;
use artifacts::{Error, Place, load, save};
use serde_json::{Value, json};

use s3::{ACCESS_KEY, S3, SECRET_KEY};
use web::Web;

/// A server with a bucket, and a folder of a step.
struct Bench {
    server: S3,
    folder: tempfile::TempDir,
}

impl Bench {
    /// A server, if there is a program for it.
    fn new() -> Option<Self> {
        S3::start(Ipv4Addr::LOCALHOST.into()).map(Self::of)
    }

    fn of(server: S3) -> Self {
        let folder = tempfile::tempdir().unwrap();
        secret(folder.path(), "access", ACCESS_KEY);
        // As `echo` puts it into files that become Secrets.
        secret(folder.path(), "secret", &format!("{SECRET_KEY}\n"));
        Self { server, folder }
    }

    fn location(&self, secret: &str) -> Value {
        json!({"s3": {
            "endpoint": self.server.endpoint(), "insecure": true, "bucket": "bucket", "key": "wf/pod",
            "accessKeySecret": {"name": "s", "key": "access"},
            "secretKeySecret": {"name": "s", "key": secret},
        }})
    }

    fn place(&self, location: &Value) -> Place {
        let orders: Orders = serde_json::from_value(json!({"archiveLocation": location})).unwrap();
        Place::of(&orders).with_secrets(self.folder.path().join("secrets"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn artifact(&self, path: &str, mut rest: Value) -> Artifact {
        rest["name"] = "art".into();
        rest["path"] = self.at(path).display().to_string().into();
        serde_json::from_value(rest).unwrap()
    }
}

fn secret(folder: &Path, key: &str, value: &str) {
    let folder = folder.join("secrets/s");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(key), value).unwrap();
}

#[test]
fn artifacts_of_every_form_come_back_from_a_bucket() {
    let Some(bench) = Bench::new() else { return };
    let place = bench.place(&bench.location("secret"));
    fs::create_dir_all(bench.at("out/folder/deep")).unwrap();
    fs::write(bench.at("out/folder/deep/small"), "inside").unwrap();
    // More than two parts of an upload.
    let large: Vec<u8> = (0..20_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    fs::write(bench.at("out/folder/large"), &large).unwrap();
    for (archive, key) in [
        (json!({}), "wf/pod/art.tgz"),
        (json!({"archive": {"none": {}}}), "wf/pod/folder/large"),
    ] {
        let saved = save(&place, &bench.artifact("out/folder", archive))
            .unwrap()
            .unwrap();
        assert!(bench.server.object(key).is_file(), "{key}");
        let mut loaded = serde_json::to_value(&saved).unwrap();
        assert_eq!(loaded["s3"]["bucket"], "bucket", "the place is reported whole");
        loaded["path"] = bench.at("in/folder").display().to_string().into();
        let loaded: Artifact = serde_json::from_value(loaded).unwrap();
        assert!(load(&place, &loaded).unwrap());
        assert!(fs::read(bench.at("in/folder/large")).unwrap() == large);
        assert_eq!(
            fs::read_to_string(bench.at("in/folder/deep/small")).unwrap(),
            "inside"
        );
    }
}

#[test]
fn a_server_with_an_authority_of_its_own_is_trusted_by_that_alone() {
    let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
    let Some(server) = S3::start_secure(Ipv4Addr::LOCALHOST.into(), &certificate, &key) else {
        return;
    };
    let bench = Bench::of(server);
    secret(bench.folder.path(), "authority", &certificate);
    let mut location = bench.location("secret");
    location["s3"]["insecure"] = false.into();
    location["s3"]["caSecret"] = json!({"name": "s", "key": "authority"});
    let place = bench.place(&location);
    fs::write(bench.at("out"), "content").unwrap();
    let saved = save(&place, &bench.artifact("out", json!({}))).unwrap().unwrap();
    let path = bench.at("in").display().to_string();
    assert!(load(&place, &Artifact { path, ..saved }).unwrap());
    assert_eq!(fs::read_to_string(bench.at("in")).unwrap(), "content");
}

#[test]
fn what_is_not_there_is_told_from_what_cannot_be_had() {
    let Some(bench) = Bench::new() else { return };
    let nowhere = json!({"s3": {"key": "never/saved"}});
    let place = bench.place(&bench.location("secret"));
    let missing = load(&place, &bench.artifact("in", nowhere.clone()));
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let mut optional = nowhere.clone();
    optional["optional"] = true.into();
    assert!(!load(&place, &bench.artifact("in", optional)).unwrap());
    secret(bench.folder.path(), "wrong", "a guess");
    let place = bench.place(&bench.location("wrong"));
    let refused = load(&place, &bench.artifact("in", nowhere))
        .unwrap_err()
        .to_string();
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
