//! Static members (`group.instance.id`): they come back to the place that they had.

use crate::bench::script::check;
use coordinator::GroupConfig;

/// `a` leads; `s` is the instance `i`. Generation 1, stable.
const WITH_STATIC: &str = "
    a join v=3
    s join static=i
    +6000                      => a joined 1 range leader a [a: s:]; s joined 1 range leader a []
    a sync assign=a:x,s:y      => a synced x
    s sync                     => s synced y
";

fn check_static(script: &str) {
    check(&GroupConfig::default(), &format!("{WITH_STATIC}{script}"));
}

#[test]
fn a_restart_goes_unnoticed() {
    check_static(
        "
        s2 join static=i           => s2 joined 1 range leader a []
        s2 sync                    => s2 synced y
        a heartbeat                => a heartbeat NONE
        s heartbeat static=i       => s heartbeat FENCED_INSTANCE_ID
        s heartbeat                => s heartbeat UNKNOWN_MEMBER_ID
        s join static=i            => s join FENCED_INSTANCE_ID
        s sync static=i            => s sync FENCED_INSTANCE_ID
        s commit t/0=1 static=i    => s committed t/0:FENCED_INSTANCE_ID
        s leave static=i           => s left FENCED_INSTANCE_ID
        s leave static=other       => s left UNKNOWN_MEMBER_ID
        # and the new id was written down
        crash
        s2 heartbeat static=i      => s2 heartbeat NONE
        ",
    );
}

#[test]
fn a_leader_that_restarts_is_spared_the_assignment() {
    let leads = "
        s join static=i
        +3000                      => s joined 1 range leader s [s:]
        s sync assign=s:y          => s synced y
        ";
    let config = GroupConfig::default();
    check(
        &config,
        &format!(
            "{leads}
            s2 join static=i           => s2 joined 1 range leader s2 [s2:] skip
            s2 sync                    => s2 synced y
            "
        ),
    );
    // old clients are told the old leader's name, lest they assign
    check(
        &config,
        &format!(
            "{leads}
            s2 join static=i v=8       => s2 joined 1 range leader s []
            s2 sync                    => s2 synced y
            "
        ),
    );
}

#[test]
fn a_restart_that_changes_the_protocol_is_a_rebalance() {
    check_static(
        "
        s2 join static=i protocols=sticky:1,range:2    => s2 joined 1 range leader a []
        ",
    );
    check(
        &GroupConfig::default(),
        "
        s join static=i protocols=range:1,sticky:2
        +3000                                          => s joined 1 range leader s [s:1]
        s sync                                         => s synced
        s2 join static=i protocols=sticky:3,range:4    => s2 joined 2 sticky leader s2 [s2:3]
        ",
    );
}

#[test]
fn a_restart_while_the_leader_assigns_is_a_rebalance() {
    check(
        &GroupConfig::default(),
        "
        a join v=3
        s join static=i
        +6000                      => a joined 1 range leader a [a: s:]; s joined 1 range leader a []
        s sync static=i
        s2 join static=i           => s sync FENCED_INSTANCE_ID
        a sync assign=a:x,s:y      => a sync REBALANCE_IN_PROGRESS
        a join                     => a joined 2 range leader a [a: s2:]; s2 joined 2 range leader a []
        ",
    );
}

#[test]
fn a_second_process_of_the_instance_fences_the_first() {
    check(
        &GroupConfig::default(),
        "
        s join static=i
        s2 join static=i           => s join FENCED_INSTANCE_ID
        +3000                      => s2 joined 1 range leader s2 [s2:]
        ",
    );
}

#[test]
fn absent_static_members_keep_their_place_until_their_session_ends() {
    check(
        &GroupConfig::default(),
        "
        a join v=3 rebalance=5000
        s join static=i session=30000 rebalance=5000
        +6000                      => a joined 1 range leader a [a: s:]; s joined 1 range leader a []
        a sync assign=a:x,s:y      => a synced x
        s sync                     => s synced y
        a join rebalance=5000
        +5000                      => a joined 2 range leader a [a: s:]
        ",
    );
}

#[test]
fn an_operator_removes_a_static_member_by_its_instance() {
    check_static(
        "
        x leave static=i           => x left NONE
        x leave static=i           => x left UNKNOWN_MEMBER_ID
        a heartbeat                => a heartbeat REBALANCE_IN_PROGRESS
        s heartbeat static=i       => s heartbeat UNKNOWN_MEMBER_ID
        ",
    );
}
