//! Logs and snapshots of the metadata: batches, and the records in them.

use std::fmt::Write;
use std::path::Path;

use record::{Batch, Record, TimestampType};
use wire::ControlValue;
use wire::ToJson;

use super::super::support::{Done, ToolError};
use super::View;

/// What the name of the file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Log,
    Snapshot,
}

pub fn dump(path: &Path, view: &View, kind: Kind) -> Done {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    match kind {
        Kind::Log => {
            let wrong = |_| ToolError::Failed(format!("For input string: \"{name}\""));
            println!("Log starting offset: {}", name.parse::<i64>().map_err(wrong)?);
        }
        Kind::Snapshot if name == "bootstrap" => println!("KRaft bootstrap snapshot"),
        Kind::Snapshot => {
            let (offset, epoch) = name.split_once('-').unwrap_or((name, "0"));
            let number = |text: &str| text.parse::<i64>().unwrap_or(0);
            println!("Snapshot end offset: {}, epoch: {}", number(offset), number(epoch));
        }
    }
    let bytes = std::fs::read(path)?;
    let mut batches = record::batches(&bytes[..bytes.len().min(view.bytes_max)]);
    let mut position = 0;
    while let Some(batch) = batches.next() {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return Err(ToolError::Failed(error.to_string())),
        };
        println!("{}", header_line(&batch, position));
        if view.deep {
            print_records(&batch, view)?;
        }
        position = batches.position();
    }
    let tail = batches.tail().len();
    if tail > 0 && view.bytes_max >= bytes.len() {
        println!("Found {tail} invalid bytes at the end of {}", path.display());
    }
    Ok(())
}

fn header_line(batch: &Batch<'_>, position: usize) -> String {
    let header = batch.header();
    let attributes = header.attributes;
    let horizon = header.delete_horizon();
    let horizon =
        horizon.map_or("OptionalLong.empty".to_owned(), |at| format!("OptionalLong[{at}]"));
    let kind = match attributes.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} \
         producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} \
         deleteHorizonMs: {horizon} position: {position} {kind}: {} size: {} magic: 2 \
         compresscodec: {} crc: {} isvalid: {}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.leader_epoch,
        attributes.is_transactional(),
        attributes.is_control(),
        header.max_timestamp,
        batch.bytes().len(),
        attributes.compression().name(),
        header.crc,
        batch.is_crc_valid(),
    )
}

fn print_records(batch: &Batch<'_>, view: &View) -> Done {
    let failed = |error: &dyn std::fmt::Display| ToolError::Failed(error.to_string());
    record::with_scratch(|scratch| {
        let records = batch.records(scratch).map_err(|error| failed(&error))?;
        for (index, record) in (0i32..).zip(records) {
            let record = record.map_err(|error| failed(&error))?;
            let mut line = String::new();
            let complete = write_record(&mut line, batch, index, &record, view);
            print!("{line}{}", if complete.is_ok() { "\n" } else { "" });
            complete?;
        }
        Ok(())
    })
}

fn write_record(
    line: &mut String,
    batch: &Batch<'_>,
    index: i32,
    record: &Record<'_>,
    view: &View,
) -> Done {
    let header = batch.header();
    // writing to a String cannot fail
    if !view.payload_only {
        let kind = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        let size = |bytes: Option<&[u8]>| bytes.map_or("-1".to_owned(), |b| b.len().to_string());
        let sequence = match header.base_sequence.0 {
            -1 => -1,
            _ => header.base_sequence.plus(index).0,
        };
        let keys: Vec<_> =
            record.headers.into_iter().map(|h| String::from_utf8_lossy(h.key)).collect();
        let _ = write!(
            line,
            "| offset: {} {kind}: {} keySize: {} valueSize: {} sequence: {sequence} headerKeys: \
             [{}]",
            record.offset,
            record.timestamp,
            size(record.key),
            size(record.value),
            keys.join(",")
        );
        if header.attributes.is_control() {
            let _ = write!(line, " {}", control(record));
            return Ok(());
        }
    } else if header.attributes.is_control() {
        return Ok(());
    } else if view.content {
        line.push('|');
    }
    match view.content {
        true => view.decoder.show(line, record.offset, record.key, record.value),
        false => Ok(()),
    }
}

fn control(record: &Record<'_>) -> String {
    let id = record.key.and_then(|key| Some(i16::from_be_bytes(*key.get(2..)?.first_chunk()?)));
    let value = record.value.unwrap_or_default();
    let Some(Ok(read)) = id.map(|id| ControlValue::decode(id, value)) else {
        return "unknown control record".to_owned();
    };
    match read {
        ControlValue::Abort(marker) => end_marker("ABORT", &marker),
        ControlValue::Commit(marker) => end_marker("COMMIT", &marker),
        ControlValue::LeaderChange(change) => format!("LeaderChange: {}", change.to_json(0)),
        ControlValue::SnapshotHeader(header) => format!("SnapshotHeader {}", header.to_json(0)),
        ControlValue::SnapshotFooter(footer) => format!("SnapshotFooter {}", footer.to_json(0)),
        ControlValue::KraftVersion(version) => format!("KRaftVersion {}", version.to_json(0)),
        ControlValue::KraftVoters(voters) => format!("KRaftVoters {}", voters.to_json(0)),
    }
}

fn end_marker(kind: &str, marker: &wire::EndTxnMarker) -> String {
    format!("endTxnMarker: {kind} coordinatorEpoch: {}", marker.coordinator_epoch)
}
