//! One node of three is lost in some way under a producer that waits for all replicas: how long
//! nothing is acknowledged, and whether the application hears of it.

use std::io;

use e2e::Cluster;

use super::NODES;
use super::producer::{Producer, Seen};

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// `kill -9`.
    Killed,
    /// SIGSTOP: its connections stay open, and nothing is answered.
    Paused,
    /// SIGTERM, and it ends in order.
    Stopped,
}

/// Which node it happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// It leads the partition that is written to, and is not the active controller.
    Leader,
    /// It holds a replica of that partition, and is not the active controller.
    Follower,
    /// It holds a replica of that partition, and leads the quorum.
    Controller,
    /// It leads both.
    LeaderOfBoth,
}

/// A way to lose a node.
#[derive(Debug)]
pub struct Loss {
    pub name: &'static str,
    pub victim: Victim,
    pub blow: Blow,
    /// Where the client's defaults would hide what the cluster does.
    pub settings: &'static [&'static str],
    /// Milliseconds that the median and the worst of the rounds stay under.
    pub under_ms: [u32; 2],
}

/// All that are measured.
pub const LOSSES: &[Loss] = &[
    Loss {
        name: "failover, leader killed (-9)",
        victim: Victim::Leader,
        blow: Blow::Killed,
        settings: &[],
        under_ms: [500, 1000],
    },
    Loss {
        name: "failover, active controller killed (-9)",
        victim: Victim::Controller,
        blow: Blow::Killed,
        settings: &[],
        under_ms: [500, 1000],
    },
    Loss {
        name: "failover, leader and active controller killed (-9)",
        victim: Victim::LeaderOfBoth,
        blow: Blow::Killed,
        settings: &[],
        under_ms: [500, 1000],
    },
    Loss {
        name: "failover, follower paused",
        victim: Victim::Follower,
        blow: Blow::Paused,
        settings: &[],
        under_ms: [2500, 2500],
    },
    Loss {
        // a client waits for an answer for 30 s by default, whatever the cluster does meanwhile
        name: "failover, leader paused (request.timeout.ms=1000)",
        victim: Victim::Leader,
        blow: Blow::Paused,
        settings: &["request.timeout.ms=1000"],
        under_ms: [2500, 2500],
    },
    Loss {
        name: "failover, leader and active controller paused (request.timeout.ms=1000)",
        victim: Victim::LeaderOfBoth,
        blow: Blow::Paused,
        settings: &["request.timeout.ms=1000"],
        under_ms: [2500, 2500],
    },
    Loss {
        name: "failover, leader stopped (SIGTERM)",
        victim: Victim::Leader,
        blow: Blow::Stopped,
        settings: &[],
        under_ms: [100, 100],
    },
    Loss {
        name: "failover, leader and active controller stopped (SIGTERM)",
        victim: Victim::LeaderOfBoth,
        blow: Blow::Stopped,
        settings: &[],
        under_ms: [100, 100],
    },
];

impl Loss {
    /// Lets it happen once, and brings the node back.
    ///
    /// # Errors
    /// Where the producer fails.
    ///
    /// # Panics
    /// If the cluster does not come to itself again.
    pub fn happen(&self, cluster: &mut Cluster, topic: &str) -> io::Result<Seen> {
        // a partition on every node leads, so that one of them is where it is wanted
        cluster.create_topic(topic, i32::try_from(NODES).map_err(io::Error::other)?);
        let mut chosen = None;
        cluster.await_state("the cluster says who leads", || {
            chosen = self.choose(cluster, topic);
            chosen.is_some()
        });
        let (partition, victim) = chosen.expect("it was waited for");
        let bootstrap = cluster.bootstrap();
        let mut producer = Producer::start(&bootstrap, topic, partition, self.settings)?;
        producer.mark()?;
        let node = cluster.node_mut(victim);
        match self.blow {
            Blow::Killed => node.kill(),
            Blow::Paused => node.pause(),
            // how a JVM ends is its own affair
            Blow::Stopped => drop(node.terminate()),
        }
        producer.await_service()?;
        let seen = producer.stop()?;
        match self.blow {
            Blow::Killed | Blow::Stopped => cluster.node_mut(victim).restart(),
            Blow::Paused => cluster.node_mut(victim).resume(),
        }
        cluster.await_brokers();
        cluster.await_in_sync();
        let names = [topic.to_owned()];
        let deleted = cluster.ask(async |admin| admin.delete_topics(&names).await);
        deleted.map_err(io::Error::other)?;
        Ok(seen)
    }

    /// The partition to write to, and the node that is lost; `None` while the cluster does not say.
    fn choose(&self, cluster: &Cluster, topic: &str) -> Option<(usize, u8)> {
        let controller = cluster.controller()?;
        let leaders = cluster.leaders(topic).into_iter().enumerate();
        let mut led = leaders
            .filter_map(|(partition, leader)| Some((partition, u8::try_from(leader?).ok()?)));
        let leads_both = self.victim == Victim::LeaderOfBoth;
        let (partition, leader) = led.find(|(_, leader)| (*leader == controller) == leads_both)?;
        let beside = |id: &u8| *id != leader && *id != controller;
        let victim = match self.victim {
            Victim::Leader | Victim::LeaderOfBoth => leader,
            Victim::Controller => controller,
            Victim::Follower => cluster.brokers().into_iter().find(beside)?,
        };
        Some((partition, victim))
    }
}
