//! What a fetch brought, checked batch by batch: only what continues the log in order is taken.

use raft::{EpochStart, PlacedControl};
use record::{Batch, ControlRecord, batches, with_scratch};
use types::Offset;

use super::records;

/// The batches of `bytes` up to the first bad one, and how many bytes they have.
pub(super) fn checked(bytes: &[u8]) -> (raft::message::FetchedRecords, usize) {
    let mut fetched = raft::message::FetchedRecords {
        base: Offset(0),
        end: Offset(0),
        epochs: Vec::new(),
        controls: Vec::new(),
    };
    let mut taken = 0;
    for batch in batches(bytes) {
        let Ok(batch) = batch else { break };
        if !continues(&fetched, &batch, taken == 0) || note_controls(&mut fetched, &batch).is_none()
        {
            break;
        }
        let header = batch.header();
        if taken == 0 {
            fetched.base = header.base_offset;
        }
        if fetched.epochs.last().is_none_or(|last| last.epoch < header.leader_epoch) {
            let start = header.base_offset;
            fetched.epochs.push(EpochStart { epoch: header.leader_epoch, start });
        }
        fetched.end = header.next_offset();
        taken += batch.bytes().len();
    }
    (fetched, taken)
}

fn continues(fetched: &raft::message::FetchedRecords, batch: &Batch<'_>, is_first: bool) -> bool {
    let header = batch.header();
    let is_next = is_first || header.base_offset == fetched.end;
    let rises = fetched.epochs.last().is_none_or(|last| last.epoch <= header.leader_epoch);
    is_next && rises && header.next_offset() > header.base_offset && batch.is_crc_valid()
}

/// `None` where a control record cannot be read.
fn note_controls(fetched: &mut raft::message::FetchedRecords, batch: &Batch<'_>) -> Option<()> {
    if !batch.header().attributes.is_control() {
        return Some(());
    }
    with_scratch(|scratch| {
        for record in batch.records(scratch).ok()? {
            let record = record.ok()?;
            let Some(control) = ControlRecord::parse(&record) else { continue };
            if let Some(control) = records::read(&control).ok()? {
                fetched.controls.push(PlacedControl { offset: record.offset, record: control });
            }
        }
        Some(())
    })
}
