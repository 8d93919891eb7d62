//! What a node is told: its name, its directory, what images stand for, what processes may see.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meta::host::Host;

use crate::gpus::Gpus;

/// Directories of which a sandbox has its own.
const PRIVATE: [&str; 2] = ["/tmp", "/dev/shm"];

/// A node's configuration.
#[derive(Clone)]
pub struct NodeConfig {
    /// Name of the Node object, which pods are bound to.
    pub name: String,
    /// Directory of the node: the spawner's socket and journal, and a directory for each pod.
    pub directory: PathBuf,
    /// The program to start the spawner from; its `main` begins with [`spawner::run_if_asked`].
    pub program: PathBuf,
    /// Clock and randomness.
    pub host: Host,
    /// What image references stand for; the first that matches counts.
    pub images: Vec<Image>,
    /// The environment that every process starts from: at least `PATH`; `HOME` and `LANG` as wanted.
    pub environment: Vec<(String, String)>,
    /// Paths that stay visible to processes even where they lie below what is private to each: `/tmp`, `/dev/shm`.
    pub visible: Vec<PathBuf>,
    /// Paths that stay so visible to processes that run this program.
    pub visible_to_program: Vec<PathBuf>,
    /// The address that pods report: they share the machine's network.
    pub address: String,
    /// What the node offers; found out for what is absent.
    pub capacity: Capacity,
    /// The GPUs that it offers, if any.
    pub gpus: Option<Gpus>,
    /// Whether it stands for a machine that is not there: its pods run here all the same.
    pub simulated: bool,
    /// Whether processes get their own view of the machine where it lets them: a private root, `/tmp` and process ids.
    pub sandbox: bool,
    /// How often the files of ConfigMaps, Secrets and tokens in pods are brought up to date; kubelet does each minute.
    pub refresh: Duration,
    /// How processes that run this program reach the API server.
    pub api: Option<ApiAccess>,
}

impl NodeConfig {
    /// The paths that a sandbox must not hide from a container of `image`, which may run this program, without those
    /// that lie in another one. Others are not shown: each costs directories in the container's `/tmp`.
    pub(crate) fn visible_in_private(&self, image: Option<&Image>, runs_program: bool) -> Vec<PathBuf> {
        let in_private = |path: &&PathBuf| {
            let mut private = PRIVATE.iter().map(Path::new);
            private.any(|private| path.starts_with(private) && path.as_path() != private)
        };
        let own = self.visible_to_program.iter().filter(|_| runs_program);
        let programs = image.and_then(|image| image.programs.as_ref());
        let all = self.visible.iter().chain(own).chain(programs);
        let hidden: Vec<&PathBuf> = all.filter(in_private).collect();
        let in_another = |path: &PathBuf| {
            hidden
                .iter()
                .any(|other| *other != path && path.starts_with(other))
        };
        let mut shown: Vec<PathBuf> = Vec::new();
        for path in hidden.iter().filter(|path| !in_another(path) && path.exists()) {
            if !shown.contains(path) {
                shown.push((*path).clone());
            }
        }
        shown
    }
}

/// How a process reaches the API server, and in which environment variables it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAccess {
    /// The server's unix socket.
    pub socket: PathBuf,
    /// The variable that names the socket.
    pub socket_variable: String,
    /// The variable that holds a token of the pod's service account, bound to the pod.
    pub token_variable: String,
    /// The variable that tells the node's own program the user, `UID:GID`, of the command that it runs.
    pub user_variable: String,
}

/// What a node offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Thousandths of a processor.
    pub cpu_millis: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    /// Pods that run at once.
    pub pods: Option<i64>,
}

/// What stands for an image on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Image reference, `*` standing for any text; matched with the tag or without.
    pub pattern: String,
    /// Folder of programs, looked up before `PATH`; also what an image volume shows.
    pub programs: Option<PathBuf>,
    /// Program and first arguments of a container without `command`; without one, its `args` are the command.
    pub entrypoint: Vec<String>,
    /// Arguments of a container with neither `command` nor `args`.
    pub arguments: Vec<String>,
}

impl Image {
    /// The image `plimsoll`, whatever its tag: the directory of the running program.
    pub fn own(program: &Path) -> Self {
        Self {
            pattern: "plimsoll".to_owned(),
            programs: program.parent().map(Path::to_owned),
            entrypoint: vec![program.display().to_string()],
            arguments: Vec::new(),
        }
    }

    /// What stands for a program that a container names by its absolute path in the image, and that this machine
    /// lacks: the one of that name in the folder of programs.
    pub fn stand_in(&self, program: &str) -> Option<String> {
        let path = Path::new(program);
        let own = self.programs.as_ref()?.join(path.file_name()?);
        let stands_in = path.is_absolute() && !path.exists() && own.is_file();
        stands_in.then(|| own.display().to_string())
    }

    /// The program that it is for, and where that stands at the root of a container with a root of its own: many
    /// images have it there, and scripts name it so. What this machine has there stays.
    pub fn at_the_root(&self) -> Option<(PathBuf, PathBuf)> {
        let name = self.entrypoint.first().filter(|name| !name.contains('/'))?;
        let (program, at) = (self.programs.as_ref()?.join(name), Path::new("/").join(name));
        (program.is_file() && !at.exists()).then_some((program, at))
    }

    /// Whether the image stands for `reference`.
    pub fn matches(&self, reference: &str) -> bool {
        meta::image::matches(&self.pattern, reference)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use meta::host::{Clock, Random};

    use super::*;

    struct Nothing;
    impl Clock for Nothing {
        fn now(&self) -> meta::Timestamp {
            meta::Timestamp::UNIX_EPOCH
        }
    }
    impl Random for Nothing {
        fn fill(&self, _: &mut [u8]) {}
    }

    #[test]
    fn a_sandbox_hides_what_its_container_does_not_need() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let below = |name: &str| folder.path().join(name);
        for name in ["always", "own", "own/inner", "programs"] {
            std::fs::create_dir(below(name)).unwrap();
        }
        let config = NodeConfig {
            name: "n".into(),
            directory: below("node"),
            program: below("program"),
            host: Host {
                clock: Arc::new(Nothing),
                random: Arc::new(Nothing),
            },
            images: Vec::new(),
            environment: Vec::new(),
            visible: vec![below("always"), "/usr/bin".into()],
            visible_to_program: vec![below("own"), below("own/inner"), below("gone")],
            address: String::new(),
            capacity: Capacity::default(),
            gpus: None,
            simulated: false,
            sandbox: true,
            refresh: Duration::from_secs(60),
            api: None,
        };
        let image = Image {
            programs: Some(below("programs")),
            ..Image::default()
        };
        let check = |image, runs_program, expected: &[&str]| {
            let expected: Vec<PathBuf> = expected.iter().map(|name| below(name)).collect();
            assert_eq!(config.visible_in_private(image, runs_program), expected);
        };
        check(None, false, &["always"]);
        check(Some(&image), false, &["always", "programs"]);
        check(None, true, &["always", "own"]);
        check(Some(&image), true, &["always", "own", "programs"]);
    }

    #[test]
    fn a_program_of_the_image_may_have_a_stand_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("argosay"), "").unwrap();
        let image = Image {
            programs: Some(folder.path().to_owned()),
            ..Image::default()
        };
        let there = folder.path().join("argosay").display().to_string();
        for (program, expected) in [
            ("/argosay", Some(there.as_str())),
            ("/bin/argosay", Some(there.as_str())),
            ("argosay", None),
            ("/bin/sh", None),
            ("/other", None),
            ("/", None),
        ] {
            assert_eq!(image.stand_in(program).as_deref(), expected, "{program}");
        }
    }

    #[test]
    fn the_program_of_an_image_stands_at_its_root() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("argosay"), "").unwrap();
        let shown = |entrypoint: &str| {
            let image = Image {
                programs: Some(folder.path().to_owned()),
                entrypoint: vec![entrypoint.to_owned()],
                ..Image::default()
            };
            image.at_the_root().map(|(_, at)| at.display().to_string())
        };
        assert_eq!(shown("argosay").as_deref(), Some("/argosay"));
        assert_eq!(shown("other"), None);
        assert_eq!(shown("/argosay"), None);
    }
}
