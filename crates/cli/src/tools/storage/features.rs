//! Levels of features: those of a release, and what a level needs.

use std::collections::BTreeMap;

use clap::ArgMatches;
use metadata::MetadataVersion;
use metadata::features::{Feature, FeatureError};

/// Kafka's order in the output.
const ORDER: [Feature; 6] = [
    Feature::Kraft,
    Feature::Transaction,
    Feature::Group,
    Feature::EligibleLeaderReplicas,
    Feature::Share,
    Feature::Streams,
];

/// `version-mapping`: the level of every feature in a release.
pub fn version_mapping(args: &ArgMatches) -> Result<(), String> {
    let release = match args.get_one::<String>("release-version") {
        Some(text) => {
            MetadataVersion::from_release(text, true).map_err(|error| error.to_string())?
        }
        None => MetadataVersion::LATEST_PRODUCTION,
    };
    let asked = args.get_one::<String>("release-version");
    let name = asked.cloned().unwrap_or_else(|| release.to_string());
    println!("{}={} ({name})", MetadataVersion::FEATURE, release.level());
    for feature in ORDER {
        println!("{}={}", feature.name(), feature.default_level(release));
    }
    Ok(())
}

/// `feature-dependencies`: what each named level needs.
pub fn dependencies(args: &ArgMatches) -> Result<(), String> {
    for text in args.get_many::<String>("feature").into_iter().flatten() {
        let shape = || {
            format!(
                "Invalid feature format: {text}. Expected format: 'feature=version' (e.g. \
                 'group.version=1')"
            )
        };
        let (name, level) = text.split_once('=').ok_or_else(shape)?;
        let level: i16 = level.trim().parse().map_err(|_| shape())?;
        println!("{}", needs(name.trim(), level)?);
    }
    Ok(())
}

fn needs(name: &str, level: i16) -> Result<String, String> {
    let unsupported = || format!("Feature level {level} is not supported for feature {name}");
    if name == MetadataVersion::FEATURE {
        let unknown = || format!("Unknown {name} {level}");
        let release = MetadataVersion::from_level(level).ok_or_else(unknown)?;
        return Ok(format!("{name}={level} ({release}) has no dependencies."));
    }
    let feature = Feature::from_name(name).ok_or_else(|| format!("Unknown feature: {name}"))?;
    match feature.check_level(level, MetadataVersion::MINIMUM) {
        Ok(()) => Ok(format!("{name}={level} has no dependencies.")),
        Err(FeatureError::Depends { needs, .. }) => Ok(format!(
            "{name}={level} requires:\n    {}={} ({needs})",
            MetadataVersion::FEATURE,
            needs.level()
        )),
        Err(FeatureError::Unknown(_) | FeatureError::NoSuchLevel { .. }) => Err(unsupported()),
    }
}

/// `--feature NAME=LEVEL`, as often as given.
pub fn chosen(args: &ArgMatches) -> Result<BTreeMap<String, i16>, String> {
    let mut chosen = BTreeMap::new();
    for text in args.get_many::<String>("feature").into_iter().flatten() {
        let refusal = |why: &str| format!("Can't parse feature=level string {text}: {why}.");
        let (name, level) = text.split_once('=').ok_or_else(|| refusal("equals sign not found"))?;
        let level = level.trim();
        let number =
            level.parse().map_err(|_| refusal(&format!("unable to parse {level} as a short")))?;
        if chosen.insert(name.trim().to_owned(), number).is_some() {
            return Err(format!("Feature {name} was specified more than once."));
        }
    }
    Ok(chosen)
}
