//! KRaft's quorum as a pure state machine (a crate because it keeps the law of pure cores: no clock, no
//! dice of its own, no I/O), with the rules of Apache Kafka 4.4: KIP-595, 630, 853, 996, 1166, 1186.
//!
//! It decides who leads, what is committed, what a follower must cut or load, and who votes. It holds no
//! record: it knows of the log where it starts and ends, where epochs begin, and the control records.
//!
//! # States
//!
//! ```text
//!                    election timeout
//!   +------------+ -------------------> +-------------+  pre-votes of a majority
//!   | Unattached |                      | Prospective | ------------------------+
//!   +------------+ <------------------- +-------------+                         v
//!     ^  ^   |      pre-vote lost and     |        ^  ^  election timeout +-----------+
//!     |  |   |      no leader known       |        |  +------------------ | Candidate |
//!     |  |   | leader known               |        |                      +-----------+
//!     |  |   v                            |        | fetch timeout              | votes of a majority
//!     |  | +----------+ <-----------------+        |                            v
//!     |  | | Follower | ---------------------------+                      +--------+
//!     |  | +----------+   pre-vote lost, leader known                     | Leader |
//!     |  |                                                                +--------+
//!     |  |  election timeout: next epoch    +----------+   no majority fetches,   |
//!     |  +--------------------------------- | Resigned | <------------------------+
//!     |                                     +----------+   shutdown, removed, asked
//!     |
//!   any state, on a higher epoch without a reachable leader (with one: Follower)
//! ```
//!
//! An observer is a node that is not in the voter set: it is only ever Unattached or Follower, and
//! becomes a voter or an observer when the log says so, not when that is committed.
//!
//! # How a shell drives it
//!
//! One loop owns the machine and the log:
//!
//! ```text
//!   loop {
//!       wait for an input, or until next_deadline()          // then Input::Tick
//!       raft.step(now, input, &mut effects)                  // and further inputs that wait
//!       for effect in effects: perform it, in this order:
//!           Persist                    write and sync the file quorum-state
//!           Append, AppendFetched      write the batches, TruncateTo cuts
//!           WriteSnapshot, Install     write, sync, replace the log; then step(SnapshotInstalled)
//!           Role, HighWatermark        tell the state machine above
//!           Send, Respond              queue
//!       flush the log, if it was written; step(Flushed { end })
//!       send what is queued
//!   }
//! ```
//!
//! * **Persist before speak.** An effect that speaks stands behind those that must survive a crash. A shell
//!   that performs in order is right; one that flushes the log in the background too, since nothing is
//!   counted as replicated before [`Input::Flushed`] says so.
//! * **The log stays in step.** `Append` and `AppendFetched` are written where they say, and a leader's
//!   own records (at [`Raft::log`]'s end, in [`Raft::epoch`], while [`Raft::role`] is Leader) are
//!   reported by [`Input::Appended`], before the next input is taken. A shell that cannot
//!   write drops the machine and opens another from what is stored.
//! * **A reply's bytes stay with the shell**, under their correlation id, until the step that takes
//!   the reply is performed; `AppendFetched` and `WriteSnapshot` name it.
//! * **Committed records** are those below [`Effect::HighWatermark`]; a leader may act on those only of
//!   course, and has none before its own [`ControlRecord::LeaderChange`] is among them.
//! * **Time** is any clock in milliseconds that does not run backwards; DescribeQuorum shows it.
//! * **The envelope is the shell's**: cluster id, topic, partition, authorization, versions of requests.
//!
//! # Where this is kinder than Kafka
//!
//! A leader and a follower that hear what cannot be true (another leader of the same epoch) refuse or
//! ignore it, where Kafka stops the process. A follower whose leader resigns no longer refuses pre-votes, so
//! that the first successor is elected at once. A follower that is told that its leader's process is gone
//! ([`Input::LeaderGone`]) asks for pre-votes within a tenth of a second, not after the fetch timeout, and a
//! candidate that lost asks again before its election timeout is over. A node that knows nothing new is asked again after the
//! retry backoff, not at once.
//!
//! A follower refuses pre-votes only while its leader serves it, not for ever after: an observer that a
//! lost leader had just made a voter is needed for the next election, and does not know yet that it votes.
//!
//! A voter whose removal is not committed goes on standing for election. In Kafka it does not, and a quorum
//! whose leader crashed with the only copy of the record that removes it stays without a leader: who
//! lacks the record needs the vote of the node that has it. For the same reason a leader that is no
//! voter any more is held to check-quorum also when one voter is left.

mod broken;
mod chance;
mod change;
mod clock;
mod config;
mod connections;
mod control;
mod effect;
mod election;
mod leader;
mod learn;
mod learn_fetch;
mod log_state;
mod machine;
pub mod message;
mod poll;
mod quorum_state;
mod role;
#[cfg(any(test, feature = "broken"))]
mod sameness;
mod serve;
mod serve_fetch;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
mod transition;
mod voter_change;
mod voters;

#[cfg(any(test, feature = "broken"))]
pub use broken::Broken;
pub use config::{
    Config, FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX, KRAFT_VERSION_DYNAMIC, KRAFT_VERSIONS, Timeouts,
};
pub use control::{ControlRecord, LeaderInfo, PlacedControl, SnapshotControl};
pub use effect::{Effect, Effects, Input, RoleChange, RoleKind};
pub use log_state::{BOOTSTRAP_SNAPSHOT, EpochStart, LogEnd, LogState, SnapshotId};
pub use machine::{Raft, Stored};
pub use message::{Answer, CorrelationId, Destination, Reply, Request, RequestId};
pub use quorum_state::{QuorumState, QuorumStateError};
pub use voters::{Endpoint, Endpoints, ReplicaKey, VersionRange, Voter, VoterSet};
