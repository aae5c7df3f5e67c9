//! `klamm cluster status`: nodes, leaders, and what is not as it should be, on one screen.

mod picture;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use client::admin::ClusterDescription;
use client::{Admin, Metadata, TopicPartition};
use types::ErrorCode;

use super::super::support::options::{Parsed, Spec};
use super::super::support::{ToolError, block_on, connect, run as run_tool, terminated, time};
use picture::{Health, LogEnds, Picture};

const ABOUT: &str = "\
usage: klamm cluster status [-b SERVERS] [--watch [SECONDS]]

Shows the nodes of a cluster, Klamm's or Apache Kafka's, what each does, how far each lags behind,
and the partitions that lack replicas or leaders.

Exit code: 0 all is well; 1 nothing could be learned; 2 something lags, is missing or out of
service, and every partition has a leader; 3 a partition or the quorum has no leader.
";

const DEFAULT_SERVER: &str = "localhost:9092";
/// Somebody waits in front of a screen.
const TIMEOUTS_MS: [(&str, &str); 2] =
    [("default.api.timeout.ms", "5000"), ("request.timeout.ms", "3000")];
const WATCH_SECONDS: u64 = 2;
/// Whoever asks more often asks for nothing else.
const WATCH_SECONDS_MIN: u64 = 1;
/// Log ends are asked for so many partitions at most, those with replicas missing first.
const ENDS_MAX: usize = 10_000;
/// To the upper left corner, and everything away.
const CLEAR: &str = "\x1b[H\x1b[2J";

fn spec() -> Spec {
    Spec::new(ABOUT)
        .answers_help(0, None)
        .value("bootstrap-server", "servers", "host:port,host:port to connect to (localhost:9092).")
        .letter("b", "bootstrap-server")
        .value("command-config", "file", "Property file with settings of the client.")
        .maybe("watch", "seconds", "Again every so many seconds (2), until Ctrl-C.")
}

pub fn run(args: &[String]) -> ExitCode {
    let mut health = None;
    let code = run_tool(&spec(), args, |options| {
        if let Some(word) = options.rest.first() {
            return Err(ToolError::Usage(format!("there is no {word}")));
        }
        let admin = admin(options)?;
        let every = match options.has("watch") {
            true => Some(pause(options.number("watch")?)),
            false => None,
        };
        block_on(async {
            match every {
                Some(every) => watch(&admin, every).await,
                None => {
                    let picture = look(&admin).await?;
                    print!("{picture}");
                    health = Some(picture.health());
                    Ok(())
                }
            }
        })
    });
    match health {
        None | Some(Health::Well) => code,
        Some(Health::Degraded) => ExitCode::from(2),
        Some(Health::Broken) => ExitCode::from(3),
    }
}

fn pause(seconds: Option<u64>) -> Duration {
    Duration::from_secs(seconds.unwrap_or(WATCH_SECONDS).max(WATCH_SECONDS_MIN))
}

fn admin(options: &Parsed) -> Result<Admin, ToolError> {
    let mut properties = connect::properties(options, &["command-config"], &[])?;
    match options.get("bootstrap-server") {
        Some(servers) => properties.set("bootstrap.servers", servers),
        None => properties.set_default("bootstrap.servers", DEFAULT_SERVER),
    }
    for (key, value) in TIMEOUTS_MS {
        properties.set_default(key, value);
    }
    connect::admin_with(&properties)
}

/// One picture after the other; what goes wrong is a picture too.
async fn watch(admin: &Admin, every: Duration) -> Result<(), ToolError> {
    let end = terminated();
    tokio::pin!(end);
    loop {
        let text = tokio::select! {
            () = &mut end => return Ok(()),
            looked = look(admin) => match looked {
                Ok(picture) => picture.to_string(),
                Err(ToolError::Failed(why)) => format!("{why}\n"),
                Err(other) => return Err(other),
            },
        };
        let mut stdout = io::stdout();
        let front = if stdout.is_terminal() { CLEAR } else { "" };
        write!(stdout, "{front}{}\n{text}\n", time::log_time())?;
        stdout.flush()?;
        tokio::select! {
            () = &mut end => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
    }
}

async fn look(admin: &Admin) -> Result<Picture, ToolError> {
    let cluster = match admin.describe_cluster(true).await {
        // brokers of before KIP-1073 list only those in service
        Err(error) if error.code() == ErrorCode::UnsupportedVersion => {
            admin.describe_cluster(false).await?
        }
        described => described?,
    };
    let metadata = admin.metadata().await?;
    // a quorum without a leader cannot be described, and the rest can
    let quorum = admin.describe_quorum().await.map_err(|error| error.to_string());
    let ends = log_ends(admin, &cluster, &metadata).await;
    Ok(Picture::new(&cluster, quorum, &metadata, &ends))
}

/// Where the log of each replica ends, as far as brokers tell it.
async fn log_ends(admin: &Admin, cluster: &ClusterDescription, metadata: &Metadata) -> LogEnds {
    let mut replicated: Vec<(bool, TopicPartition, &[i32])> = Vec::new();
    for topic in metadata.topics() {
        for p in topic.partitions.iter().filter(|p| p.replicas.len() > 1) {
            let key = TopicPartition::new(topic.name.clone(), p.partition);
            replicated.push((p.isr.len() >= p.replicas.len(), key, &p.replicas));
        }
    }
    replicated.sort();
    replicated.truncate(ENDS_MAX);
    let live: BTreeSet<i32> =
        cluster.brokers.iter().filter(|b| !b.is_fenced).map(|b| b.node.id).collect();
    let mut by_broker: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
    for (_, partition, replicas) in &replicated {
        for broker in replicas.iter().filter(|broker| live.contains(broker)) {
            by_broker.entry(*broker).or_default().push(partition.clone());
        }
    }
    let mut ends = LogEnds::new();
    for (broker, partitions) in by_broker {
        // a broker that does not tell is shown without a lag
        let told = admin.log_ends_on(broker, &partitions).await.unwrap_or_default();
        for (partition, end) in told {
            if let Ok(end) = end {
                ends.insert((partition, broker), end);
            }
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_pictures_is_a_pause_whatever_is_asked() {
        for (asked, seconds) in [(None, 2), (Some(0), 1), (Some(1), 1), (Some(60), 60)] {
            assert_eq!(pause(asked), Duration::from_secs(seconds), "{asked:?}");
        }
    }
}
