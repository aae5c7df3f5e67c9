//! `klamm features`, `kafka-features`: shows and moves the cluster's features.

use std::process::ExitCode;

use client::admin::{FeatureUpdate, FeatureUpgrade};
use client::{Admin, VersionRange};
use metadata::MetadataVersion;
use metadata::features::Feature;

use super::support::options::{Parsed, Spec};
use super::support::{
    Done, ToolError, block_on, connect, feature_levels, run as run_tool, text_of,
};

const ACTIONS: [&str; 6] =
    ["describe", "upgrade", "downgrade", "disable", "version-mapping", "feature-dependencies"];

fn spec() -> Spec {
    let about = "This tool manages feature flags in Kafka: describe | upgrade | downgrade | \
                 disable | version-mapping | feature-dependencies";
    Spec::new(about)
        .answers_help(0, None)
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
        let has_server = ["bootstrap-server", "bootstrap-controller"].map(|name| options.has(name));
        if has_server == [false, false] {
            return Err(ToolError::Usage("You must specify --bootstrap-server".to_owned()));
        }
        match action {
            "version-mapping" => {
                let release = options.get("release-version");
                return feature_levels::version_mapping(release).map_err(ToolError::Failed);
            }
            "feature-dependencies" => {
                options.require("feature")?;
                let features = options.all("feature");
                return feature_levels::dependencies(features).map_err(ToolError::Failed);
            }
            _ => {}
        }
        let properties = connect::properties(options, &["command-config"], &[])?;
        let admin = connect::admin_of_either(options, properties)?;
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
fn wanted(options: &Parsed, action: &str) -> Result<Vec<(String, i16)>, ToolError> {
    let disable = action == "disable";
    let mut wanted = Vec::new();
    if let Some(text) = options.get("release-version") {
        let release = release(text)?;
        wanted.push((MetadataVersion::FEATURE.to_owned(), release.level()));
        let levels = Feature::ALL.map(|f| (f.name().to_owned(), f.default_level(release)));
        // an upgrade does not turn off what a release does without
        wanted.extend(levels.into_iter().filter(|(_, level)| *level > 0 || action != "upgrade"));
    }
    if let Some(text) = options.get("metadata") {
        println!(" `metadata` flag is deprecated and may be removed in a future release.");
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
        let what = format!("You must specify at least one feature to {action}");
        return Err(ToolError::Failed(what));
    }
    wanted.sort();
    Ok(wanted)
}

fn release(text: &str) -> Result<MetadataVersion, ToolError> {
    MetadataVersion::from_release(text, false).map_err(|e| ToolError::Failed(e.to_string()))
}

async fn update(admin: &Admin, options: &Parsed, action: &str) -> Done {
    let wanted = wanted(options, action)?;
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
    let to = |level: i16| match action {
        "disable" => String::new(),
        _ => format!(" to {level}"),
    };
    for (name, level) in &wanted {
        let to = to(*level);
        match (&done, dry_run) {
            (Ok(()), false) => println!("{name} was {action}d{to}."),
            (Ok(()), true) => println!("{name} can be {action}d{to}."),
            (Err(error), false) => println!("Could not {action} {name}{to}. {}", text_of(error)),
            (Err(error), true) => println!("Can not {action} {name}{to}. {}", text_of(error)),
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
