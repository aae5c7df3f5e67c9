//! How a decision's records go into the log: as one batch where they fit into one, else as several.
//!
//! ```text
//! small              ┌ r r r r ┐
//! large, Unity::Parts  ┌ r r r ┐┌ r r r ┐┌ r ┐
//! large, Unity::Whole  ┌ Begin r r ┐┌ r r r ┐┌ r End ┐     (KIP-868)
//! ```

use wire::EncodeError;
use wire::begin_transaction_record::BeginTransactionRecord;
use wire::end_transaction_record::EndTransactionRecord;
use wire::record_frame::MetadataRecord;

use super::record_version;
use crate::metadata_version::MetadataVersion;

/// Most bytes of a batch in the metadata log, as in Kafka's quorum.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// A batch's header, in bytes.
const BATCH_OVERHEAD: usize = 61;

/// Most bytes that stand around a record's value in a batch: five varints and two fields of a byte.
const RECORD_OVERHEAD_MAX: usize = 5 * 5 + 2;

/// What a transaction is called in the log.
const TRANSACTION: &str = "Decision of several batches";

/// What it means that only the first of a decision's records are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unity {
    /// All of them or none must come into effect.
    Whole,
    /// Each of them leaves the cluster in order, and who takes over goes on from there.
    Parts,
}

/// A record as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// What it says.
    pub record: MetadataRecord<'static>,
    /// Its value in the log.
    pub bytes: Vec<u8>,
}

/// How batches are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Most bytes of one; a record that is larger by itself stands alone.
    pub bytes_max: usize,
    /// The finalized `metadata.version`: before 3.6 there are no transactions, and what belongs
    /// together is one batch, however large.
    pub release: MetadataVersion,
}

impl Batching {
    /// The batches of one decision, in order. Every record of it is in exactly one of them.
    ///
    /// # Errors
    /// Where a record does not fit its version.
    pub fn split(
        &self,
        records: Vec<MetadataRecord<'static>>,
        unity: Unity,
    ) -> Result<Vec<Vec<Encoded>>, EncodeError> {
        let mut encoded = self.encode(records)?;
        let bytes = BATCH_OVERHEAD + encoded.iter().map(Encoded::bytes_max).sum::<usize>();
        let knows_transactions = self.release >= MetadataVersion::TRANSACTIONS;
        if bytes <= self.bytes_max || (unity == Unity::Whole && !knows_transactions) {
            return Ok(vec![encoded]);
        }
        if unity == Unity::Whole {
            let begin = BeginTransactionRecord { name: Some(TRANSACTION.into()) };
            let end = EndTransactionRecord {};
            encoded.splice(0..0, self.encode(vec![begin.into()])?);
            encoded.extend(self.encode(vec![end.into()])?);
        }
        Ok(self.pack(encoded))
    }

    fn encode(&self, records: Vec<MetadataRecord<'static>>) -> Result<Vec<Encoded>, EncodeError> {
        let encode = |record: MetadataRecord<'static>| {
            let bytes = record.encode(record_version(&record, self.release))?;
            Ok(Encoded { record, bytes })
        };
        records.into_iter().map(encode).collect()
    }

    fn pack(&self, records: Vec<Encoded>) -> Vec<Vec<Encoded>> {
        let mut batches: Vec<Vec<Encoded>> = Vec::new();
        let mut bytes = 0;
        for record in records {
            let more = record.bytes_max();
            match batches.last_mut() {
                Some(batch) if bytes + more <= self.bytes_max => {
                    batch.push(record);
                    bytes += more;
                }
                _ => {
                    batches.push(vec![record]);
                    bytes = BATCH_OVERHEAD + more;
                }
            }
        }
        batches
    }
}

impl Encoded {
    /// By how much a batch grows with it, at most.
    fn bytes_max(&self) -> usize {
        self.bytes.len() + RECORD_OVERHEAD_MAX
    }
}
