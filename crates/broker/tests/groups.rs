//! Groups over the wire: what is kept survives, what waits is answered.

mod common;

use common::{Client, Server};
use types::ErrorCode;
use wire::delete_topics_request::DeleteTopicState;
use wire::join_group_request::JoinGroupRequestProtocol;
use wire::join_group_response::JoinGroupResponse;
use wire::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use wire::offset_fetch_request::OffsetFetchRequestTopic;
use wire::{
    DeleteTopicsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    ListGroupsRequest, Message, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    SyncGroupRequest,
};

const TOPIC: &str = "t";
const GROUP: &str = "g";

const WORKERS: usize = 8;
const COMMITS: i64 = 25;

/// The first look for a coordinator makes the topic that groups are kept in.
async fn find_coordinator(client: &mut Client) {
    let request = FindCoordinatorRequest { key: GROUP.into(), ..Default::default() };
    let response = client.call(&request, 3).await;
    assert_eq!((response.error_code, response.node_id), (0, 1));
}

fn commit_request(group: &str, offset: i64) -> OffsetCommitRequest<'_> {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: offset,
        committed_metadata: Some("note".into()),
        ..Default::default()
    };
    let name = TOPIC.into();
    let topic =
        OffsetCommitRequestTopic { name, partitions: vec![partition], ..Default::default() };
    let group_id = group.into();
    OffsetCommitRequest { group_id, topics: vec![topic], ..Default::default() }
}

async fn commit(client: &mut Client, group: &str, offset: i64) -> i16 {
    let response = client.call(&commit_request(group, offset), 8).await;
    response.topics[0].partitions[0].error_code
}

async fn committed(client: &mut Client, group: &str) -> i64 {
    let topic = OffsetFetchRequestTopic { name: TOPIC.into(), partition_indexes: vec![0] };
    let request = OffsetFetchRequest {
        group_id: group.to_owned().into(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let response = client.call(&request, 7).await;
    assert_eq!(response.error_code, 0);
    response.topics[0].partitions[0].committed_offset
}

fn join_request(member: &str) -> JoinGroupRequest<'_> {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: b"all"[..].into() };
    JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 6_000,
        rebalance_timeout_ms: 300_000,
        member_id: member.into(),
        protocol_type: "work".into(),
        protocols: vec![protocol],
        ..Default::default()
    }
}

/// A member of generation 1 that leads itself.
async fn lone_member(client: &mut Client) -> String {
    let joined = client.call(&join_request(""), 3).await;
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    let assignments = vec![wire::sync_group_request::SyncGroupRequestAssignment {
        member_id: joined.member_id.clone(),
        assignment: b"everything"[..].into(),
    }];
    let sync = SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: 1,
        member_id: joined.member_id.clone(),
        assignments,
        ..Default::default()
    };
    let synced = client.call(&sync, 3).await;
    assert_eq!((synced.error_code, &*synced.assignment), (0, &b"everything"[..]));
    joined.member_id.into_owned()
}

async fn heartbeat(client: &mut Client, member: &str) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: 1,
        member_id: member.into(),
        ..Default::default()
    };
    ErrorCode::from_wire(client.call(&request, 3).await.error_code)
}

#[tokio::test]
async fn groups_and_offsets_are_there_after_a_restart() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    assert_eq!(commit(&mut client, GROUP, 1).await, ErrorCode::NotCoordinator.code());
    find_coordinator(&mut client).await;
    assert_eq!(committed(&mut client, "other").await, -1);
    assert_eq!(commit(&mut client, "other", 7).await, 0);
    let member = lone_member(&mut client).await;
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    assert_eq!(committed(&mut client, "other").await, 7);
    assert_eq!(heartbeat(&mut client, &member).await, ErrorCode::None);
    let listed = client.call(&ListGroupsRequest::default(), 4).await;
    let mut listed: Vec<_> =
        listed.groups.iter().map(|g| (&*g.group_id, &*g.group_state)).collect();
    listed.sort_unstable();
    assert_eq!(listed, [(GROUP, "Stable"), ("other", "Empty")]);
    server.stop().await;
}

#[tokio::test]
async fn many_connections_commit_at_once_and_nothing_is_lost() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    find_coordinator(&mut client).await;
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        workers.push((format!("group-{worker}"), server.connect().await));
    }
    for offset in 0..COMMITS {
        for (group, client) in &mut workers {
            client.send(&commit_request(group, offset), 8).await;
        }
        for (_, client) in &mut workers {
            let frame = client.receive().await;
            let (_, mut body) = wire::decode_response_header(&frame, wire::ApiKey::OffsetCommit, 8)
                .expect("header");
            let response = OffsetCommitResponse::decode(&mut body, 8).expect("a response");
            assert_eq!(response.topics[0].partitions[0].error_code, 0);
        }
    }
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    for (group, _) in &workers {
        assert_eq!(committed(&mut client, group).await, COMMITS - 1);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_join_that_waits_is_answered_when_the_server_stops() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    find_coordinator(&mut client).await;
    let member = lone_member(&mut client).await;
    let mut second = server.connect().await;
    // the first member would have to join again, and does not
    let id = second.send(&join_request(""), 3).await;
    let received = tokio::spawn(async move { second.receive().await });
    while heartbeat(&mut client, &member).await != ErrorCode::RebalanceInProgress {}
    server.stop().await;
    let frame = received.await.expect("an answer comes");
    let (header, mut body) =
        wire::decode_response_header(&frame, wire::ApiKey::JoinGroup, 3).expect("a header");
    assert_eq!(header.correlation_id, id);
    let response = JoinGroupResponse::decode(&mut body, 3).expect("a response");
    assert_eq!(response.error_code, ErrorCode::NotCoordinator.code());
}

#[tokio::test]
async fn a_silent_member_is_thrown_out_without_anybody_asking() {
    let server = Server::start_with(&[("group.min.session.timeout.ms", "50")]).await;
    let mut client = server.connect().await;
    find_coordinator(&mut client).await;
    let silent = JoinGroupRequest { session_timeout_ms: 50, ..join_request("") };
    let joined = client.call(&silent, 3).await;
    assert_eq!(joined.error_code, 0);
    let mut second = server.connect().await;
    // waits for the first to come back, which it does not: its session ends first
    let joined = second.call(&join_request(""), 3).await;
    assert_eq!((joined.error_code, joined.members.len()), (0, 1));
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_offsets_topic_takes_its_groups_along() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    find_coordinator(&mut client).await;
    assert_eq!(commit(&mut client, GROUP, 1).await, 0);
    let member = lone_member(&mut client).await;
    let name = Some("__consumer_offsets".into());
    let topic = DeleteTopicState { name, ..Default::default() };
    let delete = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(client.call(&delete, 6).await.responses[0].error_code, 0);
    assert_eq!(heartbeat(&mut client, &member).await, ErrorCode::NotCoordinator);
    find_coordinator(&mut client).await;
    assert_eq!(heartbeat(&mut client, &member).await, ErrorCode::UnknownMemberId);
    assert_eq!(committed(&mut client, GROUP).await, -1);
    assert_eq!(commit(&mut client, GROUP, 2).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn offsets_are_forgotten_with_their_topic() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    find_coordinator(&mut client).await;
    assert_eq!(commit(&mut client, GROUP, 1).await, 0);
    let topic = DeleteTopicState { name: Some(TOPIC.into()), ..Default::default() };
    let delete = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(client.call(&delete, 6).await.responses[0].error_code, 0);
    // soon: it is told behind the answer
    while committed(&mut client, GROUP).await != -1 {}
    server.stop().await;
}
