//! Where two logs part, told by the epochs of their leaders.

use types::{LeaderEpoch, Offset};

/// An epoch, and the offset behind its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    pub epoch: LeaderEpoch,
    pub end: Offset,
}

/// An epoch, and the offset of its first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    pub epoch: LeaderEpoch,
    pub start: Offset,
}

/// The epochs of a log. Implemented by the log on disk, and by the simulator's.
pub trait Epochs {
    /// The epoch of the last record, or of a leader that has appended none yet; `None` of a log
    /// without history.
    fn latest(&self) -> Option<LeaderEpoch>;

    /// Where `epoch` ends, or else the next lower one that the log has; `epoch` itself and the start
    /// of the first where it is below all; `None` where it is above all.
    fn end_of(&self, epoch: LeaderEpoch) -> Option<EpochEnd>;
}

/// The position that a replica or consumer asked for is outside of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionError;

/// Judges a position at the leader: a reader whose last record is of `last_fetched` wants to go on at
/// `offset`. `Some` tells it where to look for the point that both logs share.
///
/// # Errors
/// Where the reader's epoch is above all of ours: OFFSET_OUT_OF_RANGE (Kafka's rule).
pub fn divergence(
    ours: &impl Epochs,
    offset: Offset,
    last_fetched: LeaderEpoch,
) -> Result<Option<EpochEnd>, PositionError> {
    let end = ours.end_of(last_fetched).ok_or(PositionError)?;
    Ok((end.epoch < last_fetched || end.end < offset).then_some(end))
}

/// Where a follower that ends at `our_end` cuts its log after its leader told it of a divergence. An
/// epoch that it does not have is answered by cutting off everything above: the next fetch asks again.
pub(crate) fn cut(ours: &impl Epochs, our_end: Offset, leaders: EpochEnd) -> Offset {
    let keep = match ours.end_of(leaders.epoch) {
        Some(found) if found.epoch == leaders.epoch => found.end.min(leaders.end),
        Some(found) => found.end,
        None => leaders.end,
    };
    keep.min(our_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Records;

    /// A log written as the epochs of its records.
    fn log(epochs: &[i32]) -> Records {
        epochs.iter().map(|epoch| (LeaderEpoch(*epoch), 0)).collect()
    }

    #[test]
    fn a_leader_finds_where_a_reader_parts_from_it() {
        let ours = log(&[1, 1, 3, 3, 5]);
        let end = |epoch, end| EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) };
        let cases = [
            (5, 5, Ok(None)),
            (3, 1, Ok(Some(end(1, 2)))),
            (2, 1, Ok(None)),
            (4, 3, Ok(None)),
            (5, 3, Ok(Some(end(3, 4)))),
            (3, 2, Ok(Some(end(1, 2)))),
            (6, 5, Ok(Some(end(5, 5)))),
            (5, 6, Err(PositionError)),
        ];
        for (offset, epoch, expected) in cases {
            let judged = divergence(&ours, Offset(offset), LeaderEpoch(epoch));
            assert_eq!(judged, expected, "offset {offset} behind epoch {epoch}");
        }
    }

    #[test]
    fn a_follower_keeps_what_both_have() {
        let cases: [(&[i32], i32, i64, i64); 5] = [
            (&[1, 1, 3, 3], 1, 2, 2),
            (&[1, 1, 1, 1], 1, 2, 2),
            (&[1, 1, 1], 1, 9, 3),
            // it lacks epoch 2: what is above epoch 1 goes, and it asks again
            (&[1, 1, 3], 2, 3, 2),
            (&[1, 1], 4, 1, 1),
        ];
        for (ours, epoch, leader_end, kept) in cases {
            let ours = log(ours);
            let leaders = EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(leader_end) };
            assert_eq!(cut(&ours, ours.end(), leaders), Offset(kept), "{leaders:?}");
        }
    }
}
