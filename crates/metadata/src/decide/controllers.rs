//! Controllers register (KIP-919) and leave (KIP-1312).

use types::{ErrorCode, NodeId};
use wire::Str;
use wire::controller_registration_request::ControllerRegistrationRequest;
use wire::register_controller_record::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord,
};
use wire::unregister_controller_record::UnregisterControllerRecord;

use super::{Command, Controller, Decision, Refusal};
use crate::metadata_version::MetadataVersion;

/// A controller's process introduces itself.
#[derive(Debug)]
pub struct RegisterController<'a>(pub ControllerRegistrationRequest<'a>);

/// A controller is gone for good.
#[derive(Clone, Copy, Debug)]
pub struct UnregisterController {
    /// Its id.
    pub controller: NodeId,
}

impl Command for RegisterController<'_> {
    type Reply = Result<(), Refusal>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let release = controller.image.features().metadata_version();
        if release < MetadataVersion::CONTROLLER_REGISTRATION {
            let message = "The current MetadataVersion is too old to support controller \
                           registrations.";
            return Decision::only(Err(Refusal::new(ErrorCode::UnsupportedVersion, message)));
        }
        let request = &self.0;
        let end_points = request.listeners.iter().map(|listener| ControllerEndpoint {
            name: owned(&listener.name),
            host: owned(&listener.host),
            port: listener.port,
            security_protocol: listener.security_protocol,
        });
        let features = request.features.iter().map(|feature| ControllerFeature {
            name: owned(&feature.name),
            min_supported_version: feature.min_supported_version,
            max_supported_version: feature.max_supported_version,
        });
        let record = RegisterControllerRecord {
            controller_id: request.controller_id,
            incarnation_id: request.incarnation_id,
            zk_migration_ready: request.zk_migration_ready,
            end_points: end_points.collect(),
            features: features.collect(),
        };
        Decision { records: vec![record.into()], reply: Ok(()) }
    }
}

impl Command for UnregisterController {
    type Reply = Result<(), Refusal>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let release = controller.image.features().metadata_version();
        if release < MetadataVersion::CONTROLLER_UNREGISTRATION {
            let message = "The current MetadataVersion is too old to support controller \
                           unregistration.";
            return Decision::only(Err(Refusal::new(ErrorCode::UnsupportedVersion, message)));
        }
        if !controller.image.cluster().controllers.contains_key(&self.controller) {
            let message = format!("Controller ID {} is not currently registered.", self.controller);
            let refusal = Refusal::new(ErrorCode::ControllerIdNotRegistered, message);
            return Decision::only(Err(refusal));
        }
        let record = UnregisterControllerRecord { controller_id: self.controller.0 };
        Decision { records: vec![record.into()], reply: Ok(()) }
    }
}

fn owned(text: &str) -> Str<'static> {
    Str::Owned(text.to_owned())
}
