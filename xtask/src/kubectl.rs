//! `cargo xtask kubectl`: an ordinary kubectl, built from its own Go module into a cache outside the
//! repository. Transcript tests talk to the embedded platform through it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The kubectl to build: one minor version from what the embedded server says it is, as kubectl allows.
const VERSION: &str = "1.36.1";
/// Where the linker writes a Kubernetes program's version: without it kubectl refuses to talk.
const VERSION_PACKAGE: &str = "k8s.io/component-base/version";

/// The path of the program: a cached one, or one that is built now.
pub(crate) fn ensure() -> Result<PathBuf> {
    let folder = cache_folder()?.join(format!("kubectl-{VERSION}"));
    let program = folder.join("kubectl");
    if !program.is_file() {
        build(&folder).context("cannot build kubectl; with any other one on the PATH the tests run too")?;
    }
    Ok(program)
}

fn cache_folder() -> Result<PathBuf> {
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

/// Kubernetes is a Go module whose staging modules are named `v0.0.0` in its own go.mod; a module of one's own
/// that replaces them by their releases builds any of its programs.
fn build(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("go.mod"), "module kubectl\n")?;
    let module = download(folder)?;
    let theirs = fs::read_to_string(&module.go_mod).context("cannot read the go.mod of Kubernetes")?;
    fs::write(folder.join("go.mod"), go_mod(&theirs))?;
    // Built beside its final name: an interrupted build leaves no program.
    go(
        folder,
        &[
            "build",
            "-mod=mod",
            "-trimpath",
            "-o",
            "kubectl.new",
            "-ldflags",
            &link_flags(),
            PACKAGE,
        ],
    )?;
    fs::rename(folder.join("kubectl.new"), folder.join("kubectl")).context("cannot keep what was built")
}

const PACKAGE: &str = "k8s.io/kubernetes/cmd/kubectl";

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "GoMod")]
    go_mod: PathBuf,
}

fn download(folder: &Path) -> Result<Module> {
    let module = format!("k8s.io/kubernetes@v{VERSION}");
    let output = go_command(folder)
        .args(["mod", "download", "-json", &module])
        .output()
        .context("cannot run go")?;
    ensure!(
        output.status.success(),
        "go mod download {module}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("go mod download printed no JSON")
}

/// Our go.mod: Kubernetes, its own Go version, and a release for each of its staging modules.
fn go_mod(theirs: &str) -> String {
    let go = theirs
        .lines()
        .find(|line| line.starts_with("go "))
        .unwrap_or("go 1.26.0");
    let minor = VERSION.split_once('.').map_or(VERSION, |(_, rest)| rest);
    let staging = theirs
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" v0.0.0"));
    let replaced: Vec<String> = staging
        .map(|module| format!("replace {module} => {module} v0.{minor}\n"))
        .collect();
    format!(
        "module kubectl\n\n{go}\n\nrequire k8s.io/kubernetes v{VERSION}\n\n{}",
        replaced.concat()
    )
}

fn link_flags() -> String {
    let mut parts = VERSION.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!(
        "-s -w -X {VERSION_PACKAGE}.gitVersion=v{VERSION} -X {VERSION_PACKAGE}.gitMajor={major} \
         -X {VERSION_PACKAGE}.gitMinor={minor}"
    )
}

fn go(folder: &Path, arguments: &[&str]) -> Result<()> {
    let status = go_command(folder)
        .args(arguments)
        .status()
        .context("cannot run go")?;
    if !status.success() {
        bail!("go {} failed", arguments.join(" "));
    }
    Ok(())
}

fn go_command(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(folder)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off");
    command
}

#[cfg(test)]
mod tests {
    #[test]
    fn staging_modules_are_replaced_by_releases() {
        let theirs =
            "module k8s.io/kubernetes\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/api v0.0.0\n\tother v1.2.3\n)\n";
        expect_test::expect![[r"
            module kubectl

            go 1.26.0

            require k8s.io/kubernetes v1.36.1

            replace k8s.io/api => k8s.io/api v0.36.1
        "]]
        .assert_eq(&super::go_mod(theirs));
    }
}
