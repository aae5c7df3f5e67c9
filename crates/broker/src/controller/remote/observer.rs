//! Follows the quorum as an observer: finds the leader, copies its log, publishes what is committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use log::RealDisk;
use tokio::sync::watch;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};
use wire::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use wire::fetch_response::{FetchResponse, PartitionData};
use wire::fetch_snapshot_request::{
    FetchSnapshotRequest, PartitionSnapshot, SnapshotId as WantedSnapshot, TopicSnapshot,
};
use wire::{Records, Str};

use super::super::checkpoint::SnapshotId;
use super::super::error::ControllerError;
use super::super::worker::now;
use super::{FETCH_WAIT, Follower, Published, RemoteSettings, Shared};
use crate::api::fetch_metadata_log::{METADATA_TOPIC, METADATA_TOPIC_ID};
use crate::peer::{Address, Peer, PeerError};

/// What one answer may bring (Kafka's size).
const FETCH_BYTES_MAX: i32 = 8 * 1024 * 1024;

/// Between attempts when the quorum has no leader, or none that is known.
const PAUSE: Duration = Duration::from_millis(50);

/// Where nodes of the quorum are reached, and which of them leads.
#[derive(Debug)]
pub(super) struct Routes {
    voters: Vec<(NodeId, Address)>,
    /// Whom to ask who leads, in turn.
    known: Vec<Address>,
    turn: usize,
    fetching: watch::Sender<Option<Address>>,
    controller: watch::Sender<Option<Address>>,
}

impl Routes {
    pub fn new(settings: &RemoteSettings) -> Self {
        let voters = settings.voters.iter().map(|(_, address)| address.clone());
        let known: Vec<_> = settings.bootstrap.iter().cloned().chain(voters).collect();
        Self {
            voters: settings.voters.clone(),
            fetching: watch::Sender::new(known.first().cloned()),
            known,
            turn: 0,
            controller: watch::Sender::new(None),
        }
    }

    /// Whom to fetch from.
    pub fn fetching(&self) -> watch::Receiver<Option<Address>> {
        self.fetching.subscribe()
    }

    /// Who leads; `None` while nobody is known to.
    pub fn controller(&self) -> watch::Receiver<Option<Address>> {
        self.controller.subscribe()
    }

    fn asked(&self) -> Option<Address> {
        self.fetching.borrow().clone()
    }

    fn lead(&self, address: Option<Address>) {
        let is_news = |known: &mut Option<Address>| {
            let changes = *known != address;
            known.clone_from(&address);
            changes
        };
        self.controller.send_if_modified(is_news);
        if address.is_some() {
            self.fetching.send_if_modified(is_news);
        }
    }

    fn ask_another(&mut self) {
        self.lead(None);
        self.turn = (self.turn + 1) % self.known.len().max(1);
        let next = self.known.get(self.turn).cloned();
        self.fetching.send_if_modified(|asked| {
            let changes = *asked != next;
            asked.clone_from(&next);
            changes
        });
    }

    fn voter(&self, id: NodeId) -> Option<Address> {
        self.voters.iter().find(|(voter, _)| *voter == id).map(|(_, address)| address.clone())
    }
}

/// The loop and what it holds.
pub(super) struct Observer {
    settings: RemoteSettings,
    routes: Routes,
    leader: Peer,
    follower: Follower<RealDisk>,
    published: Arc<Published>,
    shared: Arc<Shared>,
    was_lost: bool,
}

/// Why a round brought nothing.
enum Lost {
    /// Perhaps somebody else knows more.
    Leader(String),
    /// Nobody can help.
    Fatal(ControllerError),
}

impl From<PeerError> for Lost {
    fn from(error: PeerError) -> Self {
        Self::Leader(error.to_string())
    }
}

impl From<ControllerError> for Lost {
    fn from(error: ControllerError) -> Self {
        Self::Fatal(error)
    }
}

impl Observer {
    pub fn new(
        settings: RemoteSettings,
        routes: Routes,
        leader: Peer,
        follower: Follower<RealDisk>,
        published: Arc<Published>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { settings, routes, leader, follower, published, shared, was_lost: false }
    }

    /// Follows until it cannot any more.
    pub async fn run(&mut self) -> ControllerError {
        loop {
            match self.round().await {
                Ok(()) => self.was_lost = false,
                Err(Lost::Fatal(error)) => return error,
                Err(Lost::Leader(why)) => {
                    let asked = self.routes.asked().map(|address| address.to_string());
                    if !std::mem::replace(&mut self.was_lost, true) {
                        tracing::warn!(asked, why, "no leader of the metadata quorum");
                    }
                    self.routes.ask_another();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    pub fn close(self) -> Result<(), ControllerError> {
        self.follower.close(now())
    }

    /// One fetch and what follows from it.
    async fn round(&mut self) -> Result<(), Lost> {
        let answered = self.leader.call(self.fetch_request()).await?;
        let response = answered.read::<FetchRequest<'static>>()?;
        match ErrorCode::from_wire(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::InconsistentClusterId => return Err(self.is_another_cluster().into()),
            code => return Err(Lost::Leader(code.name().to_owned())),
        }
        let partition = response.responses.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(|| Lost::Leader("an empty answer".to_owned()))?;
        let code = ErrorCode::from_wire(partition.error_code);
        let is_newer = self.follow(&response, partition)?;
        match code {
            ErrorCode::None => self.take(partition).await,
            ErrorCode::FencedLeaderEpoch
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownLeaderEpoch
                if is_newer =>
            {
                Ok(())
            }
            code => Err(Lost::Leader(code.name().to_owned())),
        }
    }

    fn fetch_request(&self) -> FetchRequest<'static> {
        let (offset, last_epoch) = self.follower.position();
        let node = self.settings.membership.node.0;
        FetchRequest {
            cluster_id: Some(Str::Owned(self.settings.membership.cluster_id.clone())),
            replica_state: ReplicaState { replica_id: node, ..ReplicaState::default() },
            max_wait_ms: i32::try_from(FETCH_WAIT.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: FETCH_BYTES_MAX,
            topics: vec![FetchTopic {
                topic: METADATA_TOPIC.into(),
                topic_id: METADATA_TOPIC_ID,
                partitions: vec![FetchPartition {
                    current_leader_epoch: self.follower.leader_epoch().0,
                    fetch_offset: offset.0,
                    last_fetched_epoch: last_epoch.0,
                    partition_max_bytes: FETCH_BYTES_MAX,
                    replica_directory_id: self.settings.directory_id,
                    high_watermark: self.follower.applied().0,
                    ..FetchPartition::default()
                }],
            }],
            ..FetchRequest::default()
        }
    }

    fn is_another_cluster(&self) -> ControllerError {
        let asked = self.routes.asked().map(|address| address.to_string()).unwrap_or_default();
        ControllerError::OtherCluster { own: self.settings.membership.cluster_id.clone(), asked }
    }

    /// Takes over who leads, if the answer knows; tells whether that is news.
    fn follow(
        &mut self,
        response: &FetchResponse<'_>,
        partition: &PartitionData<'_>,
    ) -> Result<bool, Lost> {
        let leader = &partition.current_leader;
        let (id, epoch) = (NodeId(leader.leader_id), LeaderEpoch(leader.leader_epoch));
        if epoch < self.follower.leader_epoch() || id < NodeId(0) {
            return Ok(false);
        }
        let is_newer = epoch > self.follower.leader_epoch();
        let told = response.node_endpoints.iter().find(|endpoint| endpoint.node_id == id.0);
        let told = told.and_then(|endpoint| {
            Some(Address {
                host: endpoint.host.to_string(),
                port: u16::try_from(endpoint.port).ok()?,
            })
        });
        let answers_itself = partition.error_code == ErrorCode::None.code();
        let asked = || self.routes.asked().filter(|_| answers_itself);
        let address = told.or_else(|| self.routes.voter(id)).or_else(asked);
        let is_elsewhere = address.is_some() && address != self.routes.asked();
        self.follower.follow(id, epoch)?;
        self.routes.lead(address);
        Ok(is_newer || is_elsewhere)
    }

    async fn take(&mut self, partition: &PartitionData<'_>) -> Result<(), Lost> {
        let diverging = &partition.diverging_epoch;
        if diverging.epoch >= 0 {
            let end = Offset(diverging.end_offset);
            self.follower.truncate(LeaderEpoch(diverging.epoch), end, now())?;
            return Ok(());
        }
        let snapshot = &partition.snapshot_id;
        if snapshot.epoch >= 0 {
            let id =
                SnapshotId { end: Offset(snapshot.end_offset), epoch: LeaderEpoch(snapshot.epoch) };
            self.install(id).await?;
        } else if let Records::Inline(bytes) = &partition.records {
            self.follower.append(bytes, now())?;
        }
        self.commit(Offset(partition.high_watermark))
    }

    /// Applies and publishes what is committed, once everything is there that was at the start.
    fn commit(&mut self, high_watermark: Offset) -> Result<(), Lost> {
        self.follower.commit(high_watermark, now())?;
        let applied = self.follower.applied();
        let is_caught_up = applied >= high_watermark;
        let is_known = *self.shared.applied.borrow() > Offset(0);
        if is_caught_up || is_known {
            self.shared.kraft_version.store(self.follower.kraft_version(), Ordering::Release);
            self.published.publish(self.follower.image(), applied);
            self.shared.applied.send_if_modified(|known| {
                let changes = *known != applied;
                *known = applied;
                changes
            });
        }
        Ok(())
    }

    async fn install(&mut self, id: SnapshotId) -> Result<(), Lost> {
        let mut bytes = Vec::new();
        loop {
            let answered = self.leader.call(self.snapshot_request(id, bytes.len())).await?;
            let response = answered.read::<FetchSnapshotRequest<'static>>()?;
            let code = ErrorCode::from_wire(response.error_code);
            let partition = response.topics.first().and_then(|topic| topic.partitions.first());
            let (ErrorCode::None, Some(part)) = (code, partition) else {
                return Err(Lost::Leader(format!("no snapshot: {}", code.name())));
            };
            let code = ErrorCode::from_wire(part.error_code);
            let Records::Inline(piece) = &part.unaligned_records else {
                return Err(Lost::Leader("a snapshot without bytes".to_owned()));
            };
            let is_next = u64::try_from(part.position) == Ok(bytes.len() as u64);
            if code != ErrorCode::None || !is_next || piece.is_empty() {
                return Err(Lost::Leader(format!("no piece of a snapshot: {}", code.name())));
            }
            bytes.extend_from_slice(piece);
            if u64::try_from(part.size).is_ok_and(|size| bytes.len() as u64 >= size) {
                break;
            }
        }
        self.follower.install(id, &bytes, now())?;
        tracing::info!(snapshot = id.file_name(), "the metadata's state is taken from a snapshot");
        Ok(())
    }

    fn snapshot_request(&self, id: SnapshotId, position: usize) -> FetchSnapshotRequest<'static> {
        FetchSnapshotRequest {
            cluster_id: Some(Str::Owned(self.settings.membership.cluster_id.clone())),
            replica_id: self.settings.membership.node.0,
            max_bytes: FETCH_BYTES_MAX,
            topics: vec![TopicSnapshot {
                name: METADATA_TOPIC.into(),
                partitions: vec![PartitionSnapshot {
                    partition: 0,
                    current_leader_epoch: self.follower.leader_epoch().0,
                    snapshot_id: WantedSnapshot { end_offset: id.end.0, epoch: id.epoch.0 },
                    position: i64::try_from(position).unwrap_or(i64::MAX),
                    replica_directory_id: self.settings.directory_id,
                }],
            }],
        }
    }
}
