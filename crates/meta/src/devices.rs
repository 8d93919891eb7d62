//! Which of its machine's devices a pod got, as the annotation [`ANNOTATION`] records it.
//!
//! ```text
//!   "0,3"      devices 0 and 3, whole
//!   "2:500"    of device 2, 500 thousandths
//! ```
//!
//! The scheduler writes it together with the binding, in one write; the node reads it when it starts the pod, and the
//! scheduler when it starts again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The annotation of a pod that says which devices of its machine are its own.
pub const ANNOTATION: &str = "plimsoll.dev/devices";
/// All of a device, in thousandths.
pub const WHOLE: u16 = 1000;
/// A machine's devices at most: the largest servers on sale have sixteen.
pub const DEVICES_MAX: usize = 16;

/// Devices of one machine, and how much of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    devices: BTreeSet<u8>,
    share: u16,
}

impl Grant {
    /// So many thousandths, from 1 to [`WHOLE`], of each of these devices, of which each is below [`DEVICES_MAX`];
    /// `None` if it is not so, or there are no devices.
    pub fn new(devices: impl IntoIterator<Item = u8>, share: u16) -> Option<Self> {
        let devices: BTreeSet<u8> = devices.into_iter().collect();
        let known = devices.iter().all(|device| usize::from(*device) < DEVICES_MAX);
        (!devices.is_empty() && known && (1..=WHOLE).contains(&share)).then_some(Self { devices, share })
    }

    /// The devices' numbers on their machine, lowest first.
    pub fn devices(&self) -> impl ExactSizeIterator<Item = u8> + '_ {
        self.devices.iter().copied()
    }

    /// What it has of each, in thousandths.
    pub fn share(&self) -> u16 {
        self.share
    }

    /// The devices as `CUDA_VISIBLE_DEVICES` lists them.
    pub fn visible(&self) -> String {
        let numbers: Vec<String> = self.devices().map(|device| device.to_string()).collect();
        numbers.join(",")
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, device) in self.devices().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{device}")?;
            if self.share < WHOLE {
                write!(f, ":{}", self.share)?;
            }
        }
        Ok(())
    }
}

/// Why a text is no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoGrant;

impl fmt::Display for NoGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a list of devices such as `0,3` or `2:500`")
    }
}

impl std::error::Error for NoGrant {}

impl FromStr for Grant {
    type Err = NoGrant;

    fn from_str(text: &str) -> Result<Self, NoGrant> {
        let (mut devices, mut shares) = (Vec::new(), BTreeSet::new());
        for word in text.split(',') {
            let (device, share) = word.split_once(':').unwrap_or((word, "1000"));
            devices.push(device.parse().map_err(|_| NoGrant)?);
            shares.insert(share.parse().map_err(|_| NoGrant)?);
        }
        match (shares.pop_first(), shares.is_empty()) {
            (Some(share), true) => Self::new(devices, share).ok_or(NoGrant),
            _ => Err(NoGrant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let check = |text: &str, devices: &[u8], share: u16, visible: &str| {
            let grant: Grant = text.parse().unwrap();
            assert_eq!(
                Grant::new(devices.to_vec(), share).as_ref(),
                Some(&grant),
                "{text}"
            );
            assert_eq!(
                (grant.to_string().as_str(), grant.visible().as_str()),
                (text, visible)
            );
        };
        check("0,3", &[3, 0], 1000, "0,3");
        check("2:500", &[2], 500, "2");
        check("1:250,15:250", &[1, 15], 250, "1,15");
    }

    #[test]
    fn what_is_no_grant_is_refused() {
        for text in [
            "", ",", "a", "0:", "0:0", "0:1001", "16", "-1", "0:1,1:2", "0,1:5", "0 ,1", "0:1:2",
        ] {
            assert_eq!(text.parse::<Grant>(), Err(NoGrant), "{text:?}");
        }
        assert_eq!(Grant::new([], WHOLE), None);
    }
}
