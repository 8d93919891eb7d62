//! `plimsoll upgrade`: what would change in an installation, and the change itself.

use serde_json::Value;

use crate::command::install::add;
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::install::{self, Applied, Cluster, Piece, SETTINGS, Settings, State};

/// Tell what this version would change in an installation, or change it with --yes
///
/// Settings that are not given are those of the installation. Workflows in flight go on.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Tell what would change, and change nothing [default]
    #[arg(long)]
    check: bool,
    /// Change it
    #[arg(long, short, conflicts_with = "check")]
    yes: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let Connection { client, namespace } = connect(context).await?;
    install::warn_of_version(context, &client).await?;
    let cluster = Cluster::new(client, &namespace);
    let there = cluster.objects().await?;
    if there.is_empty() {
        let what = format!("nothing is installed in the namespace `{namespace}`");
        return Err(CommandError::failed(what).hint("`plimsoll install` shows what would be"));
    }
    let settings = args.settings.or(kept_settings(&there));
    let pieces = install::pieces(&settings, &namespace, &context.platform.rights(install::LEASES));
    let plan = Plan::of(&cluster, pieces, there).await?;
    if args.yes {
        plan.perform(context, &cluster).await?;
    } else {
        plan.tell(context)?;
    }
    Ok(Exit::Success)
}

/// The settings that the installation was made with.
pub(super) fn kept_settings(objects: &[Value]) -> Settings {
    let kept = objects
        .iter()
        .find_map(|object| object["metadata"]["annotations"][SETTINGS].as_str());
    kept.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// What an upgrade consists of.
struct Plan {
    /// What is added or changed, and how.
    changed: Vec<(Piece, Vec<String>)>,
    /// What stays because others have changed it, and what they have.
    contested: Vec<(Piece, String)>,
    /// What this version does not have any more.
    obsolete: Vec<Value>,
}

impl Plan {
    async fn of(cluster: &Cluster, pieces: Vec<Piece>, there: Vec<Value>) -> Result<Self> {
        let mut plan = Self {
            changed: Vec::new(),
            contested: Vec::new(),
            obsolete: obsolete(there, &pieces),
        };
        for piece in pieces {
            plan.consider(cluster, piece).await?;
        }
        Ok(plan)
    }

    async fn consider(&mut self, cluster: &Cluster, piece: Piece) -> Result<()> {
        let before = match cluster.state(&piece).await? {
            State::Absent => {
                self.changed.push((piece, vec!["is added".to_owned()]));
                return Ok(());
            }
            // As at installation: kinds of others are used as they are.
            State::Others => return Ok(()),
            State::Ours(before) => before,
        };
        match cluster.apply(&piece, true).await? {
            Applied::Done(after) => {
                let lines = install::differences(&before, &after);
                if !lines.is_empty() {
                    self.changed.push((piece, lines));
                }
            }
            Applied::Contested(why) => self.contested.push((piece, why)),
        }
        Ok(())
    }

    fn tell(&self, context: &Context) -> Result<()> {
        for (piece, lines) in &self.changed {
            let title = install::title(&piece.object);
            context.ui.print(&format!("{title}\n"))?;
            for line in lines {
                context.ui.print(&format!("  {line}\n"))?;
            }
        }
        for object in &self.obsolete {
            context
                .ui
                .print(&format!("{}\n  goes\n", install::title(object)))?;
        }
        self.warn_of_contested(context);
        if self.changed.is_empty() && self.obsolete.is_empty() {
            context.ui.say("Nothing would change");
        } else {
            context.ui.hint("nothing was changed: --yes does this");
        }
        Ok(())
    }

    fn warn_of_contested(&self, context: &Context) {
        for (piece, why) in &self.contested {
            let title = install::title(&piece.object);
            context
                .ui
                .warn(&format!("{title} was changed by others and stays: {why}"));
        }
    }

    async fn perform(self, context: &Context, cluster: &Cluster) -> Result<()> {
        self.warn_of_contested(context);
        let pieces: Vec<Piece> = self.changed.into_iter().map(|(piece, _)| piece).collect();
        add(context, cluster, &pieces).await?;
        for object in &self.obsolete {
            cluster.delete(object).await?;
            context
                .ui
                .print(&format!("{} is gone\n", install::title(object)))?;
        }
        Ok(())
    }
}

/// Those of these objects that are no piece. The Lease is the controller's own.
fn obsolete(there: Vec<Value>, pieces: &[Piece]) -> Vec<Value> {
    let titles: Vec<String> = pieces.iter().map(|piece| install::title(&piece.object)).collect();
    there
        .into_iter()
        .filter(|object| object["kind"] != "Lease" && !titles.contains(&install::title(object)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_version_does_not_have_any_more_goes() {
        let object =
            |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name, "namespace": "ns"}});
        let piece = Piece {
            object: object("Role", "kept"),
            purpose: "",
            reasons: Vec::new(),
        };
        let there = vec![
            object("Role", "kept"),
            object("Role", "old"),
            object("Lease", "lease"),
        ];
        assert_eq!(obsolete(there, &[piece]), [object("Role", "old")]);
    }

    #[test]
    fn settings_are_read_from_the_installation() {
        let deployment = json!({"metadata": {"annotations": {SETTINGS: r#"{"replicas":3}"#}}});
        let role = json!({"metadata": {"name": "role"}});
        assert_eq!(kept_settings(&[role.clone(), deployment]).replicas, Some(3));
        assert_eq!(kept_settings(&[role]), Settings::default());
    }
}
