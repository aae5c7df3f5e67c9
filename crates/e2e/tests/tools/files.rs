//! The cases of tools that read and write files, without a broker.

/// What is on the disk when they run.
pub const WRITTEN: &str = r"
    kafka-topics --create --topic dumped --partitions 1
    until dumped: kafka-topics --list
    shape: kafka-producer-perf-test --topic dumped --num-records 3000 --record-size 100 --throughput -1 --command-property compression.type=lz4
    kafka-console-producer --topic dumped --reader-property parse.key=true --reader-property parse.headers=true < h:1,i:2\tk\tv\n
    kafka-console-consumer --topic dumped --group dumping --from-beginning --max-messages 1 --formatter org.apache.kafka.tools.consumer.NoOpMessageFormatter
";

/// A `*` stands for whatever is there in the folder of data.
pub const DUMPS: &str = r"
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --deep-iteration
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --deep-iteration --skip-record-metadata
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --print-data-log
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --print-data-log --skip-record-metadata
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --print-data-log --value-decoder-class org.apache.kafka.tools.api.StringDecoder
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --print-data-log --value-decoder-class org.apache.kafka.tools.api.IntegerDecoder
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --print-data-log --key-decoder-class org.apache.kafka.tools.api.LongDecoder
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --print-data-log --value-decoder-class nonsense
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --max-bytes 5000
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.log --offsets-decoder
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.index
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.index --index-sanity-check
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.index --verify-index-only
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.timeindex
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.timeindex --index-sanity-check
    bare: kafka-dump-log --files {data}/dumped-0/00000000000000000000.timeindex --verify-index-only
    bare: kafka-dump-log --files {data}/dumped-0/*.snapshot
    bare: kafka-dump-log --files {data}/dumped-0/*.log,{data}/dumped-0/*.index
    bare: kafka-dump-log --files {data}/dumped-0/partition.metadata
    bare: kafka-dump-log --files {data}/dumped-0/leader-epoch-checkpoint
    bare: kafka-dump-log --files {data}/dumped-0/absent.log
    bare: kafka-dump-log --files {data}/__cluster_metadata-0/*.log --cluster-metadata-decoder
    bare: kafka-dump-log --files {data}/__cluster_metadata-0/*.log --cluster-metadata-decoder --skip-record-metadata
    bare: kafka-dump-log --files {data}/__cluster_metadata-0/*.checkpoint --cluster-metadata-decoder
    bare: kafka-dump-log --files {data}/__consumer_offsets-*.log --offsets-decoder
    bare: kafka-dump-log --files {data}/__consumer_offsets-*.log --offsets-decoder --skip-record-metadata
    bare: kafka-dump-log --files {data}/__transaction_state-*.log --transaction-log-decoder
    bare: kafka-dump-log --print-data-log
    bare: kafka-dump-log --files
    bare: kafka-dump-log --files x --nonsense
    bare: kafka-dump-log

    bare: kafka-storage random-uuid
    bare: kafka-storage version-mapping
    bare: kafka-storage version-mapping --release-version 4.0
    bare: kafka-storage version-mapping --release-version 9.9
    bare: kafka-storage feature-dependencies --feature transaction.version=2
    bare: kafka-storage feature-dependencies --feature eligible.leader.replicas.version=1
    bare: kafka-storage feature-dependencies --feature nonsense=1
    bare: kafka-storage feature-dependencies --feature group.version=99
    bare: kafka-storage feature-dependencies
    bare: kafka-storage info --config {files}/storage.properties
    bare: kafka-storage info --config {files}/absent.properties
    bare: kafka-storage info
    bare: kafka-storage format --config {files}/storage.properties
    bare: kafka-storage format --cluster-id 4L6g3nShT-eMCtK--X86sw
    bare: kafka-storage format --config {files}/storage.properties --cluster-id 4L6g3nShT-eMCtK--X86sw --standalone --no-initial-controllers
    bare: kafka-storage format --config {files}/storage.properties --cluster-id 4L6g3nShT-eMCtK--X86sw --standalone --release-version 9.9
    bare: kafka-storage format --config {files}/storage.properties --cluster-id 4L6g3nShT-eMCtK--X86sw --standalone --feature nonsense=1
    bare: kafka-storage format --config {files}/storage.properties --cluster-id 4L6g3nShT-eMCtK--X86sw --standalone --feature nonsense
    bare: kafka-storage nonsense
    bare: kafka-storage
    bare where: kafka-storage --help
";
