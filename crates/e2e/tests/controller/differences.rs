//! Where Klamm decides otherwise than Kafka's controller, and why. All that differs beyond that fails.
//!
//! Left out of the histories, as Kafka's controller goes on otherwise from there for good:
//! - a fenced broker that is leaving beats: it comes back only by registering again (`beat`);
//! - a reassignment replaces another: Kafka keeps the marks of the former (`reassign`);
//! - partitions are added where others have more replicas: Kafka goes by any of them (`grow_topic`);
//! - the least ISR changes where there are eligible leaders: Kafka's index of them outlives the
//!   `ClearElr`, and its controller answers UNKNOWN_SERVER_ERROR once their topic is gone (`configure`).

use metadata::decide::record_version;
use metadata::image::{Image, PartitionState};
use types::{NodeId, TopicId};
use wire::partition_change_record::PartitionChangeRecord;
use wire::record_frame::MetadataRecord;

/// A rule of Kafka's that Klamm does not keep.
struct Difference {
    /// What Kafka does, and what is wrong with it.
    reason: &'static str,
    /// Takes what follows from the rule out of a change of Kafka's: what Klamm decides.
    amend: fn(&PartitionState, &mut PartitionChangeRecord),
}

const DIFFERENCES: &[Difference] = &[Difference {
    reason: "a replica that a reassignment took away stays an eligible leader: \
             it may come back without what was written meanwhile",
    amend: forget_removed_replicas,
}];

/// What was decided on purpose in another way than Kafka has it.
pub(super) struct Parted {
    /// Where: Kafka's own state has no meaning for Klamm any more.
    pub(super) topic: TopicId,
    pub(super) reasons: Vec<&'static str>,
    /// What Klamm writes for it, if it writes anything.
    pub(super) amended: Option<Vec<u8>>,
}

/// Holds a record of Kafka's, decided in the image `before`, against the list of differences.
pub(super) fn parted(before: &Image, record: &[u8]) -> Option<Parted> {
    let Ok((MetadataRecord::PartitionChange(change), _)) = MetadataRecord::decode(record) else {
        return None;
    };
    let topic = change.topic_id;
    let state = before.topics().get(topic)?.partitions.get(&change.partition_id)?;
    let (mut amended, mut reasons) = (change.clone(), Vec::new());
    for difference in DIFFERENCES {
        let former = amended.clone();
        (difference.amend)(state, &mut amended);
        if amended != former {
            reasons.push(difference.reason);
        }
    }
    let nothing = PartitionChangeRecord {
        topic_id: topic,
        partition_id: change.partition_id,
        ..PartitionChangeRecord::default()
    };
    let record = (amended != nothing).then(|| {
        let record = MetadataRecord::from(amended);
        let version = record_version(&record, before.features().metadata_version());
        record.encode(version).expect("it fits its version")
    });
    (!reasons.is_empty()).then_some(Parted { topic, reasons, amended: record })
}

fn forget_removed_replicas(state: &PartitionState, change: &mut PartitionChangeRecord) {
    let Some(eligible) = &change.eligible_leader_replicas else { return };
    let stays = |id: &i32| match &change.replicas {
        Some(replicas) => replicas.contains(id),
        None => state.replicas.contains(&NodeId(*id)),
    };
    let known: Vec<i32> = state.eligible_leaders.iter().map(|id| id.0).collect();
    let staying: Vec<i32> = eligible.iter().copied().filter(stays).collect();
    change.eligible_leader_replicas = (staying != known).then_some(staying);
}
