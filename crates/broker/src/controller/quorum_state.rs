//! The file `quorum-state`: the epoch that this voter has seen, so that it never goes back.
//!
//! ```text
//! v0  {"clusterId":"","leaderId":1,"leaderEpoch":3,"votedId":-1,"appliedOffset":0,
//!      "currentVoters":[{"voterId":1}],"data_version":0}          kraft.version 0: static voters
//! v1  {"leaderId":1,"leaderEpoch":3,"votedId":-1,
//!      "votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}              kraft.version 1
//! ```

use types::{LeaderEpoch, NodeId, Uuid};

/// Name of the file in the folder of the metadata log.
pub(super) const FILE: &str = "quorum-state";

const VOTED_NOBODY: i32 = -1;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuorumState {
    /// Who leads the epoch.
    pub leader: NodeId,
    /// The highest epoch that this voter has seen.
    pub epoch: LeaderEpoch,
}

impl QuorumState {
    /// Reads the file's text; `None` where it is no such file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(Self {
            leader: NodeId(number(text, "leaderId")?),
            epoch: LeaderEpoch(number(text, "leaderEpoch")?),
        })
    }

    /// The file's text, in the version that goes with a `kraft.version`.
    pub(super) fn text(self, kraft_version: i16, voters: &[NodeId]) -> String {
        let Self { leader, epoch } = self;
        if kraft_version == 0 {
            let voters: Vec<String> =
                voters.iter().map(|voter| format!("{{\"voterId\":{voter}}}")).collect();
            let voters = voters.join(",");
            format!(
                "{{\"clusterId\":\"\",\"leaderId\":{leader},\"leaderEpoch\":{epoch},\
                 \"votedId\":{VOTED_NOBODY},\"appliedOffset\":0,\"currentVoters\":[{voters}],\
                 \"data_version\":0}}"
            )
        } else {
            format!(
                "{{\"leaderId\":{leader},\"leaderEpoch\":{epoch},\"votedId\":{VOTED_NOBODY},\
                 \"votedDirectoryId\":\"{}\",\"data_version\":1}}",
                Uuid::ZERO
            )
        }
    }
}

/// The number behind `"key":` in a flat JSON object, where no text value can contain the key.
fn number(text: &str, key: &str) -> Option<i32> {
    let (_, rest) = text.split_once(&format!("\"{key}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Apache Kafka 4.4.0 wrote it.
    const KAFKAS: &str = "{\"leaderId\":1,\"leaderEpoch\":2,\"votedId\":-1,\
        \"votedDirectoryId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"data_version\":1}";

    #[test]
    fn the_text_is_that_of_kafka() {
        let state = QuorumState { leader: NodeId(1), epoch: LeaderEpoch(2) };
        assert_eq!(state.text(1, &[]), KAFKAS);
        assert_eq!(QuorumState::parse(KAFKAS), Some(state));
        assert_eq!(QuorumState::parse(&state.text(0, &[NodeId(1), NodeId(2)])), Some(state));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "{}", "{\"leaderId\":}", "{\"leaderId\":1}", "[1,2]"] {
            assert_eq!(QuorumState::parse(text), None, "{text}");
        }
    }
}
