//! DescribeLogDirs: what lies in each log directory, and how much room is left there.

use crate::dispatch::RequestContext;
use crate::partition::{LogDirectory, Partition};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use types::ErrorCode;
use wire::describe_log_dirs_request::DescribeLogDirsRequest;
use wire::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};

const UNKNOWN_BYTES: i64 = -1;

/// Partitions asked for, by topic; `None` for all.
type Asked = Option<HashMap<String, HashSet<i32>>>;

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
    let mut results = Vec::new();
    for directory in context.node.partitions.directories() {
        let (inside, rest): (Vec<_>, Vec<_>) = partitions
            .into_iter()
            .partition(|partition| Arc::ptr_eq(partition.directory(), directory));
        partitions = rest;
        results.push(describe(directory, inside).await);
    }
    DescribeLogDirsResponse { results, ..Default::default() }
}

/// Sizes come from the files: logs that nobody has opened stay closed.
async fn describe(
    directory: &Arc<LogDirectory>,
    partitions: Vec<Arc<Partition>>,
) -> DescribeLogDirsResult<'static> {
    let described = Arc::clone(directory);
    let work = move || {
        let mut topics: BTreeMap<Arc<str>, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for partition in partitions {
            let bytes = described.log_bytes(&partition.topic.name, partition.index);
            topics.entry(Arc::clone(&partition.topic.name)).or_default().push(
                DescribeLogDirsPartition {
                    partition_index: partition.index,
                    partition_size: i64::try_from(bytes).unwrap_or(i64::MAX),
                    offset_lag: 0,
                    is_future_key: false,
                },
            );
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
    directory.pool.run(work).await.unwrap_or_else(|| DescribeLogDirsResult {
        error_code: ErrorCode::KafkaStorageError.code(),
        log_dir: Cow::Owned(directory.path.display().to_string()),
        ..Default::default()
    })
}

fn topic(
    (name, mut partitions): (Arc<str>, Vec<DescribeLogDirsPartition>),
) -> DescribeLogDirsTopic<'static> {
    partitions.sort_unstable_by_key(|partition| partition.partition_index);
    DescribeLogDirsTopic { name: Cow::Owned(name.to_string()), partitions }
}
