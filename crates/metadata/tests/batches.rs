//! Decisions that are larger than a batch: nobody sees the first half of one that must be whole.

mod cluster;

use cluster::Cluster;
use metadata::MetadataVersion;
use metadata::decide::{Batching, Command, CreateTopics, Encoded, FenceBroker, Unity};
use metadata::image::{Image, Replay};
use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset};
use wire::abort_transaction_record::AbortTransactionRecord;
use wire::partition_record::PartitionRecord;
use wire::record_frame::MetadataRecord;
use wire::topic_record::TopicRecord;

const RELEASE: MetadataVersion = MetadataVersion::LATEST_PRODUCTION;
const PARTITIONS: i32 = 50;
const EPOCH: LeaderEpoch = LeaderEpoch(1);

fn topic() -> Vec<MetadataRecord<'static>> {
    let topic_id = types::Uuid([7; 16]);
    let first = TopicRecord { name: "large".into(), topic_id }.into();
    let partition = |partition_id| {
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: vec![1, 2, 3],
            isr: vec![1, 2, 3],
            leader: 1,
            ..PartitionRecord::default()
        }
        .into()
    };
    std::iter::once(first).chain((0..PARTITIONS).map(partition)).collect()
}

fn split(bytes_max: usize, release: MetadataVersion, unity: Unity) -> Vec<Vec<Encoded>> {
    let batching = Batching { bytes_max, release };
    batching.split(topic(), unity).expect("records of this release")
}

fn names(batches: &[Vec<Encoded>]) -> Vec<&str> {
    batches.iter().flatten().map(|encoded| encoded.record.type_name()).collect()
}

/// The bytes of a batch with these records, as the log has it.
fn bytes(batch: &[Encoded]) -> usize {
    let mut builder = record::BatchBuilder::new();
    for encoded in batch {
        builder
            .append(types::TimestampMs(1 << 40), None, Some(&encoded.bytes), &[])
            .expect("a small batch");
    }
    builder.bytes_max()
}

#[test]
fn what_fits_is_one_batch_without_marks() {
    for unity in [Unity::Whole, Unity::Parts] {
        let batches = split(1 << 20, RELEASE, unity);
        assert_eq!(batches.len(), 1);
        assert_eq!(names(&batches).len(), 51);
        assert_eq!(names(&batches)[0], "TOPIC_RECORD");
    }
}

#[test]
fn no_batch_is_larger_than_it_may_be_and_none_is_wasted() {
    for bytes_max in [200, 500, 1_000, 4_000] {
        for unity in [Unity::Whole, Unity::Parts] {
            let batches = split(bytes_max, RELEASE, unity);
            assert!(batches.len() > 1, "{bytes_max}");
            let sizes: Vec<usize> = batches.iter().map(|batch| bytes(batch)).collect();
            assert!(sizes.iter().all(|size| *size <= bytes_max), "{bytes_max}: {sizes:?}");
            let (_, all_but_last) = sizes.split_last().expect("more than one");
            let are_used = all_but_last.iter().all(|size| *size > bytes_max / 3);
            assert!(are_used, "{bytes_max}: most of a batch is empty: {sizes:?}");
        }
    }
}

#[test]
fn a_record_larger_than_any_batch_stands_alone() {
    let batches = split(70, RELEASE, Unity::Parts);
    assert!(batches.iter().all(|batch| batch.len() == 1));
    assert_eq!(batches.len(), 51);
}

#[test]
fn what_belongs_together_is_a_transaction_where_the_release_knows_those() {
    let batches = split(500, RELEASE, Unity::Whole);
    let all = names(&batches);
    assert_eq!(all[0], "BEGIN_TRANSACTION_RECORD");
    assert_eq!(all[all.len() - 1], "END_TRANSACTION_RECORD");
    assert_eq!(all.len(), 53);
    let before = MetadataVersion::from_level(12).unwrap();
    let batches = split(500, before, Unity::Whole);
    assert_eq!((batches.len(), names(&batches).len()), (1, 51), "all or none, however large");
    assert!(split(500, before, Unity::Parts).len() > 1);
}

fn written(records: &[&Encoded]) -> Replay {
    let mut replay = Replay::from_image(Image::default());
    for (offset, encoded) in (0..).zip(records) {
        let (record, _) = MetadataRecord::decode(&encoded.bytes).expect("its own bytes");
        replay.apply(Offset(offset), EPOCH, &record);
    }
    replay
}

#[test]
fn a_log_that_ends_within_a_transaction_shows_nothing_of_it() {
    let batches = split(500, RELEASE, Unity::Whole);
    let records: Vec<&Encoded> = batches.iter().flatten().collect();
    for end in 0..=records.len() {
        let mut replay = written(&records[..end]);
        let is_whole = end == records.len();
        assert_eq!(replay.in_transaction(), end > 0 && !is_whole);
        assert_eq!(replay.publish().topics().named("large").is_some(), is_whole, "{end} records");
        if replay.in_transaction() {
            // whoever takes over
            let reason = Some("failover".into());
            let abort = AbortTransactionRecord { reason }.into();
            replay.apply(Offset(1_000), EPOCH, &abort);
            assert!(!replay.in_transaction());
            assert!(replay.latest().topics().named("large").is_none(), "{end} records");
        }
    }
}

#[test]
fn requests_of_clients_are_whole_and_what_follows_from_a_lost_broker_is_not() {
    fn unity<C: Command>() -> Unity {
        C::UNITY
    }
    assert_eq!(unity::<CreateTopics<'_>>(), Unity::Whole);
    assert_eq!(unity::<FenceBroker>(), Unity::Parts);
}

/// A broker that leads much is fenced bit by bit: whoever takes over in between finishes it.
#[test]
fn a_fencing_that_was_cut_off_is_taken_up_again() {
    let mut cluster = Cluster::of(2);
    let lists: Vec<&[i32]> = (0..40).map(|_| &[1, 2][..]).collect();
    cluster.place("t", &lists);
    let fence = FenceBroker { broker: NodeId(1), epoch: BrokerEpoch(cluster.epoch(1)) };
    let (records, _) = cluster.decide(&fence);
    let batching = Batching { bytes_max: 300, release: RELEASE };
    let mut batches = batching.split(records, FenceBroker::UNITY).unwrap();
    assert!(batches.len() > 2);
    let first = batches.swap_remove(0).into_iter().map(|encoded| encoded.record).collect();
    cluster.write(first);
    assert!(cluster.image().is_active(NodeId(1)), "it is fenced last of all");
    cluster.fence(1);
    let mut leaders = cluster.image().topics().named("t").unwrap().partitions.values();
    assert!(leaders.all(|state| state.leader == NodeId(2)));
}
