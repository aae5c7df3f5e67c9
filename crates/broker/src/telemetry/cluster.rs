//! Partitions and their health, and the room on the volumes of the log directories.

use super::exposition::Exposition;
use crate::node::Node;
use metadata::image::{Image, PartitionState};
use types::NodeId;

pub(super) fn render_partitions(page: &mut Exposition, image: &Image, node: NodeId) {
    let partitions = || image.topics().iter().flat_map(|topic| topic.partitions.values());
    let count = |is_counted: &dyn Fn(&PartitionState) -> bool| {
        partitions().filter(|partition| is_counted(partition)).count()
    };
    let is_led = |partition: &PartitionState| partition.leader == node;
    for (name, help, value) in [
        ("klamm_topics", "Topics of the cluster.", image.topics().len()),
        ("klamm_partitions_led", "Partitions that this broker leads.", count(&is_led)),
        (
            "klamm_partitions_under_replicated",
            "Partitions that this broker leads and some replica does not keep up with.",
            count(&|partition| is_led(partition) && partition.isr.len() < partition.replicas.len()),
        ),
        (
            "klamm_partitions_offline",
            "Partitions of the cluster that nobody leads.",
            count(&|partition| partition.leader == NodeId::NONE),
        ),
    ] {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    }
}

/// Blocks for as long as the volumes take to answer.
pub(super) fn render_directories(page: &mut Exposition, node: &Node) {
    let directories = node.partitions.directories();
    let offline = directories.all().iter().filter(|directory| directory.is_offline()).count();
    let name = "klamm_log_directories_offline";
    page.family(name, "gauge", "Log directories that have failed.");
    page.sample(name, &[], offline as u64);
    let spaces: Vec<_> = directories
        .online()
        .filter_map(|directory| {
            Some((directory.path.display().to_string(), directory.space().ok()?))
        })
        .collect();
    let name = "klamm_log_directory_total_bytes";
    page.family(name, "gauge", "Size of the volume of a log directory.");
    for (path, space) in &spaces {
        page.sample(name, &[("directory", path)], space.total_bytes);
    }
    let name = "klamm_log_directory_usable_bytes";
    page.family(name, "gauge", "Room that is left on the volume of a log directory.");
    for (path, space) in &spaces {
        page.sample(name, &[("directory", path)], space.usable_bytes);
    }
}
