//! Machines, and what is asked of them: rows with the columns of the trace `openb`, which our own files have too.

use std::collections::BTreeSet;
use std::path::Path;

use scheduler::packing::{Fleet, Machine, Model, ModelSet, Request, WHOLE};

use crate::csv::{Row, Table};
use crate::text::Error;

/// Pods that one machine of a replay takes: those of the cluster that `openb` was evaluated on.
const PODS_PER_MACHINE: i32 = 1001;
/// CPU or memory of machines of which only the devices are known: more than all requests together.
const PLENTY: i32 = i32::MAX / 4;
/// The most machines of a replay.
const MACHINES_MAX: usize = 100_000;

/// The machines of a replay, with the models of their devices.
#[derive(Clone, Debug, Default)]
pub struct Machines {
    machines: Vec<Machine>,
    models: Vec<String>,
}

impl Machines {
    /// Reads a file with the columns `cpu_milli`, `memory_mib`, `gpu` (how many) and `model`; a row may stand for
    /// `count` machines.
    ///
    /// # Errors
    /// It is missing or is not what it should be.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let table = Table::read(path)?;
        // Numbered in order of name, as a scheduler numbers those of its machines.
        let models: BTreeSet<String> = table.rows().map(|row| row.text("model").to_owned()).collect();
        let mut machines = Self {
            machines: Vec::new(),
            models: models.into_iter().collect(),
        };
        for row in table.rows() {
            let machine = Machine::new(
                row.number_or("cpu_milli", PLENTY)?,
                row.number_or("memory_mib", PLENTY)?,
                PODS_PER_MACHINE,
                row.number("gpu")?,
                machines.model(&row)?,
            );
            let count = row.number_or("count", 1)?;
            if machines.machines.len().saturating_add(count) > MACHINES_MAX {
                return Err(row.wrong(format!("more than {MACHINES_MAX} machines")));
            }
            machines.machines.extend(std::iter::repeat_n(machine, count));
        }
        Ok(machines)
    }

    /// Of each shape so many machines, with so many devices each, and all the CPU and memory that anybody asks for.
    #[must_use]
    pub fn alike(shapes: &[(usize, usize)]) -> Self {
        let machine = |devices| Machine::new(PLENTY, PLENTY, PODS_PER_MACHINE, devices, Model::default());
        let machines = shapes
            .iter()
            .flat_map(|(count, devices)| std::iter::repeat_n(machine(*devices), *count));
        Self {
            machines: machines.take(MACHINES_MAX).collect(),
            models: vec![String::new()],
        }
    }

    fn model(&self, row: &Row<'_>) -> Result<Model, Error> {
        let name = row.text("model");
        let known = self.models.iter().position(|model| model == name);
        known
            .and_then(Model::new)
            .ok_or_else(|| row.wrong("too many models".to_owned()))
    }

    /// The name of a model.
    pub(crate) fn model_name(&self, model: Model) -> &str {
        self.models.get(model.index()).map_or("", String::as_str)
    }

    /// The models of a list `A|B`; an empty list means any.
    fn allowed(&self, spec: &str) -> ModelSet {
        if spec.is_empty() {
            return ModelSet::ANY;
        }
        let wanted = |name: &String| spec.split('|').any(|word| word == name);
        let numbers = (0..self.models.len()).filter(|number| wanted(&self.models[*number]));
        numbers
            .filter_map(Model::new)
            .fold(ModelSet::NONE, ModelSet::with)
    }

    /// What a row asks for, with `gpus` devices: `cpu_milli`, `memory_mib`, `gpu_milli` (of each device) and
    /// `gpu_spec`.
    ///
    /// # Errors
    /// An amount is no number, or more than there can be.
    pub(crate) fn request(&self, row: &Row<'_>, gpus: u8) -> Result<Request, Error> {
        let whole = if gpus > 0 { WHOLE } else { 0 };
        let request = Request {
            cpu: row.number_or("cpu_milli", 0)?,
            memory: row.number_or("memory_mib", 0)?,
            gpus,
            share: row.number_or("gpu_milli", whole)?,
            models: self.allowed(row.text("gpu_spec")),
            extended: Vec::new(),
        };
        if request.share > WHOLE {
            return Err(row.wrong(format!("a share of {} thousandths", request.share)));
        }
        Ok(request)
    }

    /// The machines, in the order of the file.
    pub fn all(&self) -> &[Machine] {
        &self.machines
    }

    /// Devices of the machine that has most of them.
    pub(crate) fn devices_max(&self) -> usize {
        let devices = self.machines.iter().map(|machine| machine.free().len());
        devices.max().unwrap_or(0)
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
        let devices = self.machines.iter().map(Machine::free_total);
        devices.map(u64::from).sum()
    }
}
