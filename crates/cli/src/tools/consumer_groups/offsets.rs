//! Offsets of a group deleted; and topics with partitions as the command line has them.

use client::{Admin, TopicPartition};
use types::ErrorCode;

use super::super::support::options::Parsed;
use super::super::support::table::Table;
use super::super::support::{Done, ToolError, exception, text_of};
use super::failed;

/// The partitions that `--topic t`, `--topic t:0,1` mean.
pub async fn partitions(admin: &Admin, options: &Parsed) -> Result<Vec<TopicPartition>, ToolError> {
    let metadata = admin.metadata().await.map_err(failed)?;
    let mut chosen = Vec::new();
    for text in options.all("topic") {
        let (topic, numbers) = text.split_once(':').unwrap_or((text, ""));
        if numbers.is_empty() {
            let known = metadata.topic(topic);
            let known = known.into_iter().flat_map(|topic| &topic.partitions);
            chosen.extend(known.map(|p| TopicPartition::new(topic, p.partition)));
            continue;
        }
        for number in numbers.split(',') {
            let wrong = || ToolError::Usage(format!("Invalid partition '{number}' of {topic}"));
            chosen.push(TopicPartition::new(topic, number.trim().parse().map_err(|_| wrong())?));
        }
    }
    Ok(chosen)
}

pub async fn delete(admin: &Admin, options: &Parsed) -> Done {
    let group = options.require("group")?;
    let partitions = partitions(admin, options).await?;
    let verdicts = match admin.delete_group_offsets(group, &partitions).await {
        Ok(verdicts) => verdicts,
        Err(error) => {
            println!("\nError: Deletion of offsets failed due to: {}", text_of(&error));
            return Ok(());
        }
    };
    match verdicts.values().any(Result::is_err) {
        false => println!("Request succeeded for deleting offsets from group {group}."),
        true => {
            println!("\nError: Encountered some partition-level error, see the follow-up details.");
        }
    }
    let mut table = Table::new(["TOPIC", "PARTITION", "STATUS"]);
    for (partition, verdict) in verdicts {
        let status = match verdict {
            Ok(()) => "Successful".to_owned(),
            Err(error) => format!("Error: {}", exception(&error)),
        };
        table.push([partition.topic.to_string(), partition.partition.to_string(), status]);
    }
    for topic in unknown_topics(admin, options).await? {
        let code = ErrorCode::UnknownTopicOrPartition;
        let error = client::Error::Broker { code, message: None };
        table.push([topic, "-".to_owned(), format!("Error: {}", exception(&error))]);
    }
    println!("\n{}", table.lines(&[15, 10, 15], false).join("\n"));
    Ok(())
}

/// Topics that stand without partitions and that nobody knows.
async fn unknown_topics(admin: &Admin, options: &Parsed) -> Result<Vec<String>, ToolError> {
    let metadata = admin.metadata().await.map_err(failed)?;
    let unknown = |topic: &&str| !topic.contains(':') && metadata.topic(topic).is_none();
    Ok(options.all("topic").filter(unknown).map(str::to_owned).collect())
}
