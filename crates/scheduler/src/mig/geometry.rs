//! What MIG allows: profiles and where on a device they may start. Source: NVIDIA's MIG user guide, and the listings of
//! placements that drivers print (`nvidia-smi mig -lgipp`), on the axis of memory slices.

/// A way to cut an instance from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Compute slices.
    pub compute: u8,
    /// Memory slices; they lie together.
    pub memory: u8,
    /// The memory slices at which it may start.
    pub starts: &'static [u8],
    /// How many a device can have at most.
    pub most: u8,
    /// Whether it has the media engines, of which a device has one set.
    pub media: bool,
}

/// What devices of a family have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Memory slices of a device.
    pub memory: u8,
    /// Compute slices of a device.
    pub compute: u8,
    /// Its profiles, smallest first.
    pub profiles: &'static [Profile],
}

const fn profile(compute: u8, memory: u8, starts: &'static [u8], most: u8) -> Profile {
    Profile {
        compute,
        memory,
        starts,
        most,
        media: false,
    }
}

const fn media(compute: u8, memory: u8, starts: &'static [u8]) -> Profile {
    Profile {
        compute,
        memory,
        starts,
        most: 1,
        media: true,
    }
}

/// Seven compute and eight memory slices: A100, H100, H200, B200, GB200.
pub(super) const EIGHTHS: Geometry = Geometry {
    memory: 8,
    compute: 7,
    profiles: &[
        profile(1, 1, &[0, 1, 2, 3, 4, 5, 6], 7),
        media(1, 1, &[0, 1, 2, 3, 4, 5, 6]),
        profile(1, 2, &[0, 2, 4, 6], 4),
        profile(2, 2, &[0, 2, 4], 3),
        profile(3, 4, &[0, 4], 2),
        profile(4, 4, &[0], 1),
        profile(7, 8, &[0], 1),
    ],
};

/// Four slices of each: A30.
pub(super) const QUARTERS: Geometry = Geometry {
    memory: 4,
    compute: 4,
    profiles: &[
        profile(1, 1, &[0, 1, 2, 3], 4),
        media(1, 1, &[0, 1, 2, 3]),
        profile(2, 2, &[0, 2], 2),
        media(2, 2, &[0, 2]),
        profile(4, 4, &[0], 1),
    ],
};

/// Four slices of each without a profile for the media engines: RTX PRO 6000.
pub(super) const QUARTERS_PLAIN: Geometry = Geometry {
    memory: 4,
    compute: 4,
    profiles: &[
        profile(1, 1, &[0, 1, 2, 3], 4),
        profile(2, 2, &[0, 2], 2),
        profile(4, 4, &[0], 1),
    ],
};

/// A device on sale.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Its name.
    pub name: &'static str,
    /// What it allows.
    pub geometry: &'static Geometry,
    /// The names of the geometry's profiles, as in `nvidia.com/mig-NAME` (where `+me` is written `.me`).
    pub profiles: &'static [&'static str],
}

const fn device(
    name: &'static str,
    geometry: &'static Geometry,
    profiles: &'static [&'static str],
) -> Device {
    Device {
        name,
        geometry,
        profiles,
    }
}

/// The devices that can be cut.
pub const DEVICES: [Device; 9] = [
    device(
        "A30-24GB",
        &QUARTERS,
        &["1g.6gb", "1g.6gb+me", "2g.12gb", "2g.12gb+me", "4g.24gb"],
    ),
    device(
        "A100-40GB",
        &EIGHTHS,
        &[
            "1g.5gb",
            "1g.5gb+me",
            "1g.10gb",
            "2g.10gb",
            "3g.20gb",
            "4g.20gb",
            "7g.40gb",
        ],
    ),
    device(
        "A100-80GB",
        &EIGHTHS,
        &[
            "1g.10gb",
            "1g.10gb+me",
            "1g.20gb",
            "2g.20gb",
            "3g.40gb",
            "4g.40gb",
            "7g.80gb",
        ],
    ),
    device(
        "H100-80GB",
        &EIGHTHS,
        &[
            "1g.10gb",
            "1g.10gb+me",
            "1g.20gb",
            "2g.20gb",
            "3g.40gb",
            "4g.40gb",
            "7g.80gb",
        ],
    ),
    device(
        "H100-94GB-NVL",
        &EIGHTHS,
        &[
            "1g.12gb",
            "1g.12gb+me",
            "1g.24gb",
            "2g.24gb",
            "3g.47gb",
            "4g.47gb",
            "7g.94gb",
        ],
    ),
    device(
        "H200-141GB",
        &EIGHTHS,
        &[
            "1g.18gb",
            "1g.18gb+me",
            "1g.35gb",
            "2g.35gb",
            "3g.71gb",
            "4g.71gb",
            "7g.141gb",
        ],
    ),
    device(
        "B200-180GB",
        &EIGHTHS,
        &[
            "1g.23gb",
            "1g.23gb+me",
            "1g.45gb",
            "2g.45gb",
            "3g.90gb",
            "4g.90gb",
            "7g.180gb",
        ],
    ),
    device(
        "GB200-186GB",
        &EIGHTHS,
        &[
            "1g.23gb",
            "1g.23gb+me",
            "1g.47gb",
            "2g.47gb",
            "3g.93gb",
            "4g.93gb",
            "7g.186gb",
        ],
    ),
    device(
        "RTX-PRO-6000-BSE-96GB",
        &QUARTERS_PLAIN,
        &["1g.24gb", "2g.48gb", "4g.96gb"],
    ),
];
