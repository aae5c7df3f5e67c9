//! AlterReplicaLogDirs: a replica of this broker moves to another of its directories.

use crate::dispatch::RequestContext;
use crate::partition::{LogDirectory, Partition};
use log::FolderName;
use std::sync::Arc;
use types::{ErrorCode, Uuid};
use wire::alter_replica_log_dirs_request::AlterReplicaLogDirsRequest;
use wire::alter_replica_log_dirs_response::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsResponse,
};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: AlterReplicaLogDirsRequest<'a>,
) -> AlterReplicaLogDirsResponse<'a> {
    let mut results: Vec<AlterReplicaLogDirTopicResult<'a>> = Vec::new();
    for directory in request.dirs {
        for topic in directory.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition_index in topic.partitions {
                let moved = alter(context, &directory.path, &topic.name, partition_index).await;
                let error_code = moved.err().unwrap_or_default().code();
                partitions.push(AlterReplicaLogDirPartitionResult { partition_index, error_code });
            }
            match results.iter_mut().find(|known| known.topic_name == topic.name) {
                Some(known) => known.partitions.extend(partitions),
                None => results
                    .push(AlterReplicaLogDirTopicResult { topic_name: topic.name, partitions }),
            }
        }
    }
    AlterReplicaLogDirsResponse { results, ..Default::default() }
}

async fn alter(
    context: &RequestContext<'_>,
    path: &str,
    topic: &str,
    index: i32,
) -> Result<(), ErrorCode> {
    let partitions = &context.node.partitions;
    if FolderName::future(topic, types::Partition(index), Uuid::ZERO).is_none() {
        return Err(ErrorCode::InvalidTopicException);
    }
    let directory = partitions.directories().at(path).ok_or(ErrorCode::LogDirNotFound)?;
    if directory.is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    let known = partitions.named(topic);
    let Some(partition) = known.as_deref().and_then(|topic| topic.partition(index)) else {
        return Err(prefer(context, directory, topic, index));
    };
    let (partition, directory) = (Arc::clone(partition), Arc::clone(directory));
    if partition.directory().is_offline() {
        return Err(ErrorCode::KafkaStorageError);
    }
    let leaves = !Arc::ptr_eq(&partition.directory(), &directory);
    if leaves && partitions.directories().has_offline() {
        // a copy of the replica may lie in the directory that is lost
        return Err(ErrorCode::KafkaStorageError);
    }
    move_to(context, partition, directory).await
}

/// A replica that will come is to have that directory.
fn prefer(
    context: &RequestContext<'_>,
    directory: &LogDirectory,
    topic: &str,
    index: i32,
) -> ErrorCode {
    let image = context.node.controller.image();
    let known = image.topics().named(topic);
    match known.filter(|topic| topic.partitions.contains_key(&index)) {
        Some(topic) => {
            context.node.partitions.directories().prefer(&topic.name, index, directory);
            ErrorCode::ReplicaNotAvailable
        }
        None => ErrorCode::UnknownTopicOrPartition,
    }
}

async fn move_to(
    context: &RequestContext<'_>,
    partition: Arc<Partition>,
    directory: Arc<LogDirectory>,
) -> Result<(), ErrorCode> {
    let pool = directory.pool.clone();
    let moving = Arc::clone(&partition);
    let begun = pool.run(move || moving.begin_move(&directory)).await;
    let begun = begun.unwrap_or(Err(ErrorCode::KafkaStorageError));
    match begun {
        Ok(true) => context.node.partitions.relocations().begun(partition),
        Ok(false) => context.node.partitions.check_told(&partition),
        // deleted meanwhile
        Err(ErrorCode::NotLeaderOrFollower) => return Err(ErrorCode::ReplicaNotAvailable),
        Err(code) => return Err(code),
    }
    Ok(())
}
