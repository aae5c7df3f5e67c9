//! The promise on tools: Apache Kafka's (4.3.1) do on Klamm, and ours do on Apache Kafka (4.4.0),
//! what Apache Kafka's do on Apache Kafka: same exit code, same readable output.

#[path = "tools/differences.rs"]
mod differences;
#[path = "tools/ended.rs"]
mod ended;
#[path = "tools/java_tools.rs"]
mod java_tools;
#[path = "tools/normal.rs"]
mod normal;
#[path = "tools/script.rs"]
mod script;
#[path = "tools/sides.rs"]
mod sides;
#[path = "tools/tables.rs"]
mod tables;

use sides::Bench;

#[test]
fn tools_that_ask_a_broker_answer_alike_on_both_sides() {
    let Some(mut bench) = Bench::start() else { return };
    bench.file("cut.json", &partitions("letters", &[(0, 2)]));
    bench.file("beyond.json", &partitions("letters", &[(0, 1000)]));
    bench.file("twice.json", &partitions("letters", &[(0, 1), (0, 2)]));
    bench.file("nonsense.json", "nonsense");
    bench.file("offsets.csv", "read,0,0\nread,1,1\n");
    // the console consumer leaves groups behind: what lists groups comes before
    let tables =
        [tables::TOPICS, tables::CONFIGS, tables::GROUPS, tables::RECORDS, tables::CLUSTER];
    for table in tables {
        bench.compare(table);
    }
    bench.finish();
}

fn partitions(topic: &str, offsets: &[(i32, i64)]) -> String {
    let entries: Vec<String> = offsets
        .iter()
        .map(|(partition, offset)| {
            format!(r#"{{"topic":"{topic}","partition":{partition},"offset":{offset}}}"#)
        })
        .collect();
    format!(r#"{{"partitions":[{}],"version":1}}"#, entries.join(","))
}
