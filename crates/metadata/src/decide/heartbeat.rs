//! BrokerHeartbeat (63): brokers are let in, fenced, and let go once nothing depends on them.

use types::{BrokerEpoch, DirectoryId, NodeId};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::broker_heartbeat_response::BrokerHeartbeatResponse;
use wire::broker_registration_change_record::BrokerRegistrationChangeRecord;
use wire::record_frame::MetadataRecord;

use super::leadership::Availability;
use super::{Command, Controller, Decision, Unity};
use crate::image::BrokerRegistration;
use crate::metadata_version::MetadataVersion;

const BECOMES: i8 = 1;
const CEASES: i8 = -1;

/// A broker is alive, and says whether it wants in or out.
#[derive(Debug)]
pub struct Heartbeat {
    /// The broker's words.
    pub request: BrokerHeartbeatRequest,
    /// Whether every active broker has seen the records by which this one gave up leadership
    /// ([`crate::Sessions::all_have_seen`]): before that it must not go.
    pub others_have_seen: bool,
}

/// A broker was not heard of for too long.
#[derive(Clone, Copy, Debug)]
pub struct FenceBroker {
    /// Its id.
    pub broker: NodeId,
    /// The run of it whose session is over.
    pub epoch: BrokerEpoch,
}

/// Where a broker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fenced,
    Active,
    /// It has given up leadership bit by bit and may stop once it leads nothing.
    Stopping,
    Stopped,
}

impl Command for Heartbeat {
    type Reply = BrokerHeartbeatResponse;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let (id, epoch) = (NodeId(self.request.broker_id), BrokerEpoch(self.request.broker_epoch));
        let broker = match controller.check_broker_epoch(id, epoch) {
            Ok(broker) => broker,
            Err(refusal) => {
                return Decision::only(BrokerHeartbeatResponse {
                    error_code: refusal.code.code(),
                    ..BrokerHeartbeatResponse::default()
                });
            }
        };
        let (stage, next) = self.stages(controller, broker);
        let mut records = match stage == next {
            // who took over may have found no more than the beginning of what lets the broker go
            true if next == Stage::Stopping && controller.leads_any(broker.id) => {
                controller.follow(Availability::Leaving(broker.id))
            }
            true => Vec::new(),
            false => controller.enter(broker, next),
        };
        // what is decided for the directories builds on what was decided for the broker
        let between = controller.image.after(&records);
        let controller = Controller { image: &between, ..*controller };
        records.extend(self.directory_changes(&controller, broker));
        let reply = BrokerHeartbeatResponse {
            is_caught_up: self.request.current_metadata_offset >= broker.epoch.0,
            is_fenced: matches!(next, Stage::Fenced | Stage::Stopped),
            should_shut_down: next == Stage::Stopped,
            ..BrokerHeartbeatResponse::default()
        };
        Decision { records, reply }
    }
}

impl Heartbeat {
    fn stages(&self, controller: &Controller<'_>, broker: &BrokerRegistration) -> (Stage, Stage) {
        let request = &self.request;
        let stage = match (broker.fenced, broker.in_controlled_shutdown) {
            (true, _) => Stage::Fenced,
            (false, false) => Stage::Active,
            (false, true) => Stage::Stopping,
        };
        let caught_up = request.current_metadata_offset >= broker.epoch.0;
        let want_fence = request.want_fence || self.has_lost_all(broker);
        let next = match stage {
            Stage::Fenced if request.want_shut_down => Stage::Stopped,
            // who said goodbye comes back only by registering again
            Stage::Fenced if broker.in_controlled_shutdown => Stage::Fenced,
            Stage::Fenced if !want_fence && caught_up => Stage::Active,
            Stage::Active if want_fence && request.want_shut_down => Stage::Stopped,
            Stage::Active if want_fence => Stage::Fenced,
            Stage::Active if request.want_shut_down && controller.leads_any(broker.id) => {
                Stage::Stopping
            }
            Stage::Active if request.want_shut_down => Stage::Stopped,
            Stage::Stopping if !controller.leads_any(broker.id) && self.others_have_seen => {
                Stage::Stopped
            }
            Stage::Fenced | Stage::Active | Stage::Stopping | Stage::Stopped => stage,
        };
        (stage, next)
    }

    /// Whether no directory of the broker works: it can neither lead nor follow anything, and a
    /// record cannot say so, as no directories in it means that they are as they were.
    fn has_lost_all(&self, broker: &BrokerRegistration) -> bool {
        let offline = &self.request.offline_log_dirs;
        !broker.directories.is_empty() && broker.directories.iter().all(|dir| offline.contains(dir))
    }

    /// Directories that failed or were cordoned since the last heartbeat.
    fn directory_changes(
        &self,
        controller: &Controller<'_>,
        broker: &BrokerRegistration,
    ) -> Vec<MetadataRecord<'static>> {
        let release = controller.image.features().metadata_version();
        let mut records = Vec::new();
        let is_offline = |dir: &DirectoryId| self.request.offline_log_dirs.contains(dir);
        let (lost, left): (Vec<_>, Vec<_>) =
            broker.directories.iter().copied().partition(is_offline);
        if !lost.is_empty() && !left.is_empty() && release >= MetadataVersion::DIRECTORIES {
            records.extend(controller.follow_lost(broker.id, &lost));
            records.push(change(broker, |record| record.log_dirs = left));
        }
        let cordoned = &self.request.cordoned_log_dirs;
        let news = cordoned.is_some() && broker.cordoned != *cordoned;
        if news && release >= MetadataVersion::CORDONED_DIRECTORIES {
            let cordoned = cordoned.clone();
            records.push(change(broker, |record| record.cordoned_log_dirs = cordoned));
        }
        records
    }
}

impl Command for FenceBroker {
    /// Whether the broker was in service until now.
    type Reply = bool;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        match controller.check_broker_epoch(self.broker, self.epoch) {
            Ok(broker) if !broker.fenced => {
                Decision { records: controller.enter(broker, Stage::Fenced), reply: true }
            }
            _ => Decision::only(false),
        }
    }
}

impl Controller<'_> {
    fn leads_any(&self, id: NodeId) -> bool {
        let mut topics = self.image.topics().replicas_on(id);
        topics.any(|(_, mut partitions)| partitions.any(|(_, state)| state.leader == id))
    }

    fn enter(&self, broker: &BrokerRegistration, stage: Stage) -> Vec<MetadataRecord<'static>> {
        match stage {
            Stage::Active => {
                let mut records = vec![change(broker, |record| record.fenced = CEASES)];
                records.extend(self.follow(Availability::Coming(broker.id)));
                records
            }
            Stage::Stopping => {
                let stopping = |record: &mut BrokerRegistrationChangeRecord| {
                    record.in_controlled_shutdown = BECOMES;
                };
                let mut records = vec![change(broker, stopping)];
                records.extend(self.follow(Availability::Leaving(broker.id)));
                records
            }
            Stage::Fenced | Stage::Stopped if broker.fenced => Vec::new(),
            Stage::Fenced | Stage::Stopped => {
                let mut records = self.follow(Availability::Leaving(broker.id));
                records.push(change(broker, |record| record.fenced = BECOMES));
                records
            }
        }
    }
}

fn change(
    broker: &BrokerRegistration,
    set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
) -> MetadataRecord<'static> {
    let mut record = BrokerRegistrationChangeRecord {
        broker_id: broker.id.0,
        broker_epoch: broker.epoch.0,
        ..BrokerRegistrationChangeRecord::default()
    };
    set(&mut record);
    record.into()
}
