//! Container images without a container engine: an OCI layout of one layer, as a tar that `ctr images import` and
//! others read. The same files make the same digests.
//!
//! `cargo xtask image` makes ours: the program alone, linked statically, so that it runs inside any other image.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The target of the static program.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The authorities that this machine trusts. Steps reach their stores from images that may have none.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The architecture of it, as images say it.
const ARCHITECTURE: &str = "amd64";

/// Something in an image.
pub(crate) enum Entry {
    /// A file that may be run.
    Program(Vec<u8>),
    /// A file.
    File(Vec<u8>),
    /// A symbolic link to this path.
    Link(String),
    /// A folder with these rights.
    Folder(u32),
}

/// An image of one layer.
pub(crate) struct Image {
    /// Its full names, as `docker.io/library/busybox:latest`.
    pub(crate) names: Vec<String>,
    /// Paths without a leading slash, folders before what is in them.
    pub(crate) entries: Vec<(String, Entry)>,
    /// What always runs, unless the container says a command.
    pub(crate) entrypoint: Vec<String>,
    /// What runs, or is given to the entry point, if the container says nothing.
    pub(crate) command: Vec<String>,
}

impl Image {
    /// Writes the image as a tar of an OCI layout.
    pub(crate) fn write(&self, to: &Path) -> Result<()> {
        let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
        let mut out = tar::Builder::new(std::io::BufWriter::new(file));
        let layer = self.layer()?;
        let layer = put_blob(&mut out, "application/vnd.oci.image.layer.v1.tar", &layer)?;
        let config = json!({
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": {"Entrypoint": self.entrypoint, "Cmd": self.command, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let config = put_blob(
            &mut out,
            "application/vnd.oci.image.config.v1+json",
            &json_bytes(&config),
        )?;
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer],
        });
        let manifest = put_blob(&mut out, media_type, &json_bytes(&manifest))?;
        let named = self.names.iter().map(|name| named(&manifest, name));
        let index = json!({"schemaVersion": 2, "manifests": named.collect::<Vec<_>>()});
        put(&mut out, "index.json", &json_bytes(&index), 0o644)?;
        put(
            &mut out,
            "oci-layout",
            br#"{"imageLayoutVersion":"1.0.0"}"#,
            0o644,
        )?;
        out.into_inner()?.flush()?;
        Ok(())
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let mut layer = tar::Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            match entry {
                Entry::Program(bytes) => put(&mut layer, path, bytes, 0o755)?,
                Entry::File(bytes) => put(&mut layer, path, bytes, 0o644)?,
                Entry::Link(target) => {
                    let mut header = header(tar::EntryType::Symlink, 0, 0o777);
                    layer.append_link(&mut header, path, target)?;
                }
                Entry::Folder(mode) => {
                    let mut header = header(tar::EntryType::Directory, 0, *mode);
                    layer.append_data(&mut header, path, std::io::empty())?;
                }
            }
        }
        Ok(layer.into_inner()?)
    }
}

/// The manifest under a name. Containerd and others read names from different annotations.
fn named(manifest: &Value, name: &str) -> Value {
    let mut named = manifest.clone();
    named["annotations"] = json!({
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name,
    });
    named["platform"] = json!({"architecture": ARCHITECTURE, "os": "linux"});
    named
}

fn json_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn put_blob<W: std::io::Write>(out: &mut tar::Builder<W>, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let digest: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    put(out, &format!("blobs/sha256/{digest}"), bytes, 0o644)?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()}))
}

fn put<W: std::io::Write>(out: &mut tar::Builder<W>, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let mut header = header(tar::EntryType::Regular, bytes.len() as u64, mode);
    Ok(out.append_data(&mut header, path, bytes)?)
}

/// Of no time and nobody, so that the same content has the same digest.
fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// How to make our own image.
#[derive(Args)]
pub(crate) struct Own {
    /// Where to write it [default: `image/plimsoll.tar` in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The cargo profile to build with.
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
}

/// Builds the program statically and wraps it.
pub(crate) fn own(options: &Own) -> Result<()> {
    let program = build(&options.profile)?;
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    ensure!(
        is_static(&bytes),
        "{} asks for a dynamic linker: other images may have none",
        program.display()
    );
    let mut entries = vec![
        ("plimsoll".to_owned(), Entry::Program(bytes)),
        ("tmp".to_owned(), Entry::Folder(0o1777)),
    ];
    match fs::read(AUTHORITIES) {
        Ok(pem) => entries.push(("ca-certificates.crt".to_owned(), Entry::File(pem))),
        Err(error) => eprintln!("the image has no certificates of authorities: {AUTHORITIES}: {error}"),
    }
    let image = Image {
        names: vec![own_name()],
        entries,
        entrypoint: Vec::new(),
        command: vec!["/plimsoll".to_owned()],
    };
    let output = options
        .output
        .clone()
        .unwrap_or_else(|| target_folder().join("plimsoll.tar"));
    image.write(&output)?;
    println!("{}", output.display());
    Ok(())
}

/// Whether a program runs where there is nothing else. The name of its dynamic linker would stand near its head.
fn is_static(program: &[u8]) -> bool {
    let head = &program[..program.len().min(4096)];
    let linker = b"/ld-linux";
    !head.windows(linker.len()).any(|bytes| bytes == linker)
}

/// The name that pods ask for.
fn own_name() -> String {
    format!("docker.io/library/plimsoll:{}", env!("CARGO_PKG_VERSION"))
}

/// A folder of its own: other flags would otherwise drive out what ordinary builds left.
fn target_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| crate::workspace_root().join("target"))
        .join("image")
}

fn build(profile: &str) -> Result<PathBuf> {
    let target = target_folder();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--package",
            "plimsoll",
            "--target",
            TARGET,
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(crate::workspace_root())
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_INCREMENTAL", "0")
        // Each pod gets a copy: nobody debugs there.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_PROFILE_DEV_STRIP", "debuginfo")
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo build failed");
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target.join(TARGET).join(folder).join("plimsoll"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    fn written(image: &Image) -> BTreeMap<String, Vec<u8>> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("image.tar");
        image.write(&path).expect("written");
        let mut tar = tar::Archive::new(File::open(path).expect("there"));
        tar.entries()
            .expect("a tar")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let name = entry.path().expect("a path").display().to_string();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("readable");
                (name, bytes)
            })
            .collect()
    }

    #[test]
    fn a_program_that_asks_for_a_linker_is_not_static() {
        assert!(is_static(b"\x7fELF") && !is_static(b"\x7fELF../lib64/ld-linux-x86-64.so.2\0"));
    }

    #[test]
    fn everything_that_is_named_is_there_under_its_digest() {
        let image = Image {
            names: vec!["a:1".to_owned(), "b:1".to_owned()],
            entries: vec![
                ("bin".to_owned(), Entry::Folder(0o755)),
                ("bin/sh".to_owned(), Entry::Program(b"#!".to_vec())),
                ("sh".to_owned(), Entry::Link("bin/sh".to_owned())),
            ],
            entrypoint: Vec::new(),
            command: vec!["/bin/sh".to_owned()],
        };
        let files = written(&image);
        assert_eq!(files, written(&image), "the same files make the same image");
        let index: Value = serde_json::from_slice(&files["index.json"]).expect("JSON");
        let read = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().expect("a digest");
            let bytes = &files[&format!("blobs/{}", digest.replace(':', "/"))];
            assert_eq!(descriptor["size"], bytes.len());
            bytes.clone()
        };
        assert_eq!(
            index["manifests"][1]["annotations"]["io.containerd.image.name"],
            "b:1"
        );
        let manifest: Value = serde_json::from_slice(&read(&index["manifests"][0])).expect("JSON");
        let config: Value = serde_json::from_slice(&read(&manifest["config"])).expect("JSON");
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        read(&manifest["layers"][0]);
    }
}
