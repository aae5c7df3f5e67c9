//! `klamm cluster`, `kafka-cluster`: the cluster's id and endpoints; unregistering brokers.

use std::process::ExitCode;

use super::support::options::{Parsed, Spec};
use super::support::table::Table;
use super::support::{Done, ToolError, block_on, connect, deprecated, exception, run as run_tool};

fn spec() -> Spec {
    Spec::new("The Kafka cluster tool: cluster-id | list-endpoints | unregister --id ID")
        .answers_help(1, None)
        .cluster()
        .value("config", "file", "(DEPRECATED) As --command-config.")
        .value("bootstrap-controller", "servers", "The controllers to connect to.")
        .value("id", "id", "The broker to unregister.")
        .flag("include-fenced-brokers", "List fenced brokers too.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let servers = options.get("bootstrap-server").or(options.get("bootstrap-controller"));
        let one_of = "one of the arguments --bootstrap-server --bootstrap-controller is required";
        let missing = || ToolError::Usage(one_of.to_owned());
        let action = options.rest.first().map(String::as_str);
        if !matches!(action, Some("cluster-id" | "list-endpoints" | "unregister")) {
            let wrong = action.unwrap_or("none");
            return Err(ToolError::Usage(format!(
                "invalid choice: '{wrong}' (choose from 'cluster-id', 'unregister', 'list-endpoints')"
            )));
        }
        let servers = servers.ok_or_else(missing)?;
        if options.has("bootstrap-server") && options.has("bootstrap-controller") {
            let what = "argument --bootstrap-controller: not allowed with --bootstrap-server";
            return Err(ToolError::Usage(what.to_owned()));
        }
        deprecated(options, "config", "command-config");
        let mut properties = connect::properties(options, &["config", "command-config"], &[])?;
        properties.set("bootstrap.servers", servers);
        let admin = connect::admin_with(&properties)?;
        block_on(async {
            match action {
                Some("cluster-id") => {
                    let cluster = admin.describe_cluster(false).await?;
                    match cluster.cluster_id.as_str() {
                        "" => {
                            println!("No cluster ID found. The Kafka version is probably too old.")
                        }
                        id => println!("Cluster ID: {id}"),
                    }
                    Ok(())
                }
                Some("list-endpoints") => list(&admin, options).await,
                _ => unregister(&admin, options).await,
            }
        })
    })
}

async fn list(admin: &client::Admin, options: &Parsed) -> Done {
    let cluster = admin.describe_cluster(options.has("include-fenced-brokers")).await?;
    let mut table = Table::new(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]);
    for broker in cluster.brokers {
        let node = broker.node;
        let state = if broker.is_fenced { "fenced" } else { "unfenced" };
        table.push([
            node.id.to_string(),
            node.host,
            node.port.to_string(),
            node.rack.unwrap_or_else(|| "null".to_owned()),
            state.to_owned(),
            "broker".to_owned(),
        ]);
    }
    let lines = table.lines(&[10, 0, 10, 10, 10, 15], false);
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
