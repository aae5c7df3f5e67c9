//! The cases: what people and scripts do with the tools. Each table leaves the broker as it was.

pub const TOPICS: &str = r"
    kafka-topics --list --exclude-internal
    kafka-topics --create --topic first --partitions 3 --replication-factor 1
    until first: kafka-topics --list
    kafka-topics --create --topic first
    kafka-topics --create --topic first --if-not-exists
    kafka-topics --create --topic second.of_them --config retention.ms=60000 --config cleanup.policy=compact
    kafka-topics --create --topic by-hand --replica-assignment 1,1
    until by-hand: kafka-topics --list
    kafka-topics --list --topic fi.*
    kafka-topics --list --exclude-internal
    kafka-topics --describe --exclude-internal
    kafka-topics --describe --topic first
    kafka-topics --describe --topic second.of_them
    kafka-topics --describe --exclude-internal --topics-with-overrides
    kafka-topics --describe --under-replicated-partitions
    kafka-topics --describe --unavailable-partitions
    kafka-topics --describe --exclude-internal --at-min-isr-partitions
    kafka-topics --describe --under-min-isr-partitions
    kafka-topics --describe --topic none
    kafka-topics --describe --topic none --if-exists
    kafka-topics --describe --topic-id BBBBBBBBBBBBBBBBBBBBBA
    kafka-topics --describe --topic-id nonsense
    kafka-topics --alter --topic first --partitions 5
    until PartitionCount: 5: kafka-topics --describe --topic first
    kafka-topics --alter --topic first --partitions 2
    kafka-topics --alter --topic first --partitions 5
    kafka-topics --alter --topic none --partitions 5
    kafka-topics --alter --topic none --partitions 5 --if-exists
    kafka-topics --alter --topic first
    kafka-topics --describe --topic first
    kafka-topics --create --topic 'bad name'
    kafka-topics --create --topic ..
    kafka-topics --create --topic factor --replication-factor 3
    kafka-topics --create --topic factor --replication-factor 0
    kafka-topics --create --topic factor --partitions 0
    kafka-topics --create --topic config --config retention.ms=soon
    kafka-topics --create --topic config --config no.such.key=1
    kafka-topics --create --topic config --config nonsense
    kafka-topics --create --topic hand --replica-assignment 7
    kafka-topics --create --topic hand --replica-assignment 1:1
    kafka-topics --create --topic hand --replica-assignment a
    kafka-topics --create
    kafka-topics --create --list
    kafka-topics --nonsense
    kafka-topics --list --partitions 3
    bare: kafka-topics --list
    bare: kafka-topics
    kafka-topics --delete --topic none
    kafka-topics --delete --topic none --if-exists
    kafka-topics --delete --topic first
    gone first: kafka-topics --list
    kafka-topics --delete --topic 'second.of_them|by-hand'
    gone second: kafka-topics --list
    gone by-hand: kafka-topics --list
";

pub const CONFIGS: &str = r"
    kafka-topics --create --topic tuned --partitions 1
    until tuned: kafka-topics --list
    kafka-configs --entity-type topics --entity-name tuned --describe
    kafka-configs --entity-type topics --entity-name tuned --alter --add-config retention.ms=60000,cleanup.policy=[compact,delete]
    until compact: kafka-configs --entity-type topics --entity-name tuned --describe
    kafka-configs --entity-type topics --entity-name tuned --describe
    kafka-configs --topic tuned --describe
    kafka-configs --entity-type topics --entity-name tuned --describe --all
    kafka-configs --entity-type topics --entity-name tuned --alter --delete-config cleanup.policy
    gone compact: kafka-configs --entity-type topics --entity-name tuned --describe
    kafka-configs --entity-type topics --entity-name tuned --describe
    kafka-configs --entity-type topics --entity-name tuned --alter --delete-config cleanup.policy
    kafka-configs --entity-type topics --entity-name tuned --alter --delete-config retention.ms,nonsense
    kafka-configs --entity-type topics --entity-name tuned --alter --add-config retention.ms=soon
    kafka-configs --entity-type topics --entity-name tuned --alter --add-config no.such.key=1
    kafka-configs --entity-type topics --entity-name none --alter --add-config retention.ms=1
    kafka-configs --entity-type topics --entity-name none --describe
    kafka-configs --entity-type brokers --entity-name 1 --describe
    kafka-configs --entity-type brokers --entity-default --describe
    kafka-configs --entity-type brokers --entity-name 1 --alter --add-config log.cleaner.threads=2
    until log.cleaner: kafka-configs --entity-type brokers --entity-name 1 --describe
    kafka-configs --entity-type brokers --entity-name 1 --describe
    kafka-configs --entity-type brokers --entity-name 1 --alter --delete-config log.cleaner.threads
    kafka-configs --entity-type brokers --entity-default --alter --add-config log.retention.ms=99999
    until 99999: kafka-configs --entity-type brokers --entity-default --describe
    kafka-configs --entity-type brokers --entity-default --describe
    kafka-configs --entity-type brokers --describe
    kafka-configs --entity-type brokers --entity-default --alter --delete-config log.retention.ms
    gone 99999: kafka-configs --entity-type brokers --entity-default --describe
    kafka-configs --entity-type brokers --entity-name 1 --alter --add-config node.id=9
    kafka-configs --entity-type groups --entity-name g --alter --add-config consumer.session.timeout.ms=50000
    until 50000: kafka-configs --entity-type groups --entity-name g --describe
    kafka-configs --entity-type groups --entity-name g --describe
    kafka-configs --entity-type groups --entity-name g --alter --delete-config consumer.session.timeout.ms
    kafka-configs --entity-type client-metrics --entity-name m --alter --add-config interval.ms=60000
    until 60000: kafka-configs --entity-type client-metrics --entity-name m --describe
    kafka-configs --entity-type client-metrics --entity-name m --describe
    kafka-configs --entity-type client-metrics --entity-name m --alter --delete-config interval.ms
    kafka-configs --entity-type nonsense --describe
    kafka-configs --alter --add-config a=b
    kafka-configs --entity-type topics --entity-name tuned
    kafka-configs --entity-type topics --entity-name tuned --alter
    bare: kafka-configs --entity-type topics --describe
    kafka-topics --delete --topic tuned
    gone tuned: kafka-topics --list
";

pub const RECORDS: &str = r"
    kafka-topics --create --topic letters --partitions 1
    until letters: kafka-topics --list
    kafka-console-producer --topic letters < a\nb\nc\n
    kafka-console-producer --topic letters --property parse.key=true --property key.separator=: < k:d\nl:e\n
    kafka-console-producer --topic letters --reader-property parse.key=true --reader-property parse.headers=true < h1:v1,h2:v2\tkey\tvalue\n
    kafka-console-producer --topic letters --property parse.key=true < nokey\n
    kafka-console-producer --topic letters --compression-codec zstd --request-required-acks all < f\n
    kafka-console-producer --topic letters --sync --producer-property client.id=x < g\n
    kafka-console-producer --topic letters --reader-property parse.key=true --reader-property null.marker=NIL < m\tNIL\n
    kafka-console-producer < a\n
    bare: kafka-console-producer --topic letters < a\n
    kafka-console-consumer --topic letters --from-beginning --max-messages 7
    kafka-console-consumer --topic letters --from-beginning --timeout-ms 10000
    kafka-console-consumer --topic letters --from-beginning --max-messages 8 --formatter-property print.key=true --formatter-property print.value=true
    kafka-console-consumer --topic letters --partition 0 --offset 2 --max-messages 2
    kafka-console-consumer --topic letters --partition 0 --offset earliest --max-messages 2 --formatter-property print.offset=true --formatter-property print.partition=true --formatter-property print.headers=true --formatter-property print.timestamp=true
    kafka-console-consumer --topic letters --partition 0 --offset 5 --max-messages 1 --formatter-property print.headers=true --formatter-property headers.separator=; --formatter-property key.separator=| --formatter-property print.key=true --formatter-property null.literal=NIL
    kafka-console-consumer --include 'let.*' --from-beginning --max-messages 2
    kafka-console-consumer --topic letters --from-beginning --max-messages 1 --formatter org.apache.kafka.tools.consumer.NoOpMessageFormatter
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --property print.key=true
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --property print.key=true --formatter-property print.value=true
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --consumer-property client.id=x
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --command-property client.id=x
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --consumer.config {files}/absent.properties
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --formatter org.apache.kafka.tools.consumer.LoggingMessageFormatter
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --formatter-property print.epoch=true --formatter-property print.delivery=true --formatter-property line.separator=;
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --formatter nonsense
    kafka-console-consumer --topic letters --from-beginning --max-messages 3 --enable-systest-events
    kafka-console-consumer --topic letters --from-beginning --max-messages x
    kafka-console-consumer --topic letters --nonsense
    kafka-console-consumer --topic letters --include letters
    kafka-console-consumer --topic letters --group g --partition 0
    kafka-console-consumer --topic letters --partition 0 --from-beginning --offset 3
    kafka-console-consumer --topic letters --offset 2
    kafka-console-consumer --topic letters --partition 0 --offset nonsense
    kafka-console-consumer --from-beginning
    kafka-console-consumer --topic letters --from-beginning --max-messages 2 --isolation-level read_committed
    kafka-get-offsets --topic letters
    kafka-get-offsets --topic letters --time earliest
    kafka-get-offsets --topic letters --time -1
    kafka-get-offsets --topic letters --time -3
    kafka-get-offsets --topic letters --time 0
    kafka-get-offsets --topic letters --time 99999999999999
    kafka-get-offsets --topic letters --time nonsense
    kafka-get-offsets --topic-partitions letters:0
    kafka-get-offsets --topic-partitions letters:0-1
    kafka-get-offsets --topic letters --partitions 3
    kafka-get-offsets --topic letters --partitions x
    kafka-get-offsets --topic letters --time max-timestamp
    kafka-get-offsets --topic letters --time earliest-local
    kafka-get-offsets --topic letters --time latest-tiered
    kafka-get-offsets --topic letters --time -6
    kafka-get-offsets --topic letters --time -7
    kafka-get-offsets --topic-partitions letters:-1
    kafka-get-offsets --topic-partitions letters:1-
    kafka-get-offsets --topic-partitions letters:x
    kafka-get-offsets --topic-partitions :0 --exclude-internal-topics
    kafka-get-offsets --topic letters --topic-partitions letters:0
    kafka-get-offsets --topic (
    kafka-get-offsets --topic letters --command-config {files}/absent.properties
    bare: kafka-get-offsets --topic letters --broker-list {}
    bare: kafka-get-offsets
    kafka-get-offsets --topic none
    kafka-get-offsets --exclude-internal-topics
    bare: kafka-get-offsets --topic letters
    kafka-delete-records --offset-json-file {files}/cut.json
    kafka-get-offsets --topic letters --time -2
    kafka-delete-records --offset-json-file {files}/beyond.json
    kafka-delete-records --offset-json-file {files}/nonsense.json
    kafka-delete-records --offset-json-file {files}/twice.json
    kafka-delete-records --offset-json-file {files}/absent.json
    kafka-delete-records --offset-json-file {files}/negative.json
    kafka-delete-records --offset-json-file {files}/incomplete.json
    kafka-delete-records --offset-json-file {files}/empty.json
    kafka-delete-records --offset-json-file {files}/version.json
    kafka-delete-records --offset-json-file {files}/version-only.json
    bare: kafka-delete-records --offset-json-file {files}/cut.json
    bare: kafka-delete-records
    kafka-delete-records
    shape: kafka-log-dirs --describe --topic-list letters
    shape: kafka-log-dirs --describe --topic-list letters --broker-list 1
    kafka-log-dirs --describe --topic-list none
    kafka-log-dirs --describe --topic-list letters --broker-list 9
    kafka-log-dirs --describe --topic-list letters --broker-list x
    kafka-log-dirs --describe --command-config {files}/absent.properties
    bare: kafka-log-dirs --describe
    bare: kafka-log-dirs --help
    kafka-log-dirs
    kafka-topics --delete --topic letters
    gone letters: kafka-topics --list
";

pub const CLUSTER: &str = r"
    kafka-cluster cluster-id --bootstrap-server {}
    kafka-cluster cluster-id --bootstrap-server {} --config {files}/absent.properties
    kafka-cluster list-endpoints --bootstrap-server {}
    kafka-cluster list-endpoints --bootstrap-server {} --include-fenced-brokers
    kafka-cluster list-endpoints --bootstrap-server {} --bootstrap-controller {}
    kafka-cluster unregister --bootstrap-server {} --id 9
    kafka-cluster unregister --bootstrap-server {} --id x
    kafka-cluster unregister --bootstrap-server {}
    bare: kafka-cluster cluster-id
    bare: kafka-cluster nonsense
    bare: kafka-cluster
    bare where: kafka-cluster --help

    kafka-features --bootstrap-server {} describe
    kafka-features --bootstrap-server {} describe --node-id 1
    kafka-features --bootstrap-server {} version-mapping
    kafka-features --bootstrap-server {} version-mapping --release-version 4.0
    kafka-features --bootstrap-server {} version-mapping --release-version 9.9
    kafka-features --bootstrap-server {} feature-dependencies --feature transaction.version=2
    kafka-features --bootstrap-server {} feature-dependencies --feature eligible.leader.replicas.version=1
    kafka-features --bootstrap-server {} feature-dependencies --feature nonsense=1
    kafka-features --bootstrap-server {} feature-dependencies --feature group.version=99
    kafka-features --bootstrap-server {} feature-dependencies
    kafka-features --bootstrap-server {} upgrade
    kafka-features --bootstrap-server {} upgrade --feature nonsense=1
    kafka-features --bootstrap-server {} upgrade --feature nonsense
    kafka-features --bootstrap-server {} upgrade --feature share.version=99
    kafka-features --bootstrap-server {} upgrade --feature group.version=1 --dry-run
    kafka-features --bootstrap-server {} upgrade --feature group.version=1 --feature share.version=1
    kafka-features --bootstrap-server {} upgrade --release-version 4.0 --dry-run
    kafka-features --bootstrap-server {} upgrade --release-version 9.9
    kafka-features --bootstrap-server {} upgrade --metadata 3.9 --dry-run
    kafka-features --bootstrap-server {} downgrade --feature metadata.version=1
    kafka-features --bootstrap-server {} downgrade --release-version 4.0 --dry-run
    kafka-features --bootstrap-server {} downgrade --metadata 3.9 --dry-run --unsafe
    kafka-features --bootstrap-server {} disable --feature share.version --dry-run
    kafka-features --bootstrap-server {} disable
    kafka-features --bootstrap-server {} nonsense
    bare: kafka-features describe
    bare: kafka-features
    bare where: kafka-features --help

    shape: kafka-broker-api-versions
    kafka-broker-api-versions --command-config {files}/absent.properties
    bare: kafka-broker-api-versions
    bare: kafka-broker-api-versions --help

    bare where: kafka-topics --version
    bare: kafka-topics --help
    bare: kafka-configs --help
    bare: kafka-get-offsets --help
    bare: kafka-console-consumer --help
    bare: kafka-console-producer --help
    bare: kafka-consumer-groups --help
    bare: kafka-delete-records --help
    bare: kafka-dump-log --help
";

pub const GROUPS: &str = r"
    kafka-topics --create --topic read --partitions 2
    until read: kafka-topics --list
    kafka-console-producer --topic read --property parse.key=true --property key.separator=: < a:1\nb:2\nc:3\nd:4\n
    kafka-console-consumer --topic read --group readers --from-beginning --max-messages 4
    kafka-consumer-groups --list
    kafka-consumer-groups --list --state
    kafka-consumer-groups --list --state Empty
    kafka-consumer-groups --list --type
    kafka-consumer-groups --list --state nonsense
    kafka-consumer-groups --describe --group readers
    kafka-consumer-groups --describe --group readers --offsets
    kafka-consumer-groups --describe --group readers --offsets --verbose
    kafka-consumer-groups --describe --group readers --members
    kafka-consumer-groups --describe --group readers --state
    kafka-consumer-groups --describe --all-groups
    kafka-consumer-groups --describe --group none
    kafka-consumer-groups --describe --group readers --members --state
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-earliest --dry-run
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-earliest
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-earliest --execute
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-latest --execute
    kafka-consumer-groups --group readers --all-topics --reset-offsets --shift-by -1 --execute
    kafka-consumer-groups --group readers --topic read:0 --reset-offsets --to-offset 1 --execute
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-offset 100 --execute
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-current --export
    kafka-consumer-groups --group readers --reset-offsets --from-file {files}/offsets.csv --execute
    kafka-consumer-groups --group readers --topic read --reset-offsets --to-datetime 2020-01-01T00:00:00.000 --dry-run
    kafka-consumer-groups --group readers --topic read --reset-offsets --by-duration PT1H --dry-run
    kafka-consumer-groups --group readers --topic read --reset-offsets
    kafka-consumer-groups --group readers --reset-offsets --to-earliest
    kafka-consumer-groups --group fresh --topic read --reset-offsets --to-earliest --execute
    kafka-consumer-groups --describe --group readers
    kafka-consumer-groups --group readers --delete-offsets --topic read:0
    kafka-consumer-groups --group readers --delete-offsets --topic none
    kafka-consumer-groups --describe --group readers
    behind: kafka-console-consumer --topic read --group live
    until Stable: kafka-consumer-groups --describe --group live --state
    kafka-consumer-groups --describe --group live
    kafka-consumer-groups --describe --group live --members
    kafka-consumer-groups --describe --group live --members --verbose
    kafka-consumer-groups --describe --group live --state
    kafka-consumer-groups --delete --group live
    kafka-consumer-groups --group live --topic read --reset-offsets --to-earliest --execute
    kafka-consumer-groups --group live --delete-offsets --topic read
    kafka-consumer-groups --delete --group none
    kafka-consumer-groups --delete --group readers --group fresh
    kafka-consumer-groups --delete
    kafka-consumer-groups --describe
    bare: kafka-consumer-groups --list
    alone: kafka-consumer-groups --describe --group none
    until Empty: kafka-consumer-groups --describe --group live --state
    kafka-consumer-groups --delete --group live
    kafka-topics --delete --topic read
    gone read: kafka-topics --list
";
