//! Where a broker sends clients that have come to the wrong one: to the leader of the partition
//! (KIP-951), and to the coordinator of a group, once there are brokers enough to keep groups.
//!
//! `E2E_PRODUCT=kafka` asks Apache Kafka's brokers the same.

#[path = "replication/cluster.rs"]
#[allow(dead_code, reason = "each suite uses a part")]
mod cluster;

use cluster::{Cluster, on_runtime, rack};
use e2e::raw::{Connection, batch, fetch_request, produce_request};
use e2e::{Node, Product, wait};
use types::{ErrorCode, TopicId};
use wire::find_coordinator_response::Coordinator;
use wire::{
    FetchRequest, FindCoordinatorRequest, Message, MetadataRequest, ProduceRequest, Request,
    Writer, fetch_response, produce_response,
};

const TOPIC: &str = "t";
const METADATA_VERSION: i16 = 12;
const FIND_VERSION: i16 = 6;
/// From these on topics go by their ids.
const PRODUCE_BY_ID: i16 = 13;
const FETCH_BY_ID: i16 = 13;
/// From these on leaders are named.
const PRODUCE_WITH_LEADERS: i16 = 10;
const FETCH_WITH_LEADERS: i16 = 16;

/// The answer of the broker at `port`, which holds nothing that the version does not know.
fn asked<'a, Q: Request<'a>>(port: u16, request: &Q, version: i16) -> Q::Response<'static> {
    let mut connection = Connection::open(port).expect("connect");
    connection.send(request, version).expect("send");
    let body: &'static [u8] =
        connection.receive_body(Q::KEY, version).expect("an answer").to_vec().leak();
    let response = Q::Response::from_bytes(body, version).expect("a response");
    let mut again = Writer::new();
    response.encode(&mut again, version).expect("what was decoded");
    assert_eq!(again.into_plan().inline, body, "{} {version}", Q::KEY.name());
    response
}

/// The partition's topic, its leader and the leader's epoch, as the broker at `port` knows them.
fn metadata(port: u16) -> (TopicId, i32, i32) {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let response = asked(port, &request, METADATA_VERSION);
    let topic = response.topics.iter().find(|topic| topic.name.as_deref() == Some(TOPIC));
    let topic = topic.expect("it was created");
    let partition = &topic.partitions[0];
    (topic.topic_id, partition.leader_id, partition.leader_epoch)
}

/// What an answer says of leaders: the error, the leader and its epoch, and where it is reached.
#[derive(Debug, PartialEq)]
struct Told {
    code: ErrorCode,
    leader: (i32, i32),
    reached: Vec<(i32, String, i32, Option<String>)>,
}

fn produced(port: u16, id: TopicId, version: i16) -> Told {
    let records = batch(["too late"]);
    let mut request = produce_request(TOPIC, 0, &records);
    if version >= PRODUCE_BY_ID {
        let topic = &mut request.topic_data[0];
        (topic.name, topic.topic_id) = ("".into(), id);
    }
    let response = asked::<ProduceRequest<'_>>(port, &request, version);
    let partition = &response.responses[0].partition_responses[0];
    let reached = |node: &produce_response::NodeEndpoint<'_>| {
        let rack = node.rack.as_ref().map(ToString::to_string);
        (node.node_id, node.host.to_string(), node.port, rack)
    };
    Told {
        code: ErrorCode::from_wire(partition.error_code),
        leader: (partition.current_leader.leader_id, partition.current_leader.leader_epoch),
        reached: response.node_endpoints.iter().map(reached).collect(),
    }
}

fn fetched(port: u16, id: TopicId, version: i16) -> Told {
    let mut request = fetch_request(TOPIC, 0, 0);
    if version >= FETCH_BY_ID {
        let topic = &mut request.topics[0];
        (topic.topic, topic.topic_id) = ("".into(), id);
    }
    // a replica serves whoever does not say that he knows the leader's term
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let response = asked::<FetchRequest<'_>>(port, &request, version);
    let partition = &response.responses[0].partitions[0];
    let reached = |node: &fetch_response::NodeEndpoint<'_>| {
        let rack = node.rack.as_ref().map(ToString::to_string);
        (node.node_id, node.host.to_string(), node.port, rack)
    };
    Told {
        code: ErrorCode::from_wire(partition.error_code),
        leader: (partition.current_leader.leader_id, partition.current_leader.leader_epoch),
        reached: response.node_endpoints.iter().map(reached).collect(),
    }
}

#[test]
fn who_comes_to_a_former_leader_is_told_where_the_leader_is() {
    let product = Product::under_test();
    let Some(mut cluster) = Cluster::start(product, &[product; 3], "") else { return };
    on_runtime(async {
        cluster.create(TOPIC, &[]).await;
        assert_eq!(cluster.await_in_sync(TOPIC, 3).await, 0);
        cluster.brokers[0].kill();
        let leader = wait::eventually("another one leads", async || {
            cluster.state(TOPIC).await.filter(|(leader, _)| *leader != 0)
        });
        let (leader, _) = leader.await;
        cluster.brokers[0].restart();
        assert_eq!(cluster.await_in_sync(TOPIC, 3).await, leader);
        let (former, port) = (cluster.brokers[0].port(), cluster.brokers[leader].port());
        let (id, leader_id, epoch) = metadata(port);
        assert_eq!((leader_id, epoch > 0), (Cluster::id(leader), true));
        let address = ("127.0.0.1".to_owned(), i32::from(port), Some(rack(leader)));
        let told = |code, is_known: bool| Told {
            code,
            leader: if is_known { (leader_id, epoch) } else { (-1, -1) },
            reached: match is_known {
                true => vec![(leader_id, address.0.clone(), address.1, address.2.clone())],
                false => Vec::new(),
            },
        };
        let versions = ProduceRequest::KEY.stable_versions().expect("it is served");
        for version in versions.min..=versions.max {
            let expected = told(ErrorCode::NotLeaderOrFollower, version >= PRODUCE_WITH_LEADERS);
            assert_eq!(produced(former, id, version), expected, "Produce {version}");
        }
        // the first one that has the field for a leader's epoch
        const FIRST_WITH_EPOCHS: i16 = 9;
        let versions = FetchRequest::KEY.stable_versions().expect("it is served");
        for version in FIRST_WITH_EPOCHS..=versions.max {
            let expected = told(ErrorCode::FencedLeaderEpoch, version >= FETCH_WITH_LEADERS);
            assert_eq!(fetched(former, id, version), expected, "Fetch {version}");
        }
    });
}

fn coordinator(port: u16) -> Coordinator<'static> {
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["group".into()],
        ..FindCoordinatorRequest::default()
    };
    let mut response = asked::<FindCoordinatorRequest<'_>>(port, &request, FIND_VERSION);
    response.coordinators.remove(0)
}

/// How many replicas each partition of the topic that keeps groups has.
fn keepers(port: u16) -> Vec<usize> {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    let response = asked(port, &request, METADATA_VERSION);
    let of_groups = |name: &str| name == "__consumer_offsets";
    let topics =
        response.topics.iter().filter(|topic| topic.name.as_deref().is_some_and(of_groups));
    topics.flat_map(|topic| &topic.partitions).map(|p| p.replica_nodes.len()).collect()
}

#[test]
fn groups_wait_for_as_many_brokers_as_shall_keep_them() {
    let product = Product::under_test();
    let Some(controller) = Node::controller(product, 1, "") else { return };
    let join = |id| {
        let more = "offsets.topic.replication.factor=3\n";
        Node::broker(product, id, controller.port(), more).expect("it is there")
    };
    let brokers = [join(2), join(3)];
    wait::until("both brokers are in service", || {
        let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let known = asked(brokers[0].port(), &request, METADATA_VERSION);
        (known.brokers.len() == 2).then_some(())
    });
    for broker in &brokers {
        // every question has the broker try
        for _ in 0..3 {
            let refused = coordinator(broker.port());
            let code = ErrorCode::from_wire(refused.error_code);
            assert_eq!(code, ErrorCode::CoordinatorNotAvailable);
            assert_eq!((refused.node_id, &*refused.host, refused.port), (-1, "", -1));
        }
        assert_eq!(keepers(broker.port()), [0; 0]);
    }
    let third = join(4);
    let found = wait::until("a coordinator is found", || {
        let found = coordinator(brokers[0].port());
        (found.error_code == 0).then_some(found)
    });
    let ports = [&brokers[0], &brokers[1], &third].map(|broker| i32::from(broker.port()));
    let index = usize::try_from(found.node_id - 2).expect("one of the brokers");
    assert_eq!((&*found.host, found.port), ("127.0.0.1", ports[index]));
    assert_eq!(keepers(brokers[0].port()), [3; 5]);
}
