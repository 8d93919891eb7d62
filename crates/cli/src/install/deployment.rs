//! The controller's Deployment and its disruption budget.

use serde_json::{Value, json};

use super::pieces::{CONTROLLER, metadata_in};
use super::{Piece, SETTINGS, Settings};

/// The port of metrics and health.
const PORT: u16 = 9090;
/// Nobody: the user of images that have none.
const NOBODY: u32 = 65532;

/// Both.
pub(super) fn pieces(settings: &Settings, namespace: &str) -> Vec<Piece> {
    let piece = |object, purpose| Piece {
        object,
        purpose,
        reasons: Vec::new(),
    };
    vec![
        piece(
            deployment(settings, namespace),
            "the controller: one replica leads, the others wait to take over",
        ),
        piece(budget(namespace), "machines are drained one replica at a time"),
    ]
}

/// The image of this very version.
fn image(settings: &Settings) -> String {
    let own = || format!("plimsoll:{}", env!("CARGO_PKG_VERSION"));
    settings.image.clone().unwrap_or_else(own)
}

/// The labels by which its pods are found.
fn selector(namespace: &str) -> Value {
    json!({"app.kubernetes.io/component": "controller", super::INSTANCE: namespace})
}

fn deployment(settings: &Settings, namespace: &str) -> Value {
    let mut metadata = metadata_in(CONTROLLER, namespace);
    metadata["labels"]["app.kubernetes.io/version"] = env!("CARGO_PKG_VERSION").into();
    // A struct of names and numbers always has a JSON form.
    let kept = serde_json::to_string(settings).unwrap_or_default();
    metadata["annotations"] = json!({SETTINGS: kept});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": settings.replicas.unwrap_or(2),
            "selector": {"matchLabels": selector(namespace)},
            // The new version takes the lease when the old one gives it up; neither waits for the other's place.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": selector(namespace)},
                "spec": pod(settings, namespace),
            },
        },
    })
}

fn pod(settings: &Settings, namespace: &str) -> Value {
    json!({
        "serviceAccountName": CONTROLLER,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(settings)],
        // Replicas on one machine would end together.
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(namespace)},
        }],
    })
}

fn container(settings: &Settings) -> Value {
    let healthy = json!({"path": "/healthz", "port": "metrics"});
    json!({
        "name": "controller",
        "image": image(settings),
        "imagePullPolicy": "IfNotPresent",
        "command": ["/plimsoll"],
        "args": arguments(settings),
        "ports": [{"name": "metrics", "containerPort": PORT}],
        "livenessProbe": {
            "httpGet": healthy, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6,
        },
        "readinessProbe": {"httpGet": healthy, "periodSeconds": 5, "timeoutSeconds": 5},
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "2Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    })
}

fn arguments(settings: &Settings) -> Vec<String> {
    let mut arguments = vec![
        "controller".to_owned(),
        format!("--lease={CONTROLLER}"),
        format!("--instance-id={}", settings.instance_id()),
        format!("--listen=0.0.0.0:{PORT}"),
        format!("--exec-image={}", image(settings)),
    ];
    if settings.image_volumes {
        arguments.push("--image-volumes".to_owned());
    }
    arguments
}

/// In replicas that may be away, not in those that must be there: with one replica the machine can be drained too.
fn budget(namespace: &str) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata_in(CONTROLLER, namespace),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(namespace)}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_the_container() {
        let settings = Settings {
            image: Some("registry.example/plimsoll:1".to_owned()),
            instance_id: Some("team".to_owned()),
            replicas: Some(1),
            image_volumes: true,
            ..Settings::default()
        };
        let object = deployment(&settings, "ns");
        let container = &object["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(object["spec"]["replicas"], 1);
        assert_eq!(container["image"], "registry.example/plimsoll:1");
        let expected = json!([
            "controller",
            "--lease=plimsoll-controller",
            "--instance-id=team",
            "--listen=0.0.0.0:9090",
            "--exec-image=registry.example/plimsoll:1",
            "--image-volumes",
        ]);
        assert_eq!(container["args"], expected);
    }

    #[test]
    fn the_selector_finds_the_pods_and_never_changes() {
        let object = deployment(&Settings::default(), "ns");
        let expected =
            json!({"app.kubernetes.io/component": "controller", "app.kubernetes.io/instance": "ns"});
        assert_eq!(object["spec"]["selector"]["matchLabels"], expected);
        assert_eq!(object["spec"]["template"]["metadata"]["labels"], expected);
        assert_eq!(budget("ns")["spec"]["selector"]["matchLabels"], expected);
    }
}
