//! GPUs as machines have them and as pods ask for them.
//!
//! ```text
//!   machine   nvidia.com/gpu, labels gpu.product, gpu.memory         whole devices of one model
//!             nvidia.com/gpu[.shared], label gpu.replicas = N        devices of which one unit is 1/N
//!             nvidia.com/mig-PROFILE                                 instances that are cut already: counted, no devices
//!   pod       the same resources                                     units
//!             annotations gpu-fraction, gpu-memory (Run:ai, KAI)     a part of each of some devices
//! ```
//!
//! A model is asked for as any label of a machine is: by selector or affinity.

use std::collections::BTreeMap;

use meta::devices::{DEVICES_MAX, Grant, WHOLE};

use crate::packing::{DeviceSet, ModelSet, Request};
use crate::resources::Resources;

/// The resource that counts whole devices.
pub(crate) const DEVICES: &str = "nvidia.com/gpu";
/// The resource that counts shares of devices that are sliced in time, where it has a name of its own.
const SHARED: &str = "nvidia.com/gpu.shared";
/// The label that says the model.
pub(crate) const MODEL: &str = "nvidia.com/gpu.product";
/// The label that says each device's memory, in MiB.
const MEMORY: &str = "nvidia.com/gpu.memory";
/// The label that says how many units a device is offered as.
const REPLICAS: &str = "nvidia.com/gpu.replicas";
/// More than any device has: a share that fits nowhere.
const TOO_MUCH: u16 = u16::MAX;

/// The devices of a machine, all of one model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Devices {
    /// How many there are; those beyond [`DEVICES_MAX`] are not used.
    pub count: usize,
    /// Each one's memory, in MiB; 0 if no label says it.
    pub memory: i64,
    /// How many units each is offered as; 1 where units are devices.
    pub replicas: u16,
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            count: 0,
            memory: 0,
            replicas: 1,
        }
    }
}

impl Devices {
    /// What a machine with these labels and resources has.
    pub(crate) fn of(labels: &BTreeMap<String, String>, allocatable: &Resources) -> Self {
        let number = |label: &str| labels.get(label).and_then(|text| text.parse::<u16>().ok());
        let replicas = number(REPLICAS).unwrap_or(1).clamp(1, WHOLE);
        let units = units(allocatable);
        let memory = labels.get(MEMORY).and_then(|text| text.parse().ok());
        Self {
            count: (units / usize::from(replicas)).min(DEVICES_MAX),
            memory: memory.filter(|memory| *memory > 0).unwrap_or(0),
            replicas,
        }
    }

    /// What one unit is of a device, in thousandths.
    fn unit(&self) -> u16 {
        WHOLE / self.replicas
    }
}

/// Units of devices among these amounts.
fn units(resources: &Resources) -> usize {
    let units = |name| usize::try_from(resources.get(name).as_units()).unwrap_or(0);
    units(DEVICES) + units(SHARED)
}

/// How much of a device is asked for by annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amount {
    /// Thousandths of it, from 1 to 1000.
    Share(u16),
    /// MiB of its memory.
    Memory(i64),
}

/// A part of each of some devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// How much of each.
    pub amount: Amount,
    /// Of how many.
    pub devices: u8,
}

impl Part {
    /// What a pod's annotations ask for; nothing if they make no sense. Rule: KAI's documentation of GPU sharing.
    pub fn of(annotations: &BTreeMap<String, String>) -> Option<Self> {
        let share = annotations
            .get("gpu-fraction")
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|share| *share > 0.0 && *share <= 1.0)
            // What is between two thousandths takes the larger; nothing beyond a thousand comes here.
            .map(|share| Amount::Share((share * f64::from(WHOLE) - 1e-6).ceil().max(1.0) as u16));
        let memory = || {
            let asked = annotations.get("gpu-memory")?.parse().ok()?;
            (asked > 0).then_some(Amount::Memory(asked))
        };
        let devices = annotations
            .get("gpu-fraction-num-devices")
            .and_then(|text| text.parse().ok());
        Some(Self {
            amount: share.or_else(memory)?,
            devices: devices.filter(|devices| *devices > 0).unwrap_or(1),
        })
    }

    /// What it is of each of these devices, in thousandths. Memory of a device whose size is unknown is all of it.
    fn share(&self, devices: &Devices) -> u16 {
        match self.amount {
            Amount::Share(share) => share,
            Amount::Memory(_) if devices.memory == 0 => WHOLE,
            Amount::Memory(asked) => {
                let (asked, all) = (asked.max(0).unsigned_abs(), devices.memory.unsigned_abs());
                let share = (u128::from(asked) * u128::from(WHOLE)).div_ceil(u128::from(all));
                u16::try_from(share).unwrap_or(TOO_MUCH)
            }
        }
    }
}

/// What a pod asks of devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// Nothing.
    #[default]
    Nothing,
    /// Units of the resource.
    Units(usize),
    /// A part, by annotation.
    Part(Part),
}

impl Ask {
    /// What is asked for by resources and annotation; resources win, as they do where fractions are not known.
    pub(crate) fn new(requests: &Resources, part: Option<Part>) -> Self {
        match (units(requests), part) {
            (0, None) => Self::Nothing,
            (0, Some(part)) => Self::Part(part),
            (units, _) => Self::Units(units),
        }
    }

    /// How many of `devices`, and how much of each, in thousandths. Several units are of several devices; a part by
    /// annotation is of devices that are offered whole.
    fn on(self, devices: &Devices) -> (u8, u16) {
        let (count, share) = match self {
            Self::Nothing => (0, 0),
            Self::Units(units) => (units, devices.unit()),
            Self::Part(part) if devices.replicas == 1 => (part.devices.into(), part.share(devices)),
            Self::Part(part) => (part.devices.into(), TOO_MUCH),
        };
        (u8::try_from(count).unwrap_or(u8::MAX), share)
    }

    /// The request that it is on a machine with these devices, beside these amounts.
    pub(crate) fn request(self, requests: &Resources, devices: &Devices, models: ModelSet) -> Request {
        let (gpus, share) = self.on(devices);
        Request {
            cpu: crate::gpus::millis(requests.get("cpu")),
            memory: crate::gpus::mebibytes(requests.get("memory")),
            gpus,
            share,
            models,
            extended: Vec::new(),
        }
    }
}

/// Who takes what of a machine's devices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// By device, in thousandths.
    recorded: [u32; DEVICES_MAX],
    /// Pods of which no annotation says which devices they have: what they ask for, and how many of them.
    unrecorded: BTreeMap<Ask, u32>,
}

impl Account {
    /// A pod came.
    pub(crate) fn add(&mut self, ask: Ask, grant: Option<&Grant>) {
        match grant {
            Some(grant) => self.each(grant, |taken, share| taken + share),
            None if ask == Ask::Nothing => {}
            None => *self.unrecorded.entry(ask).or_default() += 1,
        }
    }

    /// A pod went.
    pub(crate) fn subtract(&mut self, ask: Ask, grant: Option<&Grant>) {
        if let Some(grant) = grant {
            self.each(grant, u32::saturating_sub);
        } else if let Some(count) = self.unrecorded.get_mut(&ask) {
            *count -= 1;
            if *count == 0 {
                self.unrecorded.remove(&ask);
            }
        }
    }

    fn each(&mut self, grant: &Grant, change: impl Fn(u32, u32) -> u32) {
        for device in grant.devices() {
            if let Some(taken) = self.recorded.get_mut(usize::from(device)) {
                *taken = change(*taken, grant.share().into());
            }
        }
    }

    /// What is free of each device, in thousandths. Pods without a record are taken to have the devices that fit them
    /// tightest, the largest first.
    pub(crate) fn free(&self, devices: &Devices) -> [u16; DEVICES_MAX] {
        let whole = u32::from(WHOLE);
        let mut free = self
            .recorded
            .map(|taken| u16::try_from(whole.saturating_sub(taken)).unwrap_or(0));
        let there = &mut free[..devices.count];
        let mut unrecorded: Vec<(u8, u16, u32)> = self
            .unrecorded
            .iter()
            .map(|(ask, count)| {
                let (gpus, share) = ask.on(devices);
                (gpus, share, *count)
            })
            .collect();
        unrecorded.sort_unstable_by_key(|(gpus, share, _)| std::cmp::Reverse((*share, *gpus)));
        for (gpus, share, count) in unrecorded {
            for _ in 0..u32::from(gpus)
                .saturating_mul(count)
                .min(there.len() as u32 * whole)
            {
                take(there, share);
            }
        }
        free
    }

    /// Whether the devices of a grant are there, and none of them is given away twice, as far as that is recorded.
    pub(crate) fn holds(&self, devices: &Devices, grant: &Grant) -> bool {
        let mut own = grant.devices().map(usize::from);
        own.all(|device| device < devices.count && self.recorded[device] <= u32::from(WHOLE))
    }
}

/// Takes a share from the device that it fits tightest, or what there is of the freest.
fn take(free: &mut [u16], share: u16) {
    let fits = free.iter_mut().filter(|free| **free >= share);
    if let Some(tightest) = fits.min_by_key(|free| **free) {
        *tightest -= share;
    } else if let Some(freest) = free.iter_mut().max_by_key(|free| **free) {
        *freest = 0;
    }
}

/// The grant of a share of each of these devices.
pub(crate) fn grant(devices: DeviceSet, share: u16) -> Option<Grant> {
    let numbers = devices.iter().filter_map(|device| u8::try_from(device).ok());
    Grant::new(numbers, share)
}

#[cfg(test)]
mod tests {
    use meta::Quantity;

    use super::*;

    fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        labels.iter().map(owned).collect()
    }

    fn resources(name: &str, amount: i64) -> Resources {
        Resources::from([(name, Quantity::units(amount))])
    }

    #[test]
    fn machines_offer_devices_whole_or_sliced() {
        let check = |of: &[(&str, &str)], resource: &str, amount, expected: (usize, i64, u16)| {
            let found = Devices::of(&labels(of), &resources(resource, amount));
            assert_eq!((found.count, found.memory, found.replicas), expected, "{of:?}");
        };
        check(&[], "nvidia.com/gpu", 8, (8, 0, 1));
        check(
            &[("nvidia.com/gpu.memory", "81559")],
            "nvidia.com/gpu",
            4,
            (4, 81559, 1),
        );
        check(
            &[("nvidia.com/gpu.replicas", "4")],
            "nvidia.com/gpu.shared",
            8,
            (2, 0, 4),
        );
        check(
            &[("nvidia.com/gpu.replicas", "4")],
            "nvidia.com/gpu",
            8,
            (2, 0, 4),
        );
        check(
            &[("nvidia.com/gpu.replicas", "0")],
            "nvidia.com/gpu",
            2,
            (2, 0, 1),
        );
        check(
            &[("nvidia.com/gpu.memory", "-1")],
            "nvidia.com/mig-1g.10gb",
            7,
            (0, 0, 1),
        );
        check(&[], "nvidia.com/gpu", 99, (DEVICES_MAX, 0, 1));
    }

    #[test]
    fn parts_are_asked_for_by_annotation() {
        let check = |annotations: &[(&str, &str)], expected: Option<(Amount, u8)>| {
            let found = Part::of(&labels(annotations)).map(|part| (part.amount, part.devices));
            assert_eq!(found, expected, "{annotations:?}");
        };
        check(&[("gpu-fraction", "0.5")], Some((Amount::Share(500), 1)));
        check(&[("gpu-fraction", "0.07")], Some((Amount::Share(70), 1)));
        check(&[("gpu-fraction", "0.3333")], Some((Amount::Share(334), 1)));
        check(&[("gpu-fraction", "1")], Some((Amount::Share(1000), 1)));
        check(&[("gpu-memory", "2000")], Some((Amount::Memory(2000), 1)));
        check(
            &[("gpu-fraction", "0.25"), ("gpu-fraction-num-devices", "2")],
            Some((Amount::Share(250), 2)),
        );
        for wrong in ["", "0", "-1", "1.5", "NaN", "half"] {
            check(&[("gpu-fraction", wrong)], None);
        }
        check(&[("gpu-memory", "0")], None);
        check(&[], None);
    }

    #[test]
    fn an_ask_depends_on_the_devices() {
        let check = |ask: Ask, replicas, memory, expected| {
            let devices = Devices {
                count: 8,
                memory,
                replicas,
            };
            assert_eq!(ask.on(&devices), expected, "{ask:?}");
        };
        let memory = |asked| {
            Ask::Part(Part {
                amount: Amount::Memory(asked),
                devices: 1,
            })
        };
        check(Ask::Units(2), 1, 0, (2, 1000));
        check(Ask::Units(1), 3, 0, (1, 333));
        check(memory(4096), 1, 16384, (1, 250));
        check(memory(4097), 1, 16384, (1, 251));
        check(memory(i64::MAX), 1, 16384, (1, TOO_MUCH));
        check(memory(4096), 1, 0, (1, 1000));
        check(memory(4096), 4, 16384, (1, TOO_MUCH));
        check(Ask::Nothing, 1, 0, (0, 0));
    }

    #[test]
    fn an_account_knows_what_is_free() {
        let devices = Devices {
            count: 4,
            ..Devices::default()
        };
        let mut account = Account::default();
        let grant: Grant = "1:600".parse().unwrap();
        account.add(Ask::Nothing, Some(&grant));
        account.add(Ask::Units(2), None);
        assert_eq!(account.free(&devices)[..4], [0, 400, 0, 1000]);
        let part = Ask::Part(Part {
            amount: Amount::Share(300),
            devices: 1,
        });
        account.add(part, None);
        assert_eq!(account.free(&devices)[..4], [0, 100, 0, 1000]);
        account.add(Ask::Units(9), None);
        assert_eq!(account.free(&devices)[..4], [0, 0, 0, 0], "more than there is");
        account.subtract(Ask::Units(9), None);
        account.subtract(part, None);
        account.subtract(Ask::Units(2), None);
        account.subtract(Ask::Nothing, Some(&grant));
        assert_eq!(account.free(&devices)[..4], [1000; 4]);
    }

    #[test]
    fn an_account_knows_when_devices_are_given_twice() {
        let devices = Devices {
            count: 2,
            ..Devices::default()
        };
        let mut account = Account::default();
        let grant: Grant = "1:600".parse().unwrap();
        account.add(Ask::Nothing, Some(&grant));
        assert!(account.holds(&devices, &grant));
        assert!(!account.holds(&Devices::default(), &grant), "the device is gone");
        account.add(Ask::Nothing, Some(&grant));
        assert!(!account.holds(&devices, &grant));
        assert!(account.holds(&devices, &"0".parse().unwrap()));
    }
}
