//! A follower on one disk and a controller on another: what the one copies is what the other wrote.

use std::path::Path;

use log::{Disk, MemDisk};
use types::{LeaderEpoch, NodeId, Offset, Uuid};

use super::super::leader::{LogAnswer, LogFetch, LogFound, ReplicaKey, SnapshotFetch};
use super::super::metadata_log::MetadataLogSettings;
use super::super::tests::{create, disk, start, start_with};
use super::super::{Controller, worker::now};
use super::follower::Follower;

const EVERYTHING: u32 = u32::MAX;

fn follower(disk: &MemDisk) -> Follower<MemDisk> {
    let settings = MetadataLogSettings::default();
    Follower::open(disk.clone(), Path::new("data"), settings, Vec::new(), now()).unwrap()
}

async fn fetch(leader: &Controller<MemDisk>, follower: &Follower<MemDisk>) -> LogAnswer {
    let (offset, last_epoch) = follower.position();
    let replica = Some(ReplicaKey { node: NodeId(2), directory: Uuid([2; 16]) });
    let leader_epoch = Some(follower.leader_epoch()).filter(|epoch| epoch.0 > 0);
    let fetch = LogFetch { replica, leader_epoch, offset, last_epoch, bytes_max: EVERYTHING };
    leader.fetch(fetch).await.unwrap()
}

/// Goes on until there is nothing more; tells what it took to get there.
async fn catch_up(
    leader: &Controller<MemDisk>,
    follower: &mut Follower<MemDisk>,
) -> Vec<&'static str> {
    let mut steps = Vec::new();
    loop {
        let answer = fetch(leader, follower).await;
        follower.follow(answer.leader.id, answer.leader.epoch).unwrap();
        match answer.found {
            LogFound::Refused(code) => steps.push(code.name()),
            LogFound::Diverging { epoch, end } => {
                steps.push("cut");
                follower.truncate(epoch, end, now()).unwrap();
            }
            LogFound::Snapshot(id) => {
                steps.push("snapshot");
                let leader_epoch = answer.leader.epoch;
                let fetch = SnapshotFetch { id, leader_epoch, position: 0, bytes_max: usize::MAX };
                let part = leader.fetch_snapshot(fetch).await.unwrap().expect("it is there");
                follower.install(id, &part.bytes, now()).unwrap();
            }
            LogFound::Records(bytes) if bytes.is_empty() => return steps,
            LogFound::Records(bytes) => {
                steps.push("records");
                follower.append(&bytes, now()).unwrap();
                follower.commit(answer.high_watermark, now()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_copy_has_the_image_of_its_leader_and_goes_on_after_a_restart() {
    let (leader, copy) = (start(&disk()), disk());
    create(&leader, "t", 3).await;
    let mut following = follower(&copy);
    assert_eq!(catch_up(&leader, &mut following).await, ["records"]);
    assert_eq!(following.image(), *leader.image());
    following.close(now()).unwrap();
    create(&leader, "u", 1).await;
    let mut again = follower(&copy);
    assert_eq!(again.applied(), Offset(0), "what is committed is for the leader to say");
    assert_eq!(catch_up(&leader, &mut again).await, ["records"]);
    assert_eq!(again.image(), *leader.image());
}

#[tokio::test]
async fn an_older_epoch_is_refused_and_a_tail_that_the_leader_lacks_is_cut() {
    let (leader_disk, copy) = (disk(), disk());
    let leader = start(&leader_disk);
    create(&leader, "t", 1).await;
    let mut following = follower(&copy);
    catch_up(&leader, &mut following).await;
    // written by a leader that nobody else has heard of
    let (end, epoch) = following.position();
    let ours = leader.fetch(LogFetch {
        replica: None,
        leader_epoch: None,
        offset: Offset(0),
        last_epoch: LeaderEpoch(0),
        bytes_max: EVERYTHING,
    });
    let LogFound::Records(mut lost) = ours.await.unwrap().found else { panic!("no records") };
    lost[..8].copy_from_slice(&end.0.to_be_bytes());
    lost[12..16].copy_from_slice(&(epoch.0 + 7).to_be_bytes());
    let length = i32::from_be_bytes(lost[8..12].try_into().unwrap());
    lost.truncate(12 + usize::try_from(length).unwrap());
    following.append(&lost, now()).unwrap();
    assert!(following.position().0 > end);
    leader.stop();
    let leader = start(&leader_disk);
    assert_eq!(catch_up(&leader, &mut following).await, ["FENCED_LEADER_EPOCH", "cut", "records"]);
    assert_eq!(following.image(), *leader.image());
}

#[tokio::test]
async fn a_replica_with_nothing_takes_the_snapshot_and_what_follows() {
    let often = MetadataLogSettings { snapshot_bytes: 1, ..MetadataLogSettings::default() };
    let leader = start_with(&disk(), often);
    create(&leader, "t", 3).await;
    create(&leader, "u", 1).await;
    let mut following = follower(&disk());
    let steps = catch_up(&leader, &mut following).await;
    assert_eq!(steps.first(), Some(&"snapshot"), "{steps:?}");
    let (mine, theirs) = (following.image(), leader.image());
    assert_eq!((mine.topics(), mine.cluster()), (theirs.topics(), theirs.cluster()));
}

#[test]
fn a_follower_never_forgets_the_newest_epoch() {
    let disk = disk();
    let mut following = follower(&disk);
    following.follow(NodeId(5), LeaderEpoch(9)).unwrap();
    drop(following);
    assert_eq!(follower(&disk).leader_epoch(), LeaderEpoch(9));
    assert!(disk.stat(Path::new("data/__cluster_metadata-0/quorum-state")).is_ok());
}
