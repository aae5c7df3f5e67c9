//! `klamm configs`, `kafka-configs`: shows and changes configs of topics, brokers, groups and
//! client metrics.

mod quotas;
mod scram;

use std::process::ExitCode;

use client::Admin;
use client::Properties;
use client::admin::{AlterOp, ConfigChange, ConfigEntry, ConfigResource, ResourceKind};

use super::support::options::{Parsed, Spec};
use super::support::{Done, ToolError, block_on, connect, run as run_tool, text_of};

fn spec() -> Spec {
    let about = "This tool helps to manipulate and describe entity config for a topic, client, \
                 user, broker, ip or client-metrics";
    Spec::new(about)
        .cluster()
        .value("bootstrap-controller", "servers", "The controllers to connect to.")
        .flag("describe", "List configs for the given entity.")
        .flag("alter", "Alter the configuration for the entity.")
        .flag("all", "List all configs, static and default ones too.")
        .value(
            "entity-type",
            "type",
            "topics, brokers, broker-loggers, groups, client-metrics, users, clients, ips.",
        )
        .value("entity-name", "name", "The name of the entity.")
        .flag("entity-default", "The default entity of the type.")
        .value("add-config", "k1=v1,k2=[v2,v3]", "Configs to set; brackets hold lists together.")
        .value("add-config-file", "file", "Property file of configs to set.")
        .value("delete-config", "k1,k2", "Configs to remove.")
        .value("topic", "name", "The topic's name.")
        .value("broker", "id", "The broker's id.")
        .flag("broker-defaults", "The config defaults for all brokers.")
        .value("broker-logger", "id", "The broker's id for its logger config.")
        .value("client-metrics", "name", "The client metrics subscription.")
        .value("group", "id", "The group's id.")
        .value("user", "name", "The user's name.")
        .flag("user-defaults", "The default of all users.")
        .value("client", "id", "The client's id.")
        .flag("client-defaults", "The default of all clients.")
        .value("ip", "address", "The IP address.")
        .flag("ip-defaults", "The default of all IP addresses.")
        .flag("force", "Has no effect.")
}

/// What is asked for.
enum Target {
    /// What has configs.
    Resource(Entity),
    /// What has quotas.
    Limited(quotas::Entity),
}

/// What has configs: one entity or, without a name, all of a kind.
#[derive(Debug, PartialEq, Eq)]
struct Entity {
    kind: ResourceKind,
    name: Option<String>,
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        if options.has("describe") == options.has("alter") {
            let what = "Command must include exactly one action: --describe, --alter";
            return Err(ToolError::Usage(what.to_owned()));
        }
        let target = match quotas::entity(options)? {
            Some(entity) => Target::Limited(entity),
            None => Target::Resource(entity(options)?),
        };
        let servers = options.get("bootstrap-server").or(options.get("bootstrap-controller"));
        let Some(servers) = servers else {
            let what = "One of the required --bootstrap-server or --bootstrap-controller arguments \
                        must be specified";
            return Err(ToolError::Usage(what.to_owned()));
        };
        let mut properties = connect::properties(options, &["command-config"], &[])?;
        properties.set("bootstrap.servers", servers);
        let admin = connect::admin_with(&properties)?;
        let done = block_on(async {
            match (target, options.has("alter")) {
                (Target::Resource(entity), true) => alter(&admin, &entity, options).await,
                (Target::Resource(entity), false) => {
                    describe(&admin, entity, options.has("all")).await
                }
                (Target::Limited(entity), true) => {
                    let deleted = options.list("delete-config");
                    entity.alter(&admin, &added(options)?, &deleted).await
                }
                (Target::Limited(entity), false) => entity.describe(&admin).await,
            }
        });
        done.map_err(|error| match error {
            ToolError::Failed(why) => {
                let args = args.join(" ");
                ToolError::Failed(format!(
                    "Error while executing config command with args '{args}'\n{why}"
                ))
            }
            other => other,
        })
    })
}

fn entity(options: &Parsed) -> Result<Entity, ToolError> {
    let named = [
        ("topic", ResourceKind::Topic),
        ("broker", ResourceKind::Broker),
        ("broker-logger", ResourceKind::BrokerLogger),
        ("client-metrics", ResourceKind::ClientMetrics),
        ("group", ResourceKind::Group),
    ];
    for (option, kind) in named {
        if let Some(name) = options.get(option) {
            return Ok(Entity { kind, name: Some(name.to_owned()) });
        }
    }
    if options.has("broker-defaults") {
        return Ok(Entity { kind: ResourceKind::Broker, name: Some(String::new()) });
    }
    let kind = match options.get("entity-type") {
        Some("topics") => ResourceKind::Topic,
        Some("brokers") => ResourceKind::Broker,
        Some("broker-loggers") => ResourceKind::BrokerLogger,
        Some("client-metrics") => ResourceKind::ClientMetrics,
        Some("groups") => ResourceKind::Group,
        Some(other) => {
            let what = format!(
                "Invalid entity type {other}, the entity type must be one of topics, clients, \
                 users, brokers, ips, broker-loggers, client-metrics, groups"
            );
            return Err(ToolError::Failed(what));
        }
        None => {
            let what = "At least one entity type must be specified";
            return Err(ToolError::Failed(what.to_owned()));
        }
    };
    let default = options.has("entity-default").then(String::new);
    Ok(Entity { kind, name: options.get("entity-name").map(str::to_owned).or(default) })
}

fn noun(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Topic => "topic",
        ResourceKind::Broker => "broker",
        ResourceKind::BrokerLogger => "broker-logger",
        ResourceKind::ClientMetrics => "client-metric",
        ResourceKind::Group => "group",
    }
}

async fn alter(admin: &Admin, entity: &Entity, options: &Parsed) -> Done {
    let added = added(options)?;
    let mut changes: Vec<_> = added.iter().map(|(key, value)| set(key, value)).collect();
    let deleted = options.list("delete-config");
    changes.extend(deleted.into_iter().map(|name| ConfigChange {
        name,
        op: AlterOp::Delete,
        value: None,
    }));
    if changes.is_empty() {
        let what = "At least one of --add-config, --add-config-file, or --delete-config must be \
                    specified with --alter";
        eprintln!("{what}");
        return Err(ToolError::Silent);
    }
    let Some(name) = &entity.name else {
        let what =
            "Exactly one of --entity-name or --entity-default must be specified with --alter";
        eprintln!("{what}");
        return Err(ToolError::Silent);
    };
    let resource = ConfigResource::new(entity.kind, name.as_str());
    admin.alter_configs(&resource, &changes).await?;
    if name.is_empty() {
        println!("Completed updating default config for {}s in the cluster.", noun(entity.kind));
    } else {
        println!("Completed updating config for {} {name}.", noun(entity.kind));
    }
    Ok(())
}

/// What `--add-config-file` and `--add-config` name.
fn added(options: &Parsed) -> Result<Vec<(String, String)>, ToolError> {
    let mut added = Vec::new();
    if let Some(path) = options.get("add-config-file") {
        let file = Properties::load(path).map_err(|e| ToolError::Failed(e.to_string()))?;
        added.extend(file.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    for pair in options.all("add-config").flat_map(split_pairs) {
        let invalid = || {
            let what = "Invalid entity config: all configs to be added must be in the format \
                        \"key=val\".";
            ToolError::Failed(what.to_owned())
        };
        let (key, value) = pair.split_once('=').ok_or_else(invalid)?;
        added.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(added)
}

fn set(name: &str, value: &str) -> ConfigChange {
    ConfigChange { name: name.to_owned(), op: AlterOp::Set, value: Some(value.to_owned()) }
}

/// `k1=v1,k2=[v2,v3]` at the commas outside of brackets, the brackets taken off.
fn split_pairs(text: &str) -> Vec<String> {
    let (mut pairs, mut pair, mut depth) = (Vec::new(), String::new(), 0);
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => pairs.push(std::mem::take(&mut pair)),
            other => pair.push(other),
        }
    }
    pairs.push(pair);
    pairs.retain(|pair| !pair.trim().is_empty());
    pairs
}

async fn describe(admin: &Admin, entity: Entity, all: bool) -> Done {
    let names = match entity.name {
        Some(name) => vec![name],
        None => names_of(admin, entity.kind).await?,
    };
    let alone = names.len() == 1;
    for name in names {
        if alone && !exists(admin, entity.kind, &name).await? {
            let noun = noun(entity.kind);
            println!("The {noun} '{name}' doesn't exist and doesn't have dynamic config.");
            continue;
        }
        let resource = ConfigResource::new(entity.kind, name.as_str());
        let entries = match admin.describe_configs(&resource, true).await {
            Ok(entries) => entries,
            Err(error) => return Err(ToolError::Failed(text_of(&error))),
        };
        let (noun, kind) = (noun(entity.kind), if all { "All" } else { "Dynamic" });
        if name.is_empty() {
            println!("Default configs for {noun}s in the cluster are:");
        } else {
            println!("{kind} configs for {noun} {name} are:");
        }
        let mut entries: Vec<&ConfigEntry> =
            entries.iter().filter(|entry| all || is_dynamic(entry, &resource)).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.iter().for_each(|entry| println!("{}", show(entry)));
    }
    Ok(())
}

async fn names_of(admin: &Admin, kind: ResourceKind) -> Result<Vec<String>, ToolError> {
    match kind {
        ResourceKind::Topic => {
            let metadata = admin.metadata().await?;
            Ok(metadata.topics().map(|topic| topic.name.to_string()).collect())
        }
        ResourceKind::Broker | ResourceKind::BrokerLogger => {
            let brokers = admin.describe_cluster(false).await?.brokers;
            let mut names: Vec<_> = brokers.iter().map(|b| b.node.id.to_string()).collect();
            if kind == ResourceKind::Broker {
                names.push(String::new());
            }
            Ok(names)
        }
        ResourceKind::ClientMetrics => {
            let found = admin.list_config_resources(kind).await?;
            Ok(found.into_iter().map(|resource| resource.name).collect())
        }
        ResourceKind::Group => {
            let configured = admin.list_config_resources(kind).await.unwrap_or_default();
            let mut names: Vec<_> = configured.into_iter().map(|group| group.name).collect();
            names.extend(admin.list_groups(&[], &[]).await?.into_iter().map(|group| group.id));
            names.sort();
            names.dedup();
            Ok(names)
        }
    }
}

async fn exists(admin: &Admin, kind: ResourceKind, name: &str) -> Result<bool, ToolError> {
    match kind {
        ResourceKind::Topic | ResourceKind::Group | ResourceKind::ClientMetrics => {
            Ok(names_of(admin, kind).await?.iter().any(|other| other == name))
        }
        ResourceKind::Broker | ResourceKind::BrokerLogger => Ok(true),
    }
}

/// Whether a value stands in the place that the entity stands for.
fn is_dynamic(entry: &ConfigEntry, resource: &ConfigResource) -> bool {
    let own = match resource.kind {
        ResourceKind::Topic => "DYNAMIC_TOPIC_CONFIG",
        ResourceKind::Broker if resource.name.is_empty() => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ResourceKind::Broker => "DYNAMIC_BROKER_CONFIG",
        ResourceKind::BrokerLogger => return true,
        ResourceKind::ClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
        ResourceKind::Group => "DYNAMIC_GROUP_CONFIG",
    };
    entry.source.name() == own
}

fn show(entry: &ConfigEntry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms = entry.synonyms.iter().map(|synonym| {
        format!("{}:{}={}", synonym.source.name(), synonym.name, value(&synonym.value))
    });
    let synonyms = synonyms.collect::<Vec<_>>().join(", ");
    let (name, sensitive) = (&entry.name, entry.is_sensitive);
    format!("  {name}={} sensitive={sensitive} synonyms={{{synonyms}}}", value(&entry.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_hold_lists_together() {
        assert_eq!(split_pairs("a=1,b=[x,y],c="), ["a=1", "b=x,y", "c="]);
        assert_eq!(split_pairs(""), Vec::<String>::new());
    }
}
