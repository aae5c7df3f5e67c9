//! A broker's life with its controller: it registers, beats, hosts what it is given, and leaves.

use std::path::Path;
use std::sync::Arc;

use log::Disk as _;
use metadata::features;
use metadata::image::{Image, PartitionState};
use types::{BrokerEpoch, ErrorCode};
use wire::BrokerHeartbeatRequest;
use wire::assign_replicas_to_dirs_request::{self, AssignReplicasToDirsRequest, DirectoryData};
use wire::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};

use crate::active::CLUSTER;
use crate::broker::{Asked, Broker, Errand, REQUEST_MS, Stop};
use crate::env::{Checked, Env, ShellRule};
use crate::message::{Command, Key, Outcome, Reply, Request};
use crate::partition::{Partition, folder};
use crate::process::Process;

/// `broker.heartbeat.interval.ms`
const BEAT_EVERY_MS: i64 = 400;
const BEAT_SOON_MS: i64 = 60;

impl Broker {
    /// Registers or beats, if it is time.
    pub fn beat(&mut self, process: &mut Process, env: &mut Env) {
        if self.next_beat > env.now {
            return;
        }
        self.next_beat = env.now + BEAT_EVERY_MS;
        let Some(controller) = process.controller() else {
            self.next_beat = env.now + BEAT_SOON_MS;
            return;
        };
        let (command, errand) = match self.epoch {
            None => (Command::Register(self.registration(process, env)), Errand::Register),
            Some(epoch) => (Command::Heartbeat(self.heartbeat(process, epoch)), Errand::Heartbeat),
        };
        let until = env.now + REQUEST_MS;
        let request = Request::Control(Box::new(command));
        process.ask(env, controller, request, Asked::Broker(errand, until));
        if self.epoch.is_none() {
            self.next_beat = until;
        }
    }

    fn registration(&self, process: &Process, env: &Env) -> BrokerRegistrationRequest<'static> {
        let works = |dir: &&crate::process::Directory| !dir.is_dead;
        let known = process.image.cluster().broker(process.id()).map(|broker| broker.epoch);
        let claimed = known.filter(|_| env.is_broken(ShellRule::ClaimsOrder));
        let previous = process.stable.stopped_in.or(claimed);
        BrokerRegistrationRequest {
            broker_id: process.id().0,
            cluster_id: CLUSTER.into(),
            incarnation_id: self.incarnation,
            listeners: vec![Listener {
                name: "PLAINTEXT".into(),
                host: "sim".into(),
                port: 9092,
                security_protocol: 0,
            }],
            features: features::supported(false)
                .into_iter()
                .map(|(name, range)| Feature {
                    name: name.into(),
                    min_supported_version: range.min,
                    max_supported_version: range.max,
                })
                .collect(),
            log_dirs: process.stable.directories.iter().filter(works).map(|dir| dir.id).collect(),
            previous_broker_epoch: previous.map_or(-1, |epoch| epoch.0),
            ..BrokerRegistrationRequest::default()
        }
    }

    fn heartbeat(&self, process: &Process, epoch: BrokerEpoch) -> BrokerHeartbeatRequest {
        let dead = process.stable.directories.iter().filter(|dir| dir.is_dead);
        BrokerHeartbeatRequest {
            broker_id: process.id().0,
            broker_epoch: epoch.0,
            current_metadata_offset: process.applied.0 - 1,
            want_shut_down: self.stop != Stop::Stays,
            offline_log_dirs: dead.map(|dir| dir.id).collect(),
            cordoned_log_dirs: Some(Vec::new()),
            ..BrokerHeartbeatRequest::default()
        }
    }

    pub fn registered(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        reply: Option<Reply>,
    ) -> Checked {
        self.next_beat = env.now + BEAT_SOON_MS;
        if let Some(Reply::Control(Outcome::Register(response))) = reply
            && response.error_code == ErrorCode::None.code()
        {
            self.epoch = Some(BrokerEpoch(response.broker_epoch));
            process.stable.stopped_in = None;
            env.shadow.losses.runs(process.place, BrokerEpoch(response.broker_epoch));
            return self.image_changed(process, env);
        }
        Ok(())
    }

    pub fn beaten(&mut self, env: &mut Env, reply: Option<Reply>) {
        let Some(Reply::Control(Outcome::Heartbeat(response))) = reply else {
            self.next_beat = self.next_beat.min(env.now + BEAT_SOON_MS);
            return;
        };
        let is_well = response.error_code == ErrorCode::None.code();
        // who was unregistered while it ran is started anew by whoever did that
        let is_unregistered = response.error_code == ErrorCode::StaleBrokerEpoch.code();
        let may_stop = is_well && response.should_shut_down && self.stop == Stop::Wanted;
        if may_stop || is_unregistered {
            self.stop = Stop::Granted;
        }
        if response.is_fenced || self.stop == Stop::Wanted {
            self.next_beat = self.next_beat.min(env.now + BEAT_SOON_MS);
        }
    }

    /// Hosts a replica that it did not; whether its disk lets it.
    pub fn open(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        key: Key,
        state: &Arc<PartitionState>,
    ) -> bool {
        let directories = &process.stable.directories;
        let path = folder(key);
        let holds =
            |i: &usize| !directories[*i].is_dead && directories[*i].disk.list(&path).is_ok();
        let assigned = state.directory_of(process.id());
        let named = directories.iter().position(|dir| Some(dir.id) == assigned);
        if named.is_some_and(|at| directories[at].is_dead) {
            return false;
        }
        let works: Vec<usize> =
            (0..directories.len()).filter(|i| !directories[*i].is_dead).collect();
        let Some(spare) = works.get(usize::try_from(key.1).unwrap_or(0) % works.len().max(1))
        else {
            return false;
        };
        let at = (0..directories.len()).find(holds).or(named).unwrap_or(*spare);
        let Some(partition) = Partition::open(env, key, state, (at, &directories[at])) else {
            self.directory_failed(process, env, at);
            return false;
        };
        let id = directories[at].id;
        if partition.log.recovery().truncated_bytes > 0 {
            env.shadow.visit("cuts off a torn write");
        }
        let ended_at = process.stable.directories[at].ended_at.remove(&key);
        if ended_at.is_some_and(|end| partition.log.end_offset() < end) {
            env.shadow.visit("comes back without what was not synced");
        }
        self.partitions.insert(key, partition);
        if assigned != Some(id) {
            self.assign_directory(process, env, key, at);
        }
        true
    }

    fn assign_directory(&self, process: &mut Process, env: &mut Env, key: Key, at: usize) {
        let (Some(controller), Some(epoch)) = (process.controller(), self.epoch) else { return };
        let partitions =
            vec![assign_replicas_to_dirs_request::PartitionData { partition_index: key.1 }];
        let topics =
            vec![assign_replicas_to_dirs_request::TopicData { topic_id: key.0, partitions }];
        let request = AssignReplicasToDirsRequest {
            broker_id: process.id().0,
            broker_epoch: epoch.0,
            directories: vec![DirectoryData { id: process.stable.directories[at].id, topics }],
        };
        let request = Request::Control(Box::new(Command::AssignDirectories(request)));
        let until = env.now + REQUEST_MS;
        process.ask(env, controller, request, Asked::Broker(Errand::AssignDirectory, until));
    }

    /// Removes replicas that are not this broker's any more.
    pub fn drop_removed(&mut self, process: &mut Process, image: &Image) {
        let me = process.id();
        let is_mine = |key: &Key| {
            let topic = image.topics().get(key.0);
            let state = topic.and_then(|topic| topic.partitions.get(&key.1));
            state.is_some_and(|state| state.replicas.contains(&me))
        };
        let gone: Vec<Key> = self.partitions.keys().copied().filter(|key| !is_mine(key)).collect();
        for key in gone {
            let Some(partition) = self.partitions.remove(&key) else { continue };
            self.groups.remove(&key);
            let directory = &mut process.stable.directories[partition.directory];
            directory.high_watermarks.remove(&key);
            // what cannot be removed is in a directory that is lost anyhow
            if directory.disk.remove_folder(&folder(key)).is_ok() {
                let _ = directory.disk.sync_dir(Path::new("/"));
            }
        }
    }
}
