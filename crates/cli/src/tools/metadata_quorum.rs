//! `klamm quorum`, `kafka-metadata-quorum`: how the controllers stand, who joins and who leaves.

mod joining;

use std::process::ExitCode;

use client::admin::{Quorum, QuorumReplica};
use client::{Admin, Properties};
use types::DirectoryId;

use super::support::options::{Parsed, Spec};
use super::support::table::Table;
use super::support::{Done, ToolError, block_on, connect, exception, now_ms, run as run_tool};
use joining::Joining;

fn spec() -> Spec {
    Spec::new(
        "This tool describes kraft metadata quorum status: describe --status | describe \
         --replication [--human-readable] | add-controller | remove-controller",
    )
    .answers_help(0, None)
    .cluster()
    .value("bootstrap-controller", "servers", "The controllers to connect to.")
    .flag("status", "A short summary, with describe.")
    .flag("replication", "How far each node has come, with describe.")
    .flag("human-readable", "Times as distances from now, with --replication.")
    .value("controller-id", "id", "The controller to remove.")
    .letter("i", "controller-id")
    .value("controller-directory-id", "id", "The directory id of the controller to remove.")
    .letter("d", "controller-directory-id")
    .flag("dry-run", "Say what would be done.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let properties = match options.get("command-config") {
            Some(path) if !std::path::Path::new(path).exists() => {
                let what = format!("Properties file {path} does not exist.");
                return Err(ToolError::Failed(what));
            }
            Some(_) | None => connect::properties(options, &["command-config"], &[])?,
        };
        match options.rest.first().map(String::as_str) {
            Some("describe") => describe(options, properties),
            Some("add-controller") => add(options, properties),
            Some("remove-controller") => remove(options, properties),
            other => Err(ToolError::Usage(format!(
                "invalid choice: '{}' (choose from 'describe', 'add-controller', \
                 'remove-controller')",
                other.unwrap_or_default()
            ))),
        }
    })
}

fn describe(options: &Parsed, properties: Properties) -> Done {
    let admin = connect::admin_of_either(options, properties)?;
    let wrong = |what: &str| Err(ToolError::Failed(what.to_owned()));
    match (options.has("status"), options.has("replication")) {
        (true, true) => wrong(
            "Only one of --status or --replication should be specified with describe sub-command",
        ),
        (false, false) => {
            wrong("One of --status or --replication must be specified with describe sub-command")
        }
        (true, false) if options.has("human-readable") => {
            wrong("The option --human-readable is only supported along with --replication")
        }
        (true, false) => block_on(status(&admin)),
        (false, true) => block_on(replication(&admin, options.has("human-readable"))),
    }
}

fn leader(quorum: &Quorum) -> Result<&QuorumReplica, ToolError> {
    let none = || ToolError::Failed("the quorum's leader is not among its voters".to_owned());
    quorum.leader_replica().ok_or_else(none)
}

async fn status(admin: &Admin) -> Done {
    let cluster = admin.describe_cluster(false).await.map_err(failed)?;
    let quorum = admin.describe_quorum().await.map_err(failed)?;
    let leader = leader(&quorum)?;
    // the first of those that have come least far
    let last = quorum.voters.iter().min_by_key(|voter| voter.log_end_offset).unwrap_or(leader);
    let lag_ms = match (leader.last_caught_up_ms, last.last_caught_up_ms) {
        _ if last.id == leader.id => 0,
        (Some(leader_ms), Some(last_ms)) => leader_ms - last_ms,
        _ => -1,
    };
    for (name, value) in [
        ("ClusterId", cluster.cluster_id),
        ("LeaderId", quorum.leader.to_string()),
        ("LeaderEpoch", quorum.leader_epoch.to_string()),
        ("HighWatermark", quorum.high_watermark.to_string()),
        ("MaxFollowerLag", (leader.log_end_offset - last.log_end_offset).to_string()),
        ("MaxFollowerLagTimeMs", lag_ms.to_string()),
        ("CurrentVoters", nodes(&quorum, &quorum.voters)),
        ("CurrentObservers", nodes(&quorum, &quorum.observers)),
    ] {
        println!("{:<24}{value}", format!("{name}:"));
    }
    Ok(())
}

fn nodes(quorum: &Quorum, replicas: &[QuorumReplica]) -> String {
    let node = |replica: &QuorumReplica| {
        let mut text = format!("{{\"id\": {}", replica.id);
        if !replica.directory.is_zero() {
            text += &format!(", \"directoryId\": \"{}\"", replica.directory);
        }
        let endpoints = quorum.endpoints.get(&replica.id).map_or(&[][..], Vec::as_slice);
        if !endpoints.is_empty() {
            let endpoints: Vec<_> =
                endpoints.iter().map(|e| format!("\"{}\"", joining::show(e))).collect();
            text += &format!(", \"endpoints\": [{}]", endpoints.join(", "));
        }
        text + "}"
    };
    format!("[{}]", replicas.iter().map(node).collect::<Vec<_>>().join(", "))
}

async fn replication(admin: &Admin, for_people: bool) -> Done {
    let quorum = admin.describe_quorum().await.map_err(failed)?;
    let leader = leader(&quorum)?;
    let followers = quorum.voters.iter().filter(|voter| voter.id != leader.id);
    let rows = std::iter::once((leader, "Leader"))
        .chain(followers.map(|voter| (voter, "Follower")))
        .chain(quorum.observers.iter().map(|observer| (observer, "Observer")));
    let mut table = Table::new([
        "NodeId",
        "DirectoryId",
        "LogEndOffset",
        "Lag",
        "LastFetchTimestamp",
        "LastCaughtUpTimestamp",
        "Status",
    ]);
    for (replica, status) in rows {
        let time = |at_ms: Option<i64>, what: &str| match at_ms {
            None => Ok("-1".to_owned()),
            Some(at_ms) if for_people => ago(now_ms(), at_ms, what),
            Some(at_ms) => Ok(at_ms.to_string()),
        };
        table.push([
            replica.id.to_string(),
            replica.directory.to_string(),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            time(replica.last_fetch_ms, "last fetch")?,
            time(replica.last_caught_up_ms, "last caught up")?,
            status.to_owned(),
        ]);
    }
    table.tabbed().iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// How long ago a time of the leader's clock is by ours.
fn ago(now_ms: i64, at_ms: i64, what: &str) -> Result<String, ToolError> {
    if at_ms > 0 && at_ms <= now_ms {
        return Ok(format!("{} ms ago", now_ms - at_ms));
    }
    Err(ToolError::Failed(format!(
        "Error while computing relative time, possible drift in system clock.\n\
         Current timestamp is {now_ms}, {what} timestamp is {at_ms}"
    )))
}

fn add(options: &Parsed, properties: Properties) -> Done {
    let admin = connect::admin_of_either(options, joining::of_client(&properties))?;
    if !options.has("command-config") {
        let what = "You must supply the configuration file of the controller you are adding when \
                    using add-controller.";
        return Err(ToolError::Failed(what.to_owned()));
    }
    let joining = Joining::read(&properties).map_err(ToolError::Failed)?;
    let Joining { id, directory, endpoints } = &joining;
    let done = match options.has("dry-run") {
        true => "DRY RUN of adding",
        false => {
            block_on(async { admin.add_voter(*id, *directory, endpoints).await.map_err(failed) })?;
            "Added"
        }
    };
    let endpoints: Vec<String> = endpoints.iter().map(joining::show).collect();
    println!(
        "{done} controller {id} with directory id {directory} and endpoints: {}",
        endpoints.join(", ")
    );
    Ok(())
}

fn remove(options: &Parsed, properties: Properties) -> Done {
    let missing = |name: &str| ToolError::Usage(format!("argument --{name} is required"));
    let id: i32 = options.number("controller-id")?.ok_or_else(|| missing("controller-id"))?;
    let directory = options.get("controller-directory-id");
    let directory = directory.ok_or_else(|| missing("controller-directory-id"))?;
    let admin = connect::admin_of_either(options, properties)?;
    if id < 0 {
        return Err(ToolError::Failed(format!("Invalid negative --controller-id: {id}")));
    }
    let directory: DirectoryId = directory.parse().map_err(|error| {
        ToolError::Failed(format!("Failed to parse --controller-directory-id: {error}"))
    })?;
    let done = match options.has("dry-run") {
        true => "DRY RUN of removing ",
        false => {
            block_on(async { admin.remove_voter(id, directory).await.map_err(failed) })?;
            "Removed "
        }
    };
    println!("{done} KRaft controller {id} with directory id {directory}");
    Ok(())
}

fn failed(error: client::Error) -> ToolError {
    ToolError::Failed(exception(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_another_clock_are_refused() {
        assert_eq!(ago(10, 7, "x").ok().as_deref(), Some("3 ms ago"));
        for at_ms in [0, 11] {
            assert!(ago(10, at_ms, "x").is_err(), "{at_ms}");
        }
    }
}
