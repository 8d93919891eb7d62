//! A namespace of the rig with what the controller needs installed in it, and rights of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kinds::k8s::api::core::v1::{Namespace, Pod, ServiceAccount};
use kinds::kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PartialObjectMeta, PostParams};
use kinds::kube::config::{KubeConfigOptions, Kubeconfig};
use kinds::kube::core::GroupVersionKind;
use kinds::kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::rights;

/// How often something that will be so is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where the bench works.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    /// The administrator's kubeconfig.
    pub(crate) admin: PathBuf,
    binary: PathBuf,
    /// With the rights of the installation's account and no others.
    controllers: tempfile::NamedTempFile,
}

impl Place {
    /// A fresh namespace.
    pub(crate) async fn make(admin: PathBuf, binary: PathBuf) -> Result<Self> {
        let read = Kubeconfig::read_from(&admin).context("the rig's kubeconfig")?;
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
        config.proxy_url = None;
        let client = Client::try_from(config)?;
        let place = Self {
            namespace: format!("bench-{}", std::process::id()),
            controllers: tempfile::NamedTempFile::new()?,
            client,
            admin,
            binary,
        };
        place.install().await?;
        Ok(place)
    }

    async fn install(&self) -> Result<()> {
        let namespace = serde_json::from_value(json!({"metadata": {"name": self.namespace}}))?;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await?;
        self.as_administrator(&["install", "--yes", "--replicas", "0"])?;
        // Pods are refused in a namespace without its account.
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        while accounts.get_opt("default").await?.is_none() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let rights = rights::of_controller(&self.client, &self.namespace, &self.admin).await;
        std::fs::write(self.controllers.path(), rights.to_string()).context("the controller's kubeconfig")
    }

    fn as_administrator(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.plimsoll(&self.admin);
        let done = command.args(arguments).output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{arguments:?}: {said}");
        Ok(())
    }

    /// A command with the controller's rights.
    pub(crate) fn as_controller(&self) -> Command {
        self.plimsoll(self.controllers.path())
    }

    fn plimsoll(&self, kubeconfig: &std::path::Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--kubeconfig").arg(kubeconfig);
        command
            .args(["--namespace", &self.namespace])
            .stdin(Stdio::null());
        command
    }

    /// The pods of the namespace.
    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What is known of the pods but for what they are told and how they are.
    pub(crate) fn pods_in_brief(&self) -> Api<PartialObjectMeta<Pod>> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The same of the workflows.
    pub(crate) fn workflows_in_brief(&self) -> Api<PartialObjectMeta<DynamicObject>> {
        let resource = ApiResource::from_gvk(&argo_kind("Workflow"));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// The objects of a kind of Argo's.
    pub(crate) fn of_argo(&self, kind: &str) -> Api<DynamicObject> {
        self.of(&argo_kind(kind))
    }

    /// The chunks of large workflows.
    pub(crate) fn chunks(&self) -> Api<DynamicObject> {
        let version = kinds::own::VERSION;
        self.of(&GroupVersionKind::gvk(
            kinds::own::GROUP,
            version,
            "WorkflowStatusChunk",
        ))
    }

    fn of(&self, kind: &GroupVersionKind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::from_gvk(kind))
    }

    /// Submits a workflow for a controller of this instance id.
    pub(crate) async fn submit(&self, name: &str, instance: &str, spec: &Value) -> Result<()> {
        let workflow = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name, "labels": {"workflows.argoproj.io/controller-instanceid": instance}},
            "spec": spec,
        });
        let workflow: DynamicObject = serde_json::from_value(workflow)?;
        self.of_argo("Workflow")
            .create(&PostParams::default(), &workflow)
            .await?;
        Ok(())
    }

    /// Takes away what a case left, at once: fake kubelets need no time to end anything.
    pub(crate) async fn clear(&self) -> Result<()> {
        let (at_once, all) = (DeleteParams::default().grace_period(0), ListParams::default());
        let workflows = self.of_argo("Workflow");
        workflows.delete_collection(&at_once, &all).await?;
        self.chunks().delete_collection(&at_once, &all).await?;
        self.pods().delete_collection(&at_once, &all).await?;
        while !self.pods().list(&all.clone().limit(1)).await?.items.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Takes the namespace away.
    pub(crate) async fn remove(self) -> Result<()> {
        self.as_administrator(&["uninstall", "--yes"])?;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await?;
        Ok(())
    }
}

fn argo_kind(kind: &str) -> GroupVersionKind {
    GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind)
}
