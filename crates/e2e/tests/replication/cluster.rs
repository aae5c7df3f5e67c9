//! A controller and brokers that replicate to each other, and what clients do to them.

use std::path::PathBuf;
use std::time::Duration;

use client::admin::NewTopic;
use client::{
    Admin, ClientConfig, Consumer, ConsumerConfig, Producer, ProducerConfig, ProducerRecord,
    Properties,
};
use e2e::raw::{
    Connection, FETCH_VERSION, PRODUCE_VERSION, Told, batch, fetch_request, produce_request,
    records,
};
use e2e::{Node, Product, wait};
use types::ErrorCode;
use wire::{FetchRequest, ProduceRequest};

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
        Self::start_each(controller, products, |_| more.to_owned())
    }

    /// The same with more properties for each, by its place.
    pub fn start_each(
        controller: Product,
        products: &[Product],
        more: impl Fn(usize) -> String,
    ) -> Option<Self> {
        let controller = Node::controller(controller, 1, SHORT)?;
        let broker = |(index, product): (usize, &Product)| {
            let more = format!("{SHORT}broker.rack={}\n{}", rack(index), more(index));
            Node::broker(*product, Self::id(index), controller.port(), &more)
        };
        let brokers: Option<Vec<_>> = products.iter().enumerate().map(broker).collect();
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

    pub fn consumer(&self, group: &str) -> Consumer {
        let properties = self.properties(&[
            ("group.id", group),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
        ]);
        let (config, unknown) = ConsumerConfig::from_properties(&properties).expect("valid");
        assert!(unknown.is_empty(), "{unknown:?}");
        Consumer::new(config)
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
        // who is not in service yet would not lead
        let all = self.brokers.len();
        self.all_tell("every broker is in service", |told| told.brokers.len() == all);
        let admin = self.admin();
        wait::eventually("the topic is created", async || {
            let created = admin.create_topics(std::slice::from_ref(&new), false).await;
            created.ok()?.remove(topic)?.ok()
        })
        .await;
        // brokers hear of it after the controller has answered
        self.all_tell("every broker knows the topic", |told| told.has(topic));
    }

    /// Waits until each broker tells what it should.
    fn all_tell(&self, what: &str, expected: impl Fn(&Told) -> bool) {
        for broker in &self.brokers {
            let address = e2e::process::loopback(broker.port());
            wait::until(what, || {
                Told::by(address, wait::PATIENCE).is_ok_and(|told| expected(&told)).then_some(())
            });
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
        let what = format!("{count} replicas of {topic} are in sync");
        let state = wait::eventually(&what, async || {
            self.state(topic).await.filter(|(_, isr)| isr.len() == count)
        });
        state.await.0
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

/// The numbers in batches of a log.
pub fn values(bytes: &[u8]) -> Vec<usize> {
    texts(bytes).into_iter().map(|text| text.parse().expect("a number")).collect()
}

fn texts(bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for batch in record::batches(bytes) {
        let batch = batch.expect("a batch");
        record::with_scratch(|scratch| {
            for record in batch.records(scratch).expect("records") {
                let value = record.expect("a record").value.expect("a value").to_vec();
                texts.push(String::from_utf8(value).expect("text"));
            }
        });
    }
    texts
}

/// Reads so many records, which come in the end.
pub async fn consume(consumer: &mut Consumer, count: usize) -> usize {
    let mut consumed = 0;
    while consumed < count {
        let records = consumer.poll(Duration::from_secs(60)).await.expect("records");
        consumed += records.len();
    }
    consumed
}

/// Sends one record; the answer to it.
pub fn raw_produce(port: u16, topic: &str, value: &str, acks: i16) -> ErrorCode {
    let batch = batch([value]);
    let request = ProduceRequest { acks, ..produce_request(topic, 0, &batch) };
    let mut connection = Connection::open(port).expect("connect");
    connection.send(&request, PRODUCE_VERSION).expect("send");
    let code = connection.receive::<ProduceRequest<'_>, _>(PRODUCE_VERSION, |response| {
        response.responses[0].partition_responses[0].error_code
    });
    ErrorCode::from_wire(code.expect("an answer"))
}

/// What a broker gives a consumer from `offset` on.
pub fn raw_fetch(port: u16, topic: &str, offset: i64) -> (i16, Vec<String>) {
    let mut connection = Connection::open(port).expect("connect");
    connection.send(&fetch_request(topic, 0, offset), FETCH_VERSION).expect("send");
    let (code, bytes) = connection
        .receive::<FetchRequest<'_>, _>(FETCH_VERSION, records)
        .expect("an answer to a fetch");
    (code, texts(&bytes))
}

/// Where a broker sends a consumer of this rack.
pub fn preferred_replica(port: u16, topic: &str, rack: &str) -> i32 {
    let request = FetchRequest { rack_id: rack.into(), ..fetch_request(topic, 0, 0) };
    let mut connection = Connection::open(port).expect("connect");
    connection.send(&request, FETCH_VERSION).expect("send");
    let preferred = connection.receive::<FetchRequest<'_>, _>(FETCH_VERSION, |response| {
        response.responses[0].partitions[0].preferred_read_replica
    });
    preferred.expect("an answer to a fetch")
}

/// The rack of a broker, by its place.
pub fn rack(index: usize) -> String {
    format!("rack-{index}")
}

pub fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        tokio::time::timeout(Duration::from_secs(240), test).await.expect("the test ends");
    });
}
