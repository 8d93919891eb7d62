//! A pod's volumes: made in its directory, or found on the machine.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kinds::k8s::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use kinds::k8s::api::core::v1::{
    DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, Pod, ProjectedVolumeSource, ServiceAccount,
    ServiceAccountTokenProjection, Volume, VolumeProjection,
};
use kinds::kube::{Api, Client, api::PostParams};
use meta::Timestamp;
use meta::host::Host;
use serde_json::Value;

use crate::claims::Claims;
use crate::config::Image;
use crate::directory::PodDirectory;
use crate::environment::find;
use crate::fields::{self, NodeFacts};
use crate::objects::{self, Source};
use crate::payload::{self, File, Payload};

/// Permission bits of projected files, unless the volume says otherwise.
const MODE: i32 = 0o644;
/// Seconds a projected token is valid, unless the volume says otherwise.
const TOKEN_SECONDS: i64 = 3600;

/// Why a volume could not be made.
#[derive(Debug)]
pub(crate) enum VolumeError {
    /// A sentence; may be mended by a change of other objects.
    Unavailable(String),
    /// The machine's disk.
    Io(io::Error),
}

impl From<io::Error> for VolumeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for VolumeError {
    fn from(sentence: String) -> Self {
        Self::Unavailable(sentence)
    }
}

/// What making volumes needs.
#[derive(Clone)]
pub(crate) struct Maker {
    /// The API server.
    pub(crate) client: Client,
    /// What pods may ask of the node.
    pub(crate) facts: NodeFacts,
    /// What volume claims stand for.
    pub(crate) claims: Claims,
    /// The clock.
    pub(crate) host: Host,
}

impl Maker {
    /// Makes all volumes of `pod`.
    pub(crate) async fn make(&self, pod: &Pod, directory: &PodDirectory) -> Result<(), VolumeError> {
        for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
            self.make_one(pod, volume, directory)
                .await
                .map_err(|error| match error {
                    VolumeError::Unavailable(why) => VolumeError::Unavailable(format!(
                        "MountVolume.SetUp failed for volume {:?} : {why}",
                        volume.name
                    )),
                    io => io,
                })?;
        }
        Ok(())
    }

    async fn make_one(
        &self,
        pod: &Pod,
        volume: &Volume,
        directory: &PodDirectory,
    ) -> Result<(), VolumeError> {
        let at = directory.volume(&volume.name);
        if volume.empty_dir.is_some() {
            empty_dir(&at, fs_group(pod))?;
            return Ok(());
        }
        if let Some(host) = &volume.host_path {
            return host_path(host);
        }
        if volume.image.is_some() {
            return Ok(());
        }
        if let Some(claim) = &volume.persistent_volume_claim {
            let path = self.claims.path(namespace(pod), &claim.claim_name).await?;
            return Ok(link(&path, &at)?);
        }
        let payload = self.payload(pod, volume, None).await?;
        payload::write(&at, &payload)?;
        Ok(())
    }

    /// Brings the files of a volume up to date; one that is not made yet is left.
    pub(crate) async fn refresh(
        &self,
        pod: &Pod,
        volume: &Volume,
        directory: &PodDirectory,
    ) -> Result<(), VolumeError> {
        let at = directory.volume(&volume.name);
        let now = at.join(payload::DATA);
        if !now.exists() {
            return Ok(());
        }
        let payload = self.payload(pod, volume, Some(&now)).await?;
        payload::update(&at, &payload)?;
        Ok(())
    }

    /// The files of a volume; tokens that lie in `now` and are good for a while are kept.
    async fn payload(&self, pod: &Pod, volume: &Volume, now: Option<&Path>) -> Result<Payload, VolumeError> {
        let mut payload = Payload::new();
        if let Some(map) = &volume.config_map {
            let from = (Source::ConfigMap, map.name.as_str(), map.optional);
            let mode = map.default_mode.unwrap_or(MODE);
            self.keys(pod, from, map.items.as_deref(), mode, &mut payload)
                .await?;
        } else if let Some(secret) = &volume.secret {
            let from = (
                Source::Secret,
                secret.secret_name.as_deref().unwrap_or_default(),
                secret.optional,
            );
            let mode = secret.default_mode.unwrap_or(MODE);
            self.keys(pod, from, secret.items.as_deref(), mode, &mut payload)
                .await?;
        } else if let Some(downward) = &volume.downward_api {
            let mode = downward.default_mode.unwrap_or(MODE);
            self.downward(pod, downward.items.as_deref(), mode, &mut payload)?;
        } else if let Some(projected) = &volume.projected {
            self.projected(pod, projected, now, &mut payload).await?;
        } else {
            return Err(VolumeError::Unavailable(
                "this node has emptyDir, configMap, secret, projected, downwardAPI, hostPath, image and claimed volumes only"
                    .to_owned(),
            ));
        }
        Ok(payload)
    }

    async fn keys(
        &self,
        pod: &Pod,
        (source, name, optional): (Source, &str, Option<bool>),
        items: Option<&[KeyToPath]>,
        mode: i32,
        payload: &mut Payload,
    ) -> Result<(), VolumeError> {
        let (optional, namespace) = (optional == Some(true), namespace(pod));
        let data = objects::required(&self.client, namespace, source, name, optional).await?;
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            for (key, bytes) in data {
                add(payload, &key, bytes, mode)?;
            }
            return Ok(());
        };
        for item in items {
            match data.get(&item.key) {
                Some(bytes) => add(payload, &item.path, bytes.clone(), item.mode.unwrap_or(mode))?,
                None if optional => {}
                None => {
                    return Err(
                        format!("references non-existent {} key: {}", source.lower(), item.key).into(),
                    );
                }
            }
        }
        Ok(())
    }

    fn downward(
        &self,
        pod: &Pod,
        items: Option<&[DownwardAPIVolumeFile]>,
        mode: i32,
        payload: &mut Payload,
    ) -> Result<(), VolumeError> {
        for item in items.into_iter().flatten() {
            let text = if let Some(field) = &item.field_ref {
                fields::field(pod, &field.field_path, &self.facts)?
            } else if let Some(resource) = &item.resource_field_ref {
                let name = resource.container_name.as_deref().unwrap_or_default();
                let container = find(pod, name).ok_or_else(|| format!("no container is named {name:?}"))?;
                fields::resource(container, resource, &self.facts)?
            } else {
                String::new()
            };
            add(payload, &item.path, text.into_bytes(), item.mode.unwrap_or(mode))?;
        }
        Ok(())
    }

    async fn projected(
        &self,
        pod: &Pod,
        projected: &ProjectedVolumeSource,
        now: Option<&Path>,
        payload: &mut Payload,
    ) -> Result<(), VolumeError> {
        let mode = projected.default_mode.unwrap_or(MODE);
        for source in projected.sources.iter().flatten() {
            self.project(pod, source, mode, now, payload).await?;
        }
        Ok(())
    }

    async fn project(
        &self,
        pod: &Pod,
        source: &VolumeProjection,
        mode: i32,
        now: Option<&Path>,
        payload: &mut Payload,
    ) -> Result<(), VolumeError> {
        if let Some(map) = &source.config_map {
            let from = (Source::ConfigMap, map.name.as_str(), map.optional);
            self.keys(pod, from, map.items.as_deref(), mode, payload).await?;
        }
        if let Some(secret) = &source.secret {
            let from = (Source::Secret, secret.name.as_str(), secret.optional);
            self.keys(pod, from, secret.items.as_deref(), mode, payload)
                .await?;
        }
        if let Some(downward) = &source.downward_api {
            self.downward(pod, downward.items.as_deref(), mode, payload)?;
        }
        if let Some(token) = &source.service_account_token {
            let text = match now.and_then(|now| good_token(&now.join(&token.path), token, self.host.now())) {
                Some(bytes) => bytes,
                None => self.token(pod, token).await?.into_bytes(),
            };
            add(payload, &token.path, text, mode)?;
        }
        Ok(())
    }

    async fn token(&self, pod: &Pod, projection: &ServiceAccountTokenProjection) -> Result<String, String> {
        let seconds = projection.expiration_seconds.unwrap_or(TOKEN_SECONDS);
        self.request_token(pod, projection.audience.clone(), seconds)
            .await
    }

    /// Asks for a token of the pod's service account, bound to the pod.
    pub(crate) async fn request_token(
        &self,
        pod: &Pod,
        audience: Option<String>,
        seconds: i64,
    ) -> Result<String, String> {
        let account = fields::service_account(pod);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: audience.into_iter().collect(),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Pod".to_owned()),
                    name: pod.metadata.name.clone(),
                    uid: pod.metadata.uid.clone(),
                }),
                expiration_seconds: Some(seconds),
            },
            ..TokenRequest::default()
        };
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), namespace(pod));
        let answer = accounts
            .create_token_request(account, &PostParams::default(), &request)
            .await;
        let status = answer
            .map_err(|error| format!("failed to fetch token: {error}"))?
            .status;
        status
            .map(|status| status.token)
            .ok_or_else(|| "failed to fetch token: the answer has none".to_owned())
    }
}

/// The group that a pod's volumes belong to, where we may give them away.
fn fs_group(pod: &Pod) -> Option<u32> {
    let context = pod.spec.as_ref()?.security_context.as_ref()?;
    let group = context.fs_group.and_then(|group| u32::try_from(group).ok());
    group.filter(|_| rustix::process::geteuid().is_root())
}

fn empty_dir(at: &Path, group: Option<u32>) -> io::Result<()> {
    std::fs::create_dir_all(at)?;
    if let Some(group) = group {
        std::os::unix::fs::chown(at, None, Some(group))?;
    }
    let mode = if group.is_some() { 0o2777 } else { 0o777 };
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(mode))
}

/// Makes the volume `at` stand for `path`, whatever an interrupted attempt left there.
fn link(path: &Path, at: &Path) -> io::Result<()> {
    if let Some(volumes) = at.parent() {
        std::fs::create_dir_all(volumes)?;
    }
    match std::fs::remove_file(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(path, at)
}

/// What a volume shows: a path of the machine, and whether it may only be read.
pub(crate) fn path(
    volume: &Volume,
    directory: &PodDirectory,
    images: &[Image],
) -> Result<(PathBuf, bool), String> {
    if let Some(host) = &volume.host_path {
        return Ok((PathBuf::from(&host.path), false));
    }
    if let Some(image) = &volume.image {
        let reference = image.reference.as_deref().unwrap_or_default();
        let known = images.iter().find(|image| image.matches(reference));
        let programs = known.and_then(|image| image.programs.clone());
        return programs.map(|path| (path, true)).ok_or_else(|| {
            format!(
                "image volume {:?}: nothing on this machine stands for image {reference:?}",
                volume.name
            )
        });
    }
    let read_only = match &volume.persistent_volume_claim {
        Some(claim) => claim.read_only == Some(true),
        None => volume.empty_dir.is_none(),
    };
    Ok((directory.volume(&volume.name), read_only))
}

fn host_path(host: &HostPathVolumeSource) -> Result<(), VolumeError> {
    let path = Path::new(&host.path);
    let found = std::fs::metadata(path).map(|found| found.file_type()).ok();
    let is = |test: &dyn Fn(&std::fs::FileType) -> bool, what: &str| -> Result<(), VolumeError> {
        let fits = found.as_ref().is_some_and(test);
        if fits {
            Ok(())
        } else {
            Err(format!("hostPath type check failed: {} is not {what}", host.path).into())
        }
    };
    match host.type_.as_deref().unwrap_or_default() {
        "DirectoryOrCreate" if found.is_none() => Ok(std::fs::create_dir_all(path)?),
        "FileOrCreate" if found.is_none() => Ok(std::fs::write(path, "")?),
        "Directory" | "DirectoryOrCreate" => is(&|found| found.is_dir(), "a directory"),
        "File" | "FileOrCreate" => is(&|found| found.is_file(), "a file"),
        "Socket" => is(&|found| found.is_socket(), "a socket"),
        "CharDevice" => is(&|found| found.is_char_device(), "a character device"),
        "BlockDevice" => is(&|found| found.is_block_device(), "a block device"),
        _ if found.is_none() => Err(format!("hostPath {} does not exist", host.path).into()),
        _ => Ok(()),
    }
}

/// A token that lies there already and has a fifth of its life left (kubelet's measure).
fn good_token(file: &Path, token: &ServiceAccountTokenProjection, now: Timestamp) -> Option<Vec<u8>> {
    let life = token.expiration_seconds.unwrap_or(TOKEN_SECONDS);
    let bytes = std::fs::read(file).ok()?;
    let claims = std::str::from_utf8(&bytes).ok()?.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims["exp"].as_i64()? - now.as_second() > life / 5).then_some(bytes)
}

fn add(payload: &mut Payload, path: &str, bytes: Vec<u8>, mode: i32) -> Result<(), VolumeError> {
    if !payload::is_inside(path) {
        return Err(format!("invalid path: {path:?} leads out of the volume").into());
    }
    payload.insert(
        path.to_owned(),
        File {
            bytes,
            mode: u32::try_from(mode).unwrap_or(0o644),
        },
    );
    Ok(())
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}
