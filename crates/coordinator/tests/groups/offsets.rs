//! Committed offsets: who may commit, what comes back, and when it is forgotten.

use crate::bench::script::check;
use coordinator::GroupConfig;

const DAY: u64 = 24 * 60 * 60 * 1_000;

fn check_default(script: &str) {
    check(&GroupConfig::default(), script);
}

/// `a` consumes the topic `t` in generation 1.
const CONSUMER: &str = "
    a join v=3 type=consumer protocols=range:@t
    +3000                      => a joined 1 range leader a [a:\0\u{1}\0\0\0\u{1}\0\u{1}t]
";

#[test]
fn clients_without_a_group_commit_and_fetch() {
    check_default(
        "
        nobody fetch t/0               => nobody fetched t/0=none
        nobody commit t/0=5,u/3=7      => nobody committed t/0:NONE u/3:NONE
        nobody commit t/0=6 note=hello => nobody committed t/0:NONE
        nobody fetch u/3,t/0,t/1       => nobody fetched u/3=7 t/0=6hello t/1=none
        nobody fetch all               => nobody fetched t/0=6hello u/3=7
        x describe                     => x sees Empty \"\" [] NONE
        crash
        nobody fetch all               => nobody fetched t/0=6hello u/3=7
        nobody commit t/0=1 gen=0      => nobody committed t/0:UNKNOWN_MEMBER_ID
        nobody commit t/0=1 gen=0 group=none    => nobody committed t/0:GROUP_ID_NOT_FOUND
        nobody commit t/0=1 gen=0 group=none v=8 => nobody committed t/0:ILLEGAL_GENERATION
        ",
    );
}

#[test]
fn members_commit_in_their_generation() {
    check_default(&format!(
        "{CONSUMER}
        a commit t/0=1             => a committed t/0:REBALANCE_IN_PROGRESS
        a sync assign=a:x          => a synced x
        a commit t/0=1             => a committed t/0:NONE
        a commit t/0=2 gen=0       => a committed t/0:ILLEGAL_GENERATION
        a commit t/0=2 id=ghost    => a committed t/0:UNKNOWN_MEMBER_ID
        nobody commit t/0=2        => nobody committed t/0:UNKNOWN_MEMBER_ID
        nobody fetch t/0           => nobody fetched t/0=1
        # a commit is a sign of life, also on the way into a rebalance
        +9000
        a commit t/0=3             => a committed t/0:NONE
        +9000
        a heartbeat                => a heartbeat NONE
        a leave                    => a left NONE
        nobody commit t/0=4        => nobody committed t/0:NONE
        "
    ));
}

#[test]
fn notes_have_a_size() {
    let config = GroupConfig { offset_metadata_bytes_max: 4, ..GroupConfig::default() };
    check(
        &config,
        "
        nobody commit t/0=1,t/1=2 note=12345   => nobody committed t/0:OFFSET_METADATA_TOO_LARGE t/1:OFFSET_METADATA_TOO_LARGE
        nobody commit t/0=1 note=äöüß          => nobody committed t/0:NONE
        nobody fetch all                       => nobody fetched t/0=1äöüß
        ",
    );
}

#[test]
fn groups_and_offsets_are_deleted_when_nobody_needs_them() {
    check_default(&format!(
        "{CONSUMER}
        a sync assign=a:x          => a synced x
        a commit t/0=1,u/0=2       => a committed t/0:NONE u/0:NONE
        x delete-group             => x deleted NON_EMPTY_GROUP
        x delete-offsets t/0       => x deleted t/0:GROUP_SUBSCRIBED_TO_TOPIC
        x delete-offsets u/0,u/1   => x deleted u/0:NONE u/1:NONE
        x fetch all                => x fetched t/0=1
        a leave                    => a left NONE
        x delete-offsets t/0       => x deleted t/0:NONE
        nobody commit v/0=1        => nobody committed v/0:NONE
        x delete-group             => x deleted NONE
        x delete-group             => x deleted GROUP_ID_NOT_FOUND
        x delete-offsets t/0       => x GROUP_ID_NOT_FOUND
        x fetch all                => x fetched
        crash
        x fetch all                => x fetched
        x list                     => x lists
        "
    ));
    check_default(
        "
        a join v=3 type=connect
        +3000                      => a joined 1 range leader a [a:]
        x delete-offsets t/0       => x NON_EMPTY_GROUP
        ",
    );
}

#[test]
fn offsets_go_with_their_topic() {
    check_default(
        "
        nobody commit t/0=1,t/1=2,u/0=3    => nobody committed t/0:NONE t/1:NONE u/0:NONE
        topic-deleted t v
        nobody fetch all                   => nobody fetched u/0=3
        crash
        nobody fetch all                   => nobody fetched u/0=3
        ",
    );
}

#[test]
fn retention_counts_from_the_commit_without_a_group() {
    check_default(&format!(
        "
        nobody commit t/0=1                => nobody committed t/0:NONE
        +{DAY}
        nobody commit t/1=2                => nobody committed t/1:NONE
        +{}
        expire
        nobody fetch all                   => nobody fetched t/0=1 t/1=2
        +1
        expire
        nobody fetch all                   => nobody fetched t/1=2
        +{DAY}
        expire
        x list                             => x lists
        crash
        x list                             => x lists
        ",
        6 * DAY - 1,
    ));
}

#[test]
fn retention_counts_from_when_the_group_became_empty() {
    check_default(&format!(
        "{CONSUMER}
        a sync assign=a:x                  => a synced x
        a commit t/0=1                     => a committed t/0:NONE
        +8000
        a leave                            => a left NONE
        +{}
        expire
        x fetch all                        => x fetched t/0=1
        +8000
        expire
        x fetch all                        => x fetched
        x list                             => x lists
        ",
        7 * DAY - 8000,
    ));
}

#[test]
fn a_group_at_work_forgets_only_what_it_does_not_consume() {
    let config = GroupConfig { offsets_retention_ms: 5_000, ..GroupConfig::default() };
    check(
        &config,
        &format!(
            "{CONSUMER}
            a sync assign=a:x                  => a synced x
            a commit t/0=1,u/0=2               => a committed t/0:NONE u/0:NONE
            +5000
            expire
            x fetch all                        => x fetched t/0=1
            x describe                         => x sees Stable \"range\" [a:x] NONE
            "
        ),
    );
    // of other clients' groups it cannot be known
    check(
        &config,
        "
        a join v=3 type=connect
        +3000                              => a joined 1 range leader a [a:]
        a sync                             => a synced
        a commit t/0=1                     => a committed t/0:NONE
        +9000
        expire
        x fetch all                        => x fetched t/0=1
        ",
    );
}

#[test]
fn old_clients_choose_their_own_retention() {
    check_default(
        "
        nobody commit t/0=1 retention=1000 => nobody committed t/0:NONE
        +999
        expire
        nobody fetch all                   => nobody fetched t/0=1
        +1
        expire
        nobody fetch all                   => nobody fetched
        ",
    );
}
