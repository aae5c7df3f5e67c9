//! What concerns the cluster as a whole: its controllers, its features, and replicas on their way.

use metadata::decide::{
    ListPartitionReassignments, RegisterController, UnregisterController, UpdateFeatures,
};
use types::{ErrorCode, NodeId, Uuid};
use wire::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use wire::update_features_request::FeatureUpdateKey;
use wire::{
    ControllerRegistrationRequest, ListPartitionReassignmentsRequest, Message as _,
    UnregisterControllerRequest, UnregisterControllerResponse, UpdateFeaturesRequest,
    controller_registration_request,
};

use super::Beside;

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// Changes of features, each all or nothing: name, level, kind of change.
const FEATURES: &[&[(&str, i16, i8)]] = &[
    &[("metadata.version", 33, UPGRADE)],
    &[("metadata.version", 34, UPGRADE)],
    &[("metadata.version", 6, SAFE_DOWNGRADE)],
    &[("metadata.version", 30, UPGRADE)],
    &[("metadata.version", 30, SAFE_DOWNGRADE)],
    &[("metadata.version", 30, UNSAFE_DOWNGRADE)],
    &[("metadata.version", -1, UPGRADE)],
    &[("metadata.version", 33, 9)],
    &[("group.version", 0, SAFE_DOWNGRADE)],
    &[("group.version", 0, UPGRADE)],
    &[("group.version", 1, SAFE_DOWNGRADE)],
    &[("group.version", 1, UPGRADE)],
    &[("group.version", 2, UPGRADE)],
    &[("transaction.version", 0, SAFE_DOWNGRADE), ("share.version", 1, SAFE_DOWNGRADE)],
    &[("transaction.version", 2, UPGRADE), ("share.version", 3, UPGRADE)],
    &[("transaction.version", 2, UPGRADE), ("share.version", 2, UPGRADE)],
    &[("eligible.leader.replicas.version", 0, SAFE_DOWNGRADE)],
    &[("eligible.leader.replicas.version", 1, UPGRADE)],
    &[("kraft.version", 1, UPGRADE)],
    &[("no.such.feature", 1, UPGRADE)],
];

#[test]
fn features_are_changed_as_by_kafkas_controller() {
    let Some(mut beside) = Beside::start(0) else { return };
    beside.register(11);
    for updates in FEATURES {
        beside.update_features(updates, true);
        beside.update_features(updates, false);
    }
}

#[test]
fn controllers_come_and_go_as_at_kafkas_controller() {
    let Some(mut beside) = Beside::start(0) else { return };
    beside.register_controller(50, 1, 33);
    beside.register_controller(50, 2, 33);
    for controller in [50, 50, 51] {
        beside.unregister_controller(controller);
    }
}

impl Beside {
    /// Sends a request and takes out of the answer what is compared.
    fn ask<'s, Q, R>(&'s mut self, request: &Q, read: impl FnOnce(Q::Response<'s>) -> R) -> R
    where
        Q: wire::Request<'s>,
    {
        let version = Q::VERSIONS.max;
        self.connection.send(request, version).expect("connected");
        self.connection.receive::<Q, _>(version, read).expect("an answer")
    }

    fn update_features(&mut self, updates: &[(&'static str, i16, i8)], validate_only: bool) {
        let update = |(feature, max_version_level, upgrade_type): &(&'static str, i16, i8)| {
            FeatureUpdateKey {
                feature: (*feature).into(),
                max_version_level: *max_version_level,
                upgrade_type: *upgrade_type,
                ..FeatureUpdateKey::default()
            }
        };
        let request = UpdateFeaturesRequest {
            timeout_ms: 60_000,
            feature_updates: updates.iter().map(update).collect(),
            validate_only,
        };
        let asked = format!("{request:?}");
        // the words of some refusals differ
        let theirs = self.ask(&request, |reply| reply.error_code);
        let version = UpdateFeaturesRequest::VERSIONS.max;
        let (records, reply) = self.decide(&UpdateFeatures { request, version, kraft_version: 1 });
        self.compare(&asked, &records, &reply.error_code.to_string(), &theirs.to_string());
    }

    fn register_controller(&mut self, controller_id: i32, incarnation: u8, release: i16) {
        use controller_registration_request::{Feature, Listener};
        let features = [("metadata.version", 7, release), ("kraft.version", 0, 1)];
        let feature = |(name, min, max): (&'static str, i16, i16)| Feature {
            name: name.into(),
            min_supported_version: min,
            max_supported_version: max,
        };
        let request = ControllerRegistrationRequest {
            controller_id,
            incarnation_id: Uuid([incarnation; 16]),
            zk_migration_ready: false,
            listeners: vec![Listener {
                name: "CONTROLLER".into(),
                host: "127.0.0.1".into(),
                port: 1,
                security_protocol: 0,
            }],
            features: features.map(feature).into(),
        };
        let asked = format!("{request:?}");
        let theirs = self.ask(&request, |reply| reply.error_code);
        let (records, reply) = self.decide(&RegisterController(request));
        let ours = reply.err().map_or(ErrorCode::None, |refusal| refusal.code).code();
        self.compare(&asked, &records, &ours.to_string(), &theirs.to_string());
    }

    fn unregister_controller(&mut self, controller_id: i32) {
        let request = UnregisterControllerRequest { controller_id };
        let asked = format!("{request:?}");
        let theirs = self.ask(&request, |reply| {
            let message = reply.error_message.map(|message| message.into_owned());
            format!("{} {message:?}", reply.error_code)
        });
        let command = UnregisterController { controller: NodeId(controller_id) };
        let (records, reply) = self.decide(&command);
        let (code, message) = match reply {
            Ok(()) => (ErrorCode::None, UnregisterControllerResponse::default().error_message),
            Err(refusal) => (refusal.code, refusal.message),
        };
        let (code, message) = (code.code(), message.map(|message| message.into_owned()));
        self.compare(&asked, &records, &format!("{code} {message:?}"), &theirs);
    }

    /// What is on its way in one partition.
    pub(super) fn list_reassignments(&mut self) {
        let Some((name, _, index, _)) = self.some_partition() else { return };
        let topic =
            ListPartitionReassignmentsTopics { name: name.into(), partition_indexes: vec![index] };
        let request = ListPartitionReassignmentsRequest {
            topics: Some(vec![topic]),
            ..ListPartitionReassignmentsRequest::default()
        };
        let asked = format!("{request:?}");
        let theirs = self.ask(&request, |reply| format!("{reply:?}"));
        let (records, reply) = self.decide(&ListPartitionReassignments(request));
        self.compare(&asked, &records, &format!("{reply:?}"), &theirs);
    }
}
