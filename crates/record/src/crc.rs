//! CRC-32C (Castagnoli), and how it changes when only the front of the input does.

use crc_fast::crc32_iscsi;

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

/// The checksum of two inputs of which only the checksums are at hand: the first, multiplied by x
/// to the number of bits behind it, plus the second.
fn combine(front: u32, rest: u32, rest_bytes: usize) -> u32 {
    let mut shifted = front;
    for (bit, &power) in POWERS.iter().enumerate() {
        if rest_bytes >> bit & 1 != 0 {
            shifted = multiply(power, shifted);
        }
    }
    shifted ^ rest
}

/// The polynomial of Castagnoli, least significant bit first; x^32 itself is implied.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// The polynomial x^8, by which a zero byte behind the input shifts a checksum.
const BYTE: u32 = 1 << 23;

/// x^(8 · 2^n) modulo the polynomial, for every bit of a length.
static POWERS: [u32; usize::BITS as usize] = {
    let mut powers = [BYTE; usize::BITS as usize];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = multiply(powers[n - 1], powers[n - 1]);
        n += 1;
    }
    powers
};

/// The product of two polynomials over GF(2), modulo the polynomial.
const fn multiply(left: u32, right: u32) -> u32 {
    let (mut left, mut right, mut product) = (left, right, 0);
    while left != 0 {
        product ^= right & (left >> 31).wrapping_neg();
        left <<= 1;
        right = (right >> 1) ^ (POLYNOMIAL & (right & 1).wrapping_neg());
    }
    product
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
