//! The way to the API server of one life: its users, the faults between, and parts broken on purpose.

use apiserver::{ApiServer, User};
use controller::Identity;
use controller::faults::FaultLayer;
use kinds::kube::Client;
use store::Durability;
use tower::Layer;

use crate::broken::Broken;
use crate::makes_up::MakesUp;

/// The API server behind faults.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) server: ApiServer,
    pub(crate) faults: FaultLayer,
    pub(crate) broken: Broken,
}

impl Api {
    /// The client of a controller: it has the rights of its identity only, and sees what is not on the disk.
    pub(crate) fn controller(&self, identity: &Identity) -> Client {
        let user = User {
            name: identity.user.to_owned(),
            groups: Vec::new(),
            rules: Some(identity.rules.iter().map(apiserver::PolicyRule::from).collect()),
        };
        let service = self.server.client_service(user, Durability::Appended);
        let service = MakesUp::new(service, self.broken);
        Client::new(self.faults.of(identity.user).layer(service), "default")
    }

    /// The client of machines: behind faults, and what it sees is on the disk.
    pub(crate) fn machines(&self) -> Client {
        let service = self
            .server
            .client_service(all_rights(MACHINES), Durability::Durable);
        Client::new(self.faults.of(MACHINES).layer(service), "default")
    }

    /// The client of people, who are told what is on the disk; without faults.
    pub(crate) fn people(&self) -> Client {
        let service = self
            .server
            .client_service(all_rights("people"), Durability::Durable);
        Client::new(service, "default")
    }
}

/// The user that machines are.
pub(crate) const MACHINES: &str = "system:node";

fn all_rights(name: &str) -> User {
    User {
        name: name.to_owned(),
        groups: Vec::new(),
        rules: None,
    }
}
