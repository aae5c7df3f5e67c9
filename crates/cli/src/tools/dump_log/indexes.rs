//! The files beside a log: offset, time and transaction indexes, snapshots of producers.
//!
//! ```text
//! .index       [i32 relative offset][i32 position]*
//! .timeindex   [i64 timestamp][i32 relative offset]*
//! .txnindex    [i16 version][i64 producer][i64 first][i64 last][i64 last stable]*
//! .snapshot    [i16 version = 1][u32 crc][i32 count][entry, 46 bytes]*
//! ```

use std::path::Path;

use super::super::support::{Done, ToolError};

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;
const TXN_ENTRY_BYTES: usize = 34;
const PRODUCER_ENTRY_BYTES: usize = 46;
const PRODUCERS_AT: usize = 10;

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| i32::from_be_bytes(*b))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| i64::from_be_bytes(*b))
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| i16::from_be_bytes(*b))
}

fn base_offset(path: &Path) -> i64 {
    path.file_stem().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}

/// The entries in use: an index of a live segment is preallocated with zeros.
fn entries<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = &[u8; N]> {
    let (entries, _) = bytes.as_chunks::<N>();
    entries
        .iter()
        .enumerate()
        .take_while(|(at, entry)| *at == 0 || entry.iter().any(|byte| *byte != 0))
        .map(|(_, entry)| entry)
}

fn check_size(path: &Path, bytes: &[u8], entry_bytes: usize) -> Done {
    if bytes.len().is_multiple_of(entry_bytes) {
        return Ok(());
    }
    let what = format!(
        "Index file {} is corrupt, found {} bytes which is neither positive nor a multiple of \
         {entry_bytes}.",
        path.display(),
        bytes.len()
    );
    Err(ToolError::Failed(what))
}

pub fn offsets(path: &Path, only_check: bool, verify: bool) -> Done {
    let bytes = std::fs::read(path)?;
    check_size(path, &bytes, OFFSET_ENTRY_BYTES)?;
    if only_check {
        println!("{} passed sanity check.", path.display());
        return Ok(());
    }
    let base = base_offset(path);
    let log = std::fs::read(path.with_extension("log")).unwrap_or_default();
    let mut mismatches = Vec::new();
    for entry in entries::<OFFSET_ENTRY_BYTES>(&bytes) {
        let (offset, position) = (base + i64::from(i32_at(entry, 0)), i32_at(entry, 4));
        let at = usize::try_from(position).ok().and_then(|at| log.get(at..));
        let batch = at.and_then(|rest| record::batches(rest).next()?.ok());
        match batch {
            Some(batch) if batch.header().last_offset().0 == offset => {}
            Some(batch) => mismatches.push((offset, batch.header().last_offset().0)),
            None if log.is_empty() => {}
            None => mismatches.push((offset, -1)),
        }
        if !verify {
            println!("offset: {offset} position: {position}");
        }
    }
    if !mismatches.is_empty() {
        eprintln!("Mismatches in :{}", path.display());
        for (indexed, logged) in mismatches {
            eprintln!("  Index offset: {indexed}, log offset: {logged}");
        }
    }
    Ok(())
}

pub fn times(path: &Path, only_check: bool, verify: bool) -> Done {
    let bytes = std::fs::read(path)?;
    check_size(path, &bytes, TIME_ENTRY_BYTES)?;
    if only_check {
        println!("{} passed sanity check.", path.display());
        return Ok(());
    }
    let base = base_offset(path);
    let mut before = i64::MIN;
    for entry in entries::<TIME_ENTRY_BYTES>(&bytes) {
        let (time, offset) = (i64_at(entry, 0), base + i64::from(i32_at(entry, 8)));
        if time < before {
            eprintln!("Found out of order timestamp in :{}", path.display());
            eprintln!("  Index timestamp: {time}, Previously indexed timestamp: {before}");
        }
        before = time;
        if !verify {
            println!("timestamp: {time} offset: {offset}");
        }
    }
    Ok(())
}

pub fn transactions(path: &Path) -> Done {
    let bytes = std::fs::read(path)?;
    check_size(path, &bytes, TXN_ENTRY_BYTES)?;
    for entry in bytes.as_chunks::<TXN_ENTRY_BYTES>().0 {
        println!(
            "version: {} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            i16_at(entry, 0),
            i64_at(entry, 2),
            i64_at(entry, 10),
            i64_at(entry, 18),
            i64_at(entry, 26)
        );
    }
    Ok(())
}

/// ```text
/// entry:  i64 producer, i16 epoch, i32 last sequence, i64 last offset, i32 offset delta,
///         i64 timestamp, i32 coordinator epoch, i64 first offset of the open transaction
/// ```
pub fn producers(path: &Path) -> Done {
    let bytes = std::fs::read(path)?;
    let entries = bytes.get(PRODUCERS_AT..).unwrap_or_default();
    if i16_at(&bytes, 0) != 1 || !entries.len().is_multiple_of(PRODUCER_ENTRY_BYTES) {
        return Err(ToolError::Failed(format!("{} is no snapshot of producers", path.display())));
    }
    for entry in entries.as_chunks::<PRODUCER_ENTRY_BYTES>().0 {
        let (last_sequence, last_offset) = (i32_at(entry, 10), i64_at(entry, 14));
        let (delta, timestamp) = (i32_at(entry, 22), i64_at(entry, 26));
        let open = match i64_at(entry, 38) {
            -1 => "OptionalLong.empty".to_owned(),
            offset => format!("OptionalLong[{offset}]"),
        };
        // a producer may have ended a transaction and sent nothing since
        let last_batch = match last_offset {
            ..0 => String::new(),
            _ => format!(
                "firstSequence: {} lastSequence: {last_sequence} lastOffset: {last_offset} \
                 offsetDelta: {delta} timestamp: {timestamp}",
                last_sequence.wrapping_sub(delta)
            ),
        };
        println!(
            "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {open} \
             lastTimestamp: {timestamp} {last_batch}",
            i64_at(entry, 0),
            i16_at(entry, 8),
            i32_at(entry, 34),
        );
    }
    Ok(())
}
