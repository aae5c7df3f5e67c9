//! The order in which Java's hash maps give their entries: that of what Kafka's tools list from one.

use client::TopicPartition;
use types::java_hash::string_hash_code;

/// Java's capacity of a map that is made without one.
const CAPACITY: usize = 16;

/// As a map made without a capacity gives them.
pub fn sort<T>(entries: &mut [T], name: impl Fn(&T) -> &str) {
    sort_from(CAPACITY, entries, |entry| string_hash_code(name(entry)));
}

/// Numbers as a set made without a capacity gives them.
pub fn sort_numbers(numbers: &mut [i32]) {
    sort_from(CAPACITY, numbers, |number| *number);
}

/// Partitions as a map made without a capacity gives them.
pub fn sort_partitions(partitions: &mut [TopicPartition]) {
    sort_from(CAPACITY, partitions, |partition| {
        let of_partition = partition.partition.wrapping_add(31).wrapping_mul(31);
        of_partition.wrapping_add(string_hash_code(&partition.topic))
    });
}

/// As a map made with a capacity for just these gives them.
pub fn sort_sized<T>(entries: &mut [T], name: impl Fn(&T) -> &str) {
    let capacity = entries.len().next_power_of_two();
    sort_from(capacity, entries, |entry| string_hash_code(name(entry)));
}

/// By bucket; in a bucket, the order is kept. A map doubles when it is filled by three quarters.
fn sort_from<T>(mut capacity: usize, entries: &mut [T], hash: impl Fn(&T) -> i32) {
    while entries.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    let mask = u32::try_from(capacity - 1).unwrap_or(u32::MAX);
    entries.sort_by_key(|entry| {
        let hash = hash(entry).cast_unsigned();
        (hash ^ (hash >> 16)) & mask
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_java() {
        let names = [
            "first",
            "second.of_them",
            "by-hand",
            "cleanup.policy",
            "min.insync.replicas",
            "retention.ms",
        ];
        let ended = ["cleanup.policy", "min.insync.replicas", "retention.ms", "first"];
        let mut sorted = names;
        sort(&mut sorted, |name| name);
        assert_eq!(sorted[..3], ["by-hand", "cleanup.policy", "second.of_them"]);
        assert_eq!(sorted[3..], ended[1..]);
        let mut sorted = names;
        sort_sized(&mut sorted, |name| name);
        assert_eq!(sorted[..2], ["second.of_them", "by-hand"]);
        assert_eq!(sorted[2..], ended);
        let mut grown: [String; 14] = std::array::from_fn(|index| format!("topic-{index}"));
        sort(&mut grown, |name| name);
        assert_eq!(grown[8], "topic-10");
    }
}
