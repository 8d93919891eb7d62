//! The rig's cluster as a place for cases: a namespace for each, one controller for all, and a bucket for artifacts.

use std::io::Write as _;

use kinds::k8s::api::core::v1::{Namespace, Node, PersistentVolume};
use kinds::kube::Api;
use kinds::kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::cases::{Case, Ending};
use crate::cluster::{Cluster, Controller, make_namespace};
use crate::live::{create, final_phase, wait_for};
use crate::platform::{as_typed, furniture, is_at_rest};
use crate::servers::s3::{ACCESS_KEY, S3, SECRET_KEY};

/// The machine as pods reach it.
const MACHINE: [u8; 4] = [10, 253, 0, 1];
/// Volumes that may be claimed.
const VOLUMES: usize = 8;
/// The label that says whose a workflow is.
const INSTANCE: &str = "workflows.argoproj.io/controller-instanceid";

/// The cluster.
pub(crate) struct Kubelet {
    cluster: Cluster,
    server: S3,
    namespaces: Vec<String>,
    volumes: tempfile::TempDir,
    _controller: Controller,
    _images: tempfile::NamedTempFile,
}

impl Kubelet {
    /// One with a namespace for each workflow of each case, if there is a rig with a real node.
    pub(crate) async fn new(cases: &[Case]) -> Option<Self> {
        let cluster = Cluster::new("parity").await?;
        let nodes: Api<Node> = Api::all(cluster.client.clone());
        let real = ListParams::default().labels("rig.plimsoll.dev/real=true");
        let there = !nodes.list(&real).await.expect("a list").items.is_empty();
        let server = S3::start(MACHINE.into()).filter(|_| there);
        let Some(server) = server else {
            eprintln!("passed over: the rig has no real node, or there is no S3 server");
            cluster.remove().await;
            return None;
        };
        let volumes = volumes(&cluster).await;
        let mut namespaces = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            for workflow in 0..case.workflows.len() {
                let name = namespace(&cluster, number, workflow);
                make_namespace(&cluster.client, &name).await;
                namespaces.push(name);
            }
        }
        let mut all = namespaces.clone();
        all.push(cluster.namespace.clone());
        cluster.run(&["upgrade", "--yes", "--workflows-in", &all.join(",")]);
        let images = images();
        let mut command = cluster.controller_command("parity");
        let controller = Controller::start(command.arg("--images").arg(images.path()));
        Some(Self {
            cluster,
            server,
            namespaces,
            volumes,
            _controller: controller,
            _images: images,
        })
    }

    /// Runs the workflows of a case, each in its namespace; gives them as they are once each is over, or waits for a
    /// person.
    pub(crate) async fn run(&self, number: usize, case: &Case) -> Result<Vec<Value>, String> {
        let runs = case.workflows.iter().enumerate().map(|(index, workflow)| {
            let namespace = namespace(&self.cluster, number, index);
            async move { self.run_one(&namespace, case, workflow).await }
        });
        futures::future::try_join_all(runs).await
    }

    async fn run_one(&self, namespace: &str, case: &Case, workflow: &Value) -> Result<Value, String> {
        let client = &self.cluster.client;
        let furniture = furniture(namespace);
        let objects = furniture
            .iter()
            .chain(&case.others)
            .cloned()
            .chain(self.repository());
        for object in objects {
            create(client, namespace, &without_pulling(as_typed(&object))).await?;
        }
        let mut workflow = without_pulling(as_typed(workflow));
        workflow["metadata"]["labels"][INSTANCE] = self.cluster.namespace.as_str().into();
        let created = create(client, namespace, &workflow).await?;
        let name = created.metadata.name.unwrap_or_default();
        let waits = case.ending == Ending::Waits;
        let over = |workflow: &Value| final_phase(workflow).is_some() || (waits && is_at_rest(workflow));
        wait_for(client, namespace, &name, |workflow| {
            over(workflow).then(|| workflow.clone())
        })
        .await
    }

    /// The repository that upstream's run had as its default, and one under the key that its tests name.
    fn repository(&self) -> [Value; 2] {
        let secret = |key: &str| json!({"name": "bucket-keys", "key": key});
        let repository = json!({"s3": {
            "endpoint": self.server.endpoint(), "insecure": true, "bucket": "bucket",
            "accessKeySecret": secret("access"), "secretKeySecret": secret("secret"),
        }});
        let keys = json!({"access": ACCESS_KEY, "secret": SECRET_KEY});
        let text = repository.to_string();
        [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bucket-keys"}, "stringData": keys}),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {
                    "name": "artifact-repositories",
                    "annotations": {"workflows.argoproj.io/default-artifact-repository": "default"},
                },
                "data": {"default": text, "my-key": text},
            }),
        ]
    }

    /// Takes everything away.
    pub(crate) async fn remove(self) {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        for name in &self.namespaces {
            let _ = namespaces.delete(name, &DeleteParams::default()).await;
        }
        let volumes: Api<PersistentVolume> = Api::all(self.cluster.client.clone());
        for number in 0..VOLUMES {
            let _ = volumes
                .delete(&volume(&self.cluster, number), &DeleteParams::default())
                .await;
        }
        self.cluster.remove().await;
        drop(self.volumes);
    }
}

fn volume(cluster: &Cluster, number: usize) -> String {
    format!("{}-{number}", cluster.namespace)
}

/// Folders of this machine for those who claim volumes: the rig has nothing that would provide them.
async fn volumes(cluster: &Cluster) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let volumes: Api<PersistentVolume> = Api::all(cluster.client.clone());
    for number in 0..VOLUMES {
        let path = folder.path().join(number.to_string());
        std::fs::create_dir(&path).expect("made");
        let object = json!({
            "metadata": {"name": volume(cluster, number)},
            "spec": {
                "capacity": {"storage": "10Gi"},
                "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": path},
            },
        });
        let object = serde_json::from_value(object).expect("a volume");
        volumes
            .create(&PostParams::default(), &object)
            .await
            .expect("accepted");
    }
    folder
}

fn namespace(cluster: &Cluster, case: usize, workflow: usize) -> String {
    format!("{}-{case}-{workflow}", cluster.namespace)
}

/// What the stand-ins for Argo's images run.
fn images() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let images = json!({
        "argoproj/argosay:v1": {"entrypoint": ["cowsay"]},
        "docker/whalesay*": {"entrypoint": ["cowsay"]},
        "argoproj/argosay*": {"entrypoint": ["argosay"]},
    });
    file.write_all(images.to_string().as_bytes()).expect("written");
    file
}

/// The rig has no registry: what an image without a version would ask of one is in the node already.
fn without_pulling(mut object: Value) -> Value {
    fn visit(value: &mut Value) {
        if let Some(fields) = value.as_object_mut()
            && fields.get("image").is_some_and(Value::is_string)
        {
            fields.entry("imagePullPolicy").or_insert("IfNotPresent".into());
        }
        match value {
            Value::Object(fields) => fields.values_mut().for_each(visit),
            Value::Array(items) => items.iter_mut().for_each(visit),
            _ => {}
        }
    }
    visit(&mut object);
    object
}
