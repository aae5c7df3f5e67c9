//! DescribeLogDirs: what lies in each log directory, and how much room is left there.

use crate::dispatch::RequestContext;
use crate::partition::{FutureReplica, LogDirectory, Partition, folder_bytes};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use types::ErrorCode;
use wire::describe_log_dirs_request::DescribeLogDirsRequest;
use wire::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

const UNKNOWN_BYTES: i64 = -1;

/// How far a copy is behind a log that is not there.
const UNKNOWN_LAG: i64 = -1;

/// Partitions asked for, by topic; `None` for all.
type Asked = Option<HashMap<String, HashSet<i32>>>;

/// What a directory holds: replicas, and copies on their way to it.
type Contents = Vec<(Arc<Partition>, Option<Arc<FutureReplica>>)>;

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: DescribeLogDirsRequest<'a>,
) -> DescribeLogDirsResponse<'a> {
    let asked: Asked = request.topics.map(|topics| {
        let entry = |topic: wire::describe_log_dirs_request::DescribableLogDirTopic<'_>| {
            (topic.topic.into_owned(), topic.partitions.into_iter().collect())
        };
        topics.into_iter().map(entry).collect()
    });
    let is_asked = |partition: &Arc<Partition>| match &asked {
        None => true,
        Some(topics) => topics
            .get(&*partition.topic.name)
            .is_some_and(|indexes| indexes.contains(&partition.index)),
    };
    let mut partitions = context.node.partitions.all();
    partitions.retain(is_asked);
    let directories = context.node.partitions.directories();
    let mut results = Vec::new();
    for directory in directories.all() {
        let is_cordoned = directories.is_cordoned(directory);
        let described = match directory.is_offline() {
            true => out_of_service(directory),
            false => describe(directory, contents(directory, &partitions)).await,
        };
        results.push(DescribeLogDirsResult { is_cordoned, ..described });
    }
    DescribeLogDirsResponse { results, ..Default::default() }
}

fn contents(directory: &Arc<LogDirectory>, partitions: &[Arc<Partition>]) -> Contents {
    let mut contents = Contents::new();
    for partition in partitions {
        let copy = partition.future();
        if Arc::ptr_eq(&partition.directory(), directory) {
            contents.push((Arc::clone(partition), None));
        } else if copy.as_ref().is_some_and(|copy| Arc::ptr_eq(&copy.directory, directory)) {
            contents.push((Arc::clone(partition), copy));
        }
    }
    contents
}

/// Sizes come from the files: logs that nobody has opened stay closed.
async fn describe(
    directory: &Arc<LogDirectory>,
    contents: Contents,
) -> DescribeLogDirsResult<'static> {
    let described = Arc::clone(directory);
    let work = move || {
        let mut topics: BTreeMap<Arc<str>, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for (partition, copy) in contents {
            let row = describe_replica(&described, &partition, copy.as_deref());
            topics.entry(Arc::clone(&partition.topic.name)).or_default().push(row);
        }
        let space = described.space();
        let bytes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        DescribeLogDirsResult {
            log_dir: Cow::Owned(described.path.display().to_string()),
            topics: topics.into_iter().map(topic).collect(),
            total_bytes: space.as_ref().map_or(UNKNOWN_BYTES, |space| bytes(space.total_bytes)),
            usable_bytes: space.as_ref().map_or(UNKNOWN_BYTES, |space| bytes(space.usable_bytes)),
            ..Default::default()
        }
    };
    directory.pool.run(work).await.unwrap_or_else(|| out_of_service(directory))
}

fn out_of_service(directory: &LogDirectory) -> DescribeLogDirsResult<'static> {
    DescribeLogDirsResult {
        error_code: ErrorCode::KafkaStorageError.code(),
        log_dir: Cow::Owned(directory.path.display().to_string()),
        ..Default::default()
    }
}

fn describe_replica(
    directory: &LogDirectory,
    partition: &Partition,
    copy: Option<&FutureReplica>,
) -> DescribeLogDirsPartition {
    let bytes = match copy {
        Some(copy) => folder_bytes(&copy.folder),
        None => directory.log_bytes(&partition.topic.name, partition.index),
    };
    let lag = |copy: &FutureReplica| {
        let ends = partition.ends_if_open();
        ends.map_or(UNKNOWN_LAG, |ends| (ends.log_end.0 - copy.end().0).max(0))
    };
    DescribeLogDirsPartition {
        partition_index: partition.index,
        partition_size: i64::try_from(bytes).unwrap_or(i64::MAX),
        offset_lag: copy.map_or(0, lag),
        is_future_key: copy.is_some(),
    }
}

fn topic(
    (name, mut partitions): (Arc<str>, Vec<DescribeLogDirsPartition>),
) -> DescribeLogDirsTopic<'static> {
    partitions.sort_unstable_by_key(|partition| partition.partition_index);
    DescribeLogDirsTopic { name: Cow::Owned(name.to_string()), partitions }
}
