//! Leader and follower with logs on disk, their fetches carried by hand.

use crate::api::list_offsets::{self, Bound};
use crate::api::produce;
use crate::fetch::{self, Budget, Followed, Reader, Reading, Want};
use crate::partition::{
    AppendError, ELECTION_GRACE, FetchingReplica, Leader, LogDirectory, Neighbours, Partition,
    Partitions, Proposed, ReplicaTerms, TopicRules, now,
};
use log::{FileCache, LogDir, LogError, Origin, WatchedDisk};
use metadata::image::{Changes, Image, Replay};
use record::{BatchBuilder, Codec, Producer, with_scratch};
use replica::{EpochEnd, Fetch, Fetched, FollowerInput, IsrAnswer};
use std::sync::Arc;
use std::time::Duration;
use types::{
    BrokerEpoch, DirectoryId, ErrorCode, LeaderEpoch, NodeId, Offset, PartitionEpoch,
    ProducerEpoch, ProducerId, Sequence, TopicId,
};
use wire::fetch_request::FetchPartition;
use wire::partition_change_record::PartitionChangeRecord;
use wire::partition_record::PartitionRecord;
use wire::record_frame::MetadataRecord;
use wire::register_broker_record::RegisterBrokerRecord;
use wire::topic_record::TopicRecord;

const TOPIC: TopicId = TopicId::from_random([7; 16]);
const IN_SYNC_MIN: usize = 2;
/// What ListOffsets knows by a sign.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const GREATEST: i64 = -3;

/// One broker of two, with its directory.
struct Broker {
    node: NodeId,
    folder: tempfile::TempDir,
    partitions: Partitions,
    image: Arc<Image>,
}

/// The metadata log that both follow.
struct Metadata {
    replay: Replay,
    next: i64,
}

impl Metadata {
    /// Two brokers, and a topic of one partition that the first one leads.
    fn new() -> Self {
        let mut metadata = Self { replay: Replay::from_image(Image::default()), next: 0 };
        for broker_id in [1, 2] {
            let broker_epoch = i64::from(broker_id);
            let record = RegisterBrokerRecord {
                broker_id,
                broker_epoch,
                fenced: false,
                ..RegisterBrokerRecord::default()
            };
            metadata.write(&MetadataRecord::RegisterBroker(record));
        }
        metadata.write(&MetadataRecord::Topic(TopicRecord { name: "t".into(), topic_id: TOPIC }));
        metadata.write(&MetadataRecord::Partition(PartitionRecord {
            partition_id: 0,
            topic_id: TOPIC,
            replicas: vec![1, 2],
            isr: vec![1, 2],
            leader: 1,
            leader_epoch: 0,
            partition_epoch: 0,
            ..PartitionRecord::default()
        }));
        metadata
    }

    fn write(&mut self, record: &MetadataRecord<'_>) {
        self.replay.apply(Offset(self.next), LeaderEpoch(0), record);
        self.next += 1;
    }

    fn elect(&mut self, leader: i32, isr: &[i32]) {
        self.write(&MetadataRecord::PartitionChange(PartitionChangeRecord {
            partition_id: 0,
            topic_id: TOPIC,
            isr: Some(isr.to_vec()),
            leader,
            ..PartitionChangeRecord::default()
        }));
    }

    /// The leader's wish is granted.
    fn be_in_sync(&mut self, isr: &[i32]) {
        self.write(&MetadataRecord::PartitionChange(PartitionChangeRecord {
            partition_id: 0,
            topic_id: TOPIC,
            isr: Some(isr.to_vec()),
            ..PartitionChangeRecord::default()
        }));
    }

    /// A reassignment is through: `only` has the one replica.
    fn move_to(&mut self, only: i32) {
        self.write(&MetadataRecord::PartitionChange(PartitionChangeRecord {
            partition_id: 0,
            topic_id: TOPIC,
            isr: Some(vec![only]),
            replicas: Some(vec![only]),
            leader: only,
            ..PartitionChangeRecord::default()
        }));
    }

    fn tell(&mut self, brokers: &mut [&mut Broker]) {
        let image = Arc::new(self.replay.publish());
        brokers.iter_mut().for_each(|broker| broker.learn(&image));
    }
}

impl Broker {
    fn new(node: i32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let partitions = partitions(NodeId(node), folder.path());
        Self { node: NodeId(node), folder, partitions, image: Arc::default() }
    }

    fn learn(&mut self, image: &Arc<Image>) {
        self.partitions.neighbours().learn(image);
        let rules = |_: &str| TopicRules { in_sync_min: IN_SYNC_MIN, ..TopicRules::default() };
        self.partitions.apply(&Changes::between(&self.image, image), rules);
        self.image = Arc::clone(image);
    }

    /// The process ends in order and another one starts.
    fn restart(&mut self) {
        crate::background::close_logs(&self.partitions, None);
        self.partitions = partitions(self.node, self.folder.path());
        let image = std::mem::take(&mut self.image);
        self.learn(&image);
    }

    fn partition(&self) -> Arc<Partition> {
        let partition = Arc::clone(self.partitions.with_id(TOPIC).unwrap().partition(0).unwrap());
        partition.open().map(drop).unwrap();
        partition
    }

    fn append(&self, value: &str) -> Result<(), AppendError> {
        self.append_as(Producer::default(), value)
    }

    fn append_as(&self, producer: Producer, value: &str) -> Result<(), AppendError> {
        let mut builder = BatchBuilder::new();
        builder.append(now(), None, Some(value.as_bytes()), &[]).unwrap();
        let batch = with_scratch(|s| builder.seal(Codec::NONE, producer, s));
        let partition = self.partition();
        let epoch = partition.leader().epoch;
        let log = partition.log_if_open().unwrap();
        log.append(&batch, Origin::Client, epoch, now()).map(drop)
    }

    /// Log end and high watermark.
    fn ends(&self) -> (i64, i64) {
        let ends = self.partition().ends_if_open().unwrap();
        (ends.log_end.0, ends.high_watermark.0)
    }

    /// What ListOffsets tells.
    async fn offset_at(
        &self,
        timestamp: i64,
        version: i16,
        bound: Bound,
    ) -> Result<Option<i64>, ErrorCode> {
        let found = list_offsets::find(&self.partition(), version, timestamp, bound).await;
        found.map(|found| found.map(|found| found.offset.0))
    }

    fn values(&self) -> Vec<String> {
        let partition = self.partition();
        let mut log = partition.log_if_open().unwrap();
        let (start, end) = (log.start_offset(), log.end_offset());
        let slice = log.read(start, u32::MAX, end, true).unwrap();
        let bytes = slice.map(|slice| slice.to_vec().unwrap()).unwrap_or_default();
        let mut values = Vec::new();
        for batch in record::batches(&bytes) {
            with_scratch(|scratch| {
                for record in batch.unwrap().records(scratch).unwrap() {
                    let value = record.unwrap().value.unwrap().to_vec();
                    values.push(String::from_utf8(value).unwrap());
                }
            });
        }
        values
    }

    /// One fetch of `follower` from this leader, and what it makes of the answer.
    async fn serve(&self, follower: &Self) -> Option<Fetched> {
        let fetch = follower.partition().plan_fetch()?;
        let (answer, records) = self.answer(follower, fetch).await;
        follower.partition().follow(FollowerInput::Fetched { fetch, answer }, &records);
        Some(answer)
    }

    async fn answer(&self, follower: &Self, fetch: Fetch) -> (Fetched, Vec<u8>) {
        let broker_epoch = BrokerEpoch(i64::from(follower.node.0));
        let replica = FetchingReplica { node: follower.node, broker_epoch };
        let reader = Reader::Replica { replica, is_news: true };
        let want = Want { committed_only: false, by_id: true, reader, rack: None };
        let wanted = FetchPartition {
            current_leader_epoch: fetch.epoch.0,
            fetch_offset: fetch.offset.0,
            last_fetched_epoch: fetch.last_fetched.0,
            log_start_offset: fetch.log_start.0,
            partition_max_bytes: i32::MAX,
            ..FetchPartition::default()
        };
        let mut followed = Followed::new(&Arc::from(""), TOPIC, &wanted);
        let mut budget = Budget { bytes_left: usize::MAX, is_untouched: true };
        match fetch::read(&self.partitions, &mut followed, want, &mut budget).await {
            Reading::Refused { code, .. } => (Fetched::Refused(code), Vec::new()),
            Reading::Elsewhere { .. } => unreachable!("only consumers are sent elsewhere"),
            Reading::Diverged { end, .. } => {
                let end = EpochEnd { epoch: end.epoch, end: end.end_offset };
                (Fetched::Diverging(end), Vec::new())
            }
            Reading::Read { ends, slice, .. } => {
                let bytes = slice.map(|slice| slice.to_vec().unwrap()).unwrap_or_default();
                let last =
                    record::batches(&bytes).last().map(|b| b.unwrap().header().next_offset());
                let answer = Fetched::Records {
                    next_offset: last.unwrap_or(fetch.offset),
                    high_watermark: ends.high_watermark,
                    log_start: ends.log_start,
                };
                (answer, bytes)
            }
        }
    }
}

fn partitions(node: NodeId, folder: &std::path::Path) -> Partitions {
    let disk = WatchedDisk::new(folder.to_owned());
    let files = LogDir::open(disk, FileCache::new(4), folder.to_owned()).unwrap();
    let directory = LogDirectory::new(DirectoryId::ZERO, files).unwrap();
    let terms = ReplicaTerms { lag_ms_max: i64::MAX, backoff_ms: 1 };
    Partitions::new(Arc::new(Neighbours::new(node, terms)), vec![Arc::new(directory)])
}

fn pair() -> (Metadata, Broker, Broker) {
    let (mut metadata, mut one, mut two) = (Metadata::new(), Broker::new(1), Broker::new(2));
    metadata.tell(&mut [&mut one, &mut two]);
    one.partition();
    two.partition();
    (metadata, one, two)
}

#[tokio::test]
async fn records_are_committed_when_the_follower_has_them() {
    let (_, one, two) = pair();
    one.append("a").unwrap();
    one.append("b").unwrap();
    assert_eq!(one.ends(), (2, 0), "nobody else has it");
    one.serve(&two).await;
    assert_eq!((one.ends(), two.ends()), ((2, 0), (2, 0)), "it has not said so yet");
    assert!(!one.partition().is_acknowledged(Offset(2)));
    one.serve(&two).await;
    assert_eq!((one.ends(), two.ends()), ((2, 2), (2, 2)));
    assert!(one.partition().is_acknowledged(Offset(2)));
    assert_eq!(two.values(), ["a", "b"]);
}

/// As whom an idempotent producer sends the batch that begins with that sequence.
fn nth(sequence: i32) -> Producer {
    Producer {
        id: ProducerId(7),
        epoch: ProducerEpoch(0),
        base_sequence: Sequence(sequence),
        transactional: false,
    }
}

#[tokio::test]
async fn a_new_leader_takes_the_first_batch_of_a_producer_first() {
    let (mut metadata, mut one, mut two) = pair();
    one.append("of nobody").unwrap();
    one.serve(&two).await;
    one.append_as(nth(0), "on its way when the leader is cut off").unwrap();
    metadata.elect(2, &[2, 1]);
    metadata.tell(&mut [&mut one, &mut two]);
    let overtakes = two.append_as(nth(1), "sent to the new one");
    assert!(matches!(overtakes, Err(AppendError::Overtakes { sequence: Sequence(1), .. })));
    two.append_as(nth(0), "again").unwrap();
    two.append_as(nth(1), "again").unwrap();
    two.append_as(nth(0), "and again").unwrap();
    assert_eq!(two.values(), ["of nobody", "again", "again"]);
}

/// Of several batches on one connection the first ones may be refused because the new leader has not
/// heard of its term, and the next one not: librdkafka would give a new epoch to what it takes for a gap,
/// and then records come twice.
#[tokio::test]
async fn a_new_leader_takes_no_gap_for_a_loss_while_what_it_refused_comes_again() {
    let (mut metadata, mut one, mut two) = pair();
    one.append_as(nth(0), "first").unwrap();
    one.serve(&two).await;
    metadata.elect(2, &[2, 1]);
    let refused = two.append_as(nth(1), "too early");
    assert!(matches!(refused, Err(AppendError::NotLeader(_))));
    metadata.tell(&mut [&mut one, &mut two]);
    let behind = two.append_as(nth(2), "right behind");
    assert!(matches!(behind, Err(AppendError::Overtakes { sequence: Sequence(2), .. })));
    two.append_as(nth(1), "again").unwrap();
    two.append_as(nth(2), "again").unwrap();
    let older = two.append_as(nth(i32::MAX), "what was never sent");
    assert!(matches!(older, Err(AppendError::Log(LogError::OutOfOrderSequence { .. }))));
    assert_eq!(two.values(), ["first", "again", "again"]);
}

#[tokio::test]
async fn a_leader_that_comes_back_cuts_what_it_alone_had() {
    let (mut metadata, mut one, mut two) = pair();
    one.append("a").unwrap();
    one.serve(&two).await;
    one.serve(&two).await;
    one.append("lost").unwrap();
    metadata.elect(2, &[2, 1]);
    metadata.tell(&mut [&mut one, &mut two]);
    let refused = one.append("too late");
    assert!(matches!(refused, Err(AppendError::NotLeader(leader)) if leader.id == NodeId(2)));
    two.append("b").unwrap();
    let parted = two.serve(&one).await;
    assert!(matches!(parted, Some(Fetched::Diverging(_))), "{parted:?}");
    assert_eq!(one.values(), ["a"]);
    two.serve(&one).await;
    two.serve(&one).await;
    assert_eq!(one.values(), ["a", "b"]);
    assert_eq!((one.ends(), two.ends()), ((2, 2), (2, 2)));
}

/// A leader of no records leaves nothing but an epoch, which must not keep it from following.
#[tokio::test]
async fn a_leader_that_appended_nothing_follows_at_once() {
    let (mut metadata, mut one, mut two) = pair();
    one.append("a").unwrap();
    one.serve(&two).await;
    one.serve(&two).await;
    // only the first one hears of its own second term
    metadata.elect(1, &[1, 2]);
    metadata.tell(&mut [&mut one]);
    metadata.elect(2, &[2, 1]);
    metadata.tell(&mut [&mut one, &mut two]);
    two.serve(&one).await;
    two.append("b").unwrap();
    two.serve(&one).await;
    assert_eq!(one.values(), ["a", "b"]);
}

/// A fetch may be looked at in one term and noted in the next, after its follower has cut its log.
#[tokio::test]
async fn a_position_of_another_term_is_not_noted() {
    let (mut metadata, mut one, two) = pair();
    one.append("a").unwrap();
    let replica = FetchingReplica { node: two.node, broker_epoch: BrokerEpoch(2) };
    metadata.elect(2, &[2, 1]);
    metadata.elect(1, &[1, 2]);
    metadata.tell(&mut [&mut one]);
    let fetched = |epoch| {
        let partition = one.partition();
        let log = partition.log_if_open().unwrap();
        log.fetched(replica, LeaderEpoch(epoch), Offset(1), Offset(0)).map(drop)
    };
    assert_eq!(fetched(0), Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(one.ends(), (1, 0));
    assert_eq!(fetched(2), Ok(()));
    assert_eq!(one.ends(), (1, 1));
}

#[tokio::test]
async fn what_is_committed_before_a_term_is_not_known_at_its_start() {
    let (mut metadata, mut one, mut two) = pair();
    one.append("a").unwrap();
    one.serve(&two).await;
    metadata.elect(2, &[2, 1]);
    metadata.tell(&mut [&mut one, &mut two]);
    let is_known = |broker: &Broker| {
        let partition = broker.partition();
        partition.log_if_open().unwrap().is_watermark_known()
    };
    assert!(!is_known(&two), "{:?}", two.ends());
    let not_yet = |version| match version {
        4 => Err(ErrorCode::LeaderNotAvailable),
        _ => Err(ErrorCode::OffsetNotAvailable),
    };
    for version in [4, 5] {
        for timestamp in [LATEST, GREATEST, 0, i64::MAX] {
            let told = two.offset_at(timestamp, version, Bound::HighWatermark).await;
            assert_eq!(told, not_yet(version), "{timestamp} in version {version}");
        }
        assert_eq!(two.offset_at(EARLIEST, version, Bound::HighWatermark).await, Ok(Some(0)));
        assert_eq!(two.offset_at(0, version, Bound::LogEnd).await, Ok(Some(0)));
    }
    two.serve(&one).await;
    assert!(is_known(&two), "{:?}", two.ends());
    for (timestamp, offset) in
        [(LATEST, Some(1)), (GREATEST, Some(0)), (0, Some(0)), (i64::MAX, None)]
    {
        let told = two.offset_at(timestamp, 5, Bound::HighWatermark).await;
        assert_eq!(told, Ok(offset), "{timestamp}");
    }
}

#[tokio::test]
async fn whose_metadata_differs_is_told_so_by_any_replica() {
    let (mut metadata, mut one, mut two) = pair();
    metadata.elect(2, &[2, 1]);
    metadata.tell(&mut [&mut one, &mut two]);
    let consumer = Reader::Consumer { may_follow: false };
    let follows = Reader::Consumer { may_follow: true };
    for (broker, reader, epoch, expected) in [
        (&one, consumer, 0, Some(ErrorCode::FencedLeaderEpoch)),
        (&one, consumer, 1, Some(ErrorCode::NotLeaderOrFollower)),
        (&one, consumer, -1, Some(ErrorCode::NotLeaderOrFollower)),
        (&one, consumer, 2, Some(ErrorCode::UnknownLeaderEpoch)),
        (&one, follows, 0, Some(ErrorCode::FencedLeaderEpoch)),
        (&one, follows, 1, None),
        (&two, consumer, 0, Some(ErrorCode::FencedLeaderEpoch)),
        (&two, consumer, 1, None),
        (&two, consumer, 2, Some(ErrorCode::UnknownLeaderEpoch)),
    ] {
        let want = Want { committed_only: false, by_id: true, reader, rack: None };
        let current_leader_epoch = epoch;
        let wanted = FetchPartition { current_leader_epoch, ..FetchPartition::default() };
        let mut followed = Followed::new(&Arc::from(""), TOPIC, &wanted);
        let mut budget = Budget { bytes_left: usize::MAX, is_untouched: true };
        let code = match fetch::read(&broker.partitions, &mut followed, want, &mut budget).await {
            Reading::Refused { code, .. } => Some(code),
            Reading::Read { .. } => None,
            other @ (Reading::Elsewhere { .. } | Reading::Diverged { .. }) => panic!("{other:?}"),
        };
        assert_eq!(code, expected, "broker {} in epoch {epoch}", broker.node);
    }
}

#[tokio::test]
async fn a_watermark_survives_the_process_and_does_not_grow_by_it() {
    let (_, one, mut two) = pair();
    one.append("a").unwrap();
    one.serve(&two).await;
    one.serve(&two).await;
    one.append("b").unwrap();
    one.serve(&two).await;
    assert_eq!(two.ends(), (2, 1));
    two.restart();
    assert_eq!(two.ends(), (2, 1), "what the leader has not said to be committed is not");
}

#[tokio::test]
async fn too_few_in_sync_stop_the_watermark_until_the_controller_takes_another_in() {
    let (mut metadata, mut one, mut two) = pair();
    metadata.elect(1, &[1]);
    metadata.tell(&mut [&mut one, &mut two]);
    assert!(!one.partition().has_enough_in_sync());
    one.append("a").unwrap();
    assert_eq!(one.ends(), (1, 0));
    one.serve(&two).await;
    one.serve(&two).await;
    assert_eq!(one.ends(), (1, 0), "nobody but the controller makes a member");
    let proposed = one.partitions.neighbours().proposals().await;
    let [Proposed { proposal, .. }] = proposed.as_slice() else { panic!("{proposed:?}") };
    let isr: Vec<_> = proposal.isr.iter().map(|member| member.node).collect();
    assert_eq!(isr, [NodeId(1), NodeId(2)]);
    let answer = IsrAnswer::Holds {
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(proposal.partition_epoch.0 + 1),
        isr,
    };
    one.partition().isr_answered(proposal.partition_epoch, answer);
    assert!(one.partition().has_enough_in_sync());
    assert_eq!(one.ends(), (1, 1));
}

/// What an ISR of two has committed need not be on a second replica when its producer looks.
#[tokio::test]
async fn what_too_few_have_when_it_is_committed_is_not_acknowledged() {
    let (mut metadata, mut one, mut two) = pair();
    let told = async |broker: &Broker, end| {
        let (partition, deadline) = (broker.partition(), tokio::time::Instant::now());
        let epoch = partition.leader().epoch;
        let outcome = produce::committed(broker.node, &partition, epoch, Offset(end), deadline);
        outcome.await.map_err(|refused| refused.code)
    };
    one.append("a").unwrap();
    assert_eq!(told(&one, 1).await, Err(ErrorCode::RequestTimedOut));
    one.serve(&two).await;
    one.serve(&two).await;
    assert_eq!(told(&one, 1).await, Ok(()));
    metadata.be_in_sync(&[1]);
    metadata.tell(&mut [&mut one, &mut two]);
    assert_eq!(one.ends(), (1, 1));
    assert_eq!(told(&one, 1).await, Err(ErrorCode::NotEnoughReplicasAfterAppend));
    one.append("b").unwrap();
    assert_eq!(told(&one, 2).await, Err(ErrorCode::RequestTimedOut));
    metadata.be_in_sync(&[1, 2]);
    metadata.tell(&mut [&mut one, &mut two]);
    one.serve(&two).await;
    one.serve(&two).await;
    assert_eq!(told(&one, 2).await, Ok(()));
}

#[tokio::test]
async fn records_with_a_broken_checksum_are_not_appended() {
    let (_, one, two) = pair();
    one.append("a").unwrap();
    let fetch = two.partition().plan_fetch().unwrap();
    let (answer, mut records) = one.answer(&two, fetch).await;
    *records.last_mut().unwrap() ^= 1;
    two.partition().follow(FollowerInput::Fetched { fetch, answer }, &records);
    assert_eq!(two.values(), [""; 0]);
    assert_eq!(two.partition().plan_fetch(), None, "it waits");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hears_of_an_election_first_need_not_come_again() {
    let (mut metadata, mut one, mut two) = pair();
    let (former, next) = (one.partition(), two.partition());
    metadata.elect(2, &[2, 1]);
    metadata.tell(&mut [&mut one]);
    let elected = Leader { id: NodeId(2), epoch: LeaderEpoch(1) };
    let start = tokio::time::Instant::now();
    let until = start + ELECTION_GRACE;
    assert_eq!(former.term(until).await, Err(elected), "its clients are late, not early");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let (term, ()) = tokio::join!(next.term(until), async { metadata.tell(&mut [&mut two]) });
    assert_eq!(term, Ok(LeaderEpoch(1)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_errs_is_not_kept_for_long() {
    let (_, one, two) = pair();
    let leader = one.partition().leader();
    let until = tokio::time::Instant::now() + ELECTION_GRACE;
    assert_eq!(two.partition().term(until).await, Err(leader));
    assert_eq!(until.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn the_term_of_a_replica_that_is_taken_away_ends() {
    let (mut metadata, mut one, mut two) = pair();
    let former = one.partition();
    assert!(former.led_by(NodeId(1)).is_ok());
    metadata.move_to(2);
    metadata.tell(&mut [&mut one, &mut two]);
    assert!(former.led_by(NodeId(1)).is_err(), "who waits for a commit need not wait any more");
}

/// Fetchers end their connection for each order: they get none for what is nothing to them.
#[tokio::test]
async fn who_follows_hears_of_leaders_and_terms_but_not_of_who_is_in_sync() {
    let (mut metadata, mut one, mut two) = pair();
    let neighbours = Arc::clone(two.partitions.neighbours());
    assert_eq!(neighbours.news().await.len(), 1);
    type Change = fn(&mut Metadata);
    let steps: [(&str, Change, usize); 4] = [
        ("one falls behind", |metadata| metadata.be_in_sync(&[1]), 0),
        ("and catches up", |metadata| metadata.be_in_sync(&[1, 2]), 0),
        ("the leader begins another term", |metadata| metadata.elect(1, &[1, 2]), 1),
        ("nobody else has a replica", |metadata| metadata.move_to(2), 1),
    ];
    for (what, change, expected) in steps {
        change(&mut metadata);
        metadata.tell(&mut [&mut one, &mut two]);
        assert_eq!(neighbours.news().await.len(), expected, "{what}");
    }
}
