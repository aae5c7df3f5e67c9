//! Records of the metadata log turned into images, whole transactions at a time (KIP-868).

use types::{LeaderEpoch, Offset};
use wire::record_frame::MetadataRecord;

use super::{Image, Provenance};

/// The growing end of the state: takes record after record, gives out images between transactions.
#[derive(Clone, Debug)]
pub struct Replay {
    latest: Image,
    /// The state before the transaction that is open.
    before_transaction: Option<Image>,
}

impl Replay {
    /// Goes on from an image.
    #[must_use]
    pub fn from_image(image: Image) -> Self {
        Self { latest: image, before_transaction: None }
    }

    /// Applies the record at `offset`, written in `epoch`.
    pub fn apply(&mut self, offset: Offset, epoch: LeaderEpoch, record: &MetadataRecord<'_>) {
        match record {
            MetadataRecord::BeginTransaction(_) => {
                self.before_transaction = Some(self.latest.clone());
            }
            MetadataRecord::EndTransaction(_) => self.before_transaction = None,
            MetadataRecord::AbortTransaction(_) => {
                if let Some(before) = self.before_transaction.take() {
                    self.latest = before;
                }
            }
            other => self.latest.apply(other),
        }
        self.skip_to(offset, epoch);
    }

    /// Notes that a record without effect on the image, as a control record, stands at `offset`.
    pub fn skip_to(&mut self, offset: Offset, epoch: LeaderEpoch) {
        self.latest.provenance = Provenance { offset, epoch };
    }

    /// The state behind the last record, even within a transaction: what decisions build on.
    #[must_use]
    pub fn latest(&self) -> &Image {
        &self.latest
    }

    /// The state that others may see: that before the transaction, where one is open.
    #[must_use]
    pub fn publish(&self) -> Image {
        self.before_transaction.as_ref().unwrap_or(&self.latest).clone()
    }

    /// Whether a transaction is open. A controller that takes over aborts it first.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.before_transaction.is_some()
    }
}
