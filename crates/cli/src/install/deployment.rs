//! The Deployment of a program, and its disruption budget.

use serde_json::{Value, json};

use super::pieces::{CONTROLLER, SCHEDULER, metadata_in};
use super::{Piece, SETTINGS, Settings};

/// The port of metrics and health.
const PORT: u16 = 9090;
/// Nobody: the user of images that have none.
const NOBODY: u32 = 65532;

/// A program of an installation, in replicas of which one leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Controller,
    Scheduler,
}

impl Program {
    /// The name of its objects, of its account, and of the Lease that its replicas share.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Controller => CONTROLLER,
            Self::Scheduler => SCHEDULER,
        }
    }

    /// What it is; also the command that runs it.
    fn command(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Scheduler => "scheduler",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Controller => "the controller: one replica leads, the others wait to take over",
            Self::Scheduler => "the scheduler: one replica leads, the others wait to take over",
        }
    }

    fn arguments(self, settings: &Settings) -> Vec<String> {
        let mut arguments = vec![
            self.command().to_owned(),
            format!("--lease={}", self.name()),
            format!("--listen=0.0.0.0:{PORT}"),
        ];
        if self == Self::Controller {
            arguments.push(format!("--instance-id={}", settings.instance_id()));
            arguments.push(format!("--exec-image={}", image(settings)));
            arguments.extend(settings.image_volumes.then(|| "--image-volumes".to_owned()));
        }
        arguments
    }
}

/// Both.
pub(super) fn pieces(program: Program, settings: &Settings, namespace: &str) -> Vec<Piece> {
    let piece = |object, purpose| Piece {
        object,
        purpose,
        reasons: Vec::new(),
    };
    vec![
        piece(deployment(program, settings, namespace), program.purpose()),
        piece(
            budget(program, namespace),
            "machines are drained one replica at a time",
        ),
    ]
}

/// The image of this very version.
fn image(settings: &Settings) -> String {
    let own = || format!("plimsoll:{}", env!("CARGO_PKG_VERSION"));
    settings.image.clone().unwrap_or_else(own)
}

/// The labels by which its pods are found.
fn selector(program: Program, namespace: &str) -> Value {
    json!({"app.kubernetes.io/component": program.command(), super::INSTANCE: namespace})
}

fn deployment(program: Program, settings: &Settings, namespace: &str) -> Value {
    let mut metadata = metadata_in(program.name(), namespace);
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
            "selector": {"matchLabels": selector(program, namespace)},
            // The new version takes the lease when the old one gives it up; neither waits for the other's place.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": selector(program, namespace)},
                "spec": pod(program, settings, namespace),
            },
        },
    })
}

fn pod(program: Program, settings: &Settings, namespace: &str) -> Value {
    json!({
        "serviceAccountName": program.name(),
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(program, settings)],
        // Replicas on one machine would end together.
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(program, namespace)},
        }],
    })
}

fn container(program: Program, settings: &Settings) -> Value {
    let healthy = json!({"path": "/healthz", "port": "metrics"});
    json!({
        "name": program.command(),
        "image": image(settings),
        "imagePullPolicy": "IfNotPresent",
        "command": ["/plimsoll"],
        "args": program.arguments(settings),
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

/// In replicas that may be away, not in those that must be there: with one replica the machine can be drained too.
fn budget(program: Program, namespace: &str) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata_in(program.name(), namespace),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(program, namespace)}},
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
        let object = deployment(Program::Controller, &settings, "ns");
        let container = &object["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(object["spec"]["replicas"], 1);
        assert_eq!(container["image"], "registry.example/plimsoll:1");
        let expected = json!([
            "controller",
            "--lease=plimsoll-controller",
            "--listen=0.0.0.0:9090",
            "--instance-id=team",
            "--exec-image=registry.example/plimsoll:1",
            "--image-volumes",
        ]);
        assert_eq!(container["args"], expected);
    }

    #[test]
    fn the_scheduler_is_another_program_with_another_lease() {
        let object = deployment(Program::Scheduler, &Settings::default(), "ns");
        let pod = &object["spec"]["template"]["spec"];
        assert_eq!(pod["serviceAccountName"], "plimsoll-scheduler");
        let expected = json!(["scheduler", "--lease=plimsoll-scheduler", "--listen=0.0.0.0:9090"]);
        assert_eq!(pod["containers"][0]["args"], expected);
    }

    #[test]
    fn the_selector_finds_the_pods_and_never_changes() {
        let object = deployment(Program::Controller, &Settings::default(), "ns");
        let expected =
            json!({"app.kubernetes.io/component": "controller", "app.kubernetes.io/instance": "ns"});
        assert_eq!(object["spec"]["selector"]["matchLabels"], expected);
        assert_eq!(object["spec"]["template"]["metadata"]["labels"], expected);
        assert_eq!(
            budget(Program::Controller, "ns")["spec"]["selector"]["matchLabels"],
            expected
        );
    }
}
