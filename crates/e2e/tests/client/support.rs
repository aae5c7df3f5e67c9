//! What the tests of our client have in common: settings, topics, and a proxy that cuts.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use client::admin::{AlterOp, ConfigChange, ConfigResource, NewTopic, ResourceKind};
use client::{
    Admin, ClientConfig, Consumer, ConsumerConfig, ProducerConfig, Properties, TopicPartition,
};
use e2e::instance::Instance;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        tokio::time::timeout(Duration::from_secs(120), test).await.expect("the test ends");
    });
}

fn properties(broker: &Instance, more: &[(&str, &str)]) -> Properties {
    let mut properties: Properties = more.iter().copied().collect();
    properties.set("bootstrap.servers", broker.bootstrap());
    properties
}

pub fn producer_config(broker: &Instance, more: &[(&str, &str)]) -> ProducerConfig {
    let (config, unknown) =
        ProducerConfig::from_properties(&properties(broker, more)).expect("valid");
    assert!(unknown.is_empty(), "{unknown:?}");
    config
}

pub fn consumer_config(broker: &Instance, more: &[(&str, &str)]) -> ConsumerConfig {
    let mut properties = properties(broker, more);
    properties.set_default("auto.offset.reset", "earliest");
    let (config, unknown) = ConsumerConfig::from_properties(&properties).expect("valid");
    assert!(unknown.is_empty(), "{unknown:?}");
    config
}

pub fn admin(broker: &Instance) -> Admin {
    let (config, _) = ClientConfig::from_properties(&properties(broker, &[])).expect("valid");
    Admin::new(config)
}

pub async fn create_topic(broker: &Instance, name: &str, partitions: i32) {
    create_topic_with(broker, name, partitions, &[]).await;
}

pub async fn create_topic_with(
    broker: &Instance,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        configs: configs.collect(),
        ..NewTopic::default()
    };
    let created = admin(broker).create_topics(&[topic], false).await.expect("answers");
    assert_eq!(created.get(name), Some(&Ok(())));
}

/// Keys and values of all partitions of a topic, from the beginning, `count` of them.
pub async fn read_all(broker: &Instance, topic: &str, count: usize) -> Vec<(String, String)> {
    let mut consumer = Consumer::new(consumer_config(broker, &[]));
    let partitions = consumer.partitions_of(topic).await.expect("the topic");
    consumer.assign(partitions).expect("by hand");
    let text =
        |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("text");
    let mut read = Vec::new();
    while read.len() < count {
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        assert!(!records.is_empty(), "{} of {count}", read.len());
        read.extend(records.iter().map(|r| (text(r.key), text(r.value))));
    }
    let surplus = consumer.poll(Duration::from_millis(200)).await.expect("polls");
    assert!(surplus.is_empty());
    read
}

/// Polls all members until the sizes of their assignments are right.
pub async fn poll_until(members: &mut [Consumer], right: impl Fn(&[usize]) -> bool) {
    loop {
        for member in members.iter_mut() {
            member.poll(Duration::from_millis(20)).await.expect("polls");
        }
        let assigned: Vec<_> = members.iter().map(Consumer::assignment).collect();
        let sizes: Vec<_> = assigned.iter().map(std::collections::BTreeSet::len).collect();
        let mut all: Vec<&TopicPartition> = assigned.iter().flatten().collect();
        let total = all.len();
        all.sort();
        all.dedup();
        if right(&sizes) && all.len() == total {
            return;
        }
    }
}

/// A way to a broker that can be cut at any time, and that counts what comes back on it.
#[derive(Clone)]
pub struct Proxy {
    port: u16,
    broker: Arc<AtomicU16>,
    cut: Arc<Notify>,
    cuts: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens; the broker comes later, because it has to advertise this port.
    pub fn listen() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = Self {
            port: listener.local_addr().expect("bound").port(),
            broker: Arc::default(),
            cut: Arc::default(),
            cuts: Arc::default(),
            answered: Arc::default(),
        };
        let own = proxy.clone();
        std::thread::spawn(move || {
            on_runtime(async move {
                listener.set_nonblocking(true).expect("a listener");
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(own.clone().forward(client));
                }
            });
        });
        proxy
    }

    /// What makes a broker send its clients here.
    pub fn properties(&self) -> String {
        format!("advertised.listeners=PLAINTEXT://127.0.0.1:{}", self.port)
    }

    pub fn lead_to(&self, broker: u16) {
        self.broker.store(broker, Ordering::Release);
    }

    /// Breaks all connections that there are.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Bytes that the broker sent through here.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    async fn forward(self, mut client: TcpStream) {
        let server = ("127.0.0.1", self.broker.load(Ordering::Acquire));
        let Ok(mut server) = TcpStream::connect(server).await else { return };
        let (mut requests, mut to_client) = client.split();
        let (mut answers, mut to_server) = server.split();
        let back = async {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(count @ 1..) = answers.read(&mut buffer).await {
                self.answered.fetch_add(count, Ordering::Relaxed);
                if to_client.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            _ = tokio::io::copy(&mut requests, &mut to_server) => {}
            () = back => {}
            () = self.cut.notified() => { self.cuts.fetch_add(1, Ordering::Relaxed); }
        }
    }
}

/// Creates, describes, grows, configures and deletes.
pub async fn admin_round_trip(broker: &Instance) {
    let admin = admin(broker);
    create_topic(broker, "managed", 2).await;
    let described = admin.describe_topics(&["managed".to_owned()]).await.expect("answers");
    let topic = described["managed"].clone().expect("is there");
    assert_eq!(topic.partitions.len(), 2);
    assert_eq!(topic.partitions[0].eligible_leaders, Some(vec![]));
    admin.create_partitions("managed", 5, None).await.expect("grows");
    let fewer = admin.create_partitions("managed", 1, None).await.expect_err("cannot shrink");
    assert_eq!(fewer.code(), types::ErrorCode::InvalidPartitions);

    let resource = ConfigResource::new(ResourceKind::Topic, "managed");
    let change = ConfigChange {
        name: "retention.ms".to_owned(),
        op: AlterOp::Set,
        value: Some("12345".to_owned()),
    };
    admin.alter_configs(&resource, &[change]).await.expect("alters");
    // Apache Kafka answers before its broker has seen the change
    let patience = tokio::time::Instant::now() + e2e::wait::PATIENCE;
    loop {
        let configs = admin.describe_configs(&resource, true).await.expect("describes");
        let entry = configs.iter().find(|entry| entry.name == "retention.ms").expect("is there");
        if (entry.value.as_deref(), entry.source.0) == (Some("12345"), 1) {
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "the change is never seen: {entry:?}");
    }

    let cluster = admin.describe_cluster(false).await.expect("describes");
    assert_eq!(cluster.brokers.len(), 1);
    let node = cluster.brokers[0].node.id;
    let dirs = admin.describe_log_dirs(node).await.expect("describes");
    assert_eq!(dirs[0].replicas.iter().filter(|r| &*r.partition.topic == "managed").count(), 5);
    let versions = admin.versions(node).await.expect("answers");
    assert!(versions.supported_features.iter().any(|(name, _)| name == "metadata.version"));

    let missing = admin.describe_group("nobody").await.expect_err("no such group");
    assert_eq!(missing.code(), types::ErrorCode::GroupIdNotFound);
    let partition = TopicPartition::new("managed", 0);
    let offsets = [(partition.clone(), 7.into())].into();
    let altered = admin.alter_group_offsets("made", &offsets).await.expect("answers");
    assert_eq!(altered.get(&partition), Some(&Ok(())));
    let group = admin.describe_group("made").await.expect("is there");
    assert_eq!((group.state.as_str(), group.members.len()), ("Empty", 0));
    let listed = admin.list_groups(&[], &[]).await.expect("lists");
    assert_eq!(listed.iter().map(|g| g.id.as_str()).collect::<Vec<_>>(), ["made"]);
    admin.delete_group("made").await.expect("deletes");

    let deleted = admin.delete_topics(&["managed".to_owned()]).await.expect("answers");
    assert_eq!(deleted.get("managed"), Some(&Ok(())));
}
