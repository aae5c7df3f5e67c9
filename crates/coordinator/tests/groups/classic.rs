//! The classic group protocol, scenario by scenario, against Kafka's rules.

use crate::bench::script::check;
use coordinator::GroupConfig;

fn kafka() -> GroupConfig {
    GroupConfig::default()
}

#[test]
fn two_members_share_the_work() {
    check(
        &kafka(),
        "
        a join protocols=range:ma  => a join MEMBER_ID_REQUIRED
        a join protocols=range:ma
        b join protocols=range:mb  => b join MEMBER_ID_REQUIRED
        b join protocols=range:mb
        +2999
        x describe                 => x sees PreparingRebalance \"\" [a: b:] NONE
        # b came during the first three seconds: three more
        +1
        +3000                      => a joined 1 range leader a [a:ma b:mb]; b joined 1 range leader a []
        b sync
        a sync assign=a:x,b:y      => a synced x; b synced y
        x describe                 => x sees Stable \"range\" [a:x b:y] NONE
        a heartbeat                => a heartbeat NONE
        b sync                     => b synced y
        ",
    );
}

#[test]
fn the_first_generation_waits_no_longer_than_the_rebalance_timeout() {
    check(
        &kafka(),
        "
        a join v=3 rebalance=7000
        +2000
        b join v=3 rebalance=7000
        +3000
        c join v=3 rebalance=7000
        +1999
        +1                         => a joined 1 range leader a [a: b: c:]; b joined 1 range leader a []; c joined 1 range leader a []
        ",
    );
}

/// `a` (leader) and `b` in generation 1, stable.
const PAIR: &str = "
    a join v=3
    b join v=3
    +6000                      => a joined 1 range leader a [a: b:]; b joined 1 range leader a []
    a sync assign=a:x,b:y      => a synced x
    b sync                     => b synced y
";

fn check_pair(script: &str) {
    check(&kafka(), &format!("{PAIR}{script}"));
}

#[test]
fn a_new_member_calls_the_others_in() {
    check_pair(
        "
        c join v=3
        a heartbeat                => a heartbeat REBALANCE_IN_PROGRESS
        a sync                     => a sync REBALANCE_IN_PROGRESS
        a join
        b join                     => a joined 2 range leader a [a: b: c:]; b joined 2 range leader a []; c joined 2 range leader a []
        a heartbeat gen=1          => a heartbeat ILLEGAL_GENERATION
        a sync gen=1               => a sync ILLEGAL_GENERATION
        b heartbeat                => b heartbeat NONE
        ",
    );
}

#[test]
fn who_does_not_come_back_is_left_behind() {
    // b says nothing at all: its session ends first
    check_pair(
        "
        c join v=3
        a join
        +9999
        +1                         => a joined 2 range leader a [a: c:]; c joined 2 range leader a []
        b heartbeat                => b heartbeat UNKNOWN_MEMBER_ID
        ",
    );
    // b lives, but takes longer than it said it may
    check(
        &kafka(),
        "
        a join v=3 rebalance=15000
        b join v=3 rebalance=15000
        +6000                      => a joined 1 range leader a [a: b:]; b joined 1 range leader a []
        a sync                     => a synced
        b sync                     => b synced
        a join rebalance=15000
        +8000
        b heartbeat                => b heartbeat REBALANCE_IN_PROGRESS
        +6999
        +1                         => a joined 2 range leader a [a:]
        b heartbeat                => b heartbeat UNKNOWN_MEMBER_ID
        ",
    );
}

#[test]
fn the_leader_falls_out_and_another_leads() {
    check_pair(
        "
        a leave                    => a left NONE
        b heartbeat                => b heartbeat REBALANCE_IN_PROGRESS
        b join                     => b joined 2 range leader b [b:]
        b sync assign=b:all        => b synced all
        a heartbeat                => a heartbeat UNKNOWN_MEMBER_ID
        a leave                    => a left UNKNOWN_MEMBER_ID
        ",
    );
}

#[test]
fn a_leader_that_joins_again_wants_to_assign_anew_and_a_follower_does_not() {
    check_pair(
        "
        b join                     => b joined 1 range leader a []
        a join
        b join                     => a joined 2 range leader a [a: b:]; b joined 2 range leader a []
        ",
    );
    check_pair(
        "
        b join protocols=range:news
        a join                     => a joined 2 range leader a [a: b:news]; b joined 2 range leader a []
        ",
    );
}

#[test]
fn a_join_whose_answer_was_lost_gets_it_again() {
    check(
        &kafka(),
        "
        a join v=3 protocols=range:m
        +3000                      => a joined 1 range leader a [a:m]
        a join protocols=range:m   => a joined 1 range leader a [a:m]
        a join protocols=range:n   => a joined 2 range leader a [a:n]
        ",
    );
}

#[test]
fn silence_ends_a_session() {
    check_pair(
        "
        +9000
        a heartbeat                => a heartbeat NONE
        +1000
        x describe                 => x sees PreparingRebalance \"\" [a:] NONE
        a join                     => a joined 2 range leader a [a:]
        +10000
        x describe                 => x sees Empty \"\" [] NONE
        a heartbeat                => a heartbeat UNKNOWN_MEMBER_ID
        a join                     => a join UNKNOWN_MEMBER_ID
        ",
    );
}

#[test]
fn a_member_that_never_syncs_is_taken_for_lost() {
    check(
        &kafka(),
        "
        a join v=3 session=30000 rebalance=20000
        b join v=3 session=30000 rebalance=20000
        +6000                      => a joined 1 range leader a [a: b:]; b joined 1 range leader a []
        a sync assign=a:x,b:y      => a synced x
        +19000
        b heartbeat                => b heartbeat NONE
        +1000
        b heartbeat                => b heartbeat UNKNOWN_MEMBER_ID
        a heartbeat                => a heartbeat REBALANCE_IN_PROGRESS
        ",
    );
}

#[test]
fn syncs_that_wait_learn_of_a_rebalance() {
    check(
        &kafka(),
        "
        a join v=3
        b join v=3
        +6000                      => a joined 1 range leader a [a: b:]; b joined 1 range leader a []
        b sync
        c join v=3                 => b sync REBALANCE_IN_PROGRESS
        a join
        b join                     => a joined 2 range leader a [a: b: c:]; b joined 2 range leader a []; c joined 2 range leader a []
        ",
    );
}

#[test]
fn protocols_are_chosen_by_vote_among_those_that_all_know() {
    check(
        &kafka(),
        "
        a join v=3 protocols=range:1,sticky:2
        b join v=3 protocols=sticky:3,range:4
        c join v=3 protocols=other:0,sticky:5,range:6
        d join v=3 protocols=other:0      => d join INCONSISTENT_GROUP_PROTOCOL
        d join v=3 type=connect           => d join INCONSISTENT_GROUP_PROTOCOL
        +6000                             => a joined 1 sticky leader a [a:2 b:3 c:5]; b joined 1 sticky leader a []; c joined 1 sticky leader a []
        b sync protocol=range             => b sync INCONSISTENT_GROUP_PROTOCOL
        b sync type=consumer              => b sync INCONSISTENT_GROUP_PROTOCOL
        b sync protocol=sticky type=jobs
        ",
    );
}

#[test]
fn ids_that_were_given_out_expire() {
    check(
        &kafka(),
        "
        a join                     => a join MEMBER_ID_REQUIRED
        +9999
        a join
        +3000                      => a joined 1 range leader a [a:]
        a sync                     => a synced
        b join                     => b join MEMBER_ID_REQUIRED
        a heartbeat                => a heartbeat NONE
        # the next generation waits for who is on the way
        a join
        +9999
        +1                         => a joined 2 range leader a [a:]
        b join                     => b join UNKNOWN_MEMBER_ID
        c join id=c-made-this-up   => c join UNKNOWN_MEMBER_ID
        ",
    );
}

#[test]
fn what_cannot_be_is_refused() {
    check(
        &kafka(),
        "
        a join session=5999        => a join INVALID_SESSION_TIMEOUT
        a join session=1800001     => a join INVALID_SESSION_TIMEOUT
        a join id=ghost            => a join UNKNOWN_MEMBER_ID
        a sync id=ghost            => a sync UNKNOWN_MEMBER_ID
        a heartbeat id=ghost       => a heartbeat UNKNOWN_MEMBER_ID
        a leave id=ghost           => a left UNKNOWN_MEMBER_ID
        x describe                 => x sees Dead \"\" [] GROUP_ID_NOT_FOUND
        a join type=               => a join INCONSISTENT_GROUP_PROTOCOL
        x describe                 => x sees Dead \"\" [] GROUP_ID_NOT_FOUND
        ",
    );
}

#[test]
fn a_full_group_takes_nobody_in() {
    let config = GroupConfig { members_max: 2, ..kafka() };
    check(
        &config,
        &format!(
            "{PAIR}
            c join v=3                 => c join GROUP_MAX_SIZE_REACHED
            b join protocols=range:2
            a join                     => a joined 2 range leader a [a: b:2]; b joined 2 range leader a []
            "
        ),
    );
    check(
        &config,
        "
        a join v=3
        b join v=3
        c join v=3                 => c join GROUP_MAX_SIZE_REACHED
        ",
    );
}

#[test]
fn a_repeated_call_takes_the_place_of_the_first() {
    check_pair(
        "
        c join v=3
        a join
        a join                     => a join REBALANCE_IN_PROGRESS
        b join                     => a joined 2 range leader a [a: b: c:]; b joined 2 range leader a []; c joined 2 range leader a []
        b sync
        b sync                     => b sync REBALANCE_IN_PROGRESS
        a sync assign=b:y          => a synced; b synced y
        ",
    );
}

#[test]
fn a_new_coordinator_goes_on_from_the_log() {
    check_pair(
        "
        crash
        a heartbeat                => a heartbeat NONE
        b sync                     => b synced y
        +9999
        a heartbeat                => a heartbeat NONE
        +1
        a heartbeat                => a heartbeat REBALANCE_IN_PROGRESS
        x describe                 => x sees PreparingRebalance \"\" [a:] NONE
        ",
    );
    check(
        &kafka(),
        "
        a join                     => a join MEMBER_ID_REQUIRED
        crash
        x describe                 => x sees Empty \"\" [] NONE
        a join                     => a join UNKNOWN_MEMBER_ID
        ",
    );
}

#[test]
fn groups_are_listed_by_state_and_type() {
    check_pair(
        "
        nobody commit t/0=1 group=h                => nobody committed t/0:NONE
        x list                                     => x lists g/jobs/Stable/classic h//Empty/classic
        x list states=stable                       => x lists g/jobs/Stable/classic
        x list states=EMPTY,Dead types=classic     => x lists h//Empty/classic
        x list types=consumer                      => x lists
        ",
    );
}

#[test]
fn what_the_log_cannot_take_is_refused() {
    let config = GroupConfig { record_bytes_max: 300, ..kafka() };
    let long = "x".repeat(200);
    check(
        &config,
        &format!(
            "
            a join v=3
            +3000                      => a joined 1 range leader a [a:]
            a sync assign=a:{long}     => a sync UNKNOWN_SERVER_ERROR
            a heartbeat                => a heartbeat REBALANCE_IN_PROGRESS
            a join                     => a joined 2 range leader a [a:]
            a sync assign=a:short      => a synced short
            crash
            a sync                     => a synced short
            "
        ),
    );
    check(
        &config,
        &format!(
            "
            s join static=i
            +3000                      => s joined 1 range leader s [s:]
            s sync assign=s:y          => s synced y
            t join static=i protocols=range:{long}    => t join UNKNOWN_SERVER_ERROR
            s heartbeat static=i       => s heartbeat NONE
            "
        ),
    );
    let name = "n".repeat(0x7fff - 36);
    check(&kafka(), &format!("{name} join => {name} join INVALID_REQUEST"));
}
