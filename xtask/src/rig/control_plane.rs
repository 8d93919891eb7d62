//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on loopback.
//!
//! ```text
//!   etcd <-- kube-apiserver <--+-- kube-controller-manager
//!                              +-- kube-scheduler
//!                              +-- everyone with admin.kubeconfig
//! ```

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::certificates::{Authority, Subject, service_account_keys};
use super::folder::Folder;
use super::kubectl::Kubectl;
use super::process;

/// The programs, in the order in which they start; they end in the reverse.
pub(crate) const PROGRAMS: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];
/// How long a program may take to be ready on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Addresses of Services; the first is the API server's own.
const SERVICE_RANGE: &str = "10.96.0.0/16";
const SERVICE_ADDRESS: &str = "10.96.0.1";
/// Requests a second of the controller manager and the scheduler: their own defaults of 20 and 50 would be what a
/// rig measures.
const CLIENT_QPS: u32 = 1000;

/// Where the control plane serves: an address of the loopback device and the first of five ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The API server's address.
    pub(crate) address: IpAddr,
    /// The API server's port; the next four are etcd's two, the controller manager's and the scheduler's.
    pub(crate) port: u16,
}

impl Place {
    /// Where the API is served.
    pub(crate) fn server(&self) -> String {
        format!("https://{}", SocketAddr::from((self.address, self.port)))
    }

    fn etcd(&self) -> String {
        format!("http://{}", self.local(1))
    }

    fn local(&self, offset: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port + offset))
    }
}

/// What the control plane is started with.
pub(crate) struct ControlPlane<'a> {
    /// The rig's folder.
    pub(crate) folder: &'a Folder,
    /// Where to serve.
    pub(crate) place: Place,
    /// Where each program lies.
    pub(crate) program: &'a dyn Fn(&str) -> PathBuf,
}

impl ControlPlane<'_> {
    /// Starts what does not run, and waits until pods can be created.
    pub(crate) fn up(&self, kubectl: &Kubectl) -> Result<()> {
        self.check_place()?;
        self.write_keys()?;
        self.start("etcd", &self.etcd())?;
        self.listening("etcd", 1)?;
        self.start("kube-apiserver", &self.apiserver())?;
        self.ready("kube-apiserver", || kubectl.server_is_ready())?;
        self.start("kube-controller-manager", &self.controller_manager())?;
        self.start("kube-scheduler", &self.scheduler())?;
        self.listening("kube-scheduler", 4)?;
        // Pods are refused in a namespace without its account.
        self.ready("kube-controller-manager", || kubectl.has_default_account())
    }

    fn start(&self, name: &str, arguments: &[String]) -> Result<()> {
        process::start(
            self.folder,
            name,
            Command::new((self.program)(name)).args(arguments),
        )
    }

    fn ready(&self, name: &str, ready: impl Fn() -> bool) -> Result<()> {
        process::wait_until(self.folder, name, READY_WITHIN, ready)
    }

    fn listening(&self, name: &str, offset: u16) -> Result<()> {
        let address = self.place.local(offset);
        self.ready(name, || TcpStream::connect(address).is_ok())
    }

    /// A rig that is there stays where it is.
    fn check_place(&self) -> Result<()> {
        let Ok(text) = fs::read_to_string(self.folder.kubeconfig("admin")) else {
            return Ok(());
        };
        let kubeconfig: Value = serde_json::from_str(&text).context("the rig's kubeconfig cannot be read")?;
        let there = kubeconfig["clusters"][0]["cluster"]["server"]
            .as_str()
            .unwrap_or_default();
        ensure!(
            there == self.place.server(),
            "the rig is at {there}, not at {}: give `up` the flags it was started with, or end it with `down`",
            self.place.server()
        );
        Ok(())
    }

    /// Everything is signed anew only when nothing is there: what runs keeps its keys.
    fn write_keys(&self) -> Result<()> {
        if self.folder.kubeconfig("admin").is_file() {
            return Ok(());
        }
        let authority = Authority::generate()?;
        let own = authority.certificate();
        self.folder.write("pki/ca.crt", &own.pem)?;
        self.folder.write("pki/ca.key", &own.key)?;
        let (private, public) = service_account_keys()?;
        self.folder.write("pki/accounts.key", &private)?;
        self.folder.write("pki/accounts.pub", &public)?;
        self.write_certificates(&authority)?;
        self.write_kubeconfigs(&authority)
    }

    fn write_certificates(&self, authority: &Authority) -> Result<()> {
        let address = self.place.address.to_string();
        let hosts = [
            "localhost",
            "127.0.0.1",
            SERVICE_ADDRESS,
            "kubernetes.default.svc",
            &address,
        ];
        let server = Subject {
            name: "kube-apiserver",
            group: "",
            hosts: &hosts,
        };
        let to_kubelet = Subject {
            name: "kube-apiserver-kubelet-client",
            group: "system:masters",
            hosts: &[],
        };
        let node = Subject {
            name: super::node::USER,
            group: "system:nodes",
            hosts: &[super::node::NAME, super::node::ADDRESS],
        };
        for (file, subject) in [
            ("apiserver", server),
            ("apiserver-kubelet", to_kubelet),
            ("node", node),
        ] {
            let certificate = authority.sign(subject)?;
            self.folder.write(&format!("pki/{file}.crt"), &certificate.pem)?;
            self.folder.write(&format!("pki/{file}.key"), &certificate.key)?;
        }
        Ok(())
    }

    /// The administrator's last: it says that all are there.
    fn write_kubeconfigs(&self, authority: &Authority) -> Result<()> {
        let server = self.place.server();
        for (file, name, group) in [
            ("kube-controller-manager", "system:kube-controller-manager", ""),
            ("kube-scheduler", "system:kube-scheduler", ""),
            ("node", super::node::USER, "system:nodes"),
            ("admin", "admin", "system:masters"),
        ] {
            let client = Subject {
                name,
                group,
                hosts: &[],
            };
            authority.kubeconfig(self.folder, file, &server, client)?;
        }
        let configuration = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": false},
            "clientConnection": {
                "kubeconfig": self.folder.kubeconfig("kube-scheduler"),
                "qps": CLIENT_QPS,
                "burst": 2 * CLIENT_QPS,
            },
        });
        self.folder.write("scheduler.json", &configuration.to_string())?;
        Ok(())
    }

    fn path(&self, relative: &str) -> String {
        text(&self.folder.path().join(relative))
    }

    fn etcd(&self) -> Vec<String> {
        let (clients, peers) = (self.place.etcd(), format!("http://{}", self.place.local(2)));
        flags(&[
            ("name", "rig"),
            ("data-dir", &self.path("etcd")),
            // What is in it is thrown away with the rig.
            ("unsafe-no-fsync", "true"),
            ("listen-client-urls", &clients),
            ("advertise-client-urls", &clients),
            ("listen-peer-urls", &peers),
            ("initial-advertise-peer-urls", &peers),
            ("initial-cluster", &format!("rig={peers}")),
            ("quota-backend-bytes", "4294967296"),
            ("log-level", "warn"),
            // A cluster of one elects itself: no reason to wait a second for it.
            ("heartbeat-interval", "20"),
            ("election-timeout", "100"),
        ])
    }

    fn apiserver(&self) -> Vec<String> {
        let (address, port) = (self.place.address.to_string(), self.place.port.to_string());
        // Pods reach the API only where its address is one that an endpoint may have.
        let reconciler = if self.place.address.is_loopback() {
            "none"
        } else {
            "lease"
        };
        flags(&[
            ("etcd-servers", &self.place.etcd()),
            ("bind-address", &address),
            ("advertise-address", &address),
            ("secure-port", &port),
            ("endpoint-reconciler-type", reconciler),
            ("tls-cert-file", &self.path("pki/apiserver.crt")),
            ("tls-private-key-file", &self.path("pki/apiserver.key")),
            ("client-ca-file", &self.path("pki/ca.crt")),
            ("service-account-key-file", &self.path("pki/accounts.pub")),
            ("service-account-signing-key-file", &self.path("pki/accounts.key")),
            (
                "service-account-issuer",
                "https://kubernetes.default.svc.cluster.local",
            ),
            ("service-cluster-ip-range", SERVICE_RANGE),
            ("authorization-mode", "Node,RBAC"),
            ("enable-admission-plugins", "NodeRestriction"),
            ("allow-privileged", "true"),
            (
                "kubelet-client-certificate",
                &self.path("pki/apiserver-kubelet.crt"),
            ),
            ("kubelet-client-key", &self.path("pki/apiserver-kubelet.key")),
            ("kubelet-preferred-address-types", "InternalIP"),
        ])
    }

    fn controller_manager(&self) -> Vec<String> {
        let own = text(&self.folder.kubeconfig("kube-controller-manager"));
        flags(&[
            ("kubeconfig", &own),
            ("authentication-kubeconfig", &own),
            ("authorization-kubeconfig", &own),
            ("bind-address", "127.0.0.1"),
            ("secure-port", &self.place.local(3).port().to_string()),
            ("leader-elect", "false"),
            ("use-service-account-credentials", "true"),
            ("service-account-private-key-file", &self.path("pki/accounts.key")),
            ("root-ca-file", &self.path("pki/ca.crt")),
            ("cluster-signing-cert-file", &self.path("pki/ca.crt")),
            ("cluster-signing-key-file", &self.path("pki/ca.key")),
            ("allocate-node-cidrs", "false"),
            ("kube-api-qps", &CLIENT_QPS.to_string()),
            ("kube-api-burst", &(2 * CLIENT_QPS).to_string()),
        ])
    }

    fn scheduler(&self) -> Vec<String> {
        let own = text(&self.folder.kubeconfig("kube-scheduler"));
        flags(&[
            ("config", &self.path("scheduler.json")),
            ("authentication-kubeconfig", &own),
            ("authorization-kubeconfig", &own),
            ("bind-address", "127.0.0.1"),
            ("secure-port", &self.place.local(4).port().to_string()),
        ])
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// `--name=value` for each.
pub(crate) fn flags(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs
        .iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect()
}
