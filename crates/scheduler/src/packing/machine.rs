//! A machine as packing sees it: free amounts in one cache line, compared and copied as a value.

pub use meta::devices::{DEVICES_MAX, WHOLE};

/// A machine's place in its fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(pub u32);

impl MachineId {
    /// The index into tables by machine.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Some of a machine's devices, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceSet(u16);

impl DeviceSet {
    /// Only the device of this index.
    pub fn one(device: usize) -> Self {
        Self(1 << device)
    }

    /// Adds a device.
    pub fn insert(&mut self, device: usize) {
        self.0 |= 1 << device;
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their indices, lowest first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..DEVICES_MAX).filter(move |device| self.0 & (1 << device) != 0)
    }
}

/// What is free on a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Machine {
    /// CPU, in thousandths of a core.
    pub cpu: i32,
    /// Memory, in MiB.
    pub memory: i32,
    /// Pods that may still come.
    pub pods: i32,
    /// The model of its devices.
    pub model: super::Model,
    /// How many devices it has.
    devices: u8,
    /// What is free of each device, in thousandths.
    free: [u16; DEVICES_MAX],
}

impl Machine {
    /// A machine with `devices` (at most [`DEVICES_MAX`] of them count) free devices of one model.
    pub fn new(cpu: i32, memory: i32, pods: i32, devices: usize, model: super::Model) -> Self {
        let count = devices.min(DEVICES_MAX);
        let mut free = [0; DEVICES_MAX];
        free[..count].fill(WHOLE);
        let devices = u8::try_from(count).unwrap_or(0);
        Self {
            cpu,
            memory,
            pods,
            model,
            devices,
            free,
        }
    }

    /// The same with this much free of each device, in thousandths.
    #[must_use]
    pub fn with_free(mut self, free: &[u16; DEVICES_MAX]) -> Self {
        let count = usize::from(self.devices);
        self.free[..count].copy_from_slice(&free[..count]);
        self
    }

    /// What is free of each device, in thousandths.
    pub fn free(&self) -> &[u16] {
        &self.free[..usize::from(self.devices)]
    }

    /// What is free of all devices together, in thousandths.
    pub fn free_total(&self) -> u32 {
        self.free().iter().map(|free| u32::from(*free)).sum()
    }

    /// Whether the amounts of `request` are free, extended resources left aside.
    #[inline]
    pub fn fits(&self, request: &super::Request) -> bool {
        request.cpu <= self.cpu && request.memory <= self.memory && self.pods > 0 && self.has_devices(request)
    }

    fn has_devices(&self, request: &super::Request) -> bool {
        let wanted = usize::from(request.gpus);
        wanted == 0
            || (request.models.contains(self.model)
                && self.free().iter().filter(|free| **free >= request.share).count() >= wanted)
    }

    /// The machine once `request` has taken its amounts, and its share of each of `devices`.
    #[inline]
    #[must_use]
    pub fn less(mut self, request: &super::Request, devices: DeviceSet) -> Self {
        self.cpu -= request.cpu;
        self.memory -= request.memory;
        self.pods -= 1;
        for device in devices.iter() {
            self.free[device] -= request.share;
        }
        self
    }

    /// The machine once `request` has given back what it took.
    #[must_use]
    pub fn plus(mut self, request: &super::Request, devices: DeviceSet) -> Self {
        self.cpu += request.cpu;
        self.memory += request.memory;
        self.pods += 1;
        for device in devices.iter() {
            self.free[device] += request.share;
        }
        self
    }
}
