//! The file `quorum-state`: the epoch, its leader and our vote in it, which must survive a crash.

use serde_json::Value;
use types::{LeaderEpoch, NodeId, Uuid};

use crate::voters::ReplicaKey;

/// What a node must remember of an election.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct QuorumState {
    pub epoch: LeaderEpoch,
    pub leader: Option<NodeId>,
    pub voted: Option<ReplicaKey>,
    /// The voters' ids under static voters (version 0 of the file); `None` writes version 1.
    pub static_voters: Option<Vec<NodeId>>,
}

/// Why a file is no quorum state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumStateError(String);

impl std::fmt::Display for QuorumStateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "read quorum-state: {}", self.0)
    }
}

impl std::error::Error for QuorumStateError {}

impl QuorumState {
    /// The file's text as Apache Kafka writes it.
    ///
    /// ```text
    /// version 0 {"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,
    ///            "currentVoters":[{"voterId":1}],"data_version":0}
    /// version 1 {"leaderId":1,"leaderEpoch":2,"votedId":-1,
    ///            "votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        let leader = self.leader.unwrap_or(NodeId::NONE);
        let voted = self.voted.map_or(NodeId::NONE, |key| key.id);
        let epoch = self.epoch;
        if let Some(voters) = &self.static_voters {
            let voters: Vec<String> =
                voters.iter().map(|id| format!("{{\"voterId\":{id}}}")).collect();
            return format!(
                "{{\"clusterId\":\"\",\"leaderId\":{leader},\"leaderEpoch\":{epoch},\
                 \"votedId\":{voted},\"appliedOffset\":0,\"currentVoters\":[{}],\
                 \"data_version\":0}}",
                voters.join(",")
            );
        }
        let directory = self.voted.map_or(Uuid::ZERO, ReplicaKey::directory_or_zero);
        format!(
            "{{\"leaderId\":{leader},\"leaderEpoch\":{epoch},\"votedId\":{voted},\
             \"votedDirectoryId\":\"{directory}\",\"data_version\":1}}"
        )
    }

    /// Reads either version of the file.
    pub fn parse(text: &str) -> Result<Self, QuorumStateError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| QuorumStateError(error.to_string()))?;
        let version = int(&value, "data_version")?;
        if !(0..=1).contains(&version) {
            return Err(QuorumStateError(format!("unknown data_version {version}")));
        }
        let some_id = |id: i32| (id >= 0).then_some(NodeId(id));
        let directory = match value.get("votedDirectoryId").and_then(Value::as_str) {
            Some(text) if version == 1 => text
                .parse::<Uuid>()
                .map_err(|_| QuorumStateError(format!("votedDirectoryId {text} is no id")))?,
            _ => Uuid::ZERO,
        };
        let voted = some_id(int(&value, "votedId")?).map(|id| ReplicaKey::new(id, directory));
        let static_voters = if version == 0 { Some(static_voters(&value)?) } else { None };
        Ok(Self {
            epoch: LeaderEpoch(int(&value, "leaderEpoch")?),
            leader: some_id(int(&value, "leaderId")?),
            voted,
            static_voters,
        })
    }
}

fn static_voters(value: &Value) -> Result<Vec<NodeId>, QuorumStateError> {
    let Some(voters) = value.get("currentVoters").and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    voters.iter().map(|voter| Ok(NodeId(int(voter, "voterId")?))).collect()
}

fn int(value: &Value, field: &str) -> Result<i32, QuorumStateError> {
    let number = value.get(field).and_then(Value::as_i64);
    number
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| QuorumStateError(format!("no 32-bit number {field}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_kafkas_own_text() {
        let v0 = r#"{"clusterId":"","leaderId":-1,"leaderEpoch":3,"votedId":2,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}"#;
        let v1 = r#"{"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#;
        let v1_voted = r#"{"leaderId":-1,"leaderEpoch":7,"votedId":3,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAQ","data_version":1}"#;
        for text in [v0, v1, v1_voted] {
            let state = QuorumState::parse(text).expect(text);
            assert_eq!(state.to_json(), text);
        }
        let state = QuorumState::parse(v1_voted).expect("read above");
        assert_eq!(state.voted, Some(ReplicaKey::new(NodeId(3), Uuid::ONE)));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let whole = r#"{"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#;
        for (from, to) in [
            ("\"data_version\":1", "\"data_version\":2"),
            ("\"leaderEpoch\":2", "\"leaderEpoch\":2147483648"),
            ("\"leaderId\":1,", ""),
            ("AAAAAAAAAAAAAAAAAAAAAA", "?"),
            ("{", "["),
        ] {
            let text = whole.replacen(from, to, 1);
            assert!(QuorumState::parse(&text).is_err(), "{text}");
        }
    }
}
