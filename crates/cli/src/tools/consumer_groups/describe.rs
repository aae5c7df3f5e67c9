//! Groups described: offsets and lag, members, state.

use std::collections::BTreeMap;

use client::admin::{GroupDescription, GroupMember};
use client::config::IsolationLevel;
use client::{Admin, OffsetAndMetadata, TopicPartition};

use super::super::support::options::Parsed;
use super::super::support::table::Table;
use super::super::support::{Done, ToolError};
use super::{failed, groups};

/// What stands where there is nothing.
const MISSING: &str = "-";

pub async fn describe(admin: &Admin, options: &Parsed) -> Done {
    for id in groups(admin, options).await? {
        let group = admin.describe_group(&id).await.map_err(failed)?;
        let lines = if options.has("members") {
            print_status(&group);
            members(&group, options.has("verbose"))
        } else if options.has("state") {
            print_status(&group);
            state(admin, &group, options.has("verbose")).await?
        } else {
            let committed = admin.group_offsets(&id).await.map_err(failed)?;
            print_status(&group);
            offsets(admin, &group, committed, options.has("verbose")).await?
        };
        if !lines.is_empty() {
            println!("\n{}", lines.join("\n"));
        }
    }
    Ok(())
}

/// What is worth knowing about a group that is not simply running.
fn print_status(group: &GroupDescription) {
    let id = &group.id;
    match group.state.as_str() {
        "Empty" => eprintln!("\nConsumer group '{id}' has no active members."),
        "Dead" => eprintln!("\nConsumer group '{id}' does not exist."),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            eprintln!("\nWarning: Consumer group '{id}' is rebalancing.");
        }
        _ => {}
    }
}

async fn offsets(
    admin: &Admin,
    group: &GroupDescription,
    committed: BTreeMap<TopicPartition, OffsetAndMetadata>,
    verbose: bool,
) -> Result<Vec<String>, ToolError> {
    let mut owners: BTreeMap<TopicPartition, Option<&GroupMember>> =
        committed.keys().map(|partition| (partition.clone(), None)).collect();
    for member in &group.members {
        for partition in &member.assignment {
            owners.insert(partition.clone(), Some(member));
        }
    }
    let latest: BTreeMap<_, _> = owners.keys().map(|p| (p.clone(), -1)).collect();
    let ends = match latest.is_empty() {
        true => BTreeMap::new(),
        false => {
            admin.list_offsets(&latest, IsolationLevel::ReadUncommitted).await.map_err(failed)?
        }
    };
    let mut heads = vec!["GROUP", "TOPIC", "PARTITION"];
    heads.extend(verbose.then_some("LEADER-EPOCH"));
    heads.extend(["CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"]);
    let mut table = Table::new(heads);
    for (partition, owner) in &owners {
        let current = committed.get(partition);
        let end = ends.get(partition).and_then(|end| end.as_ref().ok()).map(|end| end.offset);
        let lag = current.zip(end).map(|(current, end)| end - current.offset);
        let number = |n: Option<i64>| n.map_or(MISSING.to_owned(), |n| n.to_string());
        let epoch = current.map(|c| i64::from(c.leader_epoch)).filter(|epoch| *epoch >= 0);
        let text = |get: fn(&GroupMember) -> &str| {
            owner.map_or(MISSING.to_owned(), |member| get(member).to_owned())
        };
        let mut cells =
            vec![group.id.clone(), partition.topic.to_string(), partition.partition.to_string()];
        cells.extend(verbose.then(|| number(epoch)));
        cells.extend([number(current.map(|c| c.offset)), number(end), number(lag)]);
        cells.extend([text(|m| &m.id), text(|m| &m.host), text(|m| &m.client_id)]);
        table.push(cells);
    }
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let mut least = vec![15, 15, 10];
    least.extend(verbose.then_some(15));
    least.extend([15, 15, 15, 15, 15, 0]);
    Ok(trimmed_last(table.lines(&least, false)))
}

/// The last column is not padded.
fn trimmed_last(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

fn members(group: &GroupDescription, verbose: bool) -> Vec<String> {
    let with_instance = group.members.iter().any(|member| member.instance_id.is_some());
    let mut heads = vec!["GROUP", "CONSUMER-ID"];
    heads.extend(with_instance.then_some("GROUP-INSTANCE-ID"));
    heads.extend(["HOST", "CLIENT-ID", "#PARTITIONS"]);
    if verbose {
        heads.extend(["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT"]);
    }
    let mut table = Table::new(heads);
    for member in &group.members {
        let mut cells = vec![group.id.clone(), member.id.clone()];
        cells.extend(with_instance.then(|| member.instance_id.clone().unwrap_or_default()));
        cells.extend([member.host.clone(), member.client_id.clone()]);
        cells.push(member.assignment.len().to_string());
        if verbose {
            let epoch = |epoch: Option<i32>| epoch.map_or(MISSING.to_owned(), |e| e.to_string());
            cells.push(epoch(member.epoch));
            cells.push(assignment(&member.assignment));
            cells.push(epoch(group.target_epoch));
            cells.push(member.target_assignment.as_deref().map_or(MISSING.to_owned(), assignment));
        }
        table.push(cells);
    }
    let mut least = vec![15, 15];
    least.extend(with_instance.then_some(17));
    least.extend([15, 15, 15, 15, 20, 15, 20]);
    table.lines(&least, true)
}

/// `topic:0,1;other:2`
fn assignment(partitions: &[TopicPartition]) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    if topics.is_empty() {
        return MISSING.to_owned();
    }
    let topics = topics.into_iter().map(|(topic, mut numbers)| {
        numbers.sort_unstable();
        let numbers: Vec<_> = numbers.iter().map(i32::to_string).collect();
        format!("{topic}:{}", numbers.join(","))
    });
    topics.collect::<Vec<_>>().join(";")
}

async fn state(
    admin: &Admin,
    group: &GroupDescription,
    verbose: bool,
) -> Result<Vec<String>, ToolError> {
    let brokers = admin.describe_cluster(false).await.map_err(failed)?.brokers;
    let coordinator = brokers.iter().find(|b| b.node.id == group.coordinator).map_or_else(
        || format!("({})", group.coordinator),
        |b| format!("{}:{}  ({})", b.node.host, b.node.port, b.node.id),
    );
    let or_missing = |text: &str| if text.is_empty() { MISSING } else { text }.to_owned();
    let mut heads = vec!["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"];
    let mut cells =
        vec![group.id.clone(), coordinator, or_missing(&group.assignor), group.state.clone()];
    if verbose {
        heads.extend(["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]);
        let epoch = |epoch: Option<i32>| epoch.map_or(MISSING.to_owned(), |e| e.to_string());
        cells.extend([epoch(group.epoch), epoch(group.target_epoch)]);
    }
    heads.push("#MEMBERS");
    cells.push(group.members.len().to_string());
    let mut table = Table::new(heads);
    table.push(cells);
    let least = if verbose { vec![15, 25, 20, 20, 15, 25] } else { vec![15, 25, 20, 20] };
    Ok(trimmed_last(table.lines(&least, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_grouped_by_topic() {
        let partitions = [("u", 1), ("t", 3), ("t", 0)];
        let partitions = partitions.map(|(topic, p)| TopicPartition::new(topic, p));
        assert_eq!(assignment(&partitions), "t:0,3;u:1");
        assert_eq!(assignment(&[]), "-");
    }
}
