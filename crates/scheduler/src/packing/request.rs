//! What is asked for; equal requests share a shape, so that they are judged once.

use std::collections::HashMap;

/// A model of devices, by number; whoever fills the fleet gives the numbers, below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Model(u8);

impl Model {
    /// How many models there can be.
    pub const MAX: usize = 64;

    /// The model with this number, if it is one.
    pub fn new(number: usize) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (usize::from(number) < Self::MAX).then_some(Self(number))
    }

    /// Its number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The models that will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelSet(u64);

impl ModelSet {
    /// Any model.
    pub const ANY: Self = Self(u64::MAX);
    /// No model: nothing fits.
    pub const NONE: Self = Self(0);

    /// Whether `model` will do.
    #[inline]
    pub fn contains(self, model: Model) -> bool {
        self.0 & (1 << model.0) != 0
    }

    /// These and `model`.
    #[must_use]
    pub fn with(self, model: Model) -> Self {
        Self(self.0 | (1 << model.0))
    }
}

/// What a pod asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// CPU, in thousandths of a core.
    pub cpu: i32,
    /// Memory, in MiB.
    pub memory: i32,
    /// How many devices.
    pub gpus: u8,
    /// What it takes of each device, in thousandths.
    pub share: u16,
    /// The models that will do.
    pub models: ModelSet,
    /// Amounts of extended resources, by their number in the fleet.
    pub extended: Vec<(u16, i64)>,
}

impl Request {
    /// What it takes of all devices together, in thousandths.
    pub fn total(&self) -> u32 {
        u32::from(self.gpus) * u32::from(self.share)
    }

    /// Whether it takes a part of one device.
    pub fn is_share(&self) -> bool {
        self.gpus == 1 && self.share < super::WHOLE
    }
}

/// The number of a shape: requests that are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeId(pub u32);

impl ShapeId {
    /// The index into tables by shape.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The shapes known so far, numbered in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    requests: Vec<Request>,
    numbers: HashMap<Request, ShapeId>,
}

impl Shapes {
    /// The shape of `request`, a new one if none is equal.
    pub fn intern(&mut self, request: &Request) -> ShapeId {
        if let Some(id) = self.numbers.get(request) {
            return *id;
        }
        let id = ShapeId(u32::try_from(self.requests.len()).unwrap_or(u32::MAX));
        self.requests.push(request.clone());
        self.numbers.insert(request.clone(), id);
        id
    }

    /// The request that all of a shape make.
    pub fn request(&self, shape: ShapeId) -> &Request {
        &self.requests[shape.index()]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}
