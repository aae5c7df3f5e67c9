//! The cases of tools that put load on a broker, and of brokers that are not there.

pub const LOAD: &str = r"
    kafka-topics --create --topic load --partitions 1
    until load: kafka-topics --list
    shape: kafka-producer-perf-test --topic load --num-records 100 --record-size 10 --throughput -1
    shape: kafka-producer-perf-test --topic load --num-records 100 --payload-monotonic --throughput 100000
    shape: kafka-producer-perf-test --topic load --num-records 9 --payload-file {files}/payload.txt --throughput -1
    shape: kafka-producer-perf-test --topic load --num-records 30 --record-size 10 --throughput 100 --reporting-interval 100
    shape: kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --throughput 1000 --warmup-records 5
    bare shape: kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --throughput -1 --producer-props bootstrap.servers={} acks=1
    bare shape: kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --throughput -1 --command-property bootstrap.servers={}
    kafka-producer-perf-test --topic load --num-records 9 --payload-file {files}/absent.txt --throughput -1
    kafka-producer-perf-test --num-records 9 --record-size 1 --throughput -1
    kafka-producer-perf-test --topic load --record-size 1 --throughput -1
    kafka-producer-perf-test --topic load --num-records 9 --record-size 1
    kafka-producer-perf-test --topic load --num-records 9 --throughput -1
    kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --payload-monotonic --throughput -1
    kafka-producer-perf-test --topic load --num-records 9 --record-size 0 --throughput -1
    kafka-producer-perf-test --topic load --num-records 0 --record-size 1 --throughput -1
    kafka-producer-perf-test --topic load --num-records x --record-size 1 --throughput -1
    kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --throughput -1 --warmup-records 9
    kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --throughput -1 --nonsense
    bare: kafka-producer-perf-test --topic load --num-records 9 --record-size 1 --throughput -1
    bare where: kafka-producer-perf-test
    bare where: kafka-producer-perf-test --help

    shape: kafka-consumer-perf-test --topic load --num-records 100
    shape: kafka-consumer-perf-test --topic load --num-records 100 --hide-header
    shape: kafka-consumer-perf-test --topic load --num-records 100 --show-detailed-stats --reporting-interval 1
    shape: kafka-consumer-perf-test --topic load --messages 100
    shape: kafka-consumer-perf-test --include lo.d --num-records 100
    shape: kafka-consumer-perf-test --topic load --num-records 100000 --timeout 1000
    shape: kafka-consumer-perf-test --topic load --num-records 100 --from-latest --timeout 1000
    shape: kafka-consumer-perf-test --topic load --num-records 100 --fetch-size 1000
    kafka-consumer-perf-test --topic load --num-records 9 --messages 9
    kafka-consumer-perf-test --topic load
    kafka-consumer-perf-test --num-records 9
    kafka-consumer-perf-test --topic load --include load --num-records 9
    kafka-consumer-perf-test --topic load --num-records x
    kafka-consumer-perf-test --topic load --num-records 9 --reporting-interval 0
    kafka-consumer-perf-test --topic load --num-records 9 --consumer.config {files}/absent.properties
    bare: kafka-consumer-perf-test --topic load --num-records 9
    bare: kafka-consumer-perf-test
    bare: kafka-consumer-perf-test --help

    shape: kafka-e2e-latency --topic load --num-records 5 --producer-acks 1 --record-size 10
    shape: kafka-e2e-latency --topic latency --num-records 5 --producer-acks all --record-size 10 --record-key-size 3 --num-headers 2 --record-header-size 3 --record-header-key-size 3
    bare shape: kafka-e2e-latency {} load 5 1 10
    bare: kafka-e2e-latency {} load 5 1
    kafka-e2e-latency --topic load --num-records 5 --producer-acks 0 --record-size 10
    kafka-e2e-latency --topic load --num-records 5 --producer-acks 1
    kafka-e2e-latency --topic load --producer-acks 1 --record-size 10
    kafka-e2e-latency --num-records 5 --producer-acks 1 --record-size 10
    kafka-e2e-latency --topic load --num-records x --producer-acks 1 --record-size 10
    kafka-e2e-latency --topic load --num-records -1 --producer-acks 1 --record-size 10
    kafka-e2e-latency --topic load --num-records 5 --producer-acks 1 --record-size -10
    kafka-e2e-latency --topic load --num-records 5 --producer-acks 1 --record-size 10 --command-config {files}/absent.properties
    bare: kafka-e2e-latency --topic load --num-records 5 --producer-acks 1 --record-size 10
    bare: kafka-e2e-latency
    bare: kafka-e2e-latency --help
    kafka-topics --delete --topic load
    kafka-topics --delete --topic latency
    gone load: kafka-topics --list
    gone latency: kafka-topics --list
";

pub const VERIFIABLE: &str = r"
    kafka-topics --create --topic verified --partitions 1
    until verified: kafka-topics --list
    shape: kafka-verifiable-producer --topic verified --max-messages 3
    shape: kafka-verifiable-producer --topic verified --max-messages 3 --value-prefix 7 --repeating-keys 2 --acks 1 --message-create-time 1000 --throughput 100
    shape: kafka-verifiable-producer --topic verified --max-messages 0
    kafka-verifiable-producer --topic verified --max-messages 2 --acks 5
    kafka-verifiable-producer --topic verified --max-messages x
    kafka-verifiable-producer --max-messages 1
    kafka-verifiable-producer --topic verified --max-messages 1 --command-config {files}/absent.properties
    bare: kafka-verifiable-producer --topic verified --max-messages 1
    bare where: kafka-verifiable-producer
    bare where: kafka-verifiable-producer --help

    shape: kafka-verifiable-consumer --topic verified --group-id verified --max-messages 6
    shape: kafka-verifiable-consumer --topic verified --group-id verified-verbose --max-messages 2 --verbose
    shape: kafka-verifiable-consumer --topic verified --group-id verified-auto --max-messages 6 --enable-autocommit --reset-policy earliest --session-timeout 10000
    shape: kafka-verifiable-consumer --topic verified --group-id verified-robin --max-messages 6 --assignment-strategy org.apache.kafka.clients.consumer.RoundRobinAssignor
    kafka-verifiable-consumer --topic verified --group-id wrong --assignment-strategy nonsense
    kafka-verifiable-consumer --topic verified --group-id wrong --reset-policy nonsense
    kafka-verifiable-consumer --topic verified --group-id wrong --group-protocol nonsense
    kafka-verifiable-consumer --topic verified --group-id wrong --max-messages x
    kafka-verifiable-consumer --topic verified --max-messages 3
    kafka-verifiable-consumer --group-id wrong --max-messages 3
    bare: kafka-verifiable-consumer --topic verified --group-id wrong
    bare where: kafka-verifiable-consumer
    bare where: kafka-verifiable-consumer --help
    kafka-consumer-groups --delete --group verified --group verified-verbose --group verified-auto --group verified-robin
    kafka-topics --delete --topic verified
    gone verified: kafka-topics --list
";

/// What stands in `{files}/hasty.properties` keeps the waits short.
pub const UNREACHABLE: &str = r"
    bare where: kafka-topics --list --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-configs --describe --topic x --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-get-offsets --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-cluster cluster-id --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-features --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties describe
    bare: kafka-log-dirs --describe --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare where: kafka-delete-records --offset-json-file {files}/cut.json --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-broker-api-versions --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-console-producer --topic x --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties < a\n
    bare shape: kafka-producer-perf-test --topic x --num-records 1 --record-size 1 --throughput -1 --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare where: kafka-verifiable-producer --topic x --max-messages 1 --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-console-consumer --topic x --timeout-ms 1000 --bootstrap-server 127.0.0.1:1
    bare shape: kafka-consumer-perf-test --topic x --num-records 1 --timeout 1000 --bootstrap-server 127.0.0.1:1
    bare: kafka-e2e-latency --topic x --num-records 1 --producer-acks 1 --record-size 1 --bootstrap-server 127.0.0.1:1 --command-config {files}/hasty.properties
    bare: kafka-topics --list --bootstrap-server nonsense
    bare: kafka-topics --list --bootstrap-server no.such.host.invalid:9092
    bare: kafka-topics --list --bootstrap-server 127.0.0.1:99999
    bare: kafka-consumer-groups --list --bootstrap-server nonsense
    bare: kafka-console-producer --topic x --bootstrap-server nonsense < a\n
    bare: kafka-producer-perf-test --topic x --num-records 1 --record-size 1 --throughput -1 --bootstrap-server nonsense
    bare: kafka-verifiable-producer --topic x --max-messages 1 --bootstrap-server nonsense
    bare: kafka-verifiable-consumer --topic x --group-id g --max-messages 1 --bootstrap-server nonsense
";
