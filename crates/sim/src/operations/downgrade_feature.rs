//! The administrator switches a feature off or on again: eligible leaders (KIP-966), whose absence
//! changes who may lead. Expected: the level is what was asked for.

use types::ErrorCode;
use wire::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};

use super::Operation;
use crate::client::Job;
use crate::env::must;
use crate::message::Command;

const FEATURE: &str = "eligible.leader.replicas.version";
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;

pub const OPERATION: Operation = Operation {
    name: "downgrade_feature",
    weight: |_| 2,
    perform: |world, [level, ..]| {
        let level = i16::try_from(level % 2).expect("off or on");
        let update = FeatureUpdateKey {
            feature: FEATURE.into(),
            max_version_level: level,
            upgrade_type: if level == 0 { SAFE_DOWNGRADE } else { UPGRADE },
            ..FeatureUpdateKey::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        world.wish(Job {
            command: Command::UpdateFeatures(request),
            retries: |_| false,
            check: Box::new(move |shadow, code| {
                let now = shadow.image().features().level(FEATURE);
                must(code != ErrorCode::None || now == level, || {
                    format!("{FEATURE} is {now}, not {level}")
                })
            }),
        })
    },
};
