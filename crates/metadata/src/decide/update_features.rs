//! UpdateFeatures (57): the cluster agrees on other levels, all of a request or none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use types::ErrorCode;
use wire::feature_level_record::FeatureLevelRecord;
use wire::record_frame::MetadataRecord;
use wire::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use wire::update_features_response::{UpdatableFeatureResult, UpdateFeaturesResponse};

use super::configs::{MIN_ISR, record};
use super::{Command, Controller, Decision, Refusal};
use crate::features::{self, Feature, LevelRange};
use crate::image::{ConfigResource, ResourceKind};
use crate::metadata_version::MetadataVersion;

/// Raises or lowers finalized levels; with `validate_only` it answers the same and writes nothing.
#[derive(Clone, Debug)]
pub struct UpdateFeatures<'a> {
    /// The request.
    pub request: UpdateFeaturesRequest<'a>,
    /// Its version: v0 knows no upgrade types, v0 and v1 are answered feature by feature.
    pub version: i16,
    /// The level of `kraft.version`, which is in control records and not in the image.
    pub kraft_version: i16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

impl Command for UpdateFeatures<'_> {
    type Reply = UpdateFeaturesResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let mut reply = UpdateFeaturesResponse { error_message: None, ..Default::default() };
        match self.records(controller) {
            Err(refusal) => {
                let why = refusal.message.as_deref().unwrap_or(refusal.code.name());
                reply.error_code = refusal.code.code();
                reply.error_message = Some(Cow::Owned(format!(
                    "The update failed for all features since the following feature had an error: \
                     {why}"
                )));
                Decision::only(reply)
            }
            Ok(records) => {
                if self.version <= 1 {
                    reply.results = self.request.feature_updates.iter().map(done).collect();
                }
                let records = if self.request.validate_only { Vec::new() } else { records };
                Decision { records, reply }
            }
        }
    }
}

impl UpdateFeatures<'_> {
    fn records(
        &self,
        controller: &Controller<'_>,
    ) -> Result<Vec<MetadataRecord<'static>>, Refusal> {
        let updates = &self.request.feature_updates;
        let proposed: BTreeMap<&str, i16> =
            updates.iter().map(|update| (&*update.feature, update.max_version_level)).collect();
        let finalized = controller.image.features().level(MetadataVersion::FEATURE);
        let level = proposed.get(MetadataVersion::FEATURE).copied().unwrap_or(finalized);
        let release = MetadataVersion::from_level(level);
        let elr = proposed.get(Feature::EligibleLeaderReplicas.name());
        let turns_elr_on = elr.is_some_and(|level| *level > 0);
        let mut records = if turns_elr_on { controller.agreed_least_isr() } else { Vec::new() };
        for update in updates {
            let direction = self.direction(update)?;
            if let Some(record) = self.update(controller, update, direction, release)? {
                records.push(record.into());
            }
        }
        Ok(records)
    }

    fn direction(&self, update: &FeatureUpdateKey<'_>) -> Result<Direction, Refusal> {
        match (self.version, update.upgrade_type) {
            (0, _) if update.allow_downgrade => Ok(Direction::SafeDowngrade),
            (0, _) | (_, 1) => Ok(Direction::Upgrade),
            (_, 2) => Ok(Direction::SafeDowngrade),
            (_, 3) => Ok(Direction::UnsafeDowngrade),
            _ => Err(refuse(update, "The controller does not support the given upgrade type.")),
        }
    }

    fn update(
        &self,
        controller: &Controller<'_>,
        update: &FeatureUpdateKey<'_>,
        direction: Direction,
        release: Option<MetadataVersion>,
    ) -> Result<Option<FeatureLevelRecord<'static>>, Refusal> {
        let name = &*update.feature;
        let is_kraft = name == Feature::Kraft.name();
        let finalized = controller.image.features().level(name);
        let current = if is_kraft { self.kraft_version } else { finalized };
        let level = update.max_version_level;
        if level < 0 {
            return Err(refuse(update, "A feature version cannot be less than 0."));
        }
        controller.check_supported(update)?;
        if level < current && direction == Direction::Upgrade {
            return Err(refuse(
                update,
                "Can't downgrade the version of this feature without setting the upgrade type to \
                 either safe or unsafe downgrade.",
            ));
        }
        if level > current && direction != Direction::Upgrade {
            return Err(refuse(update, "Can't downgrade to a newer version."));
        }
        if is_kraft {
            return match level {
                // the quorum's leader writes it, in a control record
                level if level >= current => Ok(None),
                _ => Err(refuse(update, "Can't change the version of this feature while running.")),
            };
        }
        if name == MetadataVersion::FEATURE {
            check_release(update, MetadataVersion::from_level(current), direction)?;
        } else if let (Some(feature), Some(release)) = (Feature::from_name(name), release) {
            feature.check_level(level, release).map_err(|e| refuse(update, &e.to_string()))?;
        }
        let name = Cow::Owned(name.to_owned());
        Ok(Some(FeatureLevelRecord { name, feature_level: level }))
    }
}

impl Controller<'_> {
    /// With eligible leaders on, the least ISR that holds without a topic's own is one for the whole
    /// cluster, as it says who is eligible (KIP-966): that of this controller's file becomes the
    /// cluster's where it has none, and those of single brokers go.
    fn agreed_least_isr(&self) -> Vec<MetadataRecord<'static>> {
        let default = ConfigResource::broker_default();
        let configs = self.image.configs();
        let mut records = Vec::new();
        if configs.value(&default, MIN_ISR).is_none() {
            let value = self.settings.min_insync_replicas.to_string();
            records.push(record(&default, MIN_ISR, Some(value)));
        }
        let has_own = |resource: &&ConfigResource| {
            resource.kind == ResourceKind::Broker
                && **resource != default
                && configs.value(resource, MIN_ISR).is_some()
        };
        let of_brokers = configs.iter().map(|(resource, _)| resource).filter(has_own);
        records.extend(of_brokers.map(|resource| record(resource, MIN_ISR, None)));
        records
    }

    /// Every node that is registered must understand the level.
    fn check_supported(&self, update: &FeatureUpdateKey<'_>) -> Result<(), Refusal> {
        let name = &*update.feature;
        let check = |who: String, range: Option<LevelRange>| match range {
            Some(range) if range.contains(update.max_version_level) => Ok(()),
            Some(range) if range.max > 0 => {
                Err(refuse(update, &format!("{who} only supports versions {range}")))
            }
            _ => Err(refuse(update, &format!("{who} does not support this feature."))),
        };
        let own = features::supported(self.settings.unstable_features).get(name).copied();
        check(format!("Local controller {}", self.settings.node), own)?;
        if update.max_version_level == 0 {
            return Ok(());
        }
        let cluster = self.image.cluster();
        for broker in cluster.brokers.values() {
            check(format!("Broker {}", broker.id), broker.features.get(name).copied())?;
        }
        for other in cluster.controllers.values() {
            check(format!("Controller {}", other.id), other.features.get(name).copied())?;
        }
        Ok(())
    }
}

/// A lower `metadata.version` is possible only where no record lost its meaning in between.
fn check_release(
    update: &FeatureUpdateKey<'_>,
    current: Option<MetadataVersion>,
    direction: Direction,
) -> Result<(), Refusal> {
    let target = MetadataVersion::from_level(update.max_version_level);
    let (Some(current), Some(target)) = (current, target) else { return Ok(()) };
    if target >= current
        || (direction == Direction::SafeDowngrade && !current.records_changed_between(target))
    {
        return Ok(());
    }
    let why = if direction == Direction::UnsafeDowngrade {
        "Unsafe metadata downgrade is not supported in this version."
    } else {
        "Refusing to perform the requested downgrade because it might delete metadata information."
    };
    let (current, target) = (current.level(), target.level());
    let message =
        format!("Unsupported metadata.version downgrade from {current} to {target}. {why}");
    Err(Refusal::new(ErrorCode::InvalidUpdateVersion, message))
}

fn refuse(update: &FeatureUpdateKey<'_>, why: &str) -> Refusal {
    let message = format!(
        "Invalid update version {} for feature {}. {why}",
        update.max_version_level, update.feature
    );
    Refusal::new(ErrorCode::InvalidUpdateVersion, message)
}

fn done(update: &FeatureUpdateKey<'_>) -> UpdatableFeatureResult<'static> {
    UpdatableFeatureResult {
        feature: Cow::Owned(update.feature.to_string()),
        ..UpdatableFeatureResult::default()
    }
}
