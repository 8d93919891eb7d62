//! From the user's settings and the data directory to what each room is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use argo::exec::{DIRECTORY_PLUGIN, SOCKET_ENV, TOKEN_ENV, USER_ENV};
use argo::repository::{ArtifactRepository, PluginArtifactRepository};
use cli::Simulated;
use controller::workflow::ImageCommand;
use meta::host::Host;
use node::{ApiAccess, Capacity, Gpus, Image, NodeConfig};

use crate::config::Config;
use crate::directory::Directory;
use crate::images;

/// Programs are looked up here when the platform itself was started without `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What processes see of the environment in which the platform was started.
const KEPT: [&str; 4] = ["HOME", "LANG", "LC_ALL", "TZ"];

/// The controllers of a platform of one machine.
pub(crate) fn controllers(directory: &Directory, config: &Config) -> controller::Config {
    let images = config.images.iter().map(image).chain(images::well_known());
    let machine = controller::workflow::MachineConfig {
        artifact_repository: Some(repository(&directory.artifacts())),
        images: images.map(command).collect(),
        ..controller::workflow::MachineConfig::default()
    };
    controller::Config::embedded(controller::workflow::Config {
        machine: Arc::new(machine),
        ..controller::workflow::Config::default()
    })
}

/// What an image runs, as the workflow controller is told.
pub(crate) fn command(image: Image) -> ImageCommand {
    ImageCommand {
        pattern: image.pattern,
        entrypoint: image.entrypoint,
        arguments: image.arguments,
    }
}

/// A folder of this machine as Argo names a store that it does not know.
fn repository(folder: &Path) -> ArtifactRepository {
    ArtifactRepository {
        plugin: Some(PluginArtifactRepository {
            name: DIRECTORY_PLUGIN.to_owned(),
            configuration: folder.display().to_string(),
            ..PluginArtifactRepository::default()
        }),
        ..ArtifactRepository::default()
    }
}

/// This machine as a node.
pub(crate) fn node(directory: &Directory, config: &Config, program: PathBuf, host: Host) -> NodeConfig {
    let images: Vec<Image> = config
        .images
        .iter()
        .map(image)
        .chain([Image::own(&program)])
        .chain(images::well_known())
        .collect();
    NodeConfig {
        name: config.node.name.clone().unwrap_or_else(host_name),
        directory: directory.node(),
        visible: Vec::new(),
        visible_to_program: vec![directory.artifacts(), directory.run(), program.clone()],
        program,
        host,
        images,
        environment: environment(),
        address: "127.0.0.1".to_owned(),
        capacity: Capacity {
            cpu_millis: config.node.cpu.map(meta::Quantity::as_millis),
            memory: config.node.memory.map(meta::Quantity::as_units),
            pods: config.node.pods,
        },
        gpus: None,
        simulated: false,
        sandbox: config.node.sandbox,
        refresh: Duration::from_mins(1),
        api: Some(ApiAccess {
            socket: directory.socket(),
            socket_variable: SOCKET_ENV.to_owned(),
            token_variable: TOKEN_ENV.to_owned(),
            user_variable: USER_ENV.to_owned(),
        }),
    }
}

/// CPUs of a simulated machine for each of its GPUs, and of one without: what servers on sale have.
const CPUS_PER_GPU: u32 = 12;
const CPUS: u32 = 64;
/// GiB of memory for each CPU of a simulated machine.
const GIB_PER_CPU: u32 = 8;

/// Nodes that stand for machines which are not there. Their pods run on this one, so what they offer is made up.
pub(crate) fn simulated_nodes(
    directory: &Directory,
    like: &NodeConfig,
    simulated: &Simulated,
) -> Vec<NodeConfig> {
    let gpus = (simulated.gpus > 0).then(|| Gpus {
        count: simulated.gpus,
        product: simulated.model.product.clone(),
        family: simulated.model.family.clone(),
        memory: simulated.model.memory,
    });
    let cpus = if simulated.gpus > 0 {
        simulated.gpus * CPUS_PER_GPU
    } else {
        CPUS
    };
    let capacity = Capacity {
        cpu_millis: like.capacity.cpu_millis.or(Some(i64::from(cpus) * 1000)),
        memory: like.capacity.memory.or(Some(i64::from(cpus * GIB_PER_CPU) << 30)),
        pods: like.capacity.pods,
    };
    let node = |number: u32| {
        let name = format!("node-{number}");
        NodeConfig {
            directory: directory.simulated_node(&name),
            name,
            capacity,
            gpus: gpus.clone(),
            simulated: true,
            ..like.clone()
        }
    };
    (1..=simulated.nodes).map(node).collect()
}

fn image(image: &crate::config::Image) -> Image {
    Image {
        pattern: image.image.clone(),
        programs: image.programs.clone(),
        entrypoint: image.entrypoint.clone(),
        arguments: image.arguments.clone(),
    }
}

fn environment() -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned());
    let kept = KEPT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    [("PATH".to_owned(), path)].into_iter().chain(kept).collect()
}

/// The machine's name as a node's: lower case, and no character that a name may not have.
pub(crate) fn host_name() -> String {
    let uname = rustix::system::uname();
    let name: String = uname.nodename().to_string_lossy().to_lowercase();
    if meta::names::check_subdomain(&name).is_ok() {
        name
    } else {
        "localhost".to_owned()
    }
}
