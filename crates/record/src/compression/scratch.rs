//! Buffers and codec states that live as long as their thread, so that no batch allocates its own.

use std::cell::RefCell;
use std::fmt;

use super::{Codec, Compression, DecompressError, InflateError, gzip, lz4, snappy, zstd};

/// How far a records section may inflate unless the caller says otherwise. Kafka limits single
/// records, not all of them together; this is 128 times the default `max.message.bytes`.
pub const INFLATED_BYTES_MAX: usize = 128 << 20;

/// A buffer beyond this goes back as soon as its batch is done.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// A buffer beyond this goes back when [`QUIET_BATCHES_MAX`] batches have not needed half of it.
/// Giving it back at once would be dear for topics of large batches: fresh pages cost more than
/// inflating into them.
const QUIET_BYTES_MAX: usize = 1 << 20;
const QUIET_BATCHES_MAX: u32 = 64;

/// What the first growth of the buffer reaches: a batch of the producer's default `batch.size`
/// inflates to less.
const GROWTH_BYTES_MIN: usize = 64 << 10;

/// Reusable memory for inflating and compressing. Empty until first used; holds at most a few
/// megabytes between batches.
pub struct Scratch {
    inflated: Inflated,
    codecs: Codecs,
}

#[derive(Default)]
struct Codecs {
    gzip: gzip::Gzip,
    lz4: lz4::Lz4,
    snappy: snappy::Snappy,
    zstd: zstd::Zstd,
}

/// The output of a codec: grows by doubling up to its cap, never beyond, and is not cleared
/// between batches.
pub(super) struct Inflated {
    buffer: Vec<u8>,
    used: usize,
    bytes_max: usize,
    /// Batches in a row that needed less than half of the buffer.
    quiet_batches: u32,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// Runs `work` with the scratch of this thread; with one of its own where `work` calls this again.
pub fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => {
            let done = work(&mut scratch);
            scratch.inflated.clear();
            done
        }
        Err(_) => work(&mut Scratch::new()),
    })
}

impl Scratch {
    /// Inflates up to [`INFLATED_BYTES_MAX`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(INFLATED_BYTES_MAX)
    }

    /// Inflates up to `bytes_max` a batch.
    #[must_use]
    pub fn with_limit(bytes_max: usize) -> Self {
        Self {
            inflated: Inflated { buffer: Vec::new(), used: 0, bytes_max, quiet_batches: 0 },
            codecs: Codecs::default(),
        }
    }

    /// Changes how far a batch may inflate; yields how far it might before.
    pub(crate) fn replace_limit(&mut self, bytes_max: usize) -> usize {
        std::mem::replace(&mut self.inflated.bytes_max, bytes_max)
    }

    /// The records section behind `compressed`, as a slice of this scratch or of the input.
    pub(crate) fn inflate<'s>(
        &'s mut self,
        compression: Compression,
        compressed: &'s [u8],
    ) -> Result<&'s [u8], DecompressError> {
        let out = &mut self.inflated;
        out.clear();
        let inflated = match compression {
            Compression::None => return Ok(compressed),
            Compression::Gzip => self.codecs.gzip.inflate(compressed, out),
            Compression::Snappy => self.codecs.snappy.inflate(compressed, out),
            Compression::Lz4 => lz4::inflate(compressed, out),
            Compression::Zstd => self.codecs.zstd.inflate(compressed, out),
        };
        match inflated {
            Ok(()) => Ok(out.bytes()),
            Err(InflateError::Corrupt(detail)) => {
                Err(DecompressError::Corrupt { compression, detail })
            }
            Err(InflateError::Full) => {
                Err(DecompressError::TooLarge { compression, bytes_max: out.bytes_max })
            }
        }
    }

    /// Appends what was inflated last, compressed anew, to `out`.
    pub(crate) fn compress_inflated(&mut self, codec: Codec, out: &mut Vec<u8>) {
        self.codecs.compress(codec, self.inflated.bytes(), out);
    }

    /// Appends `records`, compressed, to `out`.
    pub(crate) fn compress(&mut self, codec: Codec, records: &[u8], out: &mut Vec<u8>) {
        self.codecs.compress(codec, records, out);
    }
}

impl Codecs {
    fn compress(&mut self, codec: Codec, records: &[u8], out: &mut Vec<u8>) {
        match codec.compression() {
            Compression::None => out.extend_from_slice(records),
            Compression::Gzip => self.gzip.compress(codec.level(), records, out),
            Compression::Snappy => self.snappy.compress(records, out),
            Compression::Lz4 => self.lz4.compress(records, out),
            Compression::Zstd => self.zstd.compress(codec.level(), records, out),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("limit", &self.inflated.bytes_max).finish_non_exhaustive()
    }
}

impl Inflated {
    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// Room for at least `wanted` bytes behind the used ones.
    pub(super) fn room(&mut self, wanted: usize) -> Result<&mut [u8], InflateError> {
        let needed = self.used.saturating_add(wanted);
        if needed > self.bytes_max {
            return Err(InflateError::Full);
        }
        if needed > self.buffer.len() {
            let doubled = self.buffer.len().saturating_mul(2).max(GROWTH_BYTES_MIN);
            let bytes = needed.max(doubled.min(self.bytes_max));
            self.buffer.reserve_exact(bytes - self.buffer.len());
            self.buffer.resize(bytes, 0);
        }
        Ok(&mut self.buffer[self.used..])
    }

    /// Room for `wanted` bytes, or for as many as the cap leaves; at least one.
    pub(super) fn room_up_to(&mut self, wanted: usize) -> Result<&mut [u8], InflateError> {
        let left = self.bytes_max.saturating_sub(self.used);
        self.room(wanted.min(left).max(1))
    }

    /// Counts `bytes` at the front of the room as used.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.used += bytes;
        assert!(self.used <= self.buffer.len(), "a codec wrote beyond its room");
    }

    fn clear(&mut self) {
        if self.used == 0 {
            return;
        }
        let is_quiet = self.used < self.buffer.len() / 2;
        self.quiet_batches = if is_quiet { self.quiet_batches + 1 } else { 0 };
        self.used = 0;
        let bytes_max =
            if self.quiet_batches < QUIET_BATCHES_MAX { KEPT_BYTES_MAX } else { QUIET_BYTES_MAX };
        if self.buffer.len() > bytes_max {
            self.buffer = Vec::new();
            self.quiet_batches = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_up(inflated: &mut Inflated, bytes: usize) -> usize {
        inflated.room(bytes).expect("below the limit");
        inflated.advance(bytes);
        inflated.clear();
        inflated.buffer.len()
    }

    #[test]
    fn a_large_buffer_is_kept_while_it_is_needed() {
        let mut scratch = Scratch::new();
        let inflated = &mut scratch.inflated;
        assert_eq!(use_up(inflated, KEPT_BYTES_MAX + 1), 0);
        let large = use_up(inflated, 2 * QUIET_BYTES_MAX);
        for _ in 1..QUIET_BATCHES_MAX {
            assert_eq!(use_up(inflated, 100), large);
        }
        assert_eq!(use_up(inflated, large), large);
        for _ in 1..QUIET_BATCHES_MAX {
            assert_eq!(use_up(inflated, 100), large);
        }
        assert_eq!(use_up(inflated, 100), 0);
        assert_eq!(use_up(inflated, 100), GROWTH_BYTES_MIN);
        for _ in 0..2 * QUIET_BATCHES_MAX {
            assert_eq!(use_up(inflated, 100), GROWTH_BYTES_MIN);
        }
    }

    #[test]
    fn the_scratch_of_a_thread_can_be_asked_for_twice() {
        let sum = with_scratch(|_| with_scratch(|_| 1) + 1);
        assert_eq!(sum, 2);
    }
}
