//! The images of the real node, made of this machine's own programs: nothing is pulled.
//!
//! ```text
//!   busybox  --> busybox, alpine       every program of busybox
//!            +-> python, jq            and one of Debian's, with the libraries it asks for
//!            +-> argosay, whalesay     and scripts that stand for Argo's test programs
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use crate::image::{Entry, Image};

/// Debian's busybox without libraries.
pub(crate) const BUSYBOX: &str = "/bin/busybox";
/// Debian's CPython.
pub(crate) const PYTHON: &str = "/usr/bin/python3";
/// Debian's jq.
pub(crate) const JQ: &str = "/usr/bin/jq";
/// Debian's bash, which images of Argo's tests have.
const BASH: &str = "/usr/bin/bash";
/// The image of a pod's sandbox, as the runtime is told.
pub(crate) const PAUSE: &str = "registry.k8s.io/pause:3.10";
/// Scripts that stand for programs of Argo's tests.
const STAND_INS: &str = "crates/plimsoll/tests/conformance/images/argosay";
/// Parts of Python's library that no step asks for.
const NOT_NEEDED: [&str; 7] = [
    "__pycache__",
    "config-",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "test",
    "tkinter",
];

/// Writes them, and says where.
pub(crate) fn make(folder: &Folder) -> Result<Vec<PathBuf>> {
    let busybox = fs::read(BUSYBOX).with_context(|| format!("cannot read {BUSYBOX}"))?;
    let images = [
        ("pause", pause(&busybox)),
        (
            "busybox",
            small(busybox.clone())?.image(&[
                "busybox:latest",
                "busybox:1.36",
                "alpine:latest",
                "alpine:3.23",
            ]),
        ),
        (
            "python",
            python(small(busybox.clone())?)?.image(&[
                "python:alpine3.23",
                "python:3.12-alpine",
                "python:latest",
            ]),
        ),
        ("jq", jq(small(busybox.clone())?)?),
        ("argosay", argosay(small(busybox)?)?),
    ];
    images
        .iter()
        .map(|(name, image)| {
            let path = folder.at(&format!("images/{name}.tar"))?;
            image.write(&path)?;
            Ok(path)
        })
        .collect()
}

/// Holds a pod's namespaces until it is killed.
fn pause(busybox: &[u8]) -> Image {
    Image {
        names: vec![PAUSE.to_owned()],
        entries: vec![("busybox".to_owned(), Entry::Program(busybox.to_vec()))],
        entrypoint: Vec::new(),
        command: ["/busybox", "sleep", "2147483647"].map(str::to_owned).to_vec(),
    }
}

/// The files of an image that grows.
#[derive(Default)]
struct Tree {
    entries: Vec<(String, Entry)>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Adds an entry under an absolute path, after the folders that it lies in. The first of a path stays.
    fn add(&mut self, path: &str, entry: Entry) {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            self.add_one(&path[..end], Entry::Folder(0o755));
        }
        self.add_one(path, entry);
    }

    fn add_one(&mut self, path: &str, entry: Entry) {
        if self.paths.insert(path.to_owned()) {
            self.entries.push((path.to_owned(), entry));
        }
    }

    /// Adds a program of this machine and the libraries that its linker would load.
    fn add_program(&mut self, path: &str) -> Result<()> {
        let output = Command::new("ldd").arg(path).output().context("cannot run ldd")?;
        let listed = String::from_utf8_lossy(&output.stdout);
        let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
        for file in libraries.chain([path]) {
            let bytes = fs::read(file).with_context(|| format!("cannot read {file}"))?;
            self.add(file, Entry::Program(bytes));
        }
        Ok(())
    }

    /// Adds a folder of this machine with what is in it; links to files become files.
    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if NOT_NEEDED.iter().any(|part| name.starts_with(part)) {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                self.add_folder(&path)?;
            } else if path.is_file() {
                self.add(&path.display().to_string(), Entry::File(fs::read(&path)?));
            }
        }
        Ok(())
    }

    /// The image of these files, under names of Docker's library, with a shell.
    fn image(self, names: &[&str]) -> Image {
        Image {
            names: names
                .iter()
                .map(|name| format!("docker.io/library/{name}"))
                .collect(),
            entries: self.entries,
            entrypoint: Vec::new(),
            command: vec!["/bin/sh".to_owned()],
        }
    }
}

/// Every program of busybox.
fn small(busybox: Vec<u8>) -> Result<Tree> {
    let mut tree = Tree::default();
    tree.add("/tmp", Entry::Folder(0o1777));
    for path in ["/root", "/var"] {
        tree.add(path, Entry::Folder(0o755));
    }
    let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
    tree.add("/etc/passwd", Entry::File(users.into()));
    tree.add("/etc/group", Entry::File("root:x:0:\nnogroup:x:65534:\n".into()));
    tree.add("/bin/busybox", Entry::Program(busybox));
    for applet in applets()? {
        let folder = if applet == "env" { "/usr/bin" } else { "/bin" };
        tree.add(
            &format!("{folder}/{applet}"),
            Entry::Link("/bin/busybox".to_owned()),
        );
    }
    Ok(tree)
}

/// CPython with its own library, and its modules' libraries.
fn python(mut tree: Tree) -> Result<Tree> {
    let program = fs::canonicalize(PYTHON).with_context(|| format!("cannot find {PYTHON}"))?;
    let program = program.display().to_string();
    tree.add_program(&program)?;
    for name in [
        PYTHON,
        "/usr/bin/python",
        "/usr/local/bin/python",
        "/usr/local/bin/python3",
    ] {
        tree.add(name, Entry::Link(program.clone()));
    }
    let asked = Command::new(PYTHON)
        .args([
            "-I",
            "-c",
            "import sysconfig; print(sysconfig.get_path('stdlib'))",
        ])
        .output()
        .with_context(|| format!("cannot run {PYTHON}"))?;
    let library = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    tree.add_folder(Path::new(&library))?;
    Ok(tree)
}

fn jq(mut tree: Tree) -> Result<Image> {
    tree.add_program(JQ)?;
    Ok(Image {
        names: vec!["docker.io/stedolan/jq:latest".to_owned()],
        ..tree.image(&[])
    })
}

/// Argo's program for tests, which says what it is told to, and a cow that does.
fn argosay(mut tree: Tree) -> Result<Image> {
    let folder = crate::workspace_root().join(STAND_INS);
    for name in ["argosay", "cowsay"] {
        let script =
            fs::read(folder.join(name)).with_context(|| format!("there is no stand-in for {name}"))?;
        tree.add(&format!("/usr/bin/{name}"), Entry::Program(script));
    }
    tree.add_program(BASH)?;
    tree.add("/bin/bash", Entry::Link(BASH.to_owned()));
    tree.add("/argosay", Entry::Link("/usr/bin/argosay".to_owned()));
    Ok(Image {
        names: [
            "argoproj/argosay:v1",
            "argoproj/argosay:v2",
            "docker/whalesay:latest",
        ]
        .map(|name| format!("docker.io/{name}"))
        .to_vec(),
        entrypoint: vec!["argosay".to_owned()],
        command: Vec::new(),
        ..tree.image(&[])
    })
}

fn applets() -> Result<Vec<String>> {
    let output = Command::new(BUSYBOX)
        .arg("--list")
        .output()
        .with_context(|| format!("cannot run {BUSYBOX}"))?;
    let listed = String::from_utf8_lossy(&output.stdout);
    let applets = listed.lines().filter(|applet| *applet != "busybox");
    Ok(applets.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them_and_once() {
        let mut tree = Tree::default();
        tree.add("/a/b/c", Entry::File(Vec::new()));
        tree.add("/a/b/d", Entry::File(Vec::new()));
        tree.add("/a/b", Entry::Folder(0o700));
        let paths: Vec<&str> = tree.entries.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/b/d"]);
    }
}
