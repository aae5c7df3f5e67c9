//! Requests over a bare socket: what a client library would hide, a test can see.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use record::{BatchBuilder, Codec, Producer, with_scratch};
use types::{TimestampMs, TopicId};
use wire::create_topics_request::CreatableTopic;
use wire::fetch_request::{FetchPartition, FetchTopic};
use wire::produce_request::{PartitionProduceData, TopicProduceData};
use wire::{
    ApiKey, Blob, CreateTopicsRequest, DescribeQuorumRequest, FetchRequest, MetadataRequest,
    ProduceRequest, Records, Request, describe_quorum_request,
};

use crate::wait::PATIENCE;

/// One connection, its requests numbered.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    sent: i32,
    answered: i32,
    frame: Vec<u8>,
}

impl Connection {
    /// Connects to a port of the loopback address.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn open(port: u16) -> io::Result<Self> {
        Self::to((Ipv4Addr::LOCALHOST, port).into(), PATIENCE)
    }

    /// Connects to `address`; neither that nor an answer may take longer than `patience`.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn to(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, patience)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        Ok(Self { socket, sent: 0, answered: 0, frame: Vec::new() })
    }

    /// Sends a request without waiting for its answer.
    ///
    /// # Errors
    /// If the connection is gone.
    ///
    /// # Panics
    /// If the request cannot be encoded in this version.
    pub fn send<'a, R: Request<'a>>(&mut self, request: &R, version: i16) -> io::Result<()> {
        let mut frame = Vec::new();
        wire::encode_request(&mut frame, self.sent, Some("e2e"), request, version)
            .expect("a request that the version can say");
        self.sent += 1;
        self.socket.write_all(&frame)
    }

    /// Reads the answer to the oldest request that has none and shows it to `look`.
    ///
    /// # Errors
    /// If the connection is gone.
    ///
    /// # Panics
    /// If the answer belongs to another request or cannot be decoded.
    pub fn receive<'r, R: Request<'r>, T>(
        &'r mut self,
        version: i16,
        look: impl FnOnce(R::Response<'r>) -> T,
    ) -> io::Result<T> {
        let body = self.receive_body(R::KEY, version)?;
        Ok(look(wire::Message::from_bytes(body, version).expect("a response and nothing more")))
    }

    /// Reads the answer to the oldest request that has none: its body.
    ///
    /// # Errors
    /// If the connection is gone.
    ///
    /// # Panics
    /// If the answer belongs to another request.
    pub fn receive_body(&mut self, key: ApiKey, version: i16) -> io::Result<&[u8]> {
        let mut length = [0; wire::LENGTH_BYTES];
        self.socket.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).map_err(io::Error::other)?;
        self.frame.resize(length, 0);
        self.socket.read_exact(&mut self.frame)?;
        let (header, reader) =
            wire::decode_response_header(&self.frame, key, version).expect("a response header");
        assert_eq!(header.correlation_id, self.answered, "answers come in order");
        self.answered += 1;
        let body = self.frame.len() - reader.rest().len();
        Ok(&self.frame[body..])
    }
}

/// Version of [`quorum_request`]: the first one, which every controller knows.
pub const QUORUM_VERSION: i16 = 0;

/// DescribeQuorum of the metadata log.
#[must_use]
pub fn quorum_request() -> DescribeQuorumRequest<'static> {
    let partition = describe_quorum_request::PartitionData { partition_index: 0 };
    DescribeQuorumRequest {
        topics: vec![describe_quorum_request::TopicData {
            topic_name: "__cluster_metadata".into(),
            partitions: vec![partition],
        }],
    }
}

/// A batch of `values` without keys.
///
/// # Panics
/// If they do not fit in a batch.
#[must_use]
pub fn batch<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Vec<u8> {
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock behind 1970").as_millis();
    let now = TimestampMs(i64::try_from(now).expect("milliseconds in 63 bits"));
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.append(now, None, Some(value.as_ref()), &[]).expect("a record fits");
    }
    with_scratch(|scratch| builder.finish(Codec::NONE, Producer::default(), scratch))
}

/// Version of [`produce_request`]: the last one with topic names.
pub const PRODUCE_VERSION: i16 = 12;
/// Version of [`fetch_request`]: the last one with topic names.
pub const FETCH_VERSION: i16 = 12;
/// Version of [`create_request`].
pub const CREATE_VERSION: i16 = 7;
/// Topics by their names.
const METADATA_VERSION: i16 = 9;

/// Produce with acks=all of one batch.
#[must_use]
pub fn produce_request<'a>(topic: &'a str, partition: i32, batch: &'a [u8]) -> ProduceRequest<'a> {
    let data = PartitionProduceData { index: partition, records: Records::Inline(batch.into()) };
    ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            topic_id: TopicId::ZERO,
            partition_data: vec![data],
        }],
    }
}

/// Fetch of one partition without a session and without waiting.
#[must_use]
pub fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest<'_> {
    let partition = FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    FetchRequest {
        max_bytes: i32::MAX,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: vec![partition],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}

/// CreateTopics of one topic with one replica a partition.
#[must_use]
pub fn create_request(topic: &str, partitions: i32) -> CreateTopicsRequest<'_> {
    let topic = CreatableTopic {
        name: topic.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() }
}

/// A cluster as one broker tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The ids of those in service, in order.
    pub brokers: Vec<i32>,
    /// In the order of their topics and numbers.
    pub partitions: Vec<ToldPartition>,
}

/// A partition as one broker tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldPartition {
    pub topic: String,
    pub partition: i32,
    pub leader: Option<i32>,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
}

impl Told {
    /// What the broker at `address` tells, and nobody else: others may have heard more, or less.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn by(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let mut connection = Connection::to(address, patience)?;
        let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
        connection.send(&request, METADATA_VERSION)?;
        connection.receive::<MetadataRequest<'_>, _>(METADATA_VERSION, |response| {
            let mut partitions = Vec::new();
            for topic in response.topics {
                let name = topic.name.unwrap_or_default();
                partitions.extend(topic.partitions.into_iter().map(|partition| ToldPartition {
                    topic: name.to_string(),
                    partition: partition.partition_index,
                    leader: Some(partition.leader_id).filter(|id| *id >= 0),
                    replicas: partition.replica_nodes,
                    in_sync: partition.isr_nodes,
                }));
            }
            partitions.sort_unstable_by(|one, other| {
                (&one.topic, one.partition).cmp(&(&other.topic, other.partition))
            });
            let brokers = response.brokers.into_iter().map(|broker| broker.node_id);
            let mut brokers: Vec<i32> = brokers.collect();
            brokers.sort_unstable();
            Self { brokers, partitions }
        })
    }

    /// Whether it knows that topic.
    #[must_use]
    pub fn has(&self, topic: &str) -> bool {
        self.partitions.iter().any(|partition| partition.topic == topic)
    }
}

/// The records that a Fetch response holds for its one partition.
#[must_use]
pub fn records(response: wire::FetchResponse<'_>) -> (i16, Vec<u8>) {
    let mut partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
    let Some(partition) = partitions.next() else { return (response.error_code, Vec::new()) };
    let bytes = match partition.records {
        Records::Inline(bytes) => Blob::into_owned(bytes),
        Records::Null | Records::Range { .. } => Vec::new(),
    };
    (partition.error_code, bytes)
}
