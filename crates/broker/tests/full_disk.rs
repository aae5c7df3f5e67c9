//! A disk without room: whoever writes is told to come again, nothing that was acknowledged is lost,
//! and work goes on when room is back.

mod common;

use common::records::{TOPIC, batch, fetch, produce, values};
use common::{Client, settings_in};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use types::ErrorCode;
use wire::join_group_request::JoinGroupRequestProtocol;
use wire::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use wire::offset_fetch_request::OffsetFetchRequestTopic;
use wire::sync_group_request::SyncGroupRequestAssignment;
use wire::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, OffsetCommitRequest,
    OffsetFetchRequest, SyncGroupRequest,
};

const GROUP: &str = "g";
const DISK_BYTES: u32 = 8 << 20;
/// As long as a commit's note may be.
const NOTE_BYTES: usize = 4096;

/// A small file system that goes with the test.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(bytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={bytes}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                eprintln!("skipped: this user may not mount a tmpfs");
                None
            }
        }
    }

    async fn start(&self) -> (broker::Running, Client) {
        let properties = [("offsets.topic.num.partitions", "1")];
        let settings = settings_in(&self.0.path().join("data"), &properties);
        let running = broker::Broker::start(settings).await.expect("the server starts");
        let address = running.address(common::LISTENER).expect("the listener is open");
        (running, Client::connect(address).await)
    }

    /// Takes all the room there is, until the ballast is dropped.
    fn fill(&self) -> Ballast {
        let path = self.0.path().join("ballast");
        let mut file = File::create(&path).expect("a file");
        let chunk = vec![0; 64 * 1024];
        while file.write_all(&chunk).is_ok() {}
        Ballast(path)
    }
}

struct Ballast(PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("room is back");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_producers_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount(DISK_BYTES) else { return };
    let (server, mut client) = disk.start().await;
    client.auto_create(TOPIC).await;
    assert_eq!(produce(&mut client, batch(&["before"])).await.error_code, 0);
    let ballast = disk.fill();
    let large = "x".repeat(200_000);
    let refused = ErrorCode::from_wire(produce(&mut client, batch(&[&large])).await.error_code);
    assert!(refused.is_retriable(), "{refused:?}");
    assert_eq!(values(&fetch(&mut client, 0).await.records).len(), 1, "consumers go on");
    drop(ballast);
    assert_eq!(produce(&mut client, batch(&[&large])).await.base_offset, 1);
    assert_eq!(values(&fetch(&mut client, 0).await.records).len(), 2);
    server.shutdown().await;
}

async fn commit(client: &mut Client, offset: i64) -> ErrorCode {
    let partition = OffsetCommitRequestPartition {
        committed_offset: offset,
        committed_metadata: Some("n".repeat(NOTE_BYTES).into()),
        ..Default::default()
    };
    let name = TOPIC.into();
    let topic =
        OffsetCommitRequestTopic { name, partitions: vec![partition], ..Default::default() };
    let group_id = "committers".into();
    let request = OffsetCommitRequest { group_id, topics: vec![topic], ..Default::default() };
    let response = client.call(&request, 8).await;
    ErrorCode::from_wire(response.topics[0].partitions[0].error_code)
}

async fn committed(client: &mut Client) -> i64 {
    let topic = OffsetFetchRequestTopic { name: TOPIC.into(), partition_indexes: vec![0] };
    let group_id = "committers".into();
    let request = OffsetFetchRequest { group_id, topics: Some(vec![topic]), ..Default::default() };
    let response = client.call(&request, 7).await;
    assert_eq!(response.error_code, 0);
    response.topics[0].partitions[0].committed_offset
}

/// Joins as the only member of the group; its id and generation.
async fn join(client: &mut Client) -> (String, i32) {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: b"all"[..].into() };
    let request = JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 60_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "work".into(),
        protocols: vec![protocol],
        ..Default::default()
    };
    let joined = client.call(&request, 3).await;
    assert_eq!(joined.error_code, 0);
    (joined.member_id.into_owned(), joined.generation_id)
}

async fn sync(client: &mut Client, (member, generation): &(String, i32)) -> ErrorCode {
    let assignment = SyncGroupRequestAssignment {
        member_id: member.into(),
        assignment: vec![7; 100_000].into(),
    };
    let request = SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: *generation,
        member_id: member.into(),
        assignments: vec![assignment],
        ..Default::default()
    };
    ErrorCode::from_wire(client.call(&request, 3).await.error_code)
}

async fn heartbeat(client: &mut Client, (member, generation): &(String, i32)) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: *generation,
        member_id: member.into(),
        ..Default::default()
    };
    ErrorCode::from_wire(client.call(&request, 3).await.error_code)
}

async fn find_coordinator(client: &mut Client) {
    let request = FindCoordinatorRequest { key: GROUP.into(), ..Default::default() };
    assert_eq!(client.call(&request, 3).await.error_code, 0);
}

#[tokio::test]
async fn a_full_disk_takes_no_offset_back_and_commits_go_on_by_themselves() {
    let Some(disk) = SmallDisk::mount(DISK_BYTES) else { return };
    let (server, mut client) = disk.start().await;
    client.auto_create(TOPIC).await;
    find_coordinator(&mut client).await;
    assert_eq!(commit(&mut client, 1).await, ErrorCode::None);
    let ballast = disk.fill();
    let mut acknowledged = 1;
    let refused = loop {
        match commit(&mut client, acknowledged + 1).await {
            ErrorCode::None => acknowledged += 1,
            refused => break refused,
        }
    };
    assert!(refused.is_retriable(), "{refused:?}");
    assert_eq!(committed(&mut client).await, acknowledged, "what was refused is not told");
    assert!(commit(&mut client, acknowledged + 1).await.is_retriable(), "there is no room yet");
    drop(ballast);
    assert_eq!(committed(&mut client).await, acknowledged);
    assert_eq!(commit(&mut client, acknowledged + 1).await, ErrorCode::None);
    server.shutdown().await;
    let (server, mut client) = disk.start().await;
    assert_eq!(committed(&mut client).await, acknowledged + 1);
    server.shutdown().await;
}

#[tokio::test]
async fn a_full_disk_stops_a_rebalance_and_the_next_one_succeeds() {
    let Some(disk) = SmallDisk::mount(DISK_BYTES) else { return };
    let (server, mut client) = disk.start().await;
    find_coordinator(&mut client).await;
    let first = join(&mut client).await;
    let ballast = disk.fill();
    let refused = sync(&mut client, &first).await;
    assert!(refused.is_retriable(), "{refused:?}");
    // the generation was not kept: its member has to join again, as the protocol has it
    assert_eq!(heartbeat(&mut client, &first).await, ErrorCode::UnknownMemberId);
    drop(ballast);
    let second = join(&mut client).await;
    assert_eq!(sync(&mut client, &second).await, ErrorCode::None);
    assert_eq!(heartbeat(&mut client, &second).await, ErrorCode::None);
    server.shutdown().await;
    let (server, mut client) = disk.start().await;
    assert_eq!(heartbeat(&mut client, &second).await, ErrorCode::None);
    server.shutdown().await;
}
