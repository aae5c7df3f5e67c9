//! Every API that Klamm advertises is answered in every version that it advertises, on a topic and
//! a group that exist: an answer that does not fit its version would close the connection.

use std::collections::BTreeSet;

use e2e::Klamm;
use e2e::raw::{Connection, batch};
use types::TopicId;
use wire::catalogue::{CATALOGUE, Kind};
use wire::*;

const TOPIC: &str = "versions";
const METADATA_TOPIC: &str = "__cluster_metadata";
const GROUP: &str = "readers";
const TIMEOUT_MS: i32 = 10_000;
/// First versions that name topics by their ids.
const PRODUCE_BY_ID: i16 = 13;
const FETCH_BY_ID: i16 = 13;
const OFFSETS_BY_ID: i16 = 10;

struct Asker {
    klamm: Klamm,
    /// Of the listener that is asked.
    port: u16,
    topic_id: TopicId,
    asked: BTreeSet<i16>,
}

impl Asker {
    /// Sends `make(version)` in every version of its API; each must be answered.
    fn ask<'a, R: Request<'a>>(&mut self, make: impl Fn(i16) -> R) {
        self.asked.insert(R::KEY.code());
        for version in R::KEY.stable_versions().expect("a live API").iter() {
            self.ask_once(&make(version), version);
        }
    }

    fn ask_once<'a, R: Request<'a>>(&self, request: &R, version: i16) {
        let what = format!("{} version {version}", R::KEY.name());
        let mut connection = Connection::open(self.port).expect("connect");
        connection.send(request, version).expect("send");
        let body = connection.receive_body(R::KEY, version);
        let body = body.unwrap_or_else(|e| panic!("{what}: {e}\n{}", self.klamm.log()));
        let of_key = |kind| kind == Kind::Response;
        let entry = CATALOGUE.iter().find(|e| of_key(e.kind) && e.id == Some(R::KEY.code()));
        let decoded = (entry.expect("every API has a response").decode)(body, version);
        assert_eq!(decoded, Ok(()), "{what}");
    }

    fn by_id(&self, version: i16, first: i16) -> (Str<'static>, TopicId) {
        if version >= first { ("".into(), self.topic_id) } else { (TOPIC.into(), TopicId::ZERO) }
    }
}

fn advertised(klamm: &Klamm) -> BTreeSet<i16> {
    let mut connection = Connection::open(klamm.port()).expect("connect");
    connection.send(&ApiVersionsRequest::default(), 0).expect("send");
    connection
        .receive::<ApiVersionsRequest<'_>, _>(0, |r| r.api_keys.iter().map(|k| k.api_key).collect())
        .expect("an answer")
}

fn create_topic(klamm: &Klamm) -> TopicId {
    let mut connection = Connection::open(klamm.port()).expect("connect");
    connection.send(&e2e::raw::create_request(TOPIC, 2), e2e::raw::CREATE_VERSION).expect("send");
    let version = e2e::raw::CREATE_VERSION;
    connection
        .receive::<CreateTopicsRequest<'_>, _>(version, |r| r.topics[0].topic_id)
        .expect("an answer")
}

#[test]
fn every_advertised_version_is_answered() {
    let klamm = Klamm::start();
    let topic_id = create_topic(&klamm);
    let port = klamm.port();
    let mut asker = Asker { klamm, port, topic_id, asked: BTreeSet::new() };
    ask_for_data(&mut asker);
    ask_for_offsets(&mut asker);
    ask_for_groups(&mut asker);
    ask_for_topics(&mut asker);
    ask_for_the_cluster(&mut asker);
    let left: Vec<_> = advertised(&asker.klamm).difference(&asker.asked).copied().collect();
    assert!(left.is_empty(), "advertised, and not asked here: {left:?}");
}

/// What only nodes ask, and the metadata log.
#[test]
fn a_controllers_own_versions_are_answered() {
    let klamm = Klamm::start();
    let port = klamm.controller_port();
    let mut asker = Asker { klamm, port, topic_id: TopicId::ZERO, asked: BTreeSet::new() };
    asker.ask(|version| {
        let (topic, topic_id) = match version {
            FETCH_BY_ID.. => ("".into(), TopicId::ONE),
            _ => (METADATA_TOPIC.into(), TopicId::ZERO),
        };
        let partition =
            fetch_request::FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
        let topics =
            vec![fetch_request::FetchTopic { topic, topic_id, partitions: vec![partition] }];
        FetchRequest { max_bytes: 1 << 20, topics, ..Default::default() }
    });
    asker.ask(|_| FetchSnapshotRequest {
        topics: vec![fetch_snapshot_request::TopicSnapshot {
            name: METADATA_TOPIC.into(),
            partitions: vec![fetch_snapshot_request::PartitionSnapshot::default()],
        }],
        ..Default::default()
    });
    asker.ask(|_| BrokerRegistrationRequest { broker_id: 99, ..Default::default() });
    asker.ask(|_| BrokerHeartbeatRequest { broker_id: 99, ..Default::default() });
    asker.ask(|_| ControllerRegistrationRequest { controller_id: 1, ..Default::default() });
    asker.ask(|_| AllocateProducerIdsRequest { broker_id: 99, ..Default::default() });
    asker.ask(|_| AlterPartitionRequest { broker_id: 99, ..Default::default() });
    asker.ask(|_| AssignReplicasToDirsRequest { broker_id: 99, ..Default::default() });
    asker.ask(|_| EnvelopeRequest::default());
    ask_of_the_quorum(&mut asker);
}

/// Voters of another cluster, so that nothing comes of it.
fn ask_of_the_quorum(asker: &mut Asker) {
    let cluster_id = || Some("another".into());
    asker.ask(|_| VoteRequest { cluster_id: cluster_id(), ..Default::default() });
    asker.ask(|_| BeginQuorumEpochRequest { cluster_id: cluster_id(), ..Default::default() });
    asker.ask(|_| EndQuorumEpochRequest { cluster_id: cluster_id(), ..Default::default() });
    asker.ask(|_| UpdateRaftVoterRequest { cluster_id: cluster_id(), ..Default::default() });
}

fn ask_for_data(asker: &mut Asker) {
    let records = batch(["a", "b"]);
    for version in ApiKey::Produce.stable_versions().expect("live").iter() {
        let (name, topic_id) = asker.by_id(version, PRODUCE_BY_ID);
        let data = produce_request::PartitionProduceData {
            index: 0,
            records: Records::Inline(records.as_slice().into()),
        };
        let topic =
            produce_request::TopicProduceData { name, topic_id, partition_data: vec![data] };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![topic],
            ..Default::default()
        };
        asker.ask_once(&request, version);
    }
    asker.asked.insert(ApiKey::Produce.code());
    for version in ApiKey::Fetch.stable_versions().expect("live").iter() {
        let (topic, topic_id) = asker.by_id(version, FETCH_BY_ID);
        let partition =
            fetch_request::FetchPartition { partition_max_bytes: 1 << 20, ..Default::default() };
        let partitions = vec![partition];
        let topics = vec![fetch_request::FetchTopic { topic, topic_id, partitions }];
        let request = FetchRequest { max_bytes: 1 << 20, topics, ..Default::default() };
        asker.ask_once(&request, version);
    }
    asker.asked.insert(ApiKey::Fetch.code());
    asker.ask(|_| DeleteRecordsRequest {
        topics: vec![delete_records_request::DeleteRecordsTopic {
            name: TOPIC.into(),
            partitions: vec![delete_records_request::DeleteRecordsPartition {
                partition_index: 0,
                offset: 1,
            }],
        }],
        timeout_ms: TIMEOUT_MS,
    });
    asker.ask(|_| InitProducerIdRequest {
        transaction_timeout_ms: TIMEOUT_MS,
        ..Default::default()
    });
    asker.ask(|_| DescribeProducersRequest {
        topics: vec![describe_producers_request::TopicRequest {
            name: TOPIC.into(),
            partition_indexes: vec![0],
        }],
    });
}

fn ask_for_offsets(asker: &mut Asker) {
    for timestamp in [-1, -2, 0] {
        asker.ask(|_| ListOffsetsRequest {
            replica_id: -1,
            topics: vec![list_offsets_request::ListOffsetsTopic {
                name: TOPIC.into(),
                partitions: vec![list_offsets_request::ListOffsetsPartition {
                    timestamp,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        });
    }
    asker.ask(|_| OffsetForLeaderEpochRequest {
        replica_id: -1,
        topics: vec![offset_for_leader_epoch_request::OffsetForLeaderTopic {
            topic: TOPIC.into(),
            partitions: vec![offset_for_leader_epoch_request::OffsetForLeaderPartition::default()],
        }],
    });
    for version in ApiKey::OffsetCommit.stable_versions().expect("live").iter() {
        let (name, topic_id) = asker.by_id(version, OFFSETS_BY_ID);
        let partitions = vec![offset_commit_request::OffsetCommitRequestPartition {
            committed_offset: 1,
            committed_metadata: Some("m".into()),
            ..Default::default()
        }];
        let topic = offset_commit_request::OffsetCommitRequestTopic { name, topic_id, partitions };
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            topics: vec![topic],
            ..Default::default()
        };
        asker.ask_once(&request, version);
    }
    asker.asked.insert(ApiKey::OffsetCommit.code());
    for version in ApiKey::OffsetFetch.stable_versions().expect("live").iter() {
        asker.ask_once(&offset_fetch(asker, version), version);
    }
    asker.asked.insert(ApiKey::OffsetFetch.code());
    asker.ask(|_| OffsetDeleteRequest {
        group_id: GROUP.into(),
        topics: vec![offset_delete_request::OffsetDeleteRequestTopic {
            name: TOPIC.into(),
            partitions: vec![offset_delete_request::OffsetDeleteRequestPartition::default()],
        }],
    });
}

fn offset_fetch(asker: &Asker, version: i16) -> OffsetFetchRequest<'static> {
    const FIRST_WITH_GROUPS: i16 = 8;
    if version < FIRST_WITH_GROUPS {
        let topic = offset_fetch_request::OffsetFetchRequestTopic {
            name: TOPIC.into(),
            partition_indexes: vec![0],
        };
        let topics = Some(vec![topic]);
        return OffsetFetchRequest { group_id: GROUP.into(), topics, ..Default::default() };
    }
    let (name, topic_id) = asker.by_id(version, OFFSETS_BY_ID);
    let topic = offset_fetch_request::OffsetFetchRequestTopics {
        name,
        topic_id,
        partition_indexes: vec![0],
    };
    let group = offset_fetch_request::OffsetFetchRequestGroup {
        group_id: GROUP.into(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    OffsetFetchRequest { groups: vec![group], ..Default::default() }
}

fn ask_for_groups(asker: &mut Asker) {
    const FIRST_BATCHED: i16 = 4;
    asker.ask(|version| {
        if version < FIRST_BATCHED {
            FindCoordinatorRequest { key: GROUP.into(), ..Default::default() }
        } else {
            let coordinator_keys = vec![GROUP.into()];
            FindCoordinatorRequest { coordinator_keys, ..Default::default() }
        }
    });
    asker.ask(|_| JoinGroupRequest {
        group_id: "joiners".into(),
        session_timeout_ms: TIMEOUT_MS,
        rebalance_timeout_ms: TIMEOUT_MS,
        protocol_type: "consumer".into(),
        // no protocols: refused at once in every version instead of waiting for others
        ..Default::default()
    });
    asker.ask(|_| SyncGroupRequest { group_id: GROUP.into(), ..Default::default() });
    asker.ask(|_| HeartbeatRequest { group_id: GROUP.into(), ..Default::default() });
    asker.ask(|_| LeaveGroupRequest { group_id: GROUP.into(), ..Default::default() });
    let groups = || vec![GROUP.into(), "nobody".into()];
    asker.ask(|_| DescribeGroupsRequest { groups: groups(), ..Default::default() });
    asker.ask(|_| ListGroupsRequest::default());
    asker.ask(|_| DeleteGroupsRequest { groups_names: groups() });
}

fn ask_for_topics(asker: &mut Asker) {
    asker.ask(|_| MetadataRequest { topics: Some(Vec::new()), ..Default::default() });
    let name = || MetadataRequest {
        topics: Some(vec![metadata_request::MetadataRequestTopic {
            name: Some(TOPIC.into()),
            ..Default::default()
        }]),
        allow_auto_topic_creation: true,
        ..Default::default()
    };
    asker.ask(|_| name());
    asker.ask(|_| DescribeTopicPartitionsRequest {
        topics: vec![describe_topic_partitions_request::TopicRequest { name: TOPIC.into() }],
        ..Default::default()
    });
    asker.ask(|version| CreateTopicsRequest {
        topics: vec![create_topics_request::CreatableTopic {
            name: format!("created-{version}").into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        }],
        timeout_ms: TIMEOUT_MS,
        ..Default::default()
    });
    asker.ask(|version| CreatePartitionsRequest {
        topics: vec![create_partitions_request::CreatePartitionsTopic {
            name: TOPIC.into(),
            count: i32::from(version) + 3,
            ..Default::default()
        }],
        timeout_ms: TIMEOUT_MS,
        ..Default::default()
    });
    const FIRST_BY_ID: i16 = 6;
    asker.ask(|version| {
        let name: Str<'_> = format!("created-{}", version + 1).into();
        let mut request = DeleteTopicsRequest { timeout_ms: TIMEOUT_MS, ..Default::default() };
        if version < FIRST_BY_ID {
            request.topic_names = vec![name];
        } else {
            let topic =
                delete_topics_request::DeleteTopicState { name: Some(name), ..Default::default() };
            request.topics = vec![topic];
        }
        request
    });
}

fn ask_for_the_cluster(asker: &mut Asker) {
    const TOPIC_RESOURCE: i8 = 2;
    asker.ask(|version| ApiVersionsRequest {
        client_software_name: if version >= 3 { "e2e".into() } else { "".into() },
        client_software_version: if version >= 3 { "1".into() } else { "".into() },
        ..Default::default()
    });
    asker.ask(|_| DescribeConfigsRequest {
        resources: vec![describe_configs_request::DescribeConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: TOPIC.into(),
            configuration_keys: None,
        }],
        ..Default::default()
    });
    asker.ask(|_| AlterConfigsRequest {
        resources: vec![alter_configs_request::AlterConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: TOPIC.into(),
            configs: Vec::new(),
        }],
        ..Default::default()
    });
    asker.ask(|_| IncrementalAlterConfigsRequest {
        resources: vec![incremental_alter_configs_request::AlterConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: TOPIC.into(),
            configs: Vec::new(),
        }],
        ..Default::default()
    });
    asker.ask(|_| ListConfigResourcesRequest::default());
    asker.ask(|_| DescribeLogDirsRequest { topics: None });
    asker.ask(|_| AlterReplicaLogDirsRequest::default());
    asker.ask(|_| ElectLeadersRequest {
        topic_partitions: None,
        timeout_ms: TIMEOUT_MS,
        ..Default::default()
    });
    asker.ask(|_| UpdateFeaturesRequest { timeout_ms: TIMEOUT_MS, ..Default::default() });
    asker.ask(|_| DescribeClusterRequest::default());
    asker.ask(|_| UnregisterBrokerRequest { broker_id: 99 });
    asker.ask(|_| UnregisterControllerRequest { controller_id: 99 });
    asker.ask(|_| AlterPartitionReassignmentsRequest::default());
    asker.ask(|_| ListPartitionReassignmentsRequest::default());
    let cluster_id = || Some("another".into());
    asker.ask(|_| AddRaftVoterRequest { cluster_id: cluster_id(), ..Default::default() });
    asker.ask(|_| RemoveRaftVoterRequest { cluster_id: cluster_id(), ..Default::default() });
    asker.ask(|_| DescribeQuorumRequest {
        topics: vec![describe_quorum_request::TopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![describe_quorum_request::PartitionData::default()],
        }],
    });
}
