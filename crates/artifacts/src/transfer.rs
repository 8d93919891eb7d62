//! One artifact, from its place to a path of the step and back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use argo::values::{ArchiveStrategy, Artifact};

use crate::archive;
use crate::directory::{beside, folder_of, remove};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::store::Object;

/// Loads an input artifact to its path. Gives `false` for an optional artifact that is nowhere.
///
/// A gzipped tar is unpacked unless the artifact says `archive: none`, as Argo does.
///
/// # Errors
/// Why the artifact could not be loaded.
pub fn load(place: &Place, artifact: &Artifact) -> Result<bool> {
    let to = Path::new(&artifact.path);
    let placed = match place.of_input(artifact) {
        Err(_) if artifact.optional && artifact.location == Default::default() => return Ok(false),
        placed => placed?,
    };
    let object = match placed.open() {
        Err(Error::NotFound { .. }) if artifact.optional => return Ok(false),
        object => object?,
    };
    let staged = beside(to);
    make_room(to, &staged)?;
    match object {
        Object::Tree => match placed.store() {
            Some((store, key)) => store.get_tree(key, &staged)?,
            None => return Err(Error::Missing { path: to.to_owned() }),
        },
        Object::File(stream) => load_file(artifact, stream, &staged)?,
    }
    settle(&staged, to)?;
    set_mode(artifact, to)?;
    Ok(true)
}

fn load_file(artifact: &Artifact, stream: Box<dyn std::io::Read>, to: &Path) -> Result<()> {
    let archive = artifact.archive.clone().unwrap_or_default();
    if archive.none.is_some() {
        return archive::write_file(stream, to);
    }
    if archive.zip.is_some() {
        return Err(Error::Unsupported {
            what: format!("the zip archive of artifact {:?}", artifact.name),
        });
    }
    let (is_tar, stream) = archive::sniff(stream).map_err(Error::io("read", to))?;
    match (is_tar, archive.tar) {
        (true, _) => archive::unpack(stream, to),
        (false, None) => archive::write_file(stream, to),
        (false, Some(_)) => Err(Error::BadArchive {
            reason: "it is no gzipped tar".into(),
        }),
    }
}

/// Makes the folder of `to`, and refuses to replace what is not the step's own.
///
/// Under `/tmp`, which a step has to itself, anything may be replaced: loading again is harmless. An empty
/// folder elsewhere is a mount point, to be filled.
fn make_room(to: &Path, staged: &Path) -> Result<()> {
    let folder = folder_of(to);
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    remove(staged)?;
    if fs::symlink_metadata(to).is_err() || is_empty_folder(to) {
        return Ok(());
    }
    if to.starts_with("/tmp") {
        remove(to)
    } else {
        Err(Error::Occupied { path: to.to_owned() })
    }
}

fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Moves what was staged to its path; into it, where it is an empty folder that cannot be replaced.
fn settle(staged: &Path, to: &Path) -> Result<()> {
    let Err(refused) = fs::rename(staged, to) else {
        return Ok(());
    };
    if !(staged.is_dir() && is_empty_folder(to)) {
        return Err(Error::io("create", to)(refused));
    }
    for entry in fs::read_dir(staged).map_err(Error::io("list", staged))? {
        let entry = entry.map_err(Error::io("list", staged))?;
        // A mount point is another file system: rename does not reach into it.
        move_across(&entry.path(), &to.join(entry.file_name()))?;
    }
    remove(staged)
}

fn move_across(from: &Path, to: &Path) -> Result<()> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    crate::directory::copy_tree(from, to)?;
    remove(from)
}

/// Sets the mode that the artifact asks for, on everything below where it says `recurseMode`.
fn set_mode(artifact: &Artifact, path: &Path) -> Result<()> {
    let Some(mode) = artifact.mode.and_then(|mode| u32::try_from(mode).ok()) else {
        return Ok(());
    };
    set_mode_below(path, mode & 0o7777, artifact.recurse_mode)
}

fn set_mode_below(path: &Path, mode: u32, recurse: bool) -> Result<()> {
    let data = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
    if data.is_symlink() {
        return Ok(());
    }
    if recurse && data.is_dir() {
        for entry in fs::read_dir(path).map_err(Error::io("list", path))? {
            let entry = entry.map_err(Error::io("list", path))?;
            set_mode_below(&entry.path(), mode, recurse)?;
        }
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("set the mode of", path))
}

/// Saves an output artifact; gives it back with the place it lies at, or `None` for an optional one that
/// the step did not make.
///
/// Its key, where it names none, is Argo's: `NAME.tgz` for an archive, the path's last part otherwise.
///
/// # Errors
/// [`Error::Missing`] when the step did not make it, or why it could not be saved.
pub fn save(place: &Place, artifact: &Artifact) -> Result<Option<Artifact>> {
    let path = Path::new(&artifact.path);
    if !path.exists() {
        return if artifact.optional {
            Ok(None)
        } else {
            Err(Error::Missing {
                path: path.to_owned(),
            })
        };
    }
    let archive = artifact.archive.clone().unwrap_or_default();
    let placed = place.of_output(artifact, &file_name(artifact, &archive))?;
    let Some((store, key)) = placed.store() else {
        return Ok(None);
    };
    let saved = if archive.zip.is_some() {
        return Err(Error::Unsupported {
            what: format!("the zip archive of artifact {:?}", artifact.name),
        });
    } else if archive.none.is_none() {
        let level = archive
            .tar
            .and_then(|tar| tar.compression_level)
            .and_then(|level| u32::try_from(level).ok());
        store.put(key, &mut |out| archive::pack(path, level, out))?
    } else if path.is_dir() {
        store.put_tree(key, path)?
    } else {
        store.put(key, &mut |out| copy_file(path, out))?
    };
    Ok(Some(Artifact {
        location: placed.location(&saved),
        ..artifact.clone()
    }))
}

fn file_name(artifact: &Artifact, archive: &ArchiveStrategy) -> String {
    if archive.none.is_none() {
        return format!("{}.tgz", artifact.name);
    }
    let name = Path::new(&artifact.path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| artifact.name.clone())
}

fn copy_file(path: &Path, out: &mut dyn std::io::Write) -> Result<()> {
    let copied = fs::File::open(path).and_then(|mut file| std::io::copy(&mut file, out));
    copied.map(|_| ()).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository and a folder of a step, both in one temporary folder under `/tmp`.
    struct Bench {
        folder: tempfile::TempDir,
        place: Place,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir_in("/tmp").unwrap();
            let store = folder.path().join("store");
            let orders = serde_json::json!({ "archiveLocation": { "plugin": {
                "name": argo::exec::DIRECTORY_PLUGIN, "configuration": store, "key": "wf/pod" } } });
            let place = Place::of(&serde_json::from_value(orders).unwrap());
            Self { folder, place }
        }

        fn artifact(&self, path: &str, rest: serde_json::Value) -> Artifact {
            let mut artifact: Artifact = serde_json::from_value(rest).unwrap();
            artifact.name = "art".into();
            artifact.path = self.folder.path().join(path).to_string_lossy().into_owned();
            artifact
        }

        fn round_trip(&self, from: &str, to: &str, rest: serde_json::Value) {
            let saved = save(&self.place, &self.artifact(from, rest)).unwrap().unwrap();
            let loaded = Artifact {
                path: self.artifact(to, serde_json::json!({})).path,
                ..saved
            };
            assert!(load(&self.place, &loaded).unwrap());
        }
    }

    #[test]
    fn files_and_folders_come_back_in_every_form() {
        for archive in [
            serde_json::json!({}),
            serde_json::json!({"archive": {"none": {}}}),
            serde_json::json!({"archive": {"tar": {"compressionLevel": 0}}}),
        ] {
            let bench = Bench::new();
            let at = |name: &str| bench.folder.path().join(name);
            fs::create_dir_all(at("out/dir/sub")).unwrap();
            fs::write(at("out/dir/sub/a"), "inside").unwrap();
            fs::write(at("out/file"), "alone").unwrap();
            bench.round_trip("out/dir", "in/dir", archive.clone());
            bench.round_trip("out/file", "in/file", archive.clone());
            bench.round_trip("out/file", "in/file", archive);
            assert_eq!(fs::read_to_string(at("in/dir/sub/a")).unwrap(), "inside");
            assert_eq!(fs::read_to_string(at("in/file")).unwrap(), "alone");
        }
    }

    #[test]
    fn keys_are_argos() {
        let bench = Bench::new();
        fs::write(bench.folder.path().join("data.json"), "{}").unwrap();
        let check = |rest: serde_json::Value, expected: &str| {
            let saved = save(&bench.place, &bench.artifact("data.json", rest))
                .unwrap()
                .unwrap();
            let plugin = saved.location.plugin.unwrap();
            assert_eq!(plugin.key, expected);
            let directory = argo::exec::Directory::parse(&plugin.configuration);
            assert!(directory.digest.starts_with("sha256:") && directory.size.is_some());
        };
        check(serde_json::json!({}), "wf/pod/art.tgz");
        check(serde_json::json!({"archive": {"none": {}}}), "wf/pod/data.json");
        check(serde_json::json!({"s3": {"key": "own/key.tgz"}}), "own/key.tgz");
    }

    #[test]
    fn absence_is_an_error_unless_optional() {
        let bench = Bench::new();
        let optional = serde_json::json!({"optional": true});
        assert!(
            save(&bench.place, &bench.artifact("none", optional.clone()))
                .unwrap()
                .is_none()
        );
        assert!(!load(&bench.place, &bench.artifact("in", optional)).unwrap());
        let missing = save(&bench.place, &bench.artifact("none", serde_json::json!({})));
        assert!(matches!(missing, Err(Error::Missing { .. })));
        let nowhere = serde_json::json!({"s3": {"key": "never/saved"}});
        assert!(matches!(
            load(&bench.place, &bench.artifact("in", nowhere)),
            Err(Error::NotFound { .. })
        ));
    }

    #[test]
    fn a_raw_input_takes_its_mode() {
        let bench = Bench::new();
        let raw = serde_json::json!({"raw": {"data": "#!/bin/sh\n"}, "mode": 0o750});
        assert!(load(&bench.place, &bench.artifact("deep/er/tool", raw)).unwrap());
        let tool = bench.folder.path().join("deep/er/tool");
        assert_eq!(fs::metadata(&tool).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(fs::read_to_string(tool).unwrap(), "#!/bin/sh\n");
    }

    #[test]
    fn the_machines_own_files_are_not_replaced() {
        let place = Place::default();
        let mut artifact: Artifact =
            serde_json::from_value(serde_json::json!({"raw": {"data": "x"}})).unwrap();
        artifact.path = "/etc/hostname".into();
        let before = fs::read("/etc/hostname").ok();
        if before.is_some() {
            assert!(matches!(load(&place, &artifact), Err(Error::Occupied { .. })));
            assert_eq!(fs::read("/etc/hostname").ok(), before);
        }
    }
}
