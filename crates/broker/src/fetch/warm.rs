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
