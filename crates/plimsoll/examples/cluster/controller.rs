//! The controller as a process: started for one case, so that its CPU time and memory are that case's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::accounts;
use crate::place::{LOOK_EVERY, Place};
use crate::processes;

/// How long it may take to lead.
const LEADS_WITHIN: Duration = Duration::from_secs(60);

/// A controller that leads; killed when dropped.
pub(crate) struct Controller {
    child: Child,
    listens: SocketAddr,
}

/// What it has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    pub(crate) writes: f64,
    pub(crate) cpu_ms: f64,
    /// At most so far.
    pub(crate) mib: f64,
}

impl Controller {
    /// Starts it for this instance id and waits until it leads.
    pub(crate) async fn start(place: &Place, instance: &str) -> Result<Self> {
        let listens = free_address()?;
        let address = listens.to_string();
        let mut command: Command = place.as_controller();
        command
            .args(["controller", "--listen", &address, "--instance-id", instance])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().context("the controller does not start")?;
        let controller = Self { child, listens };
        let leads = async {
            while !controller.leads() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(LEADS_WITHIN, leads)
            .await
            .context("the controller never leads")?;
        Ok(controller)
    }

    fn leads(&self) -> bool {
        let text = accounts::counts(self.listens);
        text.is_ok_and(|text| accounts::count(&text, "plimsoll_leads") == Some(1.0))
    }

    /// What it has used so far.
    pub(crate) fn used(&self) -> Result<Used> {
        let text = accounts::counts(self.listens)?;
        let writes =
            accounts::count(&text, "plimsoll_writes_total").context("the controller counts no writes")?;
        Ok(Used {
            writes,
            cpu_ms: processes::cpu_ms(self.child.id())?,
            mib: processes::peak_mib(self.child.id())?,
        })
    }

    /// Ends it in good order, so that the next one need not wait for its lease.
    pub(crate) fn end(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status()?;
        ensure!(told.success(), "the controller is gone");
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
