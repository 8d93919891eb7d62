//! Planning: whose turn it is, which machine and devices a pod gets, and what to expect of those to come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meta::devices::Grant;

use super::{Binding, Class, Known, Order, Plan, State};
use crate::company::Company;
use crate::devices;
use crate::gpus::Packer;
use crate::machine::Machine;
use crate::pod::Requirements;
use crate::score;
use crate::table::{Table, Verdict};
use crate::why_not::{Refusal, WhyNot};

/// Verdicts kept in all tables together, of some 40 bytes each: beyond, the table that was not used for longest goes.
const VERDICTS_MAX: usize = 2_000_000;
/// Tables kept at most.
const TABLES_MAX: usize = 1024;

/// How machines are judged: the judge of packing, what it was made from, and what it said of each machine.
#[derive(Default)]
pub(super) struct Judging {
    packer: Option<Packer>,
    /// How often machines or judge changed; verdicts of another edition are void.
    edition: u64,
    /// Pods that the judge has learned from; nothing before it was made.
    learned: Option<usize>,
    /// Whether any of those asked for devices.
    asks_devices: bool,
    tables: BTreeMap<Arc<Requirements>, Table>,
    uses: u64,
}

impl Judging {
    /// Learns again at the next plan.
    pub(super) fn forget(&mut self) {
        self.learned = None;
    }

    /// A table with the verdicts on all machines, to be renewed.
    fn table(&mut self, key: &Arc<Requirements>, machines: usize) -> &mut Table {
        let most = (VERDICTS_MAX / machines.max(1)).min(TABLES_MAX);
        if self.tables.len() > most
            && !self.tables.contains_key(key)
            && let Some(oldest) = self.tables.iter().min_by_key(|(_, table)| table.used)
        {
            let oldest = Arc::clone(oldest.0);
            self.tables.remove(&oldest);
        }
        self.uses += 1;
        let table = self.tables.entry(Arc::clone(key)).or_default();
        table.used = self.uses;
        table
    }
}

/// A machine and the devices that are given there.
type Choice = (String, Option<Grant>);

impl State {
    /// Places what can be placed, and assumes it bound.
    pub fn plan(&mut self) -> Plan {
        self.learn();
        let mut plan = Plan::default();
        // A placement may make room for those that want it near, who found none before.
        while !plan.more && self.place(&mut plan) {}
        plan
    }

    /// Tries each class that is worth trying; whether there was any.
    fn place(&mut self, plan: &mut Plan) -> bool {
        let mut heads = self.heads();
        let any = !heads.is_empty();
        while let Some((_, class)) = heads.pop_first() {
            if plan.bindings.len() >= self.settings.bindings_max {
                plan.more = true;
                break;
            }
            let (binding, next) = self.try_head(&class);
            plan.refused += usize::from(binding.is_none());
            plan.bindings.extend(binding);
            if let Some(order) = next {
                heads.insert((order, class));
            }
        }
        any
    }

    /// Brings the judge of packing up to date: when machines changed, when a quarter more pods have come, and when the
    /// first came that asks for devices.
    pub(super) fn learn(&mut self) {
        let settled = self.stock.settle();
        let seen = self.history.total();
        let judging = &mut self.judging;
        let known = judging
            .learned
            .is_some_and(|learned| seen <= learned + learned / 4)
            && judging.asks_devices == self.history.asks_devices();
        if known && !settled {
            return;
        }
        judging.packer = Packer::new(&self.stock, &self.history);
        judging.edition += 1;
        judging.learned = Some(seen);
        judging.asks_devices = self.history.asks_devices();
    }

    /// The first pod of each class worth trying.
    fn heads(&self) -> BTreeSet<(Order, Arc<Requirements>)> {
        let worth_trying = |class: &Class| {
            let failed_now = class
                .failed
                .as_ref()
                .is_some_and(|(at, _)| *at == self.improvements);
            !failed_now
        };
        self.classes
            .iter()
            .filter(|(_, class)| worth_trying(class))
            .filter_map(|(key, class)| Some((*class.queue.first_key_value()?.0, Arc::clone(key))))
            .collect()
    }

    /// Places the first pod of a class; also gives the order of the class's next pod if it is worth trying.
    fn try_head(&mut self, key: &Arc<Requirements>) -> (Option<Binding>, Option<Order>) {
        let placed = self.pods.values().filter_map(Known::placed);
        self.around.count(key, &placed);
        let choice = self.choose(key);
        let improvements = self.improvements;
        let Some(class) = self.classes.get_mut(key) else {
            return (None, None);
        };
        match choice {
            Err(why) => {
                class.failed = Some((improvements, Arc::new(why)));
                (None, None)
            }
            Ok((node, devices)) => {
                let head = class.queue.pop_first();
                let next = class.queue.first_key_value().map(|(order, _)| *order);
                if next.is_none() {
                    self.classes.remove(key);
                }
                let binding = head.map(|(_, uid)| self.assume(uid, node, devices));
                (binding, next)
            }
        }
    }

    pub(super) fn choose(&mut self, key: &Arc<Requirements>) -> Result<Choice, WhyNot> {
        let edition = self.judging.edition;
        let packer = self.judging.packer.take();
        let table = self.judging.table(key, self.stock.slots().len());
        table.renew(key, &self.stock, packer.as_ref(), edition);
        self.judging.packer = packer;
        self.best(key)
    }

    /// The best of the machines that will do; the table of the class is up to date.
    fn best(&self, key: &Arc<Requirements>) -> Result<Choice, WhyNot> {
        let machines = self.company_of(key);
        let company = machines
            .as_deref()
            .map(|machines| Company::new(key, &self.around, machines));
        let Some(table) = self.judging.tables.get(key) else {
            return Err(WhyNot::default());
        };
        let plainly = || table.plainly_best().filter(|_| company.is_none());
        let Some(best) = plainly().or_else(|| self.best_candidate(table, company.as_ref())) else {
            return Err(self.why_not(table, company.as_ref()));
        };
        let slot = &self.stock.slots()[best];
        let devices = table.devices(best, slot, self.judging.packer.as_ref());
        let grant = devices.and_then(|(devices, share)| devices::grant(devices, share));
        Ok((slot.name.clone(), grant))
    }

    /// The slot of the best of the machines that will do, by all marks and the company there.
    fn best_candidate(&self, table: &Table, company: Option<&Company<'_>>) -> Option<usize> {
        let all = table.verdicts().iter().zip(self.stock.slots()).enumerate();
        let fits = all.filter_map(|(index, (verdict, slot))| match (verdict, &slot.machine) {
            (Verdict::Fits(marks), Some(machine)) => Some((index, (machine, marks))),
            _ => None,
        });
        let refused = |machine: &Machine| company.is_some_and(|company| company.refuses(machine).is_some());
        let (slots, candidates): (Vec<usize>, Vec<_>) =
            fits.filter(|(_, (machine, _))| !refused(machine)).unzip();
        score::best(&candidates, company).map(|best| slots[best])
    }

    /// Why none of the machines will do.
    fn why_not(&self, table: &Table, company: Option<&Company<'_>>) -> WhyNot {
        let mut why = WhyNot::default();
        for (verdict, slot) in table.verdicts().iter().zip(self.stock.slots()) {
            match (verdict, &slot.machine) {
                (Verdict::Refused(refusal), _) => why.count(refusal.clone()),
                (Verdict::Fits(_), Some(machine)) => {
                    let refusal = company.and_then(|company| company.refuses(machine));
                    why.count(refusal.map(Refusal::from).unwrap_or_default());
                }
                _ => {}
            }
        }
        why
    }

    /// The machines, where it matters which pods are on them.
    fn company_of(&self, requirements: &Requirements) -> Option<Vec<&Machine>> {
        let matters = requirements.relations.is_some()
            || self
                .around
                .pulls(requirements.appearance.as_ref())
                .next()
                .is_some();
        matters.then(|| self.stock.machines().collect())
    }
}
