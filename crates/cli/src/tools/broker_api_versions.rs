//! `klamm api-versions`, `kafka-broker-api-versions`: what each broker speaks, and we do of it.

use std::process::ExitCode;

use client::VersionTable;
use client::admin::Broker;
use wire::ApiKey;

use super::support::options::Spec;
use super::support::{block_on, connect, run as run_tool};

fn spec() -> Spec {
    Spec::new("This tool helps to retrieve broker version information.").cluster()
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let admin = connect::admin(options)?;
        block_on(async {
            for broker in admin.describe_cluster(false).await?.brokers {
                match admin.versions(broker.node.id).await {
                    Ok(table) => print(&broker, &table),
                    Err(error) => println!("{} -> ERROR: {error}", name(&broker)),
                }
            }
            Ok(())
        })
    })
}

fn name(broker: &Broker) -> String {
    let node = &broker.node;
    let (host, port, id) = (&node.host, node.port, node.id);
    let rack = node.rack.as_deref().unwrap_or("null");
    format!("{host}:{port} (id: {id} rack: {rack} isFenced: {})", broker.is_fenced)
}

fn print(broker: &Broker, table: &VersionTable) {
    let advertised = table.iter().map(|(key, _)| key);
    let for_clients = |api: &ApiKey| api.versions().is_some() && api.listeners().broker;
    let known = ApiKey::all().filter(for_clients).map(ApiKey::code);
    let mut keys: Vec<i16> = advertised.chain(known).collect();
    keys.sort_unstable();
    keys.dedup();
    let lines: Vec<String> = keys.into_iter().map(|key| line(key, table)).collect();
    println!("{} -> (\n{}\n)", name(broker), lines.join(",\n"));
}

fn line(key: i16, table: &VersionTable) -> String {
    let api = ApiKey::from_i16(key);
    let name = api.map_or("UNKNOWN", ApiKey::name);
    let Some(theirs) = table.range(key) else { return format!("\t{name}({key}): UNSUPPORTED") };
    let offered = match theirs.min == theirs.max {
        true => theirs.min.to_string(),
        false => format!("{} to {}", theirs.min, theirs.max),
    };
    let ours = api.and_then(ApiKey::versions);
    let usable = match ours {
        Some(ours) if ours.max.min(theirs.max) >= ours.min.max(theirs.min) => {
            format!("[usable: {}]", ours.max.min(theirs.max))
        }
        Some(_) => "[unusable: node too old or too new]".to_owned(),
        None => return format!("\tUNKNOWN({key}): {offered}"),
    };
    format!("\t{name}({key}): {offered} {usable}")
}
