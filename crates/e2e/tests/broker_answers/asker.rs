//! Questions over one bare connection and their answers as text, without what is of one run only.

use e2e::raw::Connection;
use e2e::wait;
use types::TopicId;
use wire::create_topics_request::CreatableTopic;
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use wire::metadata_request::MetadataRequestTopic;
use wire::{ApiKey, CreateTopicsRequest, ListOffsetsRequest, Message, MetadataRequest, Request};

pub struct Asker {
    connection: Connection,
    /// What is different for each run, and the word that stands for it.
    own: Vec<(String, String)>,
    pub answers: Vec<(String, String)>,
}

impl Asker {
    pub fn of(port: u16) -> Self {
        let connection = Connection::open(port).expect("the broker listens");
        let own = vec![(format!("port: {port}"), "port: PORT".to_owned())];
        let mut asker = Self { connection, own, answers: Vec::new() };
        asker.name_cluster();
        asker
    }

    /// Asks, and keeps the answer under `question`.
    pub fn ask<'q, Q: Request<'q>>(&mut self, question: &str, request: &Q, version: i16)
    where
        for<'r> Q::Response<'r>: std::fmt::Debug,
    {
        let mut text = self.call(request, version, |response| format!("{response:?}"));
        for (own, word) in &self.own {
            text = text.replace(own, word);
        }
        if Q::KEY == ApiKey::CreateTopics {
            text = without_ids(&text);
        }
        self.answers.push((format!("{} {version} {question}", Q::NAME), text));
    }

    fn call<'q, Q: Request<'q>, T>(
        &mut self,
        request: &Q,
        version: i16,
        look: impl FnOnce(Q::Response<'_>) -> T,
    ) -> T {
        self.connection.send(request, version).expect("sent");
        let body = self.connection.receive_body(Q::KEY, version).expect("answered");
        look(Message::from_bytes(body, version).expect("a response and nothing more"))
    }

    /// From now on a word stands for a text of this run.
    pub fn call_it(&mut self, own: impl Into<String>, word: impl Into<String>) {
        self.own.push((own.into(), word.into()));
    }

    /// The cluster's id is of one run only.
    fn name_cluster(&mut self) {
        let id = self.call(&MetadataRequest::default(), 12, |answer| {
            answer.cluster_id.expect("it has one").into_owned()
        });
        self.call_it(id, "CLUSTER");
    }

    /// Creates a topic and waits until the broker leads it. Returns its id.
    pub fn create(&mut self, name: &str, partitions: i32) -> TopicId {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let id = self.call(&request, 7, |answer| {
            assert_eq!(answer.topics[0].error_code, 0, "{name}");
            answer.topics[0].topic_id
        });
        self.call_it(format!("{id:?}"), format!("ID OF {name}"));
        wait::until("the topic is shown", || {
            let topics = vec![MetadataRequestTopic {
                name: Some(name.into()),
                ..MetadataRequestTopic::default()
            }];
            let request = MetadataRequest { topics: Some(topics), ..MetadataRequest::default() };
            let is_led = |answer: wire::MetadataResponse<'_>| {
                answer.topics[0].error_code == 0
                    && answer.topics[0].partitions.iter().all(|p| p.leader_id == 1)
            };
            self.call(&request, 12, is_led).then_some(())
        });
        // Kafka's metadata can be ahead of what its logs know
        for index in 0..partitions {
            let request = latest_offset(name, index);
            wait::until("the topic is led", || {
                let code = |answer: wire::ListOffsetsResponse<'_>| {
                    answer.topics[0].partitions[0].error_code
                };
                (self.call(&request, 7, code) == 0).then_some(())
            });
        }
        id
    }

    /// Waits until the broker does not know the topic.
    pub fn await_gone(&mut self, name: &str) {
        wait::until("the topic is gone", || {
            let topics = vec![MetadataRequestTopic {
                name: Some(name.into()),
                ..MetadataRequestTopic::default()
            }];
            let request = MetadataRequest {
                topics: Some(topics),
                allow_auto_topic_creation: false,
                ..MetadataRequest::default()
            };
            self.call(&request, 12, |answer| answer.topics[0].error_code != 0).then_some(())
        });
    }
}

fn latest_offset(topic: &str, index: i32) -> ListOffsetsRequest<'_> {
    let partition = ListOffsetsPartition {
        partition_index: index,
        timestamp: -1,
        ..ListOffsetsPartition::default()
    };
    let topic = ListOffsetsTopic { name: topic.into(), partitions: vec![partition] };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() }
}

/// The ids that topics get are drawn at random.
fn without_ids(text: &str) -> String {
    const BEGIN: &str = "topic_id: Uuid(";
    let mut pieces = text.split(BEGIN);
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (id, rest) = piece.split_once(')').unwrap_or((piece, ""));
        let word = if id.chars().all(|char| char == 'A') { "NONE" } else { "SOME" };
        kept.push_str("topic_id: ");
        kept.push_str(word);
        kept.push_str(rest);
    }
    kept
}
