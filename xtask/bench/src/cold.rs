//! What reading old data costs those who produce: the reader's pages are put out of memory first,
//! so that the broker must wait for the disk, and only the reader may feel it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use record::Compression;
use rustix::fs::{Advice, fadvise};

use crate::load::{Latencies, batch, next_offset, produce_run, steady_run};
use crate::peers::Peer;
use crate::protocol::{connect, fetch, fetched, produce, read_frame};
use crate::readings::disk_bytes_read;

const OLD: &str = "old";
const LIVE: &str = "live";
const OLD_BYTES: u64 = 300_000_000;
const OLD_PARTITIONS: usize = 6;
/// What a consumer that catches up takes; there is more of it than a turn takes.
const READ_BYTES_PER_SECOND: u64 = 50_000_000;
const REQUESTS_PER_SECOND: u32 = 2_000;
/// Of one turn of each kind.
const SECONDS: u32 = 1;
const TURNS: usize = 5;

/// The producers' p99 in microseconds: beside a reader of cold data, alone, and beside a reader of
/// data in memory, which tells what of the difference the disk makes.
pub fn p99_beside_cold_reads(peer: &mut Peer) -> io::Result<Vec<f64>> {
    let old = batch(100, 64 * 1024, Compression::None);
    peer.create(OLD, OLD_PARTITIONS);
    produce_run(peer.port(), OLD, OLD_PARTITIONS, 4, 5, &old, OLD_BYTES);
    peer.create(LIVE, 1);
    let frames = [produce(LIVE, 0, &batch(1000, 0, Compression::None))];
    let (port, pid) = (peer.port(), peer.pid());
    let [mut cold, mut alone, mut warm] = [const { Latencies::new() }; 3];
    let (mut read, mut from_disk) = (0, 0);
    // by turns, because what else the machine does changes within seconds
    for _ in 0..TURNS {
        alone.extend(steady_run(port, &frames, REQUESTS_PER_SECOND, SECONDS)?);
        warm.extend(beside_reads(port, &frames)?.0);
        evict(&peer.data(), OLD)?;
        let before = disk_bytes_read(pid);
        let (times, bytes) = beside_reads(port, &frames)?;
        cold.extend(times);
        read += bytes;
        from_disk += disk_bytes_read(pid) - before;
    }
    eprintln!("    {:?}: {} MB read, {} MB of disk", peer.kind(), read >> 20, from_disk >> 20);
    if from_disk < read / 2 {
        return Err(io::Error::other("what was to be cold was read from memory"));
    }
    peer.delete(OLD);
    peer.delete(LIVE);
    Ok([cold, alone, warm].iter_mut().map(|times| times.quantile_us(0.99)).collect())
}

/// The producers' times while the old topic is read, and the bytes that were.
fn beside_reads(port: u16, frames: &[Vec<u8>]) -> io::Result<(Latencies, u64)> {
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| paced_read(port));
        let times = steady_run(port, frames, REQUESTS_PER_SECOND, SECONDS)?;
        let read = reading.join().map_err(|_| io::Error::other("the reader panicked"))??;
        Ok((times, read))
    })
}

/// Puts a topic's segments out of memory. What is not on disk yet cannot go, so it is synced first.
fn evict(data: &Path, topic: &str) -> io::Result<()> {
    for folder in std::fs::read_dir(data)? {
        let folder = folder?;
        if !folder.file_name().to_string_lossy().starts_with(topic) {
            continue;
        }
        for file in std::fs::read_dir(folder.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                let file = File::open(path)?;
                file.sync_all()?;
                fadvise(&file, 0, None, Advice::DontNeed)?;
            }
        }
    }
    Ok(())
}

/// Reads the old topic from its start at a steady rate; the bytes of records.
fn paced_read(port: u16) -> io::Result<u64> {
    const PARTITION_BYTES_MAX: i32 = 128 * 1024;
    let mut socket = connect(port)?;
    let mut offsets = vec![0; OLD_PARTITIONS];
    let (mut buffer, mut bytes) = (Vec::new(), 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(u64::from(SECONDS)) {
        socket.write_all(&fetch(OLD, &offsets, PARTITION_BYTES_MAX))?;
        let before = bytes;
        fetched(read_frame(&mut socket, &mut buffer)?, |partition, records| {
            offsets[partition] = next_offset(records).unwrap_or(offsets[partition]);
            bytes += records.len() as u64;
        });
        if bytes == before {
            break;
        }
        let due = Duration::from_secs(1).mul_f64(bytes as f64 / READ_BYTES_PER_SECOND as f64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    Ok(bytes)
}
