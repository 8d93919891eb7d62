//! Programs of other projects, built from their Go modules into a cache outside the repository.
//!
//! Each module of ours in `tests/rig` names what it builds as tool dependencies, with the checksums of everything
//! beneath. Nothing is built twice: a program that is in the cache is taken as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where the linker writes a Kubernetes program's version: without it kubectl refuses to talk.
const VERSION_PACKAGE: &str = "k8s.io/component-base/version";

/// A module of ours and what is built from it.
pub(crate) struct Module {
    /// Its folder under `tests/rig`, and the name of its cache.
    folder: &'static str,
    /// The module whose version is that of the programs.
    principal: &'static str,
    programs: &'static [Program],
}

/// A program and where it comes from.
struct Program {
    name: &'static str,
    package: &'static str,
    /// What `go build` calls it.
    built_as: &'static str,
}

const fn program(name: &'static str, package: &'static str) -> Program {
    Program {
        name,
        package,
        built_as: name,
    }
}

/// Kubernetes and the etcd that it names.
pub(crate) const KUBERNETES: Module = Module {
    folder: "kubernetes",
    principal: "k8s.io/kubernetes",
    programs: &[
        Program {
            name: "etcd",
            package: "go.etcd.io/etcd/server/v3",
            built_as: "server",
        },
        program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        program(
            "kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
        program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
        program("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        program("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    ],
};

/// kwok, which plays kubelet for nodes that do not exist.
pub(crate) const KWOK: Module = Module {
    folder: "kwok",
    principal: "sigs.k8s.io/kwok",
    programs: &[program("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
};

/// versitygw, an S3 server over a folder.
pub(crate) const S3: Module = Module {
    folder: "s3",
    principal: "github.com/versity/versitygw",
    programs: &[program("versitygw", "github.com/versity/versitygw/cmd/versitygw")],
};

/// fake-gcs-server, a stand-in for Google Cloud Storage over a folder.
pub(crate) const GCS: Module = Module {
    folder: "gcs",
    principal: "github.com/fsouza/fake-gcs-server",
    programs: &[program("fake-gcs-server", "github.com/fsouza/fake-gcs-server")],
};

impl Module {
    /// All programs of the module, built where they are missing; the folder that holds them.
    pub(crate) fn all(&self) -> Result<PathBuf> {
        self.build_missing(&self.programs.iter().collect::<Vec<_>>())
    }

    /// One program of the module, built if it is missing.
    pub(crate) fn one(&self, name: &str) -> Result<PathBuf> {
        let wanted: Vec<&Program> = self.programs.iter().filter(|p| p.name == name).collect();
        Ok(self.build_missing(&wanted)?.join(name))
    }

    /// Builds what is missing in one go: programs share nearly all of their packages.
    fn build_missing(&self, wanted: &[&Program]) -> Result<PathBuf> {
        let source = crate::workspace_root().join("tests/rig").join(self.folder);
        let version = self.version(&source)?;
        let folder = cache_folder()?.join(format!("{}-{version}", self.folder));
        let missing: Vec<&Program> = wanted
            .iter()
            .copied()
            .filter(|program| !folder.join(program.name).is_file())
            .collect();
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|program| program.name).collect();
            eprintln!(
                "building {} {version}; the first time this takes minutes",
                names.join(", ")
            );
            build(&source, &folder, &version, &missing)
                .with_context(|| format!("cannot build {} from its module", names.join(", ")))?;
        }
        Ok(folder)
    }

    fn version(&self, source: &Path) -> Result<String> {
        let go_mod = source.join("go.mod");
        let text =
            fs::read_to_string(&go_mod).with_context(|| format!("cannot read {}", go_mod.display()))?;
        required(&text, self.principal)
            .with_context(|| format!("{} does not require {}", go_mod.display(), self.principal))
    }
}

/// The version of `module` that a go.mod requires, without its `v`.
fn required(go_mod: &str, module: &str) -> Option<String> {
    let mut lines = go_mod.lines().map(|line| line.split_whitespace());
    lines.find_map(|mut words| {
        let mut first = words.next()?;
        if first == "require" {
            first = words.next()?;
        }
        let version = words.next()?.strip_prefix('v')?;
        (first == module).then(|| version.to_owned())
    })
}

/// Built beside their final names: an interrupted build leaves no program.
fn build(source: &Path, folder: &Path, version: &str, programs: &[&Program]) -> Result<()> {
    let fresh = folder.join(format!("new.{}", std::process::id()));
    fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    let flags = link_flags(version);
    let output = fresh.join("");
    let status = Command::new("nice")
        .args([
            "-n",
            "10",
            "go",
            "build",
            "-mod=readonly",
            "-trimpath",
            "-ldflags",
        ])
        .arg(flags)
        .arg("-o")
        .arg(&output)
        .args(programs.iter().map(|program| program.package))
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .status()
        .context("cannot run go")?;
    if !status.success() {
        bail!("go build failed");
    }
    for program in programs {
        fs::rename(fresh.join(program.built_as), folder.join(program.name))
            .with_context(|| format!("cannot keep {}", program.name))?;
    }
    fs::remove_dir(&fresh).context("go build left something unexpected")
}

fn link_flags(version: &str) -> String {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!(
        "-s -w -X {VERSION_PACKAGE}.gitVersion=v{version} -X {VERSION_PACKAGE}.gitMajor={major} \
         -X {VERSION_PACKAGE}.gitMinor={minor}"
    )
}

/// Where what is built or made once is kept.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache
        .context("neither XDG_CACHE_HOME nor HOME is set")?
        .join("plimsoll"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_go_mod() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(required(text, "a.b/c").as_deref(), expected, "{text}");
        };
        check("require a.b/c v1.2.3\n", Some("1.2.3"));
        check(
            "require (\n\ta.b/cd v9.0.0\n\ta.b/c v1.2.3 // indirect\n)\n",
            Some("1.2.3"),
        );
        check("tool a.b/c\n\nreplace a.b/c => a.b/c v0.1.0\n", None);
    }

    #[test]
    fn every_tool_is_named_where_go_finds_it() {
        for module in [&KUBERNETES, &KWOK, &S3, &GCS] {
            let go_mod = crate::workspace_root()
                .join("tests/rig")
                .join(module.folder)
                .join("go.mod");
            let text = fs::read_to_string(&go_mod).expect("a go.mod");
            for program in module.programs {
                let named = text.lines().any(|line| {
                    let line = line.trim();
                    line.strip_prefix("tool ").unwrap_or(line) == program.package
                });
                assert!(named, "{} is no tool of {}", program.package, go_mod.display());
            }
            assert!(required(&text, module.principal).is_some());
        }
    }
}
