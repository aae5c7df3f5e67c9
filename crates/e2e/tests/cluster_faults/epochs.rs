//! Which run of a broker speaks, and of which one others speak: broker epochs as the metadata log has
//! them, and requests that name them.

use e2e::process::succeed;
use e2e::raw::{Connection, fetch_request};
use e2e::{Cluster, klamm};
use serde_json::Value;
use types::{ErrorCode, TopicId};
use wire::FetchRequest;
use wire::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use wire::fetch_request::ReplicaState;

use super::{PATIENCE, controller};

/// The first version with replicas' epochs and topic ids.
const FETCH_VERSION: i16 = 15;
const ALTER_VERSION: i16 = 3;

/// The metadata log of node 1, a record a line: its type and its fields.
fn records(cluster: &Cluster) -> Vec<(String, Value)> {
    let log = cluster.node(1).metadata().join("00000000000000000000.log");
    let mut dump = klamm::tool("kafka-dump-log");
    let dumped = succeed(dump.args(["--cluster-metadata-decoder", "--files"]).arg(log), b"");
    let payload = |line: &str| -> Option<Value> {
        let (_, payload) = line.split_once("payload: ")?;
        serde_json::from_str(payload).ok()
    };
    let named = |mut record: Value| {
        let name = record["type"].as_str()?.to_owned();
        Some((name, record["data"].take()))
    };
    dumped.lines().filter_map(payload).filter_map(named).collect()
}

/// The epoch that a broker's last registration gave it.
pub fn of(cluster: &Cluster, broker: u8) -> i64 {
    let mut registered = records(cluster)
        .into_iter()
        .filter(|(name, data)| name == "REGISTER_BROKER_RECORD" && data["brokerId"] == broker);
    let (_, data) = registered.next_back().expect("it has registered");
    data["brokerEpoch"].as_i64().expect("a number")
}

/// A partition that another broker leads.
struct Led {
    topic: TopicId,
    partition: i32,
    leader: u8,
    leader_epoch: i32,
}

impl Led {
    fn by_another(cluster: &Cluster, topic: &str, broker: u8) -> Option<Self> {
        let topic = cluster.topic(topic)?;
        let mut led = topic.partitions.iter().filter_map(|partition| {
            let leader = partition.leader.and_then(|id| u8::try_from(id).ok())?;
            let (partition, leader_epoch) = (partition.partition, partition.leader_epoch);
            Some(Self { topic: topic.id, partition, leader, leader_epoch })
        });
        led.find(|led| led.leader != broker)
    }

    /// How often the partition has changed.
    fn partition_epoch(&self, cluster: &Cluster) -> i32 {
        let topic = self.topic.to_string();
        let changes = records(cluster).into_iter().filter(|(name, data)| {
            let of_it = data["topicId"] == *topic && data["partitionId"] == self.partition;
            of_it && name == "PARTITION_CHANGE_RECORD"
        });
        i32::try_from(changes.count()).expect("a few")
    }
}

/// What the leader of a partition answers to a follower's fetch of such a run.
pub fn fetched(
    cluster: &Cluster,
    topic: &str,
    replica: u8,
    replica_epoch: i64,
) -> Option<ErrorCode> {
    let led = Led::by_another(cluster, topic, replica)?;
    let mut request = FetchRequest {
        replica_state: ReplicaState { replica_id: replica.into(), replica_epoch },
        ..fetch_request("", led.partition, 0)
    };
    request.topics[0].topic_id = led.topic;
    let leader = cluster.node(led.leader).address().parse().expect("an address");
    let mut connection = Connection::to(leader, PATIENCE).ok()?;
    connection.send(&request, FETCH_VERSION).ok()?;
    let code = connection.receive::<FetchRequest<'_>, _>(FETCH_VERSION, |response| {
        response.responses[0].partitions[0].error_code
    });
    code.ok().map(ErrorCode::from_wire)
}

/// What the controller answers to a leader that has such a run of another broker in sync.
pub fn let_in(cluster: &Cluster, topic: &str, broker: u8, epoch: i64) -> Option<ErrorCode> {
    let led = Led::by_another(cluster, topic, broker)?;
    let in_sync = cluster.brokers().into_iter().map(|id| BrokerState {
        broker_id: id.into(),
        broker_epoch: if id == broker { epoch } else { of(cluster, id) },
    });
    let partition = PartitionData {
        partition_index: led.partition,
        leader_epoch: led.leader_epoch,
        new_isr_with_epochs: in_sync.collect(),
        partition_epoch: led.partition_epoch(cluster),
        ..PartitionData::default()
    };
    let request = AlterPartitionRequest {
        broker_id: led.leader.into(),
        broker_epoch: of(cluster, led.leader),
        topics: vec![TopicData { topic_id: led.topic, partitions: vec![partition] }],
    };
    let mut connection = Connection::to(controller(cluster), PATIENCE).ok()?;
    connection.send(&request, ALTER_VERSION).ok()?;
    let code = connection.receive::<AlterPartitionRequest, _>(ALTER_VERSION, |response| {
        response.topics[0].partitions[0].error_code
    });
    code.ok().map(ErrorCode::from_wire)
}
