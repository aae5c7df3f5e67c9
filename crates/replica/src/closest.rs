//! The replica that a consumer should read from: one in its own rack, if any can serve it (KIP-392).

use types::{NodeId, Offset, TimestampMs};

/// A replica that could serve a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub node: NodeId,
    pub rack: Option<&'a str>,
    pub log_start: Offset,
    pub end: Offset,
    pub caught_up_at: TimestampMs,
    pub is_leader: bool,
}

/// Of the replicas in the consumer's rack that hold `offset`: the leader, or else the one that is
/// furthest. `None` where there is none, which means the leader.
#[must_use]
pub fn closest(rack: &str, offset: Offset, candidates: &[Candidate<'_>]) -> Option<NodeId> {
    let mut near = candidates.iter().filter(|candidate| {
        let holds = candidate.log_start <= offset && offset <= candidate.end;
        candidate.rack == Some(rack) && holds
    });
    let leader = near.clone().find(|candidate| candidate.is_leader);
    let furthest = leader.or_else(|| near.by_ref().max_by_key(|c| (c.end, c.caught_up_at)));
    furthest.map(|candidate| candidate.node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_that_holds_the_offset_is_read() {
        let candidate = |node, rack, log_start, end| Candidate {
            node: NodeId(node),
            rack: Some(rack),
            log_start: Offset(log_start),
            end: Offset(end),
            caught_up_at: TimestampMs(i64::from(node)),
            is_leader: node == 1,
        };
        let candidates = [
            candidate(1, "a", 0, 100),
            candidate(2, "b", 0, 90),
            candidate(3, "b", 20, 95),
            candidate(4, "a", 0, 100),
        ];
        let cases = [
            ("a", 50, Some(1)),
            ("b", 50, Some(3)),
            ("b", 10, Some(2)),
            ("b", 99, None),
            ("c", 50, None),
        ];
        for (rack, offset, expected) in cases {
            let chosen = closest(rack, Offset(offset), &candidates);
            assert_eq!(chosen, expected.map(NodeId), "{rack} at {offset}");
        }
    }
}
