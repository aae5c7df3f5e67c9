//! Three nodes are restarted one after the other while unmodified Java, librdkafka and kafkajs
//! clients produce and read: their applications see no error at all.

use e2e::checker::History;
use e2e::cluster::Plan;
use e2e::workload::{Language, Program, Work, await_groups, collect};
use e2e::{Cluster, Product, folders};

const TOPIC: &str = "t";
const PARTITIONS: i32 = 6;

/// Every client as it comes, but idempotent where that is not the default.
fn work(language: Language) -> Work<'static> {
    let (name, settings): (_, &[&str]) = match language {
        Language::Java => ("java", &[]),
        Language::Python => ("librdkafka", &["producer.enable.idempotence=true"]),
        Language::JavaScript => ("kafkajs", &[]),
    };
    let (topic, partitions) = (TOPIC, PARTITIONS);
    Work { topic, partitions, rate: 100, members: 1, name, settings }
}

#[test]
fn applications_see_no_error_while_nodes_restart() {
    let languages = [Language::Java, Language::Python, Language::JavaScript];
    // what is missing here is skipped, and said
    let programs: Vec<_> =
        languages.into_iter().filter_map(|l| Some((work(l), l.program()?))).collect();
    let Some(mut cluster) = Cluster::start(&Plan::combined(Product::under_test(), 3)) else {
        return;
    };
    cluster.create_topic(TOPIC, PARTITIONS);
    let folder = folders::scratch();
    let bootstrap = cluster.bootstrap();
    let names: Vec<&str> = programs.iter().map(|(work, _)| work.name).collect();
    let mut running: Vec<Program> = programs
        .into_iter()
        .map(|(work, command)| Program::start(command, &bootstrap, &work, folder.path()))
        .collect();
    let mut history = History::default();
    running.iter().for_each(Program::await_progress);
    for id in cluster.ids() {
        cluster.node_mut(id).terminate();
        cluster.node_mut(id).restart();
        cluster.await_brokers();
        cluster.await_in_sync();
        running.iter().for_each(Program::await_progress);
    }
    history.producing = running.iter_mut().map(Program::stop_producing).collect();
    await_groups(&cluster, TOPIC, &names, &mut history);
    history.reading = running.into_iter().map(Program::stop_reading).collect();
    collect(&mut cluster, TOPIC, &mut history);
    history.approve(|| cluster.story());
    for producing in &history.producing {
        let sent: u64 = producing.sent.values().sum();
        assert_eq!(u64::try_from(producing.acknowledged.len()), Ok(sent), "all are decided");
        assert!(sent > 0, "{} sent something", producing.producer);
    }
}
