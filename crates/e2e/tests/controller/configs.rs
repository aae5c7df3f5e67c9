//! Values of configs that fit and that do not: what Kafka's controller says of each.

use metadata::decide::IncrementalAlterConfigs;
use wire::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use wire::{IncrementalAlterConfigsRequest, Message as _};

use super::Beside;

/// Resource type, resource, key, and values to set, append and subtract.
const CONFIGS: &[(i8, &str, &str, &[&str])] = &[
    (TOPIC, "a", "cleanup.policy", &["", "delete", "compact,delete", "compact,compact", "Delete"]),
    (TOPIC, "a", "cleanup.policy", &["none", " compact , delete ", "delete,,compact", ","]),
    (TOPIC, "a", "retention.ms", &["-1", "-2", "abc", " 5 ", "", "9223372036854775808"]),
    (TOPIC, "a", "retention.bytes", &["-1", "-2", "0", "1e3", "+7"]),
    (TOPIC, "a", "min.insync.replicas", &["0", "1", "-1", "2147483648", "3"]),
    (TOPIC, "a", "compression.type", &["zstd", "ZSTD", "producer", "none", "bad"]),
    (TOPIC, "a", "compression.gzip.level", &["-1", "0", "1", "9", "10"]),
    (TOPIC, "a", "compression.lz4.level", &["0", "1", "17", "18"]),
    (TOPIC, "a", "compression.zstd.level", &["-131072", "-131073", "0", "22", "23"]),
    (TOPIC, "a", "message.timestamp.type", &["CreateTime", "logappendtime", "LogAppendTime"]),
    (TOPIC, "a", "segment.bytes", &["1", "1048575", "1048576", "2147483647"]),
    (TOPIC, "a", "segment.ms", &["0", "1"]),
    (TOPIC, "a", "segment.jitter.ms", &["-1", "0", "1"]),
    (TOPIC, "a", "max.message.bytes", &["-1", "0"]),
    (TOPIC, "a", "index.interval.bytes", &["-1", "0"]),
    (TOPIC, "a", "segment.index.bytes", &["3", "4"]),
    (TOPIC, "a", "min.cleanable.dirty.ratio", &["0.5", "1.1", "-0.1", "half", "1e-3"]),
    (TOPIC, "a", "delete.retention.ms", &["-1", "0"]),
    (TOPIC, "a", "file.delete.delay.ms", &["-1", "0"]),
    (TOPIC, "a", "flush.messages", &["0", "1"]),
    (TOPIC, "a", "flush.ms", &["-1", "0"]),
    (TOPIC, "a", "preallocate", &["true", "TRUE", "yes", " true "]),
    (TOPIC, "a", "unclean.leader.election.enable", &["true", "maybe"]),
    (TOPIC, "a", "min.compaction.lag.ms", &["10", "-1"]),
    (TOPIC, "a", "max.compaction.lag.ms", &["5", "0", "10", "20"]),
    (TOPIC, "a", "leader.replication.throttled.replicas", &["*", "0:1", "0:1,1:2", "x", "0", ""]),
    (TOPIC, "a", "message.timestamp.before.max.ms", &["-1", "0"]),
    (TOPIC, "a", "no.such.key", &["1"]),
    (TOPIC, "none", "retention.ms", &["1"]),
    (TOPIC, "", "retention.ms", &["1"]),
    (BROKER, "", "log.retention.ms", &["1"]),
    (BROKER, "", "min.insync.replicas", &["2"]),
    (BROKER, "11", "min.insync.replicas", &["2"]),
    (BROKER, "11", "some.plugin.key", &["anything"]),
    (BROKER, "99", "log.retention.ms", &["1"]),
    (BROKER, "x", "log.retention.ms", &["1"]),
    (BROKER, "-1", "log.retention.ms", &["1"]),
    (GROUP, "g", "consumer.session.timeout.ms", &["45000", "1", "60001", "x"]),
    (GROUP, "g", "consumer.heartbeat.interval.ms", &["5000", "1", "44999"]),
    (GROUP, "g", "share.auto.offset.reset", &["earliest", "latest", "by_duration:PT1H", "bad"]),
    (GROUP, "g", "share.isolation.level", &["read_committed", "READ_COMMITTED", "bad"]),
    (GROUP, "g", "no.such.key", &["1"]),
    (GROUP, "", "consumer.session.timeout.ms", &["45000"]),
    (METRICS, "m", "interval.ms", &["100", "99", "3600000", "3600001", "x"]),
    (METRICS, "m", "metrics", &["", "*", "a.b,c", "a.b,a.b"]),
    (METRICS, "m", "match", &["", "client_id=x.*", "no=1", "client_id"]),
    (METRICS, "m", "no.such.key", &["1"]),
    (METRICS, "", "interval.ms", &["100"]),
];
pub(super) const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const METRICS: i8 = 16;
const GROUP: i8 = 32;

#[test]
fn configs_are_judged_as_by_kafkas_controller() {
    let Some(mut beside) = Beside::start(0) else { return };
    beside.register(11);
    beside.beat(11, false, false);
    beside.create("a", vec![vec![11]], &[]);
    for (kind, resource, name, values) in CONFIGS {
        for value in *values {
            for operation in [0, 2, 3] {
                beside.alter_config(*kind, resource, name, operation, Some(value));
            }
        }
        beside.alter_config(*kind, resource, name, 1, None);
    }
}

impl Beside {
    pub(super) fn alter_config(
        &mut self,
        resource_type: i8,
        resource: &'static str,
        name: &'static str,
        config_operation: i8,
        value: Option<&'static str>,
    ) {
        let value = value.map(Into::into);
        let configs = vec![AlterableConfig { name: name.into(), config_operation, value }];
        let resource_name = resource.into();
        let resources = vec![AlterConfigsResource { resource_type, resource_name, configs }];
        let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
        let (asked, version) =
            (format!("{request:?}"), IncrementalAlterConfigsRequest::VERSIONS.max);
        self.connection.send(&request, version).expect("connected");
        let theirs = self
            .connection
            .receive::<IncrementalAlterConfigsRequest<'_>, _>(version, |reply| {
                reply.responses[0].error_code
            })
            .expect("an answer");
        let (records, reply) = self.decide(&IncrementalAlterConfigs(request));
        // what is wrong with a value is said in other words
        let ours = reply.responses[0].error_code;
        self.compare(&asked, &records, &ours.to_string(), &theirs.to_string());
    }
}
