//! The cases of elections and reassignments, on a topic whose replicas are where the table says.

pub const FILES: &[(&str, &str)] = &[
    (
        "order.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[2,1,3]},{"topic":"moved","partition":1,"replicas":[3,2,1]}]}"#,
    ),
    (
        "elect-both.json",
        r#"{"partitions":[{"topic":"moved","partition":0},{"topic":"moved","partition":1}]}"#,
    ),
    (
        "elect-twice.json",
        r#"{"partitions":[{"topic":"moved","partition":0},{"topic":"moved","partition":0}]}"#,
    ),
    (
        "elect-none.json",
        r#"{"partitions":[{"topic":"none","partition":0},{"topic":"moved","partition":0}]}"#,
    ),
    ("elect-not.json", r#"{"version":1}"#),
    (
        "fewer.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":1,"replicas":[2,3]}]}"#,
    ),
    (
        "dirs.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,2,3],"log_dirs":["any","any","{data3}"]}]}"#,
    ),
    (
        "dirs-elsewhere.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,2,3],"log_dirs":["any","any","/elsewhere"]}]}"#,
    ),
    (
        "dirs-few.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,2,3],"log_dirs":["any"]}]}"#,
    ),
    (
        "unknown-broker.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,9]}]}"#,
    ),
    (
        "unknown-topic.json",
        r#"{"version":1,"partitions":[{"topic":"none","partition":0,"replicas":[1]}]}"#,
    ),
    (
        "unknown-partition.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":7,"replicas":[1]}]}"#,
    ),
    (
        "twice.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1]},{"topic":"moved","partition":0,"replicas":[2]}]}"#,
    ),
    (
        "double.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[1,1]}]}"#,
    ),
    (
        "nobody.json",
        r#"{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[]}]}"#,
    ),
    ("nothing.json", r#"{"version":1,"partitions":[]}"#),
    ("version.json", r#"{"version":2,"partitions":[]}"#),
    ("away.json", r#"{"version":1,"partitions":[{"topic":"heavy","partition":0,"replicas":[2]}]}"#),
    ("topics-none.json", r#"{"version":1,"topics":[{"topic":"none"}]}"#),
    ("topics-twice.json", r#"{"version":1,"topics":[{"topic":"moved"},{"topic":"moved"}]}"#),
];

pub const ELECTIONS: &str = r"
    kafka-topics --create --topic moved --replica-assignment 1:2:3,2:3:1
    until moved: kafka-topics --list
    until moved-0: kafka-log-dirs --describe --broker-list 1 --topic-list moved
    until moved-0: kafka-log-dirs --describe --broker-list 2 --topic-list moved
    until moved-0: kafka-log-dirs --describe --broker-list 3 --topic-list moved
    kafka-leader-election --election-type preferred --all-topic-partitions
    kafka-leader-election --election-type preferred --topic moved --partition 0
    kafka-leader-election --election-type PREFERRED --path-to-json-file {files}/elect-both.json
    kafka-leader-election --election-type unclean --topic moved --partition 0
    kafka-leader-election --election-type preferred --topic none --partition 0
    kafka-leader-election --election-type preferred --topic moved --partition 9
    kafka-leader-election --election-type preferred --path-to-json-file {files}/elect-twice.json
    kafka-leader-election --election-type preferred --path-to-json-file {files}/elect-none.json
    kafka-leader-election --election-type preferred --path-to-json-file {files}/elect-not.json
    kafka-leader-election --election-type preferred --path-to-json-file {files}/absent.json
    kafka-leader-election --election-type preferred --path-to-json-file {files}/controller.properties
    kafka-leader-election --election-type clean --topic moved --partition 0
    kafka-leader-election --election-type preferred
    kafka-leader-election --election-type preferred --topic moved
    kafka-leader-election --election-type preferred --partition 0 --all-topic-partitions
    kafka-leader-election --election-type preferred --topic moved --partition x
    kafka-leader-election --election-type preferred --topic moved --partition 0 --all-topic-partitions
    kafka-leader-election --topic moved --partition 0
    bare: kafka-leader-election --election-type preferred --all-topic-partitions
    bare: kafka-leader-election --help
    bare: kafka-leader-election
    kafka-reassign-partitions --execute --reassignment-json-file {files}/order.json
    until No partition reassignments found: kafka-reassign-partitions --list
    until Replicas: 2,1,3: kafka-topics --describe --topic moved
    kafka-topics --describe --topic moved
    kafka-leader-election --election-type preferred --path-to-json-file {files}/elect-both.json
    kafka-leader-election --election-type preferred --path-to-json-file {files}/elect-both.json
    until Leader: 3: kafka-topics --describe --topic moved
    kafka-topics --describe --topic moved
    kafka-topics --delete --topic moved
    gone moved: kafka-topics --list
";

pub const MOVES: &str = r"
    kafka-topics --create --topic moved --replica-assignment 1:2:3,2:3:1
    until moved: kafka-topics --list
    # acknowledged by all replicas: each is in its directory then
    kafka-console-producer --topic moved --reader-property parse.key=true --reader-property key.separator=: < a:1\nb:2\nc:3\nd:4\ne:5\nf:6\ng:7\nh:8\n
    kafka-reassign-partitions --list
    shape: kafka-reassign-partitions --generate --topics-to-move-json-file {files}/topics.json --broker-list 1,2,3
    kafka-reassign-partitions --generate --topics-to-move-json-file {files}/topics.json --broker-list 1,2
    kafka-reassign-partitions --generate --topics-to-move-json-file {files}/topics.json --broker-list 1,1
    kafka-reassign-partitions --generate --topics-to-move-json-file {files}/topics.json --broker-list x
    kafka-reassign-partitions --generate --topics-to-move-json-file {files}/topics-none.json --broker-list 1,2,3
    kafka-reassign-partitions --generate --topics-to-move-json-file {files}/topics-twice.json --broker-list 1,2,3
    kafka-reassign-partitions --generate --topics-to-move-json-file {files}/version.json --broker-list 1,2,3
    kafka-reassign-partitions --generate --broker-list 1,2,3
    kafka-reassign-partitions --generate --execute
    kafka-reassign-partitions --list --throttle 5
    bare: kafka-reassign-partitions --list
    kafka-reassign-partitions --bootstrap-server {} --bootstrap-controller {controllers} --list
    bare: kafka-reassign-partitions --bootstrap-controller {controllers} --list
    kafka-reassign-partitions --execute
    kafka-reassign-partitions --execute --reassignment-json-file {files}/unknown-broker.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/unknown-topic.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/unknown-partition.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/twice.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/double.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/nobody.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/nothing.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/version.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/dirs-few.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/fewer.json --disallow-replication-factor-change
    kafka-reassign-partitions --verify --reassignment-json-file {files}/fewer.json --preserve-throttles
    kafka-reassign-partitions --execute --reassignment-json-file {files}/fewer.json --throttle 1000000 --replica-alter-log-dirs-throttle 100000
    until No partition reassignments found: kafka-reassign-partitions --list
    until throttled: kafka-configs --describe --entity-type topics --entity-name moved
    kafka-configs --describe --entity-type topics --entity-name moved
    until throttled: kafka-configs --describe --entity-type brokers --entity-name 2
    kafka-configs --describe --entity-type brokers --entity-name 2
    gone Replicas: 2,3,1: kafka-topics --describe --topic moved
    kafka-reassign-partitions --verify --reassignment-json-file {files}/fewer.json
    gone throttled: kafka-configs --describe --entity-type brokers --entity-name 2
    kafka-configs --describe --entity-type brokers --entity-name 2
    gone throttled: kafka-configs --describe --entity-type topics --entity-name moved
    kafka-configs --describe --entity-type topics --entity-name moved
    kafka-reassign-partitions --verify --reassignment-json-file {files}/unknown-topic.json --preserve-throttles
    kafka-reassign-partitions --execute --reassignment-json-file {files}/dirs.json --replica-alter-log-dirs-throttle 100000
    kafka-reassign-partitions --verify --reassignment-json-file {files}/dirs.json
    kafka-reassign-partitions --verify --reassignment-json-file {files}/dirs-elsewhere.json
    kafka-reassign-partitions --cancel --reassignment-json-file {files}/dirs.json
    kafka-topics --delete --topic moved
    gone moved: kafka-topics --list
";

/// A throttle holds the reassignment while it is looked at.
pub const HELD: &str = r"
    kafka-topics --create --topic heavy --replica-assignment 1
    until heavy: kafka-topics --list
    shape: kafka-producer-perf-test --topic heavy --num-records 3000 --record-size 1000 --throughput -1
    kafka-reassign-partitions --execute --reassignment-json-file {files}/away.json --throttle 1000
    until Replicas: 2,1: kafka-topics --describe --topic heavy
    until heavy-0: kafka-log-dirs --describe --broker-list 2 --topic-list heavy
    kafka-reassign-partitions --list
    kafka-reassign-partitions --verify --reassignment-json-file {files}/away.json
    kafka-reassign-partitions --execute --reassignment-json-file {files}/away.json
    kafka-reassign-partitions --execute --additional --reassignment-json-file {files}/away.json --throttle 2000
    until throttled: kafka-configs --describe --entity-type topics --entity-name heavy
    kafka-configs --describe --entity-type topics --entity-name heavy
    bare: kafka-reassign-partitions --bootstrap-controller {controllers} --list
    kafka-reassign-partitions --cancel --reassignment-json-file {files}/away.json --preserve-throttles
    until No partition reassignments found: kafka-reassign-partitions --list
    kafka-reassign-partitions --cancel --reassignment-json-file {files}/away.json
    gone throttled: kafka-configs --describe --entity-type topics --entity-name heavy
    kafka-configs --describe --entity-type topics --entity-name heavy
    kafka-topics --delete --topic heavy
    gone heavy: kafka-topics --list
";
