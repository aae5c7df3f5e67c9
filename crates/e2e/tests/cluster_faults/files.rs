//! What befalls the directory of a node that does not run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use e2e::Node;

/// Everything in it is gone.
pub fn empty(node: &Node) {
    fs::remove_dir_all(node.data()).expect("remove the directory");
}

/// The logs of a topic end in their midst.
pub fn cut_short(node: &Node, topic: &str) {
    let cut = logs(node, topic).into_iter().filter(|log| halve(log)).count();
    assert!(cut > 0, "no log of {topic} has anything to lose");
}

/// The metadata log ends in its midst.
pub fn cut_metadata_short(node: &Node) {
    assert!(halve(&node.metadata().join(FIRST_SEGMENT)), "the metadata log is empty");
}

/// How much is in a topic's logs.
pub fn log_bytes(node: &Node, topic: &str) -> u64 {
    logs(node, topic).iter().filter_map(|log| log.metadata().ok()).map(|log| log.len()).sum()
}

/// From its next start on a node has another's directory.
pub fn point_to(node: &Node, data: &Path) {
    let properties = fs::read_to_string(node.properties()).expect("read the properties");
    let others = properties.lines().filter(|line| !line.starts_with("log.dirs="));
    let text: String = others.map(|line| format!("{line}\n")).collect();
    let text = format!("log.dirs={}\n{text}", data.display());
    fs::write(node.properties(), text).expect("write the properties");
}

/// Everything that a controller's log holds as of its first segment.
pub fn metadata_of(node: &Node) -> Vec<u8> {
    let bytes = fs::read(node.metadata().join(FIRST_SEGMENT)).unwrap_or_default();
    // Apache Kafka sets space aside behind the records
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..end].to_vec()
}

const FIRST_SEGMENT: &str = "00000000000000000000.log";

fn logs(node: &Node, topic: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(node.data()).into_iter().flatten().flatten();
    let of_topic = |name: &str| name.strip_prefix(topic).is_some_and(|rest| rest.starts_with('-'));
    let folders = folders.filter(|folder| folder.file_name().to_str().is_some_and(of_topic));
    folders.map(|folder| folder.path().join(FIRST_SEGMENT)).collect()
}

/// Whether there was anything to cut.
fn halve(file: &Path) -> bool {
    let file = File::options().write(true).open(file).expect("open the log");
    let bytes = file.metadata().expect("ask for its size").len();
    file.set_len(bytes / 2).expect("cut the log");
    bytes > 0
}
