//! Random choices from a seed that the caller brings: the same seed gives the same decision.

/// SplitMix64 (Steele, Lea and Flood 2014): tiny, good enough to spread replicas, no state to share.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// A stream of choices that depends on `seed` alone.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Sixteen bytes, as a random id needs them.
    pub fn bytes(&mut self) -> [u8; 16] {
        let wide = u128::from(self.bits()) << 64 | u128::from(self.bits());
        wide.to_be_bytes()
    }

    /// An index below `bound`, which is not 0. The bias below 2^-40 for lists of any real length
    /// does not matter here.
    pub fn index_below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "an index below nothing");
        let wide = u128::from(self.bits()) * bound as u128;
        usize::try_from(wide >> 64).expect("below a usize")
    }

    /// Puts the items in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index_below(last + 1);
            items.swap(last, other);
        }
    }
}
