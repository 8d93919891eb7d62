//! `cargo xtask rig`: a real Kubernetes on this machine's loopback, to hold the platform against.
//!
//! ```text
//!   up --> programs (KUBEBUILDER_ASSETS, or built once) --> keys --> control plane --> fake nodes
//!                                                                        |
//!                                                              prints the kubeconfig
//! ```
//!
//! It knows nothing of Plimsoll: what is tried on it is the business of the tests.

mod certificates;
mod control_plane;
mod fake_nodes;
mod folder;
mod images;
mod kubectl;
mod machine;
mod node;
mod node_files;
mod process;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use self::control_plane::{ControlPlane, PROGRAMS, Place};
use self::fake_nodes::FakeNodes;
use self::folder::Folder;
use self::kubectl::Kubectl;
use self::node::RealNode;
use crate::go::KUBERNETES;

/// What to do with the rig.
#[derive(Subcommand)]
pub(crate) enum Rig {
    /// Start what does not run, and print the path of the kubeconfig.
    Up(Up),
    /// End what runs, and throw the rig's folder away.
    Down(Which),
    /// Print what runs.
    Status(Which),
}

/// Which rig.
#[derive(Args)]
pub(crate) struct Which {
    /// The rig's folder [default: `rig` in the user's cache]
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_RIG_DIR")]
    folder: Option<PathBuf>,
}

/// How to start a rig.
#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    which: Which,
    /// The API server's port; the four after it are taken too.
    #[arg(long, value_name = "PORT", default_value_t = 26443)]
    port: u16,
    #[command(flatten)]
    fake_nodes: FakeNodes,
    /// This machine as a node too: containerd, runc and kubelet. Needs root.
    #[arg(long)]
    real_node: bool,
    /// An image for the real node, as `cargo xtask image` makes it.
    #[arg(long, value_name = "FILE", requires = "real_node")]
    image: Vec<PathBuf>,
}

/// Does it.
pub(crate) fn run(what: Rig) -> Result<()> {
    match what {
        Rig::Up(options) => up(options),
        Rig::Down(which) => down(&Folder::new(which.folder)?),
        Rig::Status(which) => status(&Folder::new(which.folder)?),
    }
}

/// The administrator's kubeconfig of a rig that is up.
pub(crate) fn kubeconfig(which: Which) -> Result<PathBuf> {
    let kubeconfig = Folder::new(which.folder)?.kubeconfig("admin");
    ensure!(
        kubeconfig.is_file(),
        "no rig is up: `cargo xtask rig up` starts one"
    );
    Ok(kubeconfig)
}

fn up(options: Up) -> Result<()> {
    let folder = Folder::new(options.which.folder)?;
    let program = programs()?;
    let kubectl = Kubectl {
        program: program("kubectl"),
        kubeconfig: folder.kubeconfig("admin"),
    };
    let place = Place {
        address: address(options.real_node)?,
        port: options.port,
    };
    if options.real_node {
        node::prepare(&folder, place.port)?;
    }
    let control_plane = ControlPlane {
        folder: &folder,
        place,
        program: &program,
    };
    control_plane.up(&kubectl)?;
    options.fake_nodes.up(&folder, &kubectl)?;
    if options.real_node {
        let node = RealNode {
            folder: &folder,
            kubelet: program("kubelet"),
            images: &options.image,
        };
        node.up(&kubectl)?;
    }
    println!("{}", kubectl.kubeconfig.display());
    Ok(())
}

/// Where the API is served: kubelet refuses addresses of 127.0.0.0/8.
fn address(real_node: bool) -> Result<IpAddr> {
    let address = if real_node { node::ADDRESS } else { "127.0.0.1" };
    address.parse().context("an address")
}

/// Where each program lies: with the user's own binaries if it is there, else with those built here.
fn programs() -> Result<impl Fn(&str) -> PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let given = move |name: &str| Some(assets.as_ref()?.join(name)).filter(|path| path.is_file());
    let built = if PROGRAMS
        .iter()
        .chain(&["kubectl"])
        .all(|name| given(name).is_some())
    {
        None
    } else {
        Some(
            KUBERNETES
                .all()
                .context("KUBEBUILDER_ASSETS may name a folder that holds them")?,
        )
    };
    Ok(move |name: &str| given(name).unwrap_or_else(|| built.clone().unwrap_or_default().join(name)))
}

/// Every program, in the order in which they start.
fn all_programs() -> impl DoubleEndedIterator<Item = &'static str> {
    PROGRAMS
        .into_iter()
        .chain([fake_nodes::PROGRAM])
        .chain(node::PROGRAMS)
}

fn down(folder: &Folder) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    node::down(folder)?;
    for name in all_programs().rev() {
        process::stop(folder, name)?;
    }
    folder.remove()
}

fn status(folder: &Folder) -> Result<()> {
    for name in all_programs() {
        match process::running(folder, name) {
            Some(record) => println!("{name:<24} runs as process {}", record.pid),
            None => println!("{name:<24} does not run"),
        }
    }
    if process::running(folder, "kube-apiserver").is_none() {
        return Ok(());
    }
    let kubectl = Kubectl {
        program: programs()?("kubectl"),
        kubeconfig: folder.kubeconfig("admin"),
    };
    let nodes = kubectl.nodes("")?;
    println!("{} nodes, {} of them ready", nodes.all, nodes.ready);
    println!("export KUBECONFIG={}", kubectl.kubeconfig.display());
    Ok(())
}
