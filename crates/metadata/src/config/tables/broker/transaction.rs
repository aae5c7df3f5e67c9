//! Broker keys: producers' state and transactions.

use crate::config::key::{ConfigKey, boolean, int, short};

pub(in crate::config) const KEYS: &[ConfigKey] = &[
    int("add.partitions.to.txn.retry.backoff.max.ms")
        .or("100")
        .at_least(0)
        .high()
        .unsupported()
        .doc(
            "Upper bound in milliseconds of the growing wait before a partition is added to a \
             transaction again.",
        ),
    int("add.partitions.to.txn.retry.backoff.ms")
        .or("20")
        .at_least(1)
        .high()
        .unsupported()
        .doc("First wait in milliseconds before a partition is added to a transaction again."),
    int("producer.id.expiration.check.interval.ms")
        .or("600000")
        .at_least(1)
        .low()
        .internal()
        .doc("Time in milliseconds between two searches for producers whose state has expired."),
    int("producer.id.expiration.ms").or("86400000").at_least(1).low().cluster_wide().doc(
        "Time in milliseconds after a producer's last write for which a partition remembers \
         its sequence.",
    ),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms")
        .or("10000")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Time in milliseconds between two searches for transactions that have timed out."),
    int("transaction.max.timeout.ms")
        .or("900000")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Longest timeout in milliseconds that a transaction may ask for."),
    boolean("transaction.partition.verification.enable")
        .or("true")
        .low()
        .cluster_wide()
        .unsupported()
        .doc(
            "Whether a partition checks that a transaction includes it before it takes the first \
             record.",
        ),
    int("transaction.remove.expired.transaction.cleanup.interval.ms")
        .or("3600000")
        .at_least(1)
        .low()
        .unsupported()
        .doc("Time in milliseconds between two searches for transactional ids that have expired."),
    int("transaction.state.log.load.buffer.size")
        .or("5242880")
        .at_least(1)
        .high()
        .no_effect()
        .doc("Bytes that the Java coordinator reads at a time when it loads transactions."),
    int("transaction.state.log.min.isr")
        .or("2")
        .at_least(1)
        .high()
        .unsupported()
        .doc("`min.insync.replicas` of the transaction topic."),
    int("transaction.state.log.num.partitions")
        .or("50")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Number of partitions of the transaction topic, fixed once it exists."),
    short("transaction.state.log.replication.factor").or("3").at_least(1).high().unsupported().doc(
        "Number of replicas of the transaction topic; it is not created before there are as \
         many brokers.",
    ),
    int("transaction.state.log.segment.bytes")
        .or("104857600")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Segment size in bytes of the transaction topic."),
    boolean("transaction.two.phase.commit.enable")
        .or("false")
        .low()
        .unsupported()
        .doc("Whether a transaction may be prepared and left to an outside coordinator."),
    int("transactional.id.expiration.ms")
        .or("604800000")
        .at_least(1)
        .high()
        .unsupported()
        .doc("Time in milliseconds without use after which a transactional id is forgotten."),
];
