//! A producer sends a few batches. Expected: each is acknowledged once, at one place, for good.

use super::{Operation, TOPICS};
use crate::client::Kind;

pub const OPERATION: Operation = Operation {
    name: "produce",
    weight: |_| 25,
    perform: |world, [who, where_to, count, _]| {
        let mut numbers = Vec::new();
        for _ in 0..1 + count % 4 {
            let records = 1 + world.env.below(3);
            numbers.push((0..records).map(|_| world.env.number()).collect::<Vec<u64>>());
        }
        let producers = world.clients.iter_mut().filter_map(|client| match &mut client.kind {
            Kind::Producer(producer) => Some((producer, &mut client.wake)),
            Kind::Consumer(_) | Kind::Member(_) | Kind::Admin(_) => None,
        });
        let mut producers: Vec<_> = producers.collect();
        let at = who % producers.len();
        let (producer, wake) = &mut producers[at];
        let topic = TOPICS[if where_to % 3 == 0 { where_to / 3 % TOPICS.len() } else { 0 }];
        let partition = i32::try_from(where_to / 16 % 2).expect("few partitions");
        for numbers in numbers {
            producer.send(topic, partition, numbers);
        }
        **wake = world.env.now;
        Ok(())
    },
};
