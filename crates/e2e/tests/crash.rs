//! `kill -9` under load: every acknowledged record is there after the restart, in order, and
//! offsets have no gaps.

use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::raw::{
    CREATE_VERSION, Connection, FETCH_VERSION, PRODUCE_VERSION, batch, create_request,
    fetch_request, produce_request, records,
};
use e2e::{Klamm, wait};
use wire::{CreateTopicsRequest, FetchRequest, ProduceRequest};

const TOPIC: &str = "crash";
const PARTITIONS: i32 = 3;
const KILLS: usize = 20;
const RECORDS_A_BATCH: u64 = 50;
const IN_FLIGHT: usize = 5;

/// A batch that was acknowledged: where it is, and the number in its first record.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    offset: i64,
    first: u64,
}

/// Produces numbers from `next` on until the connection breaks.
fn produce_until_killed(
    port: u16,
    partition: i32,
    next: u64,
    acks: &AtomicUsize,
) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    let Ok(mut connection) = Connection::open(port) else { return acknowledged };
    let mut sent = next;
    let mut received = next;
    loop {
        while sent < received + RECORDS_A_BATCH * IN_FLIGHT as u64 {
            let batch = batch((sent..sent + RECORDS_A_BATCH).map(u64::to_be_bytes));
            let request = produce_request(TOPIC, partition, &batch);
            if connection.send(&request, PRODUCE_VERSION).is_err() {
                return acknowledged;
            }
            sent += RECORDS_A_BATCH;
        }
        let answer = connection.receive::<ProduceRequest<'_>, _>(PRODUCE_VERSION, |response| {
            let partition = &response.responses[0].partition_responses[0];
            (partition.error_code, partition.base_offset)
        });
        let Ok((error, offset)) = answer else { return acknowledged };
        assert_eq!(error, 0, "the batch is taken");
        acknowledged.push(Acknowledged { offset, first: received });
        received += RECORDS_A_BATCH;
        acks.fetch_add(1, Ordering::Relaxed);
    }
}

/// Every number in a partition, by offset; offsets are checked to have no gaps.
fn read_all(port: u16, partition: i32) -> Vec<u64> {
    let mut connection = Connection::open(port).expect("connect");
    let mut numbers = Vec::new();
    loop {
        let offset = i64::try_from(numbers.len()).expect("a small log");
        connection.send(&fetch_request(TOPIC, partition, offset), FETCH_VERSION).expect("send");
        let (error, bytes) = connection
            .receive::<FetchRequest<'_>, _>(FETCH_VERSION, records)
            .expect("an answer to a fetch");
        assert_eq!(error, 0, "the partition is readable");
        let before = numbers.len();
        for batch in record::batches(&bytes) {
            let batch = batch.expect("a whole batch");
            record::with_scratch(|scratch| {
                for record in batch.records(scratch).expect("readable records") {
                    let record = record.expect("a readable record");
                    // a fetch may begin inside a batch
                    if record.offset.0 < offset {
                        continue;
                    }
                    assert_eq!(usize::try_from(record.offset.0), Ok(numbers.len()), "no gap");
                    let value = record.value.expect("a value");
                    numbers.push(u64::from_be_bytes(value.try_into().expect("eight bytes")));
                }
            });
        }
        if numbers.len() == before {
            return numbers;
        }
    }
}

fn create(port: u16) {
    let mut connection = Connection::open(port).expect("connect");
    connection.send(&create_request(TOPIC, PARTITIONS), CREATE_VERSION).expect("send");
    let error = connection
        .receive::<CreateTopicsRequest<'_>, _>(CREATE_VERSION, |r| r.topics[0].error_code)
        .expect("an answer");
    assert_eq!(error, 0, "the topic is created");
}

#[test]
fn nothing_acknowledged_is_lost_in_twenty_kills() {
    let mut klamm = Klamm::start();
    create(klamm.port());
    let mut next = vec![0; usize::try_from(PARTITIONS).expect("small")];
    for kill in 1..=KILLS {
        let port = klamm.port();
        let acks = &AtomicUsize::new(0);
        let rounds: Vec<Vec<Acknowledged>> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..PARTITIONS)
                .zip(&next)
                .map(|(p, next)| scope.spawn(move || produce_until_killed(port, p, *next, acks)))
                .collect();
            // another moment each time
            wait::until("enough is acknowledged", || {
                (acks.load(Ordering::Relaxed) >= 37 * kill).then_some(())
            });
            klamm.kill();
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect()
        });
        klamm.restart();
        for (partition, acknowledged) in (0..PARTITIONS).zip(&rounds) {
            let numbers = read_all(klamm.port(), partition);
            assert!(numbers.is_sorted_by(|a, b| a < b), "kill {kill}: out of order");
            for batch in acknowledged {
                let at = usize::try_from(batch.offset).expect("an offset");
                for (i, number) in (batch.first..batch.first + RECORDS_A_BATCH).enumerate() {
                    assert_eq!(numbers.get(at + i), Some(&number), "kill {kill}, {batch:?}");
                }
            }
            next[usize::try_from(partition).expect("small")] = numbers.last().map_or(0, |n| n + 1);
        }
    }
}
