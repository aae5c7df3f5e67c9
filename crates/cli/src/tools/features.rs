//! `klamm features`, `kafka-features`: shows and moves the cluster's features.

use std::process::ExitCode;

use client::admin::{FeatureUpdate, FeatureUpgrade};
use client::{Admin, VersionRange};
use metadata::MetadataVersion;
use metadata::features::Feature;

use super::support::options::{Parsed, Spec};
use super::support::{Done, ToolError, block_on, connect, run as run_tool, text_of};

const ACTIONS: [&str; 4] = ["describe", "upgrade", "downgrade", "disable"];

fn spec() -> Spec {
    Spec::new("This tool manages feature flags in Kafka: describe | upgrade | downgrade | disable")
        .cluster()
        .value("bootstrap-controller", "servers", "The controllers to connect to.")
        .value("feature", "name=level", "A feature and its level; may be repeated.")
        .value("metadata", "version", "(DEPRECATED) As --feature metadata.version=….")
        .value("release-version", "version", "Move all features to those of a release.")
        .flag("unsafe", "Allow a downgrade that may lose metadata.")
        .flag("dry-run", "Validate only.")
        .value("node-id", "id", "The node to ask.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let action = options.rest.first().map_or("", String::as_str);
        if !ACTIONS.contains(&action) {
            return Err(ToolError::Usage(format!("invalid choice: '{action}'")));
        }
        let servers = options.get("bootstrap-server").or(options.get("bootstrap-controller"));
        let missing = || ToolError::Usage("You must specify --bootstrap-server".to_owned());
        let mut properties = connect::properties(options, &["command-config"], &[])?;
        properties.set("bootstrap.servers", servers.ok_or_else(missing)?);
        let admin = connect::admin_with(&properties)?;
        block_on(async {
            match action {
                "describe" => describe(&admin, options).await,
                _ => update(&admin, options, action).await,
            }
        })
    })
}

async fn describe(admin: &Admin, options: &Parsed) -> Done {
    let table = match options.number::<i32>("node-id")? {
        Some(node) => admin.versions(node).await?,
        None => admin.any_versions().await?,
    };
    let mut supported = table.supported_features.clone();
    supported.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, VersionRange { min, max }) in supported {
        let level = table.finalized_features.iter().find(|(other, _)| *other == name);
        let level = level.map_or(0, |(_, range)| range.max);
        let epoch = match table.finalized_features_epoch {
            -1 => "-".to_owned(),
            epoch => epoch.to_string(),
        };
        println!(
            "Feature: {name:<42}SupportedMinVersion: {:<17}SupportedMaxVersion: {:<17}\
             FinalizedVersionLevel: {:<17}Epoch: {epoch}",
            show(&name, min),
            show(&name, max),
            show(&name, level)
        );
    }
    Ok(())
}

/// A level, that of the metadata by the name of its release.
fn show(feature: &str, level: i16) -> String {
    match MetadataVersion::from_level(level).filter(|_| feature == MetadataVersion::FEATURE) {
        Some(release) => release.to_string(),
        None => level.to_string(),
    }
}

/// The features and levels that the command line asks for.
fn wanted(options: &Parsed, disable: bool) -> Result<Vec<(String, i16)>, ToolError> {
    let mut wanted = Vec::new();
    if let Some(text) = options.get("release-version") {
        let release = release(text)?;
        wanted.push((MetadataVersion::FEATURE.to_owned(), release.level()));
        let features = Feature::ALL.into_iter().filter(|feature| *feature != Feature::Kraft);
        wanted.extend(features.map(|f| (f.name().to_owned(), f.default_level(release))));
    }
    if let Some(text) = options.get("metadata") {
        wanted.push((MetadataVersion::FEATURE.to_owned(), release(text)?.level()));
    }
    for text in options.all("feature") {
        if disable {
            wanted.push((text.to_owned(), 0));
            continue;
        }
        let wrong = || {
            ToolError::Failed(format!(
                "Can't parse feature=level string {text}: equals sign not found."
            ))
        };
        let (name, level) = text.split_once('=').ok_or_else(wrong)?;
        let level = match level.trim().parse() {
            Ok(level) => level,
            Err(_) => release(level.trim())?.level(),
        };
        wanted.push((name.trim().to_owned(), level));
    }
    if wanted.is_empty() {
        let what = "You must specify at least one feature to update.";
        return Err(ToolError::Failed(what.to_owned()));
    }
    Ok(wanted)
}

fn release(text: &str) -> Result<MetadataVersion, ToolError> {
    MetadataVersion::from_release(text, false).map_err(|e| ToolError::Failed(e.to_string()))
}

async fn update(admin: &Admin, options: &Parsed, action: &str) -> Done {
    let wanted = wanted(options, action == "disable")?;
    let upgrade = match (action, options.has("unsafe")) {
        ("upgrade", _) => FeatureUpgrade::Upgrade,
        (_, false) => FeatureUpgrade::SafeDowngrade,
        (_, true) => FeatureUpgrade::UnsafeDowngrade,
    };
    let updates: Vec<FeatureUpdate> = wanted
        .iter()
        .map(|(name, level)| FeatureUpdate { name: name.clone(), level: *level, upgrade })
        .collect();
    let dry_run = options.has("dry-run");
    let done = admin.update_features(&updates, dry_run).await;
    for (name, level) in &wanted {
        let level = show(name, *level);
        match (&done, dry_run) {
            (Ok(()), false) => println!("{name} was {action}d to {level}."),
            (Ok(()), true) => println!("{name} can be {action}d to {level}."),
            (Err(error), false) => {
                println!("Could not {action} {name} to {level}. {}", text_of(error));
            }
            (Err(error), true) => {
                println!("Can not {action} {name} to {level}. {}", text_of(error));
            }
        }
    }
    match done {
        Ok(()) => Ok(()),
        Err(_) => {
            let count = wanted.len();
            Err(ToolError::Failed(format!("{count} out of {count} operation(s) failed.")))
        }
    }
}
