//! What the world is held against: a model beside the nodes that sees every effect.

mod groups;
mod losses;
mod partitions;
mod quorum;

use std::collections::{BTreeMap, BTreeSet};

use metadata::image::{Image, Replay};
use raft::ControlRecord;
use types::{LeaderEpoch, NodeId, Offset};
use wire::record_frame::MetadataRecord;

pub use groups::GroupShadow;
pub use losses::{Loss, Losses};
pub use partitions::PartitionShadow;
pub use quorum::QuorumShadow;

use crate::env::{Checked, Place, must};
use crate::message::Key;
use crate::metadata_log::{Content, StoredBatch};
use crate::operations::elect_leaders;

#[derive(Debug)]
pub struct Shadow {
    pub quorum: QuorumShadow,
    /// What the committed records of the metadata log say.
    replay: Replay,
    /// What others may see of that: no half of a transaction.
    image: Image,
    /// What each active controller has decided, committed or not.
    pub decided: BTreeMap<Place, Image>,
    pub partitions: BTreeMap<Key, PartitionShadow>,
    pub groups: GroupShadow,
    pub losses: Losses,
    /// Where decisions end by which every partition had an election.
    elections: BTreeSet<(Offset, LeaderEpoch)>,
    /// The partitions whose ISRs were seen to grow since this was last looked at, and who has joined them.
    pub grown: Vec<(Key, NodeId)>,
    producer_ids: BTreeSet<i64>,
    /// How often something happened that a history may or may not come by.
    pub visits: BTreeMap<&'static str, u32>,
}

impl Default for Shadow {
    fn default() -> Self {
        Self {
            quorum: QuorumShadow::default(),
            replay: Replay::from_image(Image::default()),
            image: Image::default(),
            decided: BTreeMap::new(),
            partitions: BTreeMap::new(),
            groups: GroupShadow::default(),
            losses: Losses::default(),
            elections: BTreeSet::new(),
            grown: Vec::new(),
            producer_ids: BTreeSet::new(),
            visits: BTreeMap::new(),
        }
    }
}

impl Shadow {
    /// The newest committed image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    pub fn visit(&mut self, what: &'static str) {
        *self.visits.entry(what).or_insert(0) += 1;
    }

    /// A node learns that these batches, from `from` on, are committed: nothing that anybody was told
    /// to be committed is ever lost or changed.
    pub fn commit(
        &mut self,
        place: Place,
        from: Offset,
        batches: &[StoredBatch],
        controls: &[ControlRecord],
    ) -> Checked {
        for batch in self.quorum.commit(place, from, batches)? {
            match batch.content(controls) {
                Content::Control(_) => self.replay.skip_to(batch.end.plus(-1), batch.epoch),
                Content::Records(records) => {
                    for (at, record) in (batch.base.0..).zip(&records) {
                        self.apply(Offset(at), batch.epoch, record)?;
                    }
                }
            }
            if self.elections.remove(&(batch.end, batch.epoch)) {
                elect_leaders::effect(self.replay.latest())?;
            }
        }
        self.image = self.replay.publish();
        self.losses.forget_mended(&self.image);
        Ok(())
    }

    fn apply(&mut self, at: Offset, epoch: LeaderEpoch, record: &MetadataRecord<'_>) -> Checked {
        self.grown.extend(grown(self.replay.latest(), record));
        self.replay.apply(at, epoch, record);
        let MetadataRecord::RegisterBroker(broker) = record else { return Ok(()) };
        self.losses.strikes_out(self.replay.latest(), NodeId(broker.broker_id))
    }

    /// A controller has given every partition an election, and stands at this end of its log. What came of
    /// it is looked at where that is committed.
    pub fn elects(&mut self, end: Offset, epoch: LeaderEpoch) -> Checked {
        if self.quorum.ends_with(end, epoch) {
            return elect_leaders::effect(self.replay.latest());
        }
        self.elections.insert((end, epoch));
        Ok(())
    }

    /// A node has applied what is committed below `offset`: the image is the same everywhere.
    pub fn applied(&self, place: Place, offset: Offset, image: &Image) -> Checked {
        let is_newest = offset == self.quorum.end();
        must(!is_newest || *image == self.image, || {
            format!("node {place} has another image at {offset} than what is committed says")
        })
    }

    /// A block of producer ids is given out once.
    pub fn producer_id_given(&mut self, first: i64) -> Checked {
        must(self.producer_ids.insert(first), || {
            format!("the producer id {first} is given out twice")
        })
    }

    pub fn partition(&mut self, key: Key) -> &mut PartitionShadow {
        self.partitions.entry(key).or_default()
    }
}

/// The partition whose ISR somebody joins by this record, and who.
fn grown(image: &Image, record: &MetadataRecord<'_>) -> Option<(Key, NodeId)> {
    let MetadataRecord::PartitionChange(change) = record else { return None };
    let key = (change.topic_id, change.partition_id);
    let state = image.topics().get(key.0)?.partitions.get(&key.1)?;
    let isr = change.isr.as_ref()?;
    let joiner = isr.iter().map(|id| NodeId(*id)).find(|id| !state.isr.contains(id))?;
    Some((key, joiner))
}
