//! The 32-bit FNV-1a hash: Argo makes node ids and pod names with it.

/// FNV-1a of `bytes`.
pub fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_as_the_reference() {
        assert_eq!(super::fnv1a_32(b""), 0x811c_9dc5);
        assert_eq!(super::fnv1a_32(b"foobar"), 0xbf9c_f968);
    }
}
