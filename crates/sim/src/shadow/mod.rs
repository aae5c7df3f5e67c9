//! What the world is held against: a model beside the nodes that sees every effect.

mod groups;
mod losses;
mod partitions;
mod quorum;

use std::collections::{BTreeMap, BTreeSet};

use metadata::image::{Image, Replay};
use raft::ControlRecord;
use types::Offset;
use wire::record_frame::MetadataRecord;

pub use groups::GroupShadow;
pub use losses::{Loss, Losses};
pub use partitions::PartitionShadow;
pub use quorum::QuorumShadow;

use crate::env::{Checked, Place, must};
use crate::message::Key;
use crate::metadata_log::{Content, StoredBatch};

#[derive(Debug)]
pub struct Shadow {
    pub quorum: QuorumShadow,
    /// What the committed records of the metadata log say.
    replay: Replay,
    /// What each active controller has decided, committed or not.
    pub decided: BTreeMap<Place, Image>,
    pub partitions: BTreeMap<Key, PartitionShadow>,
    pub groups: GroupShadow,
    pub losses: Losses,
    /// The partition whose ISR was last seen to grow.
    pub grown: Option<Key>,
    producer_ids: BTreeSet<i64>,
    /// How often something happened that a history may or may not come by.
    pub visits: BTreeMap<&'static str, u32>,
}

impl Default for Shadow {
    fn default() -> Self {
        Self {
            quorum: QuorumShadow::default(),
            replay: Replay::from_image(Image::default()),
            decided: BTreeMap::new(),
            partitions: BTreeMap::new(),
            groups: GroupShadow::default(),
            losses: Losses::default(),
            grown: None,
            producer_ids: BTreeSet::new(),
            visits: BTreeMap::new(),
        }
    }
}

impl Shadow {
    /// The newest committed image.
    pub fn image(&self) -> &Image {
        self.replay.latest()
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
                        self.grown = grown(self.image(), record).or(self.grown);
                        self.replay.apply(Offset(at), batch.epoch, record);
                    }
                }
            }
        }
        self.losses.forget_mended(self.replay.latest());
        Ok(())
    }

    /// A node has applied what is committed below `offset`: the image is the same everywhere.
    pub fn applied(&self, place: Place, offset: Offset, image: &Image) -> Checked {
        let is_newest = offset == self.quorum.end();
        must(!is_newest || *image == self.replay.publish(), || {
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

/// The partition whose ISR somebody joins by this record.
fn grown(image: &Image, record: &MetadataRecord<'_>) -> Option<Key> {
    let MetadataRecord::PartitionChange(change) = record else { return None };
    let key = (change.topic_id, change.partition_id);
    let state = image.topics().get(key.0)?.partitions.get(&key.1)?;
    let isr = change.isr.as_ref()?;
    isr.iter().any(|id| state.isr.iter().all(|known| known.0 != *id)).then_some(key)
}
