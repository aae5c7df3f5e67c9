//! A log does what a list of records does, whatever is done to it in whatever order.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Log, LogConfig, MemDisk, Opening, Survival};
use proptest::prelude::*;
use types::{LeaderEpoch, Offset, TimestampMs};

/// Something that can be done to a log.
#[derive(Clone, Debug)]
enum Deed {
    Append { records: usize, timestamp: i64 },
    DeleteRecords { back: i64 },
    Truncate { back: i64 },
    Retain,
    BeginEpoch,
    Flush,
    ReleaseMemory,
    CloseFiles,
    Reopen { in_order: bool },
    Configure { segment_bytes: u32, index_interval_bytes: u32 },
}

/// The log as it should be: a batch is its first offset and a record its timestamp.
#[derive(Default)]
struct Model {
    start: i64,
    batches: Vec<(i64, Vec<i64>, i32)>,
    end: i64,
    epoch: i32,
}

struct Run {
    folder: Folder<MemDisk>,
    log: Log<MemDisk>,
    model: Model,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        12 => (1..5_usize, 0..1_000_i64)
            .prop_map(|(records, timestamp)| Deed::Append { records, timestamp }),
        1 => (0..40_i64).prop_map(|back| Deed::DeleteRecords { back }),
        1 => (0..15_i64).prop_map(|back| Deed::Truncate { back }),
        1 => Just(Deed::Retain),
        1 => Just(Deed::BeginEpoch),
        1 => Just(Deed::Flush),
        1 => Just(Deed::ReleaseMemory),
        1 => Just(Deed::CloseFiles),
        2 => any::<bool>().prop_map(|in_order| Deed::Reopen { in_order }),
        1 => (400..3_000_u32, 0..500_u32).prop_map(|(segment_bytes, index_interval_bytes)| {
            Deed::Configure { segment_bytes, index_interval_bytes }
        }),
    ];
    proptest::collection::vec(deed, 1..80)
}

impl Run {
    fn new() -> Self {
        let folder = Folder::in_memory();
        let config = LogConfig { retention_ms: -1, ..small_segments() };
        let log = folder.open(config, clean());
        Self { folder, log, model: Model::default() }
    }

    fn perform(&mut self, deed: &Deed) {
        let now = TimestampMs(0);
        match deed {
            Deed::Append { records, timestamp } => self.append(*records, *timestamp),
            Deed::DeleteRecords { back } => {
                let to = (self.model.end - back).max(0);
                self.model.start = self.model.start.max(to);
                let start = self.log.delete_records(Offset(to)).unwrap();
                assert_eq!(start.0, self.model.start);
            }
            Deed::Truncate { back } => self.truncate(*back),
            Deed::Retain => {
                let end = self.log.end_offset();
                let retired = self.log.apply_retention(end, now).unwrap();
                retired.remove(&self.folder.disk).unwrap();
                self.check();
            }
            Deed::BeginEpoch => {
                self.model.epoch += 1;
                self.log.begin_epoch(LeaderEpoch(self.model.epoch));
            }
            Deed::Flush => {
                self.log.flush(now).unwrap();
                assert_eq!(self.log.recovery_point(), self.log.end_offset());
            }
            Deed::ReleaseMemory => self.log.release_memory(),
            Deed::CloseFiles => (0..2).for_each(|_| self.folder.files.close_idle()),
            Deed::Reopen { in_order } => self.reopen(*in_order),
            Deed::Configure { segment_bytes, index_interval_bytes } => {
                let (segment_bytes, index_interval_bytes) = (*segment_bytes, *index_interval_bytes);
                let config = self.log.config().clone();
                let config = LogConfig { segment_bytes, index_interval_bytes, ..config };
                self.log.set_config(config);
            }
        }
    }

    fn append(&mut self, records: usize, timestamp: i64) {
        let timestamps: Vec<i64> =
            (0..records).map(|i| timestamp + i64::from(i == 1) * 7).collect();
        let batch = batch_at(&timestamps, &[7; 40], NOBODY);
        let epoch = self.model.epoch;
        let appended = self
            .log
            .append(&batch, log::Origin::Client, LeaderEpoch(epoch), TimestampMs(0))
            .unwrap();
        assert_eq!(appended.base_offset.0, self.model.end);
        self.model.end += i64::try_from(records).unwrap();
        self.model.batches.push((appended.base_offset.0, timestamps, epoch));
    }

    /// Whole batches go. Where retention has taken the batches that would stay, the log is empty at
    /// the cut, or at the batch that the cut goes through.
    fn truncate(&mut self, back: i64) {
        let to = self.model.end - back;
        if back == 0 || to < 0 {
            return;
        }
        self.log.truncate_to(Offset(to), TimestampMs(0)).unwrap();
        let model = &mut self.model;
        let end_of = |(base, timestamps, _): &(i64, Vec<i64>, i32)| {
            base + i64::try_from(timestamps.len()).unwrap()
        };
        model.batches.retain(|batch| end_of(batch) <= to);
        let kept_end = model.batches.last().map_or(0, end_of);
        let (start, end) = (self.log.start_offset().0, self.log.end_offset().0);
        let is_emptied = end == start && (kept_end..=to).contains(&end);
        assert!(end == kept_end || is_emptied, "{end} after a cut at {to}");
        model.end = end;
        model.start = model.start.min(end);
    }

    fn reopen(&mut self, in_order: bool) {
        if in_order {
            self.log.close(TimestampMs(0)).unwrap();
        }
        let recovery_point = if in_order { Offset(0) } else { self.log.recovery_point() };
        let start_offset = self.log.start_offset();
        let opening =
            Opening { start_offset, recovery_point, is_clean: in_order, now: TimestampMs(0) };
        let config = self.log.config().clone();
        self.folder = Folder::after_crash(self.folder.disk.survive(Survival::Everything));
        self.log = self.folder.open(config, opening);
        assert_eq!(self.log.recovery().truncated_bytes, 0);
    }

    fn check(&mut self) {
        assert_eq!(self.log.end_offset().0, self.model.end);
        assert_eq!(self.log.start_offset().0, self.model.start);
        let end = Offset(self.model.end);
        for (base, timestamps, epoch) in &self.model.batches {
            for i in 0..i64::try_from(timestamps.len()).unwrap() {
                let offset = base + i;
                if offset < self.model.start {
                    continue;
                }
                let slice = self.log.read(Offset(offset), 1, end, true).unwrap().unwrap();
                assert_eq!(slice.base_offset.0, *base, "the batch of {offset}");
                assert_eq!(self.log.epoch_at(Offset(offset)), Some(LeaderEpoch(*epoch)));
            }
        }
        self.check_times();
    }

    fn check_times(&mut self) {
        let records: Vec<(i64, i64)> = self
            .model
            .batches
            .iter()
            .flat_map(|(base, timestamps, _)| (*base..).zip(timestamps.iter().copied()))
            .filter(|(offset, _)| *offset >= self.model.start)
            .collect();
        for target in [0, 250, 500, 750, 990, 2_000] {
            let expected = records.iter().find(|(_, timestamp)| *timestamp >= target).copied();
            let found = self.log.offset_for_timestamp(TimestampMs(target)).unwrap();
            assert_eq!(found.map(|found| (found.offset.0, found.timestamp.0)), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn a_log_is_a_list_of_records(deeds in deeds()) {
        let mut run = Run::new();
        for deed in &deeds {
            run.perform(deed);
        }
        run.check();
    }
}
