//! The machines and pods of one trace.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use scheduler::packing::{Fleet, Machine, Model, Request, Workload};

use crate::cluster::Machines;
use crate::csv::{Row, Table};
use crate::policies::Expected;
use crate::text::Error;

/// The part of all pods that typical ones make up.
const COVERAGE: f64 = 0.95;

/// A pod of the trace.
#[derive(Clone, Debug)]
pub struct Pod {
    /// What it asks for.
    pub request: Request,
    /// The models it may have, as the trace writes them.
    pub(super) spec: String,
}

/// The evaluated cluster and the pods of one trace.
#[derive(Clone, Debug)]
pub struct Trace {
    machines: Machines,
    pods: Vec<Pod>,
}

impl Trace {
    /// Reads the trace called `name` from `directory`.
    ///
    /// # Errors
    /// A file that is missing or is not what it should be.
    pub fn read(directory: &Path, name: &str) -> Result<Self, Error> {
        let machines = Machines::read(&directory.join("openb_node_list_gpu_node.csv"))?;
        let table = Table::read(&directory.join(format!("openb_pod_list_{name}.csv")))?;
        let pods = table.rows().map(|row| pod(&row, &machines));
        Ok(Self {
            pods: pods.collect::<Result<_, _>>()?,
            machines,
        })
    }

    /// The pods, in the order of their names.
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// The machines, in the order of the file.
    pub fn machines(&self) -> &[Machine] {
        self.machines.all()
    }

    /// The name of a model of theirs.
    pub(super) fn model_name(&self, model: Model) -> &str {
        self.machines.model_name(model)
    }

    /// The cluster with nothing taken.
    pub fn fleet(&self) -> Fleet {
        self.machines.fleet()
    }

    /// The thousandths of devices of the whole cluster.
    pub fn capacity(&self) -> u64 {
        self.machines.capacity()
    }

    /// The typical pods: equal in CPU, share, devices and models; most frequent first, of equals the larger.
    pub fn workload(&self) -> Workload {
        self.most_frequent(COVERAGE)
    }

    /// All pods, as a history to learn from.
    pub fn history(&self) -> Workload {
        let requests = self.pods.iter().map(|pod| (pod.request.clone(), 1));
        Workload::history(requests)
    }

    /// What to expect, of those who know the trace.
    pub fn expected(&self) -> Expected {
        Expected {
            history: self.history(),
            typical: self.workload(),
        }
    }

    fn most_frequent(&self, coverage: f64) -> Workload {
        let mut counts = BTreeMap::<_, (Request, usize)>::new();
        for Pod { request, spec } in &self.pods {
            let key = (request.cpu, request.share, request.gpus, spec);
            let request = Request {
                memory: 0,
                ..request.clone()
            };
            counts.entry(key).or_insert((request, 0)).1 += 1;
        }
        let mut counted: Vec<_> = counts.into_iter().collect();
        counted.sort_by_key(|(key, (_, count))| Reverse((*count, *key)));
        Workload::new(counted.into_iter().map(|(_, class)| class), coverage)
    }
}

fn pod(row: &Row<'_>, machines: &Machines) -> Result<Pod, Error> {
    let gpus = row.number("num_gpu")?;
    Ok(Pod {
        request: machines.request(row, gpus)?,
        spec: row.text("gpu_spec").to_owned(),
    })
}
