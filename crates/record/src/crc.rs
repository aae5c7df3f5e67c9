//! CRC-32C (Castagnoli), and how it changes when only the front of the input does.

use crc_fast::{CrcAlgorithm, checksum_combine, crc32_iscsi};

/// The checksum of a batch: over everything from the attributes to its end.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32_iscsi(bytes)
}

/// The checksum of `front` followed by bytes whose own checksum is `rest`.
#[must_use]
pub(crate) fn crc32c_before(front: &[u8], rest: u32, rest_bytes: usize) -> u32 {
    combine(crc32c(front), rest, rest_bytes)
}

/// The checksum after `old_front` was overwritten by `new_front` of equal length, with
/// `rest_bytes` unchanged bytes behind it that need not be read again: CRCs are linear, so what
/// changed in front shifts through the rest.
#[must_use]
pub(crate) fn crc32c_patched(
    whole: u32,
    old_front: &[u8],
    new_front: &[u8],
    rest_bytes: usize,
) -> u32 {
    assert_eq!(old_front.len(), new_front.len(), "a patch keeps the length");
    let changed = crc32c(old_front) ^ crc32c(new_front);
    whole ^ combine(changed, 0, rest_bytes)
}

fn combine(front: u32, rest: u32, rest_bytes: usize) -> u32 {
    let rest_bytes = u64::try_from(rest_bytes).expect("a slice's length fits 64 bits");
    let sum = checksum_combine(CrcAlgorithm::Crc32Iscsi, front.into(), rest.into(), rest_bytes);
    u32::try_from(sum).expect("a 32-bit CRC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_patched_front_needs_no_second_pass() {
        let rest: Vec<u8> = (0..=255).cycle().take(70_001).collect();
        let (old, new) = (*b"old header bytes", *b"new header bytes");
        let join = |front: &[u8]| crc32c(&[front, &rest].concat());
        assert_eq!(crc32c_patched(join(&old), &old, &new, rest.len()), join(&new));
        assert_eq!(crc32c_before(&new, crc32c(&rest), rest.len()), join(&new));
    }
}
