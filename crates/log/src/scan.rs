//! Walks over the batches of a segment file, header by header, with one small buffer.

use std::io;

use crc_fast::{CrcAlgorithm, Digest};
use record::{BatchHeader, HEADER_BYTES};
use types::Offset;

use crate::disk::{DiskFile, read_exact_at};

/// Where the checksummed part of a batch begins.
const CRC_FROM: usize = 21;
/// One read finds the batches between two index entries at Kafka's default interval.
const SEEK_BUFFER_BYTES: usize = 4096;
/// Reads whole segments with few calls.
const SWEEP_BUFFER_BYTES: usize = 128 * 1024;

/// A batch and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) position: u32,
    pub(crate) header: BatchHeader,
}

/// Bytes that are no batch, from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) position: u32,
    pub(crate) why: String,
    /// Whether there are only zeros where a header should be, as in room that was set aside.
    pub(crate) is_blank: bool,
}

/// The outcome of a step: a batch, damage, or the end.
pub(crate) type Step = Result<Option<Located>, Damage>;

/// A walk over `position..end` of a file.
#[derive(Debug)]
pub(crate) struct Scanner<'f, F> {
    file: &'f F,
    position: u32,
    end: u32,
    buffer: Vec<u8>,
    buffer_bytes: usize,
    buffer_at: u32,
}

impl Located {
    pub(crate) fn bytes(&self) -> u32 {
        u32::try_from(self.header.total_bytes()).expect("a batch has less than 2 GiB")
    }

    pub(crate) fn end(&self) -> u32 {
        self.position + self.bytes()
    }

    pub(crate) const fn base_offset(&self) -> Offset {
        self.header.base_offset
    }
}

impl<'f, F: DiskFile> Scanner<'f, F> {
    /// A walk that stops soon: headers only.
    pub(crate) fn seek(file: &'f F, position: u32, end: u32) -> Self {
        Self::with_buffer(file, position, end, SEEK_BUFFER_BYTES)
    }

    /// A walk over most of the bytes.
    pub(crate) fn sweep(file: &'f F, position: u32, end: u32) -> Self {
        let rest = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        Self::with_buffer(file, position, end, rest.clamp(HEADER_BYTES, SWEEP_BUFFER_BYTES))
    }

    fn with_buffer(file: &'f F, position: u32, end: u32, buffer_bytes: usize) -> Self {
        Self { file, position, end, buffer: Vec::new(), buffer_bytes, buffer_at: position }
    }

    /// The next batch; the header is sound, the checksum is not compared.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let position = self.position;
        if position == self.end {
            return Ok(Ok(None));
        }
        let rest = self.end - position;
        let front_bytes = HEADER_BYTES.min(rest as usize);
        let front = &self.buffered(position, front_bytes)?[..front_bytes];
        let is_blank = front.iter().all(|byte| *byte == 0);
        let damage = |why: String| Ok(Err(Damage { position, why, is_blank }));
        if front_bytes < HEADER_BYTES {
            return damage(format!("{rest} bytes are too few for a batch"));
        }
        let header = match BatchHeader::parse(self.buffered(position, HEADER_BYTES)?) {
            Ok(header) => header,
            Err(error) => return damage(error.to_string()),
        };
        if header.total_bytes() > rest as usize {
            let bytes = header.total_bytes();
            return damage(format!("a batch of {bytes} bytes ends behind the file's {rest} more"));
        }
        if header.last_offset_delta < 0 || header.base_offset.0 < 0 {
            return damage("a batch with negative offsets".to_owned());
        }
        let located = Located { position, header };
        self.position = located.end();
        Ok(Ok(Some(located)))
    }

    /// Whether the batch's bytes are those that were checksummed.
    pub(crate) fn is_crc_valid(&mut self, batch: &Located) -> io::Result<bool> {
        let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
        let mut skipped = CRC_FROM;
        let mut position = batch.position;
        while position < batch.end() {
            let left = (batch.end() - position) as usize;
            let piece = self.buffered(position, left.min(HEADER_BYTES))?;
            let piece = &piece[..piece.len().min(left)];
            digest.update(&piece[skipped..]);
            skipped = 0;
            position += u32::try_from(piece.len()).expect("pieces of a batch of less than 2 GiB");
        }
        Ok(digest.finalize() == u64::from(batch.header.crc))
    }

    /// All bytes of a batch.
    pub(crate) fn read(&self, batch: &Located) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; batch.header.total_bytes()];
        read_exact_at(self.file, &mut bytes, u64::from(batch.position))?;
        Ok(bytes)
    }

    /// At least `bytes_min` bytes from `position` on, and what else the buffer holds.
    fn buffered(&mut self, position: u32, bytes_min: usize) -> io::Result<&[u8]> {
        let skip = position.checked_sub(self.buffer_at).map(|skip| skip as usize);
        if let Some(skip) = skip.filter(|skip| skip + bytes_min <= self.buffer.len()) {
            return Ok(&self.buffer[skip..]);
        }
        let bytes = self.buffer_bytes.min((self.end - position) as usize).max(bytes_min);
        self.buffer.resize(bytes, 0);
        self.buffer_at = position;
        read_exact_at(self.file, &mut self.buffer, u64::from(position))?;
        Ok(&self.buffer)
    }
}
