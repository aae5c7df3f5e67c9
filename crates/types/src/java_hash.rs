//! Java's and Kafka's hash functions, where the protocol depends on them.

/// `String.hashCode` over UTF-16 code units.
#[must_use]
pub fn string_hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Which of `partitions` holds the state of a group or transaction (`Utils.abs(hash) % n`).
///
/// # Panics
/// If `partitions` is not positive.
#[must_use]
pub fn coordinator_partition(id: &str, partitions: i32) -> i32 {
    assert!(partitions > 0, "a coordinator topic has partitions");
    let hash = string_hash_code(id);
    // Kafka's Utils.abs maps the one value without a positive counterpart to 0
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_codes_are_those_of_java() {
        assert_eq!(string_hash_code(""), 0);
        assert_eq!(string_hash_code("console-consumer-1"), {
            let mut h = 0i32;
            for b in b"console-consumer-1" {
                h = h.wrapping_mul(31).wrapping_add(i32::from(*b));
            }
            h
        });
        assert_eq!(string_hash_code("polygenelubricants"), i32::MIN);
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
    }
}
