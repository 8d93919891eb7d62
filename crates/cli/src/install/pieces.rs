//! The objects of an installation, from its settings and the rights that its programs need.
//!
//! Names within the namespace are the same in every installation; those of the whole cluster end in the namespace, so
//! that installations lie beside each other.

use serde_json::{Value, json};

use super::deployment::{self, Program};
use super::{Component, INSTANCE, MANAGED_BY, OWNER, Piece, Settings};
use crate::platform::{Right, Rights};

/// The name of the controller's objects, of its account, and of the Lease that its replicas share.
pub(crate) const CONTROLLER: &str = "plimsoll-controller";
/// The name of the scheduler's objects, of its account, and of the Lease that its replicas share.
pub(crate) const SCHEDULER: &str = "plimsoll-scheduler";
/// The name of what lets steps report.
const STEPS: &str = "plimsoll-steps";
/// The group of roles and bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Every object that these settings ask for, those first that others need.
pub fn pieces(settings: &Settings, namespace: &str, rights: &Rights) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if settings.has(Component::Definitions) {
        pieces.extend(kinds::crds().into_iter().map(definition));
    }
    if settings.has(Component::Controller) {
        let own = (&rights.everywhere[..], &rights.at_home[..]);
        pieces.extend(program(Program::Controller, settings, namespace, own));
    }
    if settings.has(Component::Scheduler) {
        let own = (&rights.scheduler[..], &rights.scheduler_at_home[..]);
        pieces.extend(program(Program::Scheduler, settings, namespace, own));
    }
    if settings.has(Component::Steps) {
        pieces.extend(step_rights(settings, namespace, rights));
    }
    pieces
}

/// A definition belongs to no installation: all of a cluster share it.
fn definition(mut object: Value) -> Piece {
    object["metadata"]["labels"][MANAGED_BY] = OWNER.into();
    Piece {
        object,
        purpose: "a kind that workflows need",
        reasons: Vec::new(),
    }
}

/// The metadata of an object of an installation; one without a namespace gets none.
pub(super) fn metadata(name: &str, installation: &str) -> Value {
    json!({
        "name": name,
        "labels": {
            "app.kubernetes.io/name": "plimsoll",
            INSTANCE: installation,
            MANAGED_BY: OWNER,
        },
    })
}

/// The metadata of an object in the namespace of its installation.
pub(super) fn metadata_in(name: &str, namespace: &str) -> Value {
    let mut metadata = metadata(name, namespace);
    metadata["namespace"] = namespace.into();
    metadata
}

fn wide(name: &str, namespace: &str) -> String {
    format!("{name}.{namespace}")
}

/// A program with its account, its rights everywhere and in its own namespace, and its Deployment.
fn program(
    program: Program,
    settings: &Settings,
    namespace: &str,
    (everywhere, at_home): (&[Right], &[Right]),
) -> Vec<Piece> {
    let name = program.name();
    let (wide, local) = (
        metadata(&wide(name, namespace), namespace),
        metadata_in(name, namespace),
    );
    let account = json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
    let mut pieces = vec![
        Piece {
            object: json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": local}),
            purpose: "who the program is to the API",
            reasons: Vec::new(),
        },
        role(
            "ClusterRole",
            &wide,
            everywhere,
            "what it may do in every namespace",
        ),
        binding("ClusterRoleBinding", &wide, "ClusterRole", &account),
        role("Role", &local, at_home, "what it may do in its own namespace"),
        binding("RoleBinding", &local, "Role", &account),
    ];
    pieces.extend(deployment::pieces(program, settings, namespace));
    pieces
}

fn step_rights(settings: &Settings, namespace: &str, rights: &Rights) -> Vec<Piece> {
    let name = wide(STEPS, namespace);
    let mut pieces = vec![role(
        "ClusterRole",
        &metadata(&name, namespace),
        &rights.steps,
        "what a step's pod may do; bind it to the account that your workflows name",
    )];
    let own = [namespace.to_owned()];
    let namespaces = if settings.workflows_in.is_empty() {
        &own[..]
    } else {
        &settings.workflows_in
    };
    for of_workflows in namespaces {
        let mut metadata = metadata(&name, namespace);
        metadata["namespace"] = of_workflows.as_str().into();
        let account = json!({"kind": "ServiceAccount", "name": "default", "namespace": of_workflows});
        pieces.push(binding("RoleBinding", &metadata, "ClusterRole", &account));
    }
    pieces
}

/// A role of these rights.
pub(crate) fn role(kind: &str, metadata: &Value, rights: &[Right], purpose: &'static str) -> Piece {
    let rules: Vec<_> = rights.iter().map(|right| &right.rule).collect();
    Piece {
        object: json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": kind, "metadata": metadata, "rules": rules,
        }),
        purpose,
        reasons: rights.iter().map(|right| right.why).collect(),
    }
}

/// Gives an account the role of the same name.
fn binding(kind: &str, metadata: &Value, role_kind: &str, account: &Value) -> Piece {
    let role = json!({"apiGroup": RBAC, "kind": role_kind, "name": metadata["name"]});
    Piece {
        object: json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": kind, "metadata": metadata,
            "roleRef": role, "subjects": [account],
        }),
        purpose: "gives that role to an account",
        reasons: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::text;

    fn check(settings: &Settings, expected: &[&str]) {
        let rights = Rights::default();
        let made: Vec<String> = pieces(settings, "ns", &rights)
            .iter()
            .filter(|piece| text(&piece.object, "/kind") != "CustomResourceDefinition")
            .map(|piece| {
                let (kind, name) = (
                    text(&piece.object, "/kind"),
                    text(&piece.object, "/metadata/name"),
                );
                let namespace = text(&piece.object, "/metadata/namespace");
                format!("{kind} {namespace}/{name}")
            })
            .collect();
        assert_eq!(made, expected);
    }

    #[test]
    fn components_are_chosen() {
        let of = |components: &[Component]| Settings {
            components: components.to_vec(),
            ..Settings::default()
        };
        check(&of(&[Component::Definitions]), &[]);
        check(
            &of(&[Component::Controller]),
            &[
                "ServiceAccount ns/plimsoll-controller",
                "ClusterRole /plimsoll-controller.ns",
                "ClusterRoleBinding /plimsoll-controller.ns",
                "Role ns/plimsoll-controller",
                "RoleBinding ns/plimsoll-controller",
                "Deployment ns/plimsoll-controller",
                "PodDisruptionBudget ns/plimsoll-controller",
            ],
        );
        check(
            &of(&[Component::Scheduler]),
            &[
                "ServiceAccount ns/plimsoll-scheduler",
                "ClusterRole /plimsoll-scheduler.ns",
                "ClusterRoleBinding /plimsoll-scheduler.ns",
                "Role ns/plimsoll-scheduler",
                "RoleBinding ns/plimsoll-scheduler",
                "Deployment ns/plimsoll-scheduler",
                "PodDisruptionBudget ns/plimsoll-scheduler",
            ],
        );
        assert!(
            !Settings::default().has(Component::Scheduler),
            "it is asked for by name"
        );
        let steps = Settings {
            workflows_in: vec!["a".to_owned(), "b".to_owned()],
            ..of(&[Component::Steps])
        };
        check(
            &steps,
            &[
                "ClusterRole /plimsoll-steps.ns",
                "RoleBinding a/plimsoll-steps.ns",
                "RoleBinding b/plimsoll-steps.ns",
            ],
        );
    }

    #[test]
    fn everything_is_marked_as_ours() {
        for piece in pieces(&Settings::default(), "ns", &Rights::default()) {
            let labels = &piece.object["metadata"]["labels"];
            assert_eq!(labels[MANAGED_BY], OWNER, "{:#}", piece.object["metadata"]);
        }
    }
}
