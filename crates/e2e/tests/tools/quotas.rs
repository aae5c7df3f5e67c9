//! The cases of quotas and credentials, of which Klamm has none: ours on Kafka beside Java's.

pub const QUOTAS: &str = r"
    kafka-configs --alter --entity-type users --entity-name alice --add-config producer_byte_rate=1024,consumer_byte_rate=20000000
    until alice: kafka-configs --describe --entity-type users
    kafka-configs --describe --entity-type users --entity-name alice
    kafka-configs --describe --user alice
    kafka-configs --describe --entity-type users
    kafka-configs --alter --client c1 --add-config request_percentage=50
    until c1: kafka-configs --describe --entity-type clients
    kafka-configs --describe --entity-type clients --entity-name c1
    kafka-configs --describe --client c1
    kafka-configs --alter --entity-type clients --entity-default --add-config request_percentage=50.5
    until default: kafka-configs --describe --entity-type clients --entity-default
    kafka-configs --describe --entity-type clients --entity-default
    kafka-configs --alter --entity-type users --entity-name alice --entity-type clients --entity-name c1 --add-config producer_byte_rate=10
    until alice: kafka-configs --describe --user alice --client c1
    kafka-configs --describe --entity-type users --entity-name alice --entity-type clients --entity-name c1
    kafka-configs --describe --entity-type users --entity-type clients
    kafka-configs --describe --user alice --client c1
    kafka-configs --alter --user alice --client c1 --delete-config producer_byte_rate
    kafka-configs --alter --user-defaults --client-defaults --add-config producer_byte_rate=10
    until default: kafka-configs --describe --user-defaults --client-defaults
    kafka-configs --describe --user-defaults --client-defaults
    kafka-configs --describe --user-defaults
    kafka-configs --alter --user-defaults --client-defaults --delete-config producer_byte_rate
    kafka-configs --alter --ip 127.0.0.9 --add-config connection_creation_rate=10
    until 127.0.0.9: kafka-configs --describe --entity-type ips
    kafka-configs --describe --ip 127.0.0.9
    kafka-configs --describe --entity-type ips
    kafka-configs --describe --ip-defaults
    kafka-configs --alter --ip 127.0.0.9 --delete-config connection_creation_rate
    kafka-configs --alter --ip nonsense..name --add-config connection_creation_rate=10
    kafka-configs --alter --user alice --add-config nonsense=10
    kafka-configs --alter --user alice --add-config producer_byte_rate=x
    kafka-configs --alter --user alice --delete-config nonsense
    kafka-configs --alter --entity-type users --add-config producer_byte_rate=10

    kafka-configs --alter --user alice --add-config SCRAM-SHA-256=[iterations=8192,password=secret]
    until 8192: kafka-configs --describe --user alice
    kafka-configs --describe --user alice
    kafka-configs --alter --user alice --add-config SCRAM-SHA-512=[password=secret]
    until 4096: kafka-configs --describe --user alice
    kafka-configs --describe --entity-type users
    kafka-configs --alter --user bob --delete-config SCRAM-SHA-256
    kafka-configs --alter --user alice --add-config SCRAM-SHA-256=[iterations=10,password=secret]
    kafka-configs --alter --user alice --add-config SCRAM-SHA-256=[iterations=8192]
    kafka-configs --alter --user alice --add-config SCRAM-SHA-256=[password=secret],producer_byte_rate=1
    kafka-configs --alter --user-defaults --add-config SCRAM-SHA-256=[password=secret]
    kafka-configs --alter --user alice --delete-config SCRAM-SHA-256,SCRAM-SHA-512
    kafka-configs --alter --user alice --delete-config SCRAM-SHA-256
    gone 8192: kafka-configs --describe --user alice
    kafka-configs --alter --user alice --delete-config SCRAM-SHA-512
    gone SCRAM: kafka-configs --describe --user alice
    kafka-configs --alter --user alice --delete-config producer_byte_rate,consumer_byte_rate
    gone alice: kafka-configs --describe --entity-type users
    kafka-configs --alter --client c1 --delete-config request_percentage
    kafka-configs --alter --client-defaults --delete-config request_percentage
    gone Quota: kafka-configs --describe --entity-type clients
    kafka-configs --describe --client c1
    kafka-configs --describe --user nobody
    kafka-configs --describe --entity-type users --entity-name alice --entity-type ips --entity-name x
    kafka-configs --describe --entity-type topics --entity-type users
";
