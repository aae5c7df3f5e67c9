//! Keeps cold ranges off the reactor: `sendfile` on pages that are not in memory would stop every
//! connection of its thread for as long as the disk takes.

use crate::net::FileRange;
use crate::partition::BlockingPool;
use rustix::io::{Errno, ReadWriteFlags};
use std::io::IoSliceMut;

/// One byte is asked for in each stretch of this size; the kernel's readahead is about as large.
const STRIDE_BYTES: u64 = 256 * 1024;

/// Returns when the range's pages are in memory, having read them on a thread that may block.
pub(crate) async fn warm(pool: &BlockingPool, range: &FileRange) {
    if is_warm(range) {
        return;
    }
    // A failure shows again when the range is sent.
    let range = range.clone();
    let _ = pool.run(move || fill(&range)).await;
}

fn is_warm(range: &FileRange) -> bool {
    let last = range.position + range.bytes.saturating_sub(1);
    let mut probes = std::iter::successors(Some(range.position), |at| Some(at + STRIDE_BYTES))
        .take_while(|at| *at < last)
        .chain([last]);
    probes.all(|at| is_in_memory(range, at))
}

/// Whether a read would return at once. File systems that cannot tell are taken at their word.
fn is_in_memory(range: &FileRange, position: u64) -> bool {
    let mut byte = [0];
    let mut target = [IoSliceMut::new(&mut byte)];
    let file = range.file.file();
    rustix::io::preadv2(file, &mut target, position, ReadWriteFlags::NOWAIT) != Err(Errno::AGAIN)
}

/// Reads the range into the page cache.
fn fill(range: &FileRange) {
    let mut buffer = vec![0; 128 * 1024];
    let (mut position, end) = (range.position, range.position + range.bytes);
    while position < end {
        match rustix::io::pread(range.file.file(), &mut buffer[..], position) {
            Ok(0) => return,
            Ok(bytes) => position += bytes as u64,
            Err(Errno::INTR) => {}
            Err(error) => {
                tracing::warn!(%error, position, "cannot read a segment");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::{FileCache, LogConfig, LogDir, RealDisk};
    use record::{BatchBuilder, Codec, Producer, with_scratch};
    use rustix::fs::{Advice, fadvise};
    use types::{LeaderEpoch, Offset, Partition, TimestampMs, TopicId};

    const BYTES: usize = 4 * 1024 * 1024;
    const NOW: TimestampMs = TimestampMs(1);

    /// A segment of one large batch.
    fn range(folder: &std::path::Path) -> FileRange {
        let directory = LogDir::open(RealDisk, FileCache::new(4), folder.to_owned()).unwrap();
        let (topic, id) = ("cold", TopicId::from_random([1; 16]));
        let config = LogConfig::default();
        let mut log = directory.create_log(topic, Partition(0), id, config, NOW).unwrap();
        let mut builder = BatchBuilder::new();
        builder.append(NOW, None, Some(&vec![7; BYTES]), &[]).unwrap();
        let batch = with_scratch(|s| builder.seal(Codec::NONE, Producer::default(), s));
        log.append(&batch, log::Origin::Client, LeaderEpoch(0), NOW).unwrap();
        log.flush(NOW).unwrap();
        let slice = log.read(Offset(0), u32::MAX, Offset(1), true).unwrap().unwrap();
        FileRange { file: slice.file, position: slice.position, bytes: u64::from(slice.bytes) }
    }

    #[tokio::test]
    async fn a_cold_range_is_warm_behind_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let range = range(folder.path());
        assert!(is_warm(&range), "it has just been written");
        fadvise(range.file.file(), 0, None, Advice::DontNeed).unwrap();
        if is_warm(&range) {
            eprintln!("skipped: this file system keeps its pages, or cannot tell");
            return;
        }
        warm(&BlockingPool::default(), &range).await;
        assert!(is_warm(&range));
    }
}
