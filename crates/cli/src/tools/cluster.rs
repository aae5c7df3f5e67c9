//! `klamm cluster`, `kafka-cluster`: the cluster's id and endpoints; unregistering brokers. Under our
//! own name also a local cluster, and how a cluster stands.

mod local;
mod status;
mod up;

use std::process::ExitCode;

use super::support::options::{Parsed, Spec};
use super::support::table::Table;
use super::support::{Done, ToolError, block_on, connect, deprecated, exception, run as run_tool};

const ABOUT: &str = "\
The Kafka cluster tool: cluster-id | list-endpoints | unregister --id ID

klamm cluster up N      run a local cluster of N nodes      (klamm cluster up --help)
klamm cluster status    how a cluster stands, at a glance   (klamm cluster status --help)
";

fn spec() -> Spec {
    Spec::new(ABOUT)
        .answers_help(1, None)
        .cluster()
        .letter("b", "bootstrap-server")
        .value("config", "file", "(DEPRECATED) As --command-config.")
        .letter("c", "command-config")
        .value("bootstrap-controller", "servers", "The controllers to connect to.")
        .letter("C", "bootstrap-controller")
        .value("id", "id", "The broker to unregister.")
        .letter("i", "id")
        .flag("include-fenced-brokers", "List fenced brokers too.")
}

pub fn run(args: &[String]) -> ExitCode {
    match args.split_first() {
        Some((action, rest)) if action == "up" => return up::run(rest),
        Some((action, rest)) if action == "status" => return status::run(rest),
        Some(_) | None => {}
    }
    run_tool(&spec(), args, |options| {
        let action = options.rest.first().map(String::as_str);
        let Some(action @ ("cluster-id" | "list-endpoints" | "unregister")) = action else {
            let wrong = action.unwrap_or("none");
            return Err(ToolError::Usage(format!(
                "invalid choice: '{wrong}' (choose from 'cluster-id', 'unregister', 'list-endpoints')"
            )));
        };
        deprecated(options, "config", "command-config");
        let properties = connect::properties(options, &["config", "command-config"], &[])?;
        let admin = connect::admin_of_either(options, properties)?;
        block_on(async {
            match action {
                "cluster-id" => show_id(&admin).await,
                "list-endpoints" => list(&admin, options).await,
                _ => unregister(&admin, options).await,
            }
        })
    })
}

async fn show_id(admin: &client::Admin) -> Done {
    let cluster = admin.describe_cluster(false).await?;
    match cluster.cluster_id.as_str() {
        "" => println!("No cluster ID found. The Kafka version is probably too old."),
        id => println!("Cluster ID: {id}"),
    }
    Ok(())
}

async fn list(admin: &client::Admin, options: &Parsed) -> Done {
    let with_fenced = options.has("include-fenced-brokers");
    let of_controllers = options.has("bootstrap-controller");
    if with_fenced && of_controllers {
        let what = "The option --include-fenced-brokers is only supported with --bootstrap-server \
                    option";
        return Err(ToolError::Failed(what.to_owned()));
    }
    let cluster = admin.describe_cluster(with_fenced).await?;
    let mut table = match of_controllers {
        true => Table::new(["ID", "HOST", "PORT", "RACK", "ENDPOINT_TYPE"]),
        false => Table::new(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]),
    };
    for broker in cluster.brokers {
        let node = broker.node;
        let mut cells = vec![
            node.id.to_string(),
            node.host,
            node.port.to_string(),
            node.rack.unwrap_or_else(|| "null".to_owned()),
        ];
        match of_controllers {
            true => cells.push("controller".to_owned()),
            false => {
                let state = if broker.is_fenced { "fenced" } else { "unfenced" };
                cells.extend([state.to_owned(), "broker".to_owned()]);
            }
        }
        table.push(cells);
    }
    let lines = match of_controllers {
        true => table.lines(&[10, 0, 10, 10, 15], false),
        false => table.lines(&[10, 0, 10, 10, 10, 15], false),
    };
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

async fn unregister(admin: &client::Admin, options: &Parsed) -> Done {
    let id: i32 = options
        .number("id")?
        .ok_or_else(|| ToolError::Usage("argument --id/-i is required".to_owned()))?;
    match admin.unregister_broker(id).await {
        Ok(()) => {
            println!("Broker {id} is no longer registered.");
            Ok(())
        }
        Err(error) if error.code() == types::ErrorCode::UnsupportedVersion => {
            println!("The target cluster does not support the broker unregistration API.");
            Ok(())
        }
        Err(error) => Err(ToolError::Failed(exception(&error))),
    }
}
