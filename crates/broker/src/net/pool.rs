//! Receive buffers that busy connections borrow and idle ones give back, one pool a reactor.
//!
//! Everything here belongs to one thread, so borrowing is a pop from a vector: no lock, no
//! allocation once the reactor is warm, and at most [`KEPT_BYTES_MAX`] held for later.

use std::cell::RefCell;

/// Capacity and number of spare buffers of one size.
struct Class {
    bytes: usize,
    kept: usize,
}

/// What almost all requests fit in; also the most that a connection holds before it has sent more.
pub(super) const SMALLEST: usize = 4 * 1024;

const CLASSES: [Class; 4] = [
    Class { bytes: SMALLEST, kept: 64 },
    Class { bytes: 16 * 1024, kept: 16 },
    Class { bytes: 128 * 1024, kept: 8 },
    // Kafka's default `message.max.bytes` with room for the request around it.
    Class { bytes: 1024 * 1024 + 64 * 1024, kept: 1 },
];

const KEPT_BYTES_MAX: usize = {
    let (mut sum, mut at) = (0, 0);
    while at < CLASSES.len() {
        sum += CLASSES[at].bytes * CLASSES[at].kept;
        at += 1;
    }
    sum
};
const _: () = assert!(KEPT_BYTES_MAX <= 3 * 1024 * 1024, "idle memory of a reactor stays small");

thread_local! {
    static SPARE: RefCell<[Vec<Box<[u8]>>; CLASSES.len()]> =
        const { RefCell::new([const { Vec::new() }; CLASSES.len()]) };
}

/// A buffer of at least `bytes`; larger ones than the greatest class are made to measure.
pub(super) fn take(bytes: usize) -> Box<[u8]> {
    let Some(class) = CLASSES.iter().position(|class| bytes <= class.bytes) else {
        return zeroed(bytes);
    };
    let spare = SPARE.with_borrow_mut(|spare| spare[class].pop());
    spare.unwrap_or_else(|| zeroed(CLASSES[class].bytes))
}

/// Gives a buffer back; what is beyond the number kept, or of another size, is freed.
pub(super) fn give_back(buffer: Box<[u8]>) {
    let Some(class) = CLASSES.iter().position(|class| buffer.len() == class.bytes) else {
        return;
    };
    SPARE.with_borrow_mut(|spare| {
        if spare[class].len() < CLASSES[class].kept {
            spare[class].push(buffer);
        }
    });
}

/// Large zeroed allocations come from untouched pages: memory is used as bytes arrive.
fn zeroed(bytes: usize) -> Box<[u8]> {
    vec![0; bytes].into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_lent_again_and_surplus_is_freed() {
        let first = take(1);
        let address = first.as_ptr();
        give_back(first);
        let second = take(SMALLEST);
        assert_eq!(second.as_ptr(), address);
        (0..CLASSES[0].kept + 9)
            .map(|_| take(100))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(give_back);
        SPARE.with_borrow(|spare| assert_eq!(spare[0].len(), CLASSES[0].kept));
    }

    #[test]
    fn sizes_beyond_the_classes_are_exact_and_not_kept() {
        let large = take(5_000_000);
        assert_eq!(large.len(), 5_000_000);
        give_back(large);
        SPARE.with_borrow(|spare| assert!(spare.iter().all(Vec::is_empty)));
    }
}
