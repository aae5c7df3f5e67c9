//! The administrator changes the level of a feature, up or down. Expected: it is what was asked for, on
//! every node. Eligible leaders (KIP-966) are left alone: where they are switched off while nobody is in
//! sync, nobody remembers who may lead.

use types::ErrorCode;
use wire::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};

use super::Operation;
use crate::client::Job;
use crate::env::must;
use crate::message::Command;

const FEATURE: &str = "transaction.version";
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;

pub const OPERATION: Operation = Operation {
    name: "change_feature",
    weight: |_| 2,
    perform: |world, [level, down, ..]| {
        let level = i16::try_from(level % 3).expect("a level");
        let update = FeatureUpdateKey {
            feature: FEATURE.into(),
            max_version_level: level,
            upgrade_type: if down % 2 == 0 { SAFE_DOWNGRADE } else { UPGRADE },
            ..FeatureUpdateKey::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        world.wish(Job {
            what: "changes a feature",
            command: Command::UpdateFeatures(request),
            retries: |_| false,
            check: Box::new(move |shadow, code| {
                let is = shadow.image().features().level(FEATURE);
                must(code != ErrorCode::None || is == level, || {
                    format!("{FEATURE} is {is}, not {level}")
                })
            }),
        })
    },
};
