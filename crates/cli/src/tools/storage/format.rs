//! `format`: gives directories a cluster, a node and an id, and the cluster its first records.

use std::fs;
use std::path::Path;

use broker::controller::write_bootstrap;
use clap::ArgMatches;
use log::{MetaProperties, RealDisk};
use metadata::config::{ConfigValue, ServerConfig};
use metadata::format::{InitialQuorum, Plan, Wishes, plan, voter};
use types::{DirectoryId, NodeId};
use wire::record_frame::MetadataRecord;
use wire::voters_record::Voter;

use super::{directories, features, random_bytes, random_id};
use crate::configuration;

/// Formats what the arguments name.
pub fn run(args: &ArgMatches) -> Result<(), String> {
    let text = |name: &str| args.get_one::<String>(name).map_or("", String::as_str);
    let config = configuration::load(text("config"))?;
    let quorum = quorum(args, &config)?;
    let scram: Vec<String> =
        args.get_many::<String>("add-scram").into_iter().flatten().cloned().collect();
    let wishes = Wishes {
        release: args.get_one::<String>("release-version").map(String::as_str),
        features: &features::chosen(args)?,
        scram: &scram,
        quorum,
        unstable_features: config.value("unstable.feature.versions.enable")
            == ConfigValue::Boolean(true),
    };
    // the salts of credentials come from here; the system's source does not run dry
    let mut random = || random_bytes().expect("the system has random bytes");
    let plan = plan(&wishes, &mut random).map_err(|error| error.to_string())?;
    let target = Target { config: &config, cluster_id: text("cluster-id"), plan: &plan };
    target.format(args.get_flag("ignore-formatted"))
}

/// Who votes, according to the flags and the file together.
fn quorum(args: &ArgMatches, config: &ServerConfig) -> Result<InitialQuorum, String> {
    let standalone = args.get_flag("standalone");
    let listed = args.get_one::<String>("initial-controllers");
    let joining = args.get_flag("no-initial-controllers");
    let is_static = !config.quorum.voters.is_empty();
    if is_static && (standalone || listed.is_some()) {
        return Err("You cannot specify controller.quorum.voters and format the node with \
                    --initial-controllers or --standalone. If you want to use dynamic quorum, \
                    please remove controller.quorum.voters and specify \
                    controller.quorum.bootstrap.servers instead."
            .to_owned());
    }
    if let Some(list) = listed {
        let voters = list.split(',').map(|item| initial_voter(item.trim(), config));
        return Ok(InitialQuorum::Voters(voters.collect::<Result<_, _>>()?));
    }
    if standalone {
        return Ok(InitialQuorum::Voters(vec![standalone_voter(config)?]));
    }
    if joining && !is_static {
        return Ok(InitialQuorum::Joining);
    }
    if config.roles.controller && !is_static {
        return Err("Because controller.quorum.voters is not set on this controller, you must \
                    specify one of the following: --standalone, --initial-controllers, or \
                    --no-initial-controllers."
            .to_owned());
    }
    Ok(InitialQuorum::Static)
}

fn standalone_voter(config: &ServerConfig) -> Result<Voter<'static>, String> {
    if !config.roles.controller {
        return Err("You can only use --standalone on a controller.".to_owned());
    }
    let listener = config
        .listeners
        .advertised_controllers
        .first()
        .ok_or_else(|| "No controller listeners found.".to_owned())?;
    let directory = random_id().map_err(|error| error.to_string())?;
    let host = listener.host.as_deref().unwrap_or("localhost");
    Ok(voter(config.node_id, directory, &listener.name, host, listener.port))
}

/// `id@host:port:directory-id`.
fn initial_voter(item: &str, config: &ServerConfig) -> Result<Voter<'static>, String> {
    let refusal = || format!("{item} is not id@host:port:directory-id");
    let (id, rest) = item.split_once('@').ok_or_else(refusal)?;
    let (rest, directory) = rest.rsplit_once(':').ok_or_else(refusal)?;
    let (host, port) = rest.rsplit_once(':').ok_or_else(refusal)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let id = id.parse().map_err(|_| refusal())?;
    let directory: DirectoryId = directory.parse().map_err(|_| refusal())?;
    let port = port.parse().map_err(|_| refusal())?;
    let listener = config.listeners.controller_names.first().ok_or_else(refusal)?;
    Ok(voter(NodeId(id), directory, listener, host, port))
}

/// Which directories become what.
struct Target<'a> {
    config: &'a ServerConfig,
    cluster_id: &'a str,
    plan: &'a Plan,
}

impl Target<'_> {
    fn format(&self, ignore_formatted: bool) -> Result<(), String> {
        let mut empty = Vec::new();
        for directory in directories::all(self.config) {
            match directories::identity(&directory)? {
                None => empty.push(directory),
                Some(identity) => {
                    self.check(&directory, &identity)?;
                    if !ignore_formatted {
                        return Err(format!(
                            "Log directory {directory} is already formatted. Use \
                             --ignore-formatted to ignore this directory and format the others."
                        ));
                    }
                }
            }
        }
        if empty.is_empty() {
            println!("All of the log directories are already formatted.");
            return Ok(());
        }
        println!("{}", self.bootstrap_metadata());
        // the metadata directory comes first, as in Kafka's output
        let metadata = &self.config.metadata_log_dir;
        empty.sort_by_key(|directory| directory != metadata);
        empty.iter().try_for_each(|directory| self.format_one(directory, directory == metadata))
    }

    /// A directory that is formatted already has to be of this node and cluster.
    fn check(&self, directory: &str, identity: &MetaProperties) -> Result<(), String> {
        let node_id = self.config.node_id;
        let path = format!("{directory}/meta.properties");
        if identity.cluster_id != self.cluster_id {
            return Err(format!(
                "Invalid cluster.id in: {path}. Expected {}, but read {}",
                self.cluster_id, identity.cluster_id
            ));
        }
        if identity.node_id != node_id {
            return Err(format!(
                "Invalid node.id in: {path}. Expected {node_id}, but read {}",
                identity.node_id
            ));
        }
        Ok(())
    }

    fn format_one(&self, directory: &str, is_metadata: bool) -> Result<(), String> {
        println!("{}", self.plan.announce(directory, is_metadata, self.config.node_id));
        let path = Path::new(directory);
        fs::create_dir_all(path).map_err(|error| format!("cannot make {directory}: {error}"))?;
        if is_metadata && self.config.roles.controller {
            write_bootstrap(path, self.plan).map_err(|error| error.to_string())?;
        }
        let identity = MetaProperties {
            cluster_id: self.cluster_id.to_owned(),
            node_id: self.config.node_id,
            directory_id: Some(self.directory_id(is_metadata)?),
        };
        // last, because a directory that has it counts as formatted
        identity.store(&RealDisk, path).map_err(|error| error.to_string())
    }

    /// A voter's metadata directory has the id that the voters know.
    fn directory_id(&self, is_metadata: bool) -> Result<DirectoryId, String> {
        let voters = self.plan.voters.iter().flat_map(|voters| &voters.voters);
        let mut own = voters.filter(|voter| voter.voter_id == self.config.node_id.0);
        match own.next() {
            Some(voter) if is_metadata => Ok(voter.voter_directory_id),
            Some(_) | None => random_id().map_err(|error| error.to_string()),
        }
    }

    fn bootstrap_metadata(&self) -> String {
        let records: Vec<String> = self.plan.records.iter().map(shown).collect();
        format!(
            "Bootstrap metadata: BootstrapMetadata(records=[{}], metadataVersionLevel={}, \
             source=format command)",
            records.join(", "),
            self.plan.release.level()
        )
    }
}

/// A record in Kafka's words; keys of credentials are left out.
fn shown(record: &MetadataRecord<'_>) -> String {
    let text = match record {
        MetadataRecord::FeatureLevel(level) => format!(
            "FeatureLevelRecord(name='{}', featureLevel={})",
            level.name, level.feature_level
        ),
        MetadataRecord::UserScramCredential(credential) => format!(
            "UserScramCredentialRecord(name='{}', mechanism={}, iterations={})",
            credential.name, credential.mechanism, credential.iterations
        ),
        other => format!("{other:?}"),
    };
    format!("ApiMessageAndVersion({text} at version 0)")
}
