//! A controller and brokers that replicate to each other, and what clients do to them.

use std::path::PathBuf;
use std::time::Duration;

use client::admin::NewTopic;
use client::{Admin, ClientConfig, Producer, ProducerConfig, ProducerRecord, Properties};
use e2e::{Node, Product, wait};

/// Brokers are told apart by their node ids, which begin here; the controller is 1.
const FIRST_BROKER: i32 = 2;

/// Sessions and lags that end soon, so that a test need not wait for long.
const SHORT: &str = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=300\n\
                     replica.lag.time.max.ms=2000\nreplica.fetch.wait.max.ms=200\n";

pub struct Cluster {
    _controller: Node,
    pub brokers: Vec<Node>,
}

impl Cluster {
    /// A cluster of `products`, one broker each. `None` where Java is missing and needed.
    pub fn start(controller: Product, products: &[Product], more: &str) -> Option<Self> {
        let controller = Node::controller(controller, 1, SHORT)?;
        let more = format!("{SHORT}{more}");
        let broker =
            |(id, product): (i32, &Product)| Node::broker(*product, id, controller.port(), &more);
        let brokers: Option<Vec<_>> = (FIRST_BROKER..).zip(products).map(broker).collect();
        Some(Self { brokers: brokers?, _controller: controller })
    }

    pub fn id(index: usize) -> i32 {
        FIRST_BROKER + i32::try_from(index).expect("few brokers")
    }

    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.brokers.iter().map(Node::address).collect();
        addresses.join(",")
    }

    pub fn properties(&self, more: &[(&str, &str)]) -> Properties {
        let mut properties: Properties = more.iter().copied().collect();
        properties.set("bootstrap.servers", self.bootstrap());
        properties
    }

    pub fn admin(&self) -> Admin {
        let (config, _) = ClientConfig::from_properties(&self.properties(&[])).expect("valid");
        Admin::new(config)
    }

    pub fn producer(&self, more: &[(&str, &str)]) -> Producer {
        let properties = self.properties(more);
        let (config, unknown) = ProducerConfig::from_properties(&properties).expect("valid");
        assert!(unknown.is_empty(), "{unknown:?}");
        Producer::new(config)
    }

    /// Makes a topic of one partition whose replicas are on all brokers, the first one leading.
    pub async fn create(&self, topic: &str, configs: &[(&str, &str)]) {
        let replicas = (0..self.brokers.len()).map(Self::id).collect();
        let new = NewTopic {
            name: topic.to_owned(),
            assignments: [(0, replicas)].into(),
            configs: configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..NewTopic::default()
        };
        let admin = self.admin();
        let deadline = tokio::time::Instant::now() + wait::PATIENCE;
        loop {
            let created = admin.create_topics(std::slice::from_ref(&new), false).await;
            match created.map(|mut results| results.remove(topic)) {
                Ok(Some(Ok(_))) => return,
                other => assert!(tokio::time::Instant::now() < deadline, "{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The leader of a topic's partition 0, by its place among the brokers, and who is in sync.
    pub async fn state(&self, topic: &str) -> Option<(usize, Vec<i32>)> {
        let described = self.admin().describe_topics(&[topic.to_owned()]).await.ok()?;
        let partition = described.get(topic)?.as_ref().ok()?.partitions.first()?.clone();
        let leader = usize::try_from(partition.leader? - FIRST_BROKER).ok()?;
        let mut isr = partition.isr;
        isr.sort_unstable();
        Some((leader, isr))
    }

    /// Waits until so many replicas are in sync; tells who leads.
    pub async fn await_in_sync(&self, topic: &str, count: usize) -> usize {
        let deadline = tokio::time::Instant::now() + wait::PATIENCE;
        loop {
            let state = self.state(topic).await;
            if let Some((leader, isr)) = &state
                && isr.len() == count
            {
                return *leader;
            }
            assert!(tokio::time::Instant::now() < deadline, "{state:?} and not {count} in sync");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The bytes of a replica's only segment.
    pub fn segment(&self, index: usize, topic: &str) -> Vec<u8> {
        let log: PathBuf = self.brokers[index].data().join(format!("{topic}-0"));
        std::fs::read(log.join("00000000000000000000.log")).unwrap_or_default()
    }

    /// Waits until all replicas have the same bytes, and as many as hold `records`.
    pub fn await_equal_logs(&self, topic: &str, records: usize) {
        wait::until("all replicas have the same log", || {
            let first = self.segment(0, topic);
            let are_equal = (1..self.brokers.len()).all(|i| self.segment(i, topic) == first);
            (are_equal && values(&first).len() == records).then_some(())
        });
    }
}

/// Sends numbered records; `between` is called before each. Every one is acknowledged in the end.
pub async fn produce_numbers(
    producer: &Producer,
    topic: &str,
    numbers: std::ops::Range<usize>,
    mut between: impl FnMut(usize),
) {
    let mut deliveries = Vec::new();
    for number in numbers {
        between(number);
        let value = number.to_string();
        let record =
            ProducerRecord { topic, value: Some(value.as_bytes()), ..ProducerRecord::default() };
        deliveries.push(producer.send(&record).await.expect("room"));
        tokio::task::yield_now().await;
    }
    producer.flush().await;
    for delivery in deliveries {
        delivery.await.expect("acknowledged");
    }
}

/// The numbers in batches of a log or of an answer to a fetch.
pub fn values(bytes: &[u8]) -> Vec<usize> {
    let mut values = Vec::new();
    for batch in record::batches(bytes) {
        let batch = batch.expect("a batch");
        record::with_scratch(|scratch| {
            for record in batch.records(scratch).expect("records") {
                let value = record.expect("a record").value.expect("a value").to_vec();
                let text = String::from_utf8(value).expect("digits");
                values.push(text.parse().expect("a number"));
            }
        });
    }
    values
}

pub fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        tokio::time::timeout(Duration::from_secs(240), test).await.expect("the test ends");
    });
}
