//! The machines and pods of one trace.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use scheduler::packing::{Fleet, Machine, Model, ModelSet, Request, WHOLE, Workload};

use super::csv::{Row, Table};
use super::text::Error;

/// Pods that one machine of the evaluated cluster takes.
const PODS_PER_MACHINE: i32 = 1001;

/// The part of all pods that typical ones make up.
const COVERAGE: f64 = 0.95;

/// A pod of the trace.
#[derive(Clone, Debug)]
pub struct Pod {
    /// What it asks for.
    pub request: Request,
    /// The models it may have, as the trace writes them.
    spec: String,
}

/// The evaluated cluster and the pods of one trace.
#[derive(Clone, Debug)]
pub struct Trace {
    machines: Vec<Machine>,
    models: Vec<String>,
    pods: Vec<Pod>,
}

impl Trace {
    /// Reads the trace called `name` from `directory`.
    ///
    /// # Errors
    /// A file that is missing or is not what it should be.
    pub fn read(directory: &Path, name: &str) -> Result<Self, Error> {
        let mut trace = Self {
            machines: Vec::new(),
            models: Vec::new(),
            pods: Vec::new(),
        };
        for row in Table::read(&directory.join("openb_node_list_gpu_node.csv"))?.rows() {
            let machine = trace.machine(&row)?;
            trace.machines.push(machine);
        }
        for row in Table::read(&directory.join(format!("openb_pod_list_{name}.csv")))?.rows() {
            let pod = trace.pod(&row)?;
            trace.pods.push(pod);
        }
        Ok(trace)
    }

    fn machine(&mut self, row: &Row<'_>) -> Result<Machine, Error> {
        Ok(Machine::new(
            row.number("cpu_milli")?,
            row.number("memory_mib")?,
            PODS_PER_MACHINE,
            row.number("gpu")?,
            self.model(row)?,
        ))
    }

    fn model(&mut self, row: &Row<'_>) -> Result<Model, Error> {
        let name = row.text("model");
        let known = self.models.iter().position(|model| model == name);
        let number = known.unwrap_or_else(|| {
            self.models.push(name.to_owned());
            self.models.len() - 1
        });
        Model::new(number).ok_or_else(|| row.wrong("too many models".to_owned()))
    }

    fn pod(&self, row: &Row<'_>) -> Result<Pod, Error> {
        let spec = row.text("gpu_spec");
        let request = Request {
            cpu: row.number("cpu_milli")?,
            memory: row.number("memory_mib")?,
            gpus: row.number("num_gpu")?,
            share: row.number("gpu_milli")?,
            models: self.models(spec),
            extended: Vec::new(),
        };
        if request.share > WHOLE {
            return Err(row.wrong(format!("a share of {} thousandths", request.share)));
        }
        Ok(Pod {
            request,
            spec: spec.to_owned(),
        })
    }

    /// The models of a list `A|B`; an empty list means any.
    fn models(&self, spec: &str) -> ModelSet {
        if spec.is_empty() {
            return ModelSet::ANY;
        }
        let wanted = |name: &String| spec.split('|').any(|word| word == name);
        let numbers = (0..self.models.len()).filter(|number| wanted(&self.models[*number]));
        numbers
            .filter_map(Model::new)
            .fold(ModelSet::NONE, ModelSet::with)
    }

    /// The pods, in the order of their names.
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// The machines, in the order of the file.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The cluster with nothing taken.
    pub fn fleet(&self) -> Fleet {
        let mut fleet = Fleet::new(0);
        for machine in &self.machines {
            fleet.add(*machine, &[]);
        }
        fleet
    }

    /// The thousandths of devices of the whole cluster.
    pub fn capacity(&self) -> u64 {
        self.machines
            .iter()
            .map(|machine| u64::from(machine.free_total()))
            .sum()
    }

    /// The typical pods: equal in CPU, share, devices and models; most frequent first, of equals the larger.
    pub fn workload(&self) -> Workload {
        self.most_frequent(COVERAGE)
    }

    /// All pods, as a history to learn from.
    pub fn history(&self) -> Workload {
        let requests = self.pods.iter().map(|pod| (pod.request.clone(), 1));
        Workload::new(requests, 1.0)
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
