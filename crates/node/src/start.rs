//! From a container to the process that stands for it.

use std::path::{Path, PathBuf};

use kinds::k8s::api::core::v1::{Container, Pod, VolumeMount};
use kinds::kube::Client;
use spawner::protocol::{Abilities, Key, Mount, Sandbox, Start, User};

use crate::claims::Claims;
use crate::config::{Image, NodeConfig};
use crate::directory::PodDirectory;
use crate::environment::{self, Environment};
use crate::fields::NodeFacts;
use crate::{devices, image_name, limits, volumes};

/// Where a program may leave its last words, unless the container says otherwise.
const MESSAGE_PATH: &str = "/dev/termination-log";
/// Bytes of a host name.
const HOSTNAME_MAX: usize = 63;
/// Seconds that a token for this program's own use is valid: a step may run long.
const TOKEN_SECONDS: i64 = 7 * 24 * 3600;

/// Why a container is not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoStart {
    /// Not for now: reason and sentence.
    Refused(&'static str, String),
    /// Never, as it stands; a sentence.
    Impossible(String),
}

/// What every process of a container has around it.
#[derive(Default)]
pub(crate) struct Surroundings {
    /// Its environment.
    pub(crate) env: Environment,
    /// Its working directory.
    pub(crate) cwd: PathBuf,
    /// Whom it runs as; the node's own user if absent.
    pub(crate) user: Option<User>,
}

/// What every start of a node has in common.
#[derive(Clone)]
pub(crate) struct Starter {
    /// The API server.
    pub(crate) client: Client,
    /// The node's configuration.
    pub(crate) config: NodeConfig,
    /// What pods may ask of the node.
    pub(crate) facts: NodeFacts,
    /// What the spawner can do here.
    pub(crate) abilities: Abilities,
    /// What volume claims stand for.
    pub(crate) claims: Claims,
}

impl Starter {
    /// The process that stands for an attempt of a container.
    pub(crate) async fn prepare(
        &self,
        pod: &Pod,
        container: &Container,
        attempt: u32,
    ) -> Result<Start, NoStart> {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let directory = PodDirectory::new(&self.config.directory, &uid);
        let reference = container.image.as_deref().unwrap_or_default();
        image_name::check(reference).map_err(|sentence| NoStart::Refused("InvalidImageName", sentence))?;
        let image = self.image(container);
        let Surroundings {
            mut env,
            cwd,
            mut user,
        } = self.surroundings(pod, container).await?;
        let argv = argv(container, image, &env)?;
        self.own_program(pod, container, &mut user, &mut env).await?;
        let mut mounts = self.mounts(pod, container, &directory, attempt, &env)?;
        self.show_program(image, &mut mounts);
        let sandbox = self.sandbox(pod, container, mounts)?;
        let log = directory.log(&container.name, attempt);
        Ok(Start {
            key: Key {
                pod: uid,
                container: container.name.clone(),
                attempt,
            },
            argv,
            env: env.into_strings(),
            cwd,
            output: crate::logs::output(log),
            user,
            sandbox,
            share: limits::share(container, &self.abilities),
            ..Start::default()
        })
    }

    /// What every process of a container has around it.
    pub(crate) async fn surroundings(
        &self,
        pod: &Pod,
        container: &Container,
    ) -> Result<Surroundings, NoStart> {
        let user = self.user(pod, container)?;
        let mut env = self.base_environment(pod, self.image(container));
        devices::show(pod, container, &mut env)?;
        environment::declare(&mut env, &self.client, pod, container, &self.facts)
            .await
            .map_err(|sentence| NoStart::Refused("CreateContainerConfigError", sentence))?;
        Ok(Surroundings {
            env,
            cwd: PathBuf::from(container.working_dir.as_deref().unwrap_or("/")),
            user,
        })
    }

    fn image(&self, container: &Container) -> Option<&Image> {
        let reference = container.image.as_deref().unwrap_or_default();
        self.config.images.iter().find(|image| image.matches(reference))
    }

    fn base_environment(&self, pod: &Pod, image: Option<&Image>) -> Environment {
        let mut env = Environment::default();
        for (name, value) in &self.config.environment {
            env.set(name, value.clone());
        }
        if let Some(programs) = image.and_then(|image| image.programs.as_ref()) {
            let path = env.get("PATH").unwrap_or_default();
            env.set("PATH", format!("{}:{path}", programs.display()));
        }
        env.set("HOSTNAME", hostname(pod));
        env
    }

    /// What a container that runs this program needs to reach the API server: the socket, a token of the pod's, and
    /// this user's rights; another user it becomes itself, for the command that it runs.
    async fn own_program(
        &self,
        pod: &Pod,
        container: &Container,
        user: &mut Option<User>,
        env: &mut Environment,
    ) -> Result<(), NoStart> {
        let Some(api) = self
            .config
            .api
            .as_ref()
            .filter(|_| self.runs_own_program(pod, container))
        else {
            return Ok(());
        };
        let maker = self.volumes();
        let token = maker.request_token(pod, None, TOKEN_SECONDS).await;
        let token = token.map_err(|sentence| NoStart::Refused("CreateContainerConfigError", sentence))?;
        env.set(&api.socket_variable, api.socket.display().to_string());
        env.set(&api.token_variable, token);
        if let Some(User { uid, gid, .. }) = user.take() {
            env.set(&api.user_variable, format!("{uid}:{gid}"));
        }
        Ok(())
    }

    /// What makes the volumes of pods.
    pub(crate) fn volumes(&self) -> volumes::Maker {
        volumes::Maker {
            client: self.client.clone(),
            facts: self.facts.clone(),
            claims: self.claims.clone(),
            host: self.config.host.clone(),
        }
    }

    /// Whether preparing a start has to wait for the API server.
    pub(crate) fn needs_objects(&self, pod: &Pod, container: &Container) -> bool {
        environment::needs_objects(container)
            || self.config.api.is_some() && self.runs_own_program(pod, container)
    }

    /// Whether a container runs this very program, through an image volume or as its image.
    fn runs_own_program(&self, pod: &Pod, container: &Container) -> bool {
        let own = |reference: &str| {
            let image = self.config.images.iter().find(|image| image.matches(reference));
            image.is_some_and(|image| image.programs.as_deref() == self.config.program.parent())
        };
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let mut shown = volumes.filter(|volume| {
            let reference = volume.image.as_ref().and_then(|image| image.reference.as_deref());
            reference.is_some_and(own)
        });
        let mounts = |name: &str| {
            container
                .volume_mounts
                .iter()
                .flatten()
                .any(|mount| mount.name == name)
        };
        own(container.image.as_deref().unwrap_or_default()) || shown.any(|volume| mounts(&volume.name))
    }

    /// Another user takes root.
    fn user(&self, pod: &Pod, container: &Container) -> Result<Option<User>, NoStart> {
        let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
        let of_container = container.security_context.as_ref();
        let uid = of_container
            .and_then(|c| c.run_as_user)
            .or(of_pod.and_then(|c| c.run_as_user));
        let gid = of_container
            .and_then(|c| c.run_as_group)
            .or(of_pod.and_then(|c| c.run_as_group));
        let not_root = of_container
            .and_then(|c| c.run_as_non_root)
            .or(of_pod.and_then(|c| c.run_as_non_root));
        let own = rustix::process::geteuid().as_raw();
        if not_root == Some(true) && uid.unwrap_or(i64::from(own)) == 0 {
            return Err(NoStart::Refused(
                "CreateContainerConfigError",
                breaks_non_root(pod, container, uid),
            ));
        }
        let id = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let Some(uid) = id(uid) else { return Ok(None) };
        if !self.abilities.other_users {
            let sentence = format!(
                "runAsUser is {uid}, but this node runs processes as user {own} only, not being root"
            );
            return if uid == own {
                Ok(None)
            } else {
                Err(NoStart::Impossible(sentence))
            };
        }
        let gid = id(gid).unwrap_or(0);
        let extra = of_pod
            .and_then(|c| c.supplemental_groups.clone())
            .unwrap_or_default();
        let fs_group = of_pod.and_then(|c| c.fs_group);
        let groups = [i64::from(gid)]
            .into_iter()
            .chain(fs_group)
            .chain(extra)
            .filter_map(|group| id(Some(group)));
        Ok(Some(User {
            uid,
            gid,
            groups: groups.collect(),
        }))
    }

    fn mounts(
        &self,
        pod: &Pod,
        container: &Container,
        directory: &PodDirectory,
        attempt: u32,
        env: &Environment,
    ) -> Result<Vec<Mount>, NoStart> {
        let mounts = container.volume_mounts.iter().flatten();
        let mut mounts = mounts
            .map(|mount| self.mount(pod, mount, directory, env))
            .collect::<Result<Vec<_>, _>>()?;
        if !self.abilities.sandbox || !self.config.sandbox {
            return Ok(mounts);
        }
        let taken = |mounts: &[Mount], path: &str| mounts.iter().any(|mount| mount.target == Path::new(path));
        if !taken(&mounts, "/tmp") {
            let tmp = directory
                .make_tmp(&container.name)
                .map_err(|error| disk(&error))?;
            mounts.push(bind(tmp, "/tmp".into(), false));
        }
        let message = directory.message(&container.name, attempt);
        make_writable_file(&message).map_err(|error| disk(&error))?;
        let at = container
            .termination_message_path
            .as_deref()
            .unwrap_or(MESSAGE_PATH);
        mounts.push(bind(message, PathBuf::from(at), false));
        let (image, runs_program) = (self.image(container), self.runs_own_program(pod, container));
        let shown = self.config.visible_in_private(image, runs_program);
        mounts.extend(shown.into_iter().map(|path| bind(path.clone(), path, false)));
        Ok(mounts)
    }

    /// Shows the program of an image that is mostly one program where the image has it.
    fn show_program(&self, image: Option<&Image>, mounts: &mut Vec<Mount>) {
        if self.abilities.sandbox && self.config.sandbox {
            let program = image.and_then(Image::at_the_root);
            mounts.extend(program.map(|(program, at)| bind(program, at, true)));
        }
    }

    fn mount(
        &self,
        pod: &Pod,
        mount: &VolumeMount,
        directory: &PodDirectory,
        env: &Environment,
    ) -> Result<Mount, NoStart> {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let volume = volumes
            .into_iter()
            .find(|volume| volume.name == mount.name)
            .ok_or_else(|| {
                NoStart::Impossible(format!(
                    "volumeMounts names volume {:?}, which the pod lacks",
                    mount.name
                ))
            })?;
        let (mut source, read_only) =
            volumes::path(volume, directory, &self.config.images).map_err(NoStart::Impossible)?;
        let below = match &mount.sub_path_expr {
            Some(expression) => Some(env.expand(expression)),
            None => mount.sub_path.clone(),
        };
        if let Some(below) = below.filter(|below| !below.is_empty()) {
            source = sub_path(&source, &below)?;
        }
        Ok(bind(
            source,
            PathBuf::from(&mount.mount_path),
            read_only || mount.read_only == Some(true),
        ))
    }

    fn sandbox(
        &self,
        pod: &Pod,
        container: &Container,
        mounts: Vec<Mount>,
    ) -> Result<Option<Sandbox>, NoStart> {
        let mounted = !mounts.is_empty();
        if self.abilities.sandbox && (self.config.sandbox || mounted) {
            let stage = self.config.directory.join("stage");
            return Ok(Some(Sandbox {
                stage,
                mounts,
                hostname: Some(hostname(pod)),
            }));
        }
        if mounted {
            let why = self.abilities.obstacle.clone().unwrap_or_default();
            let name = &container.name;
            return Err(NoStart::Impossible(format!(
                "container {name:?} has volume mounts, but {why}"
            )));
        }
        Ok(None)
    }
}

/// The pod's host name: cut as kubelet cuts it, for Linux takes no more.
pub(crate) fn hostname(pod: &Pod) -> String {
    let given = pod.spec.as_ref().and_then(|spec| spec.hostname.clone());
    let mut name = given.or_else(|| pod.metadata.name.clone()).unwrap_or_default();
    let end = (0..=HOSTNAME_MAX.min(name.len()))
        .rev()
        .find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or(0));
    name.trim_end_matches(['-', '.']).to_owned()
}

/// Program and arguments, as image and container together say.
fn argv(container: &Container, image: Option<&Image>, env: &Environment) -> Result<Vec<String>, NoStart> {
    let given = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
    let (command, args) = (given(&container.command), given(&container.args));
    // An image that is known to have no entry point runs its arguments; of an unknown one that cannot be said.
    let argv = match (command, image) {
        (Some(command), _) => [command, args.unwrap_or_default()].concat(),
        (None, Some(image)) => [
            image.entrypoint.clone(),
            args.unwrap_or_else(|| image.arguments.clone()),
        ]
        .concat(),
        (None, None) => Vec::new(),
    };
    if argv.is_empty() {
        let reference = container.image.as_deref().unwrap_or_default();
        return Err(NoStart::Impossible(format!(
            "no command specified: containers run as processes of this machine, and nothing here stands for the entry point \
             of image {reference:?}; give the container a command, or map the image"
        )));
    }
    let mut argv: Vec<String> = argv.iter().map(|text| env.expand(text)).collect();
    if let Some(program) = image.and_then(|image| image.stand_in(&argv[0])) {
        argv[0] = program;
    }
    Ok(argv)
}

fn breaks_non_root(pod: &Pod, container: &Container, uid: Option<i64>) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let meta = &pod.metadata;
    let whose = format!(
        "(pod: \"{}_{}({})\", container: {})",
        text(&meta.name),
        text(&meta.namespace),
        text(&meta.uid),
        container.name
    );
    match uid {
        Some(_) => format!("container's runAsUser breaks non-root policy {whose}"),
        None => format!("container has runAsNonRoot and image will run as root {whose}"),
    }
}

fn bind(source: PathBuf, target: PathBuf, read_only: bool) -> Mount {
    Mount {
        source,
        target,
        read_only,
    }
}

/// A path below a volume; made if it is not there.
fn sub_path(volume: &Path, below: &str) -> Result<PathBuf, NoStart> {
    let refused = |why: String| NoStart::Refused("CreateContainerConfigError", why);
    if !crate::payload::is_inside(below) {
        return Err(refused(format!("subPath {below:?} must stay inside the volume")));
    }
    let path = volume.join(below);
    if !path.exists() {
        std::fs::create_dir_all(&path)
            .map_err(|error| refused(format!("failed to create subPath directory {below:?}: {error}")))?;
    }
    let inside =
        std::fs::canonicalize(&path).and_then(|path| Ok(path.starts_with(std::fs::canonicalize(volume)?)));
    match inside {
        Ok(true) => Ok(path),
        Ok(false) => Err(refused(format!("subPath {below:?} must stay inside the volume"))),
        Err(error) => Err(refused(format!("subPath {below:?}: {error}"))),
    }
}

/// A container may run as any user, so its message file is open to all.
fn make_writable_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o666))
}

fn disk(error: &std::io::Error) -> NoStart {
    NoStart::Refused(
        "CreateContainerError",
        format!("the container's directory could not be made: {error}"),
    )
}
