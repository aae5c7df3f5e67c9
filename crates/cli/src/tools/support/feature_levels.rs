//! Levels of features: those of a release, and what a level needs. Two of Kafka's tools tell it.

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

/// `version-mapping`: the level of every feature in a release, the latest if none is named.
pub fn version_mapping(release: Option<&str>) -> Result<(), String> {
    let version = match release {
        Some(text) => {
            MetadataVersion::from_release(text, true).map_err(|error| error.to_string())?
        }
        None => MetadataVersion::LATEST_PRODUCTION,
    };
    let name = release.map_or_else(|| version.to_string(), str::to_owned);
    println!("{}={} ({name})", MetadataVersion::FEATURE, version.level());
    for feature in ORDER {
        println!("{}={}", feature.name(), feature.default_level(version));
    }
    Ok(())
}

/// `feature-dependencies`: what each of these, as `NAME=LEVEL`, needs.
pub fn dependencies<'f>(features: impl Iterator<Item = &'f str>) -> Result<(), String> {
    for text in features {
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
