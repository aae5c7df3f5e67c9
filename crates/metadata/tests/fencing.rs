//! What brokers' deaths and returns, sessions and failed directories do to their partitions.

mod cluster;

use cluster::{CLUSTER, Cluster, registration};
use metadata::decide::{FenceBroker, RegisterBroker};
use metadata::features::SHORT_SESSIONS;
use metadata::image::BrokerRegistration;
use metadata::{BrokerRun, SessionTimeouts, Sessions};
use types::{BrokerEpoch, Instant, NodeId, Uuid};
use wire::broker_registration_change_record::BrokerRegistrationChangeRecord;
use wire::broker_registration_request::Feature;
use wire::record_frame::MetadataRecord;

const TIMEOUTS: SessionTimeouts = SessionTimeouts { ms: 9_000, short_ms: 1_500 };

fn run(cluster: &Cluster, broker: i32) -> BrokerRun {
    BrokerRun { broker: NodeId(broker), epoch: BrokerEpoch(cluster.epoch(broker)) }
}

fn registered(cluster: &Cluster, broker: i32) -> &BrokerRegistration {
    cluster.image().cluster().broker(NodeId(broker)).expect("registered")
}

/// Another process of the broker, which says in which epoch the one before it stopped in order.
fn restart(cluster: &mut Cluster, broker: i32, stopped_in: i64) {
    let mut request = registration(broker, 2);
    request.previous_broker_epoch = stopped_in;
    let command = RegisterBroker { request, cluster: CLUSTER, session_alive: false };
    assert_eq!(cluster.run(&command).error_code, 0);
}

#[test]
fn a_leader_that_is_fenced_is_succeeded_by_the_next_in_sync() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1, 2, 3], &[2, 1, 3], &[3, 2, 1]]);
    cluster.fence(1);
    assert_eq!(cluster.show("t", 0), "2@1 isr 2,3");
    assert_eq!(cluster.show("t", 1), "2@0 isr 2,3", "the leader stays, and so does its epoch");
    assert_eq!(cluster.show("t", 2), "3@0 isr 3,2");
    cluster.beat(1, false, false);
    assert_eq!(cluster.show("t", 0), "2@1 isr 2,3", "only its leader lets it into the ISR again");
}

#[test]
fn below_the_least_isr_who_leaves_stays_eligible() {
    let mut cluster = Cluster::of(3);
    cluster.place_with("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
    cluster.fence(1);
    assert_eq!(cluster.show("t", 0), "2@1 isr 2,3");
    cluster.fence(2);
    assert_eq!(cluster.show("t", 0), "3@2 isr 3 eligible 2");
    cluster.fence(3);
    assert_eq!(cluster.show("t", 0), "none@3 isr  eligible 2,3 last 3");
    cluster.beat(1, false, false);
    assert_eq!(cluster.show("t", 0), "none@3 isr  eligible 2,3 last 3", "it lacks records");
    cluster.beat(2, false, false);
    assert_eq!(cluster.show("t", 0), "2@4 isr 2 eligible 3");
}

#[test]
fn a_replica_that_crashed_is_not_eligible_and_leads_only_as_the_last_that_led() {
    let mut cluster = Cluster::of(2);
    cluster.place_with("t", &[&[1, 2]], &[("min.insync.replicas", "2")]);
    cluster.fence(2);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1 eligible 2");
    restart(&mut cluster, 2, -1);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1");
    restart(&mut cluster, 1, -1);
    assert_eq!(cluster.show("t", 0), "none@1 isr  last 1");
    cluster.beat(2, false, false);
    assert_eq!(cluster.show("t", 0), "none@1 isr  last 1");
    cluster.beat(1, false, false);
    assert_eq!(cluster.show("t", 0), "1@2 isr 1 recovering");
}

#[test]
fn a_replica_that_stopped_in_order_has_all_that_it_had() {
    let mut cluster = Cluster::of(1);
    cluster.place("t", &[&[1]]);
    let stopped_in = cluster.epoch(1);
    restart(&mut cluster, 1, stopped_in);
    assert_eq!(cluster.show("t", 0), "none@1 isr  eligible 1 last 1");
    cluster.beat(1, false, false);
    assert_eq!(cluster.show("t", 0), "1@2 isr 1");
}

#[test]
fn partitions_change_before_the_broker_is_fenced_and_after_it_is_let_in() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    let names = |records: &[MetadataRecord<'_>]| {
        records.iter().map(MetadataRecord::type_name).collect::<Vec<_>>()
    };
    let BrokerRun { broker, epoch } = run(&cluster, 1);
    let (records, fenced) = cluster.decide(&FenceBroker { broker, epoch });
    assert!(fenced);
    let (partition, registration) =
        ("PARTITION_CHANGE_RECORD", "BROKER_REGISTRATION_CHANGE_RECORD");
    assert_eq!(names(&records), [partition, registration]);
    let stale = FenceBroker { broker, epoch: BrokerEpoch(epoch.0 - 1) };
    assert!(!cluster.run(&stale), "a later run of the broker lives");
    cluster.fence(1);
    cluster.fence(2);
    let end = cluster.log.len();
    cluster.beat(2, false, false);
    let written: Vec<_> = cluster.log[end..]
        .iter()
        .map(|bytes| MetadataRecord::decode(bytes).expect("our own bytes").0.type_name())
        .collect();
    assert_eq!(written, [registration, partition]);
}

#[test]
fn a_directory_that_fails_takes_its_partitions_along_and_no_others() {
    let mut cluster = Cluster::of(2);
    let (first, second) = (Uuid([201; 16]), Uuid([202; 16]));
    let mut request = registration(3, 1);
    request.log_dirs = vec![first];
    cluster.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
    cluster.beat(3, false, false);
    cluster.place("lost", &[&[3, 1], &[1, 3]]);
    let mut request = registration(3, 1);
    request.log_dirs = vec![second];
    cluster.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
    cluster.place("kept", &[&[3, 1]]);
    let mut request = registration(3, 1);
    request.log_dirs = vec![first, second];
    cluster.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
    cluster.beat_with(3, true, |request| request.offline_log_dirs = vec![first]);
    assert_eq!(cluster.show("lost", 0), "1@1 isr 1");
    assert_eq!(cluster.show("lost", 1), "1@0 isr 1");
    assert_eq!(cluster.show("kept", 0), "3@0 isr 3,1");
    assert_eq!(cluster.image().cluster().broker(NodeId(3)).unwrap().directories, [second]);
    cluster.fence(1);
    assert_eq!(cluster.show("lost", 0), "none@2 isr  eligible 1 last 1", "3 has no log of it");
}

#[test]
fn a_broker_goes_once_it_leads_nothing_and_all_have_seen_it() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    let stopping = cluster.beat_with(1, false, |request| request.want_shut_down = true);
    assert!(!stopping.should_shut_down);
    assert_eq!(cluster.show("t", 0), "2@1 isr 2");
    let waiting = cluster.beat_with(1, false, |request| request.want_shut_down = true);
    assert!(!waiting.should_shut_down, "2 does not know yet");
    let gone = cluster.beat_with(1, true, |request| request.want_shut_down = true);
    assert!(gone.should_shut_down);
}

/// What sends a broker away may be so much that it is several batches, of which only the first is kept.
#[test]
fn who_takes_over_sends_away_whom_the_former_only_began_to() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    let (broker_id, broker_epoch) = (1, cluster.epoch(1));
    let begun = BrokerRegistrationChangeRecord {
        broker_id,
        broker_epoch,
        in_controlled_shutdown: 1,
        ..BrokerRegistrationChangeRecord::default()
    };
    cluster.write(vec![begun.into()]);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,2");
    let stopping = cluster.beat_with(1, true, |request| request.want_shut_down = true);
    assert!(!stopping.should_shut_down, "it led until now");
    assert_eq!(cluster.show("t", 0), "2@1 isr 2");
    let gone = cluster.beat_with(1, true, |request| request.want_shut_down = true);
    assert!(gone.should_shut_down);
}

#[test]
fn sessions_end_when_nothing_is_heard() {
    let cluster = Cluster::of(3);
    let mut sessions = Sessions::new(TIMEOUTS);
    let [first, second, third] = [1, 2, 3].map(|id| run(&cluster, id));
    sessions.take_over(Instant(0), cluster.image().cluster());
    assert_eq!(sessions.next_deadline(), Some(Instant(9_000)));
    sessions.hear(Instant(5_000), registered(&cluster, 2), 10);
    assert_eq!(sessions.expired(Instant(8_999)), None);
    for over in [first, third] {
        assert_eq!(sessions.expired(Instant(9_000)), Some(over));
        assert_eq!(sessions.end(over.broker), Some(over));
    }
    assert_eq!(sessions.expired(Instant(9_000)), None);
    assert!(sessions.is_alive(Instant(13_999), second));
    assert!(!sessions.is_alive(Instant(14_000), second));
    let earlier = BrokerRun { epoch: BrokerEpoch(0), ..second };
    assert!(!sessions.is_alive(Instant(5_000), earlier), "another run of the broker");
    assert_eq!(sessions.end(NodeId(2)), Some(second), "its process is known to be gone");
    assert_eq!(sessions.next_deadline(), None);
}

#[test]
fn a_broker_that_beats_often_is_missed_soon() {
    let mut cluster = Cluster::of(1);
    let mut request = registration(2, 1);
    let often =
        Feature { name: SHORT_SESSIONS.into(), min_supported_version: 0, max_supported_version: 1 };
    request.features.push(often);
    let command = RegisterBroker { request, cluster: CLUSTER, session_alive: false };
    assert_eq!(cluster.run(&command).error_code, 0);
    cluster.beat(2, false, false);
    let mut sessions = Sessions::new(TIMEOUTS);
    sessions.take_over(Instant(0), cluster.image().cluster());
    assert_eq!(sessions.expired(Instant(1_500)), Some(run(&cluster, 2)));
    sessions.end(NodeId(2));
    assert_eq!(sessions.next_deadline(), Some(Instant(9_000)));
}

#[test]
fn a_run_is_cut_off_until_it_is_heard_of_again() {
    let cluster = Cluster::of(2);
    let mut sessions = Sessions::new(TIMEOUTS);
    sessions.take_over(Instant(0), cluster.image().cluster());
    let [first, second] = [1, 2].map(|id| run(&cluster, id));
    assert!(
        sessions.all_cut_off().eq([first, second]),
        "a controller that takes over knows nobody"
    );
    sessions.hear(Instant(0), registered(&cluster, 1), 10);
    sessions.hear(Instant(0), registered(&cluster, 2), 10);
    assert!(!sessions.is_cut_off(second));
    assert!(sessions.cut_off(second) && sessions.is_cut_off(second));
    assert!(sessions.all_cut_off().eq([second]));
    let earlier = BrokerRun { epoch: BrokerEpoch(0), ..second };
    assert!(!sessions.cut_off(earlier) && !sessions.is_cut_off(earlier), "not the run of now");
    sessions.hear(Instant(1), registered(&cluster, 2), 10);
    assert!(!sessions.is_cut_off(second));
}

#[test]
fn sessions_do_not_end_for_the_controllers_own_absence() {
    let cluster = Cluster::of(2);
    let mut sessions = Sessions::new(TIMEOUTS);
    sessions.take_over(Instant(0), cluster.image().cluster());
    assert!(sessions.excuse(20_000));
    assert_eq!(sessions.next_deadline(), Some(Instant(29_000)));
    assert_eq!(sessions.expired(Instant(28_999)), None);
    assert!(sessions.is_alive(Instant(28_999), run(&cluster, 1)));
}

#[test]
fn silence_before_a_controller_took_over_counts() {
    let cluster = Cluster::of(2);
    let mut sessions = Sessions::new(TIMEOUTS);
    sessions.take_over(Instant(0), cluster.image().cluster());
    sessions.was_silent(NodeId(2), 1_000, Instant(300));
    assert_eq!(sessions.next_deadline(), Some(Instant(8_000)));
    sessions.was_silent(NodeId(2), 1_000_000, Instant(300));
    assert_eq!(sessions.expired(Instant(299)), None, "it may still be heard of");
    assert_eq!(sessions.expired(Instant(300)), Some(run(&cluster, 2)));
    sessions.hear(Instant(300), registered(&cluster, 2), 10);
    assert_eq!(sessions.next_deadline(), Some(Instant(9_000)), "the other one's");
}

#[test]
fn a_controller_that_is_always_late_misses_brokers_nevertheless() {
    let cluster = Cluster::of(2);
    let mut sessions = Sessions::new(TIMEOUTS);
    sessions.take_over(Instant(0), cluster.image().cluster());
    assert!(sessions.excuse(1_000));
    sessions.hear(Instant(9_500), registered(&cluster, 2), 10);
    assert!(sessions.excuse(1_000), "one was heard of meanwhile");
    assert_eq!(sessions.expired(Instant(10_000)), Some(run(&cluster, 1)));
    assert!(!sessions.excuse(1_000));
}

#[test]
fn a_broker_whose_fencing_could_not_be_written_is_not_forgotten() {
    let cluster = Cluster::of(1);
    let mut sessions = Sessions::new(TIMEOUTS);
    sessions.take_over(Instant(0), cluster.image().cluster());
    let over = sessions.expired(Instant(9_000)).expect("it was silent");
    sessions.put_off(over.broker, Instant(9_100));
    assert_eq!(sessions.expired(Instant(9_099)), None);
    assert_eq!(sessions.expired(Instant(9_100)), Some(over));
}

#[test]
fn a_broker_on_its_way_out_waits_for_the_slowest() {
    let mut cluster = Cluster::of(3);
    let mut sessions = Sessions::new(TIMEOUTS);
    for broker in 1..=3 {
        sessions.hear(Instant(0), registered(&cluster, broker), 10);
    }
    let seen = |sessions: &Sessions, cluster: &Cluster| {
        sessions.all_have_seen(cluster.image().cluster(), NodeId(1))
    };
    assert!(!seen(&sessions, &cluster), "it has not begun");
    sessions.gave_up(NodeId(1), 20);
    sessions.hear(Instant(1), registered(&cluster, 1), 20);
    sessions.hear(Instant(1), registered(&cluster, 2), 20);
    assert!(!seen(&sessions, &cluster), "3 is behind");
    sessions.hear(Instant(2), registered(&cluster, 3), 19);
    assert!(!seen(&sessions, &cluster));
    cluster.fence(3);
    assert!(seen(&sessions, &cluster), "nobody waits for a fenced broker");
}

#[test]
fn ten_thousand_partitions_of_a_dead_broker_are_one_decision() {
    let mut cluster = Cluster::of(3);
    let lists: Vec<&[i32]> = vec![&[1, 2, 3]; 5_000];
    cluster.place("a", &lists);
    cluster.place("b", &lists);
    cluster.place("c", &[&[2, 3]]);
    let BrokerRun { broker, epoch } = run(&cluster, 1);
    let (records, _) = cluster.decide(&FenceBroker { broker, epoch });
    assert_eq!(records.len(), 10_001);
    cluster.write(records);
    assert_eq!(cluster.show("b", 4_999), "2@1 isr 2,3");
    assert_eq!(cluster.show("c", 0), "2@0 isr 2,3");
}
