//! The rights of the controller: those of its account as it was installed, so that a test fails for one that is missing.

use std::path::Path;

use kinds::k8s::api::authentication::v1::TokenRequest;
use kinds::k8s::api::core::v1::ServiceAccount;
use kinds::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kinds::kube::api::{DeleteParams, PostParams};
use kinds::kube::{Api, Client};
use serde_json::{Value, json};

/// A kubeconfig for the controller's account in a namespace, out of the administrator's.
pub(crate) async fn of_controller(client: &Client, namespace: &str, admin: &Path) -> Value {
    of_account(client, namespace, "plimsoll-controller", admin).await
}

/// A kubeconfig for an account of a namespace, out of the administrator's.
pub(crate) async fn of_account(client: &Client, namespace: &str, account: &str, admin: &Path) -> Value {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request: TokenRequest =
        serde_json::from_value(json!({"spec": {"audiences": []}})).expect("an object of the kind");
    let token = accounts
        .create_token_request(account, &PostParams::default(), &request)
        .await;
    let token = token.expect("a token").status.expect("a token").token;
    kubeconfig(admin, &token)
}

/// The rig writes its kubeconfigs as JSON.
fn kubeconfig(admin: &Path, token: &str) -> Value {
    let text = std::fs::read_to_string(admin).expect("readable");
    let mut kubeconfig: Value = serde_json::from_str(&text).expect("a kubeconfig of the rig");
    kubeconfig["users"][0]["user"] = json!({"token": token});
    kubeconfig
}

/// Takes a ClusterRole and its binding away, which do not go with a namespace.
pub(crate) async fn revoke(client: &Client, name: &str) {
    let params = DeleteParams::default();
    let _ = Api::<ClusterRoleBinding>::all(client.clone())
        .delete(name, &params)
        .await;
    let _ = Api::<ClusterRole>::all(client.clone())
        .delete(name, &params)
        .await;
}
