//! The rights of the controller: exactly those that it prints, so that a test fails for one that is missing.

use std::path::Path;

use kinds::k8s::api::authentication::v1::TokenRequest;
use kinds::k8s::api::core::v1::ServiceAccount;
use kinds::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kinds::kube::api::{DeleteParams, PostParams};
use kinds::kube::{Api, Client};
use serde_json::{Value, json};

/// The account of the controller.
const ACCOUNT: &str = "controller";

/// Makes the account with its rights in a namespace, and a kubeconfig for it out of the administrator's.
pub(crate) async fn grant(client: &Client, namespace: &str, admin: &Path) -> Value {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let params = PostParams::default();
    let account = of(json!({"metadata": {"name": ACCOUNT}}));
    accounts
        .create(&params, &account)
        .await
        .expect("the account is accepted");
    let rules = [controller::workflow::rules(), controller::lease::rules()].concat();
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let role = of(json!({"metadata": {"name": namespace}, "rules": rules}));
    roles.create(&params, &role).await.expect("the role is accepted");
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = of(json!({
        "metadata": {"name": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }));
    bindings
        .create(&params, &binding)
        .await
        .expect("the binding is accepted");
    let request: TokenRequest = of(json!({"spec": {"audiences": []}}));
    let token = accounts.create_token_request(ACCOUNT, &params, &request).await;
    let token = token.expect("a token").status.expect("a token").token;
    kubeconfig(admin, &token)
}

/// What does not go with the namespace.
pub(crate) async fn revoke(client: &Client, namespace: &str) {
    let params = DeleteParams::default();
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let _ = bindings.delete(namespace, &params).await;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let _ = roles.delete(namespace, &params).await;
}

fn of<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("an object of the kind")
}

/// The rig writes its kubeconfigs as JSON.
fn kubeconfig(admin: &Path, token: &str) -> Value {
    let text = std::fs::read_to_string(admin).expect("readable");
    let mut kubeconfig: Value = serde_json::from_str(&text).expect("a kubeconfig of the rig");
    kubeconfig["users"][0]["user"] = json!({"token": token});
    kubeconfig
}
