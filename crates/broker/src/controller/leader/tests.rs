//! A broker of another process at a controller on a disk in memory: it comes, goes and is missed.

use std::time::Duration;

use log::MemDisk;
use metadata::BrokerRun;
use metadata::decide::{AlterPartition, CreateTopics};
use metadata::image::Endpoint;
use tokio::net::TcpListener;
use types::{BrokerEpoch, DirectoryId, ErrorCode, NodeId, Uuid};
use wire::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest,
};

use super::super::{
    BrokerMembership, ChoreIntervals, Controller, Membership, MetadataLogSettings, Moment, tests,
};

const OTHER: NodeId = NodeId(2);

fn membership(incarnation: u8, port: u16) -> Membership {
    Membership {
        node: OTHER,
        cluster_id: "AAAAAAAAAAAAAAAAAAAAZg".to_owned(),
        incarnation: Uuid([incarnation; 16]),
        broker: Some(BrokerMembership {
            endpoints: vec![Endpoint::new("PLAINTEXT", "127.0.0.1", port, 0)],
            rack: None,
            directories: vec![DirectoryId::from_random([2; 16])],
            directory_news: tokio::sync::watch::channel(Default::default()).1,
            epoch_left_in: None,
            beats_often: true,
        }),
        controller_endpoints: Vec::new(),
        unstable_features: false,
    }
}

async fn register(
    controller: &Controller<MemDisk>,
    membership: &Membership,
) -> Result<BrokerRun, ErrorCode> {
    let broker = membership.broker.as_ref().expect("it is one");
    let reply = controller.register_broker(membership.broker_request(broker)).await.unwrap();
    match ErrorCode::from_wire(reply.error_code) {
        ErrorCode::None => Ok(BrokerRun { broker: OTHER, epoch: BrokerEpoch(reply.broker_epoch) }),
        code => Err(code),
    }
}

async fn beat(controller: &Controller<MemDisk>, run: BrokerRun, want_fence: bool) {
    let request = BrokerHeartbeatRequest {
        broker_id: run.broker.0,
        broker_epoch: run.epoch.0,
        current_metadata_offset: i64::MAX,
        want_fence,
        ..BrokerHeartbeatRequest::default()
    };
    let reply = controller.heartbeat(request).await.unwrap();
    assert_eq!(reply.error_code, ErrorCode::None.code());
    shown(controller).await;
}

/// What was decided for brokers, which do not wait for it, is in the image.
async fn shown(controller: &Controller<MemDisk>) {
    controller.ask_for(Moment::Shown, |_, _| Ok(())).await.unwrap();
}

async fn connection_closed(controller: &Controller<MemDisk>, run: BrokerRun) {
    controller.connection_closed(run).await;
    shown(controller).await;
}

fn controller(chores: ChoreIntervals) -> Controller<MemDisk> {
    let mut settings = tests::settings(MetadataLogSettings::default());
    // who is fenced is so for another reason than its session
    settings.sessions.short_ms = 600_000;
    settings.chores = chores;
    Controller::start_on(tests::disk(), settings, Box::new(|_, _| ())).unwrap()
}

#[tokio::test]
async fn a_broker_whose_listener_is_closed_is_fenced_and_one_that_listens_is_not() {
    let controller = controller(ChoreIntervals::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let run = register(&controller, &membership(1, port)).await.unwrap();
    beat(&controller, run, false).await;
    connection_closed(&controller, run).await;
    assert!(controller.image().is_active(OTHER), "its listener is open");
    drop(listener);
    let earlier = BrokerRun { epoch: BrokerEpoch(0), ..run };
    connection_closed(&controller, earlier).await;
    assert!(controller.image().is_active(OTHER), "the connection of another run");
    connection_closed(&controller, run).await;
    assert!(!controller.image().is_active(OTHER));
    beat(&controller, run, false).await;
    assert!(controller.image().is_active(OTHER), "it lives after all");
}

#[tokio::test]
async fn a_broker_that_died_while_nobody_led_is_fenced_when_somebody_does() {
    let disk = tests::disk();
    let start = || {
        let mut settings = tests::settings(MetadataLogSettings::default());
        settings.sessions.short_ms = 600_000;
        Controller::start_on(disk.clone(), settings, Box::new(|_, _| ())).unwrap()
    };
    let controller = start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let run = register(&controller, &membership(1, port)).await.unwrap();
    beat(&controller, run, false).await;
    controller.stop();
    let controller = start();
    beat(&controller, run, false).await;
    assert!(controller.image().is_active(OTHER), "it beats");
    controller.stop();
    drop(listener);
    let controller = start();
    until(&controller, || !controller.image().is_active(OTHER)).await;
}

#[tokio::test]
async fn a_second_process_waits_unless_the_first_is_cut_off_and_its_addresses_are_the_same() {
    let controller = controller(ChoreIntervals::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let first = register(&controller, &membership(1, port)).await.unwrap();
    beat(&controller, first, false).await;
    let duplicate = Err(ErrorCode::DuplicateBrokerRegistration);
    assert_eq!(register(&controller, &membership(2, port)).await, duplicate, "it still beats");
    connection_closed(&controller, first).await;
    assert_eq!(register(&controller, &membership(3, 1)).await, duplicate, "it is elsewhere");
    assert!(register(&controller, &membership(2, port)).await.is_ok());
}

#[tokio::test]
async fn leadership_returns_to_the_preferred_replica_by_itself() {
    let often = Some(Duration::from_millis(5));
    let controller = controller(ChoreIntervals { balance: often, unclean: None });
    let run = register(&controller, &membership(1, 1)).await.unwrap();
    beat(&controller, run, false).await;
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![CreatableReplicaAssignment {
            partition_index: 0,
            broker_ids: vec![OTHER.0, 1],
        }],
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    let reply = controller.submit(CreateTopics(request)).await.unwrap();
    assert_eq!(reply.topics[0].error_code, ErrorCode::None.code());
    beat(&controller, run, true).await;
    let leader = || controller.image().partition("t", 0).expect("created").leader;
    assert_eq!(leader(), NodeId(1));
    beat(&controller, run, false).await;
    expand(&controller, run).await;
    until(&controller, || leader() == OTHER).await;
}

/// Waits for what the controller does by itself.
async fn until(controller: &Controller<MemDisk>, is_so: impl Fn() -> bool) {
    let mut committed = controller.published.committed.subscribe();
    let so = async {
        while !is_so() {
            committed.changed().await.expect("the controller runs");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), so).await.expect("it is so in time");
}

/// The leader tells that the other replica is in sync again.
async fn expand(controller: &Controller<MemDisk>, other: BrokerRun) {
    let image = controller.image();
    let state = image.partition("t", 0).expect("created");
    let own = controller.broker_epoch().expect("it is a broker").0;
    let member = |id: NodeId, broker_epoch| BrokerState { broker_id: id.0, broker_epoch };
    let partition = PartitionData {
        partition_index: 0,
        leader_epoch: state.leader_epoch.0,
        partition_epoch: state.partition_epoch,
        new_isr_with_epochs: vec![member(NodeId(1), own), member(OTHER, other.epoch.0)],
        ..PartitionData::default()
    };
    let topic_id = image.topics().named("t").expect("created").id;
    let topics = vec![TopicData { topic_id, partitions: vec![partition] }];
    let request = AlterPartitionRequest { broker_id: 1, broker_epoch: own, topics };
    let reply = controller.submit(AlterPartition(request)).await.unwrap();
    assert_eq!(reply.topics[0].partitions[0].error_code, ErrorCode::None.code());
}
