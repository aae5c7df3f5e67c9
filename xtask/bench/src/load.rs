//! The load: the same prebuilt bytes to any peer, timed at the client.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use record::{BatchBuilder, Codec, Compression, Producer, with_scratch};
use types::TimestampMs;

use crate::protocol::{connect, fetch, fetched, produce, produce_error, read_frame};

/// Request times of one run, sorted when asked.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes in the times of another run.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The time that `share` of the requests did not exceed, in microseconds.
    pub fn quantile_us(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let at = ((self.0.len() as f64 * share) as usize).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

/// A batch of about `bytes` made of records of `record_bytes` that compress as text does.
pub fn batch(record_bytes: usize, bytes: usize, compression: Compression) -> Vec<u8> {
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock behind 1970").as_millis();
    let now = TimestampMs(i64::try_from(now).expect("milliseconds in 63 bits"));
    let mut builder = BatchBuilder::new();
    let mut seed = 0x9e37_79b9_u32;
    let words = ["stream ", "gorge ", "partition ", "offset ", "castle ", "official "];
    while builder.is_empty() || builder.bytes_max() + record_bytes <= bytes {
        let mut value = Vec::with_capacity(record_bytes + 16);
        while value.len() < record_bytes {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            value.extend_from_slice(words[(seed >> 24) as usize % words.len()].as_bytes());
            value.extend_from_slice(format!("{:04x} ", seed >> 16).as_bytes());
        }
        value.truncate(record_bytes);
        builder.append(now, None, Some(&value), &[]).expect("a record fits");
    }
    let codec = Codec::new(compression);
    with_scratch(|scratch| builder.finish(codec, Producer::default(), scratch))
}

/// What a produce run came to.
#[derive(Debug)]
pub struct Produced {
    pub bytes: u64,
    pub requests: u64,
    pub latencies: Latencies,
}

/// Pipelined produce: `connections`, each with `in_flight` requests of one batch.
pub fn produce_run(
    port: u16,
    topic: &str,
    partitions: usize,
    connections: usize,
    in_flight: usize,
    batch: &[u8],
    bytes: u64,
) -> Produced {
    let requests = bytes / connections as u64 / batch.len() as u64;
    let runs: Vec<Latencies> = std::thread::scope(|scope| {
        let start = |connection: usize| {
            let mine = (0..partitions).filter(move |p| p % connections == connection % partitions);
            let frames: Vec<Vec<u8>> =
                mine.map(|p| produce(topic, i32::try_from(p).expect("small"), batch)).collect();
            scope.spawn(move || pipeline(port, &frames, requests, in_flight).expect("produce"))
        };
        let threads: Vec<_> = (0..connections).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("a connection's thread")).collect()
    });
    let latencies = Latencies(runs.into_iter().flat_map(|run| run.0).collect());
    let requests = requests * connections as u64;
    Produced { bytes: requests * batch.len() as u64, requests, latencies }
}

fn pipeline(
    port: u16,
    frames: &[Vec<u8>],
    requests: u64,
    in_flight: usize,
) -> io::Result<Latencies> {
    let mut reader = connect(port)?;
    let mut writer = reader.try_clone()?;
    if in_flight == 1 {
        return one_by_one(&mut reader, frames, requests);
    }
    let (sent, sending) = sync_channel::<Instant>(in_flight);
    let mut times = Vec::with_capacity(usize::try_from(requests).unwrap_or(0));
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for frame in frames.iter().cycle().take(usize::try_from(requests).unwrap_or(0)) {
                sent.send(Instant::now()).map_err(io::Error::other)?;
                writer.write_all(frame)?;
            }
            io::Result::Ok(())
        });
        let answered = read_answers(&mut reader, requests, &sending, &mut times);
        // a writer that waits for room or for a ticket must not wait for ever
        drop(sending);
        if answered.is_err() {
            reader.shutdown(Shutdown::Both)?;
        }
        let written = writing.join().map_err(|_| io::Error::other("the writer panicked"))?;
        answered.and(written)
    })?;
    Ok(Latencies(times))
}

fn read_answers(
    reader: &mut TcpStream,
    requests: u64,
    sending: &Receiver<Instant>,
    times: &mut Vec<Duration>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    for _ in 0..requests {
        taken(read_frame(reader, &mut buffer)?)?;
        // a ticket is free only once its request is answered
        times.push(sending.recv().map_err(io::Error::other)?.elapsed());
    }
    Ok(())
}

fn taken(body: &[u8]) -> io::Result<()> {
    match produce_error(body) {
        0 => Ok(()),
        code => Err(io::Error::other(format!("a batch was refused with error code {code}"))),
    }
}

/// Waits until every partition takes a record: Apache Kafka says that it leads before it does.
pub fn await_writable(port: u16, topic: &str, partitions: usize) {
    let batch = batch(1, 0, Compression::None);
    for partition in 0..partitions {
        let partition = i32::try_from(partition).expect("a small index");
        await_taken(&Target { port, frame: produce(topic, partition, &batch) });
    }
}

/// A request that is sent over and over, and where to.
#[derive(Clone, Debug)]
pub struct Target {
    pub port: u16,
    pub frame: Vec<u8>,
}

/// Waits until the request succeeds.
pub fn await_taken(target: &Target) {
    e2e::wait::until("the partition takes records", || {
        let mut socket = connect(target.port).ok()?;
        socket.write_all(&target.frame).ok()?;
        taken(read_frame(&mut socket, &mut Vec::new()).ok()?).ok()
    });
}

/// Pipelined produce: a connection for each target, which sends so many requests.
pub fn produce_each(targets: &[Target], in_flight: usize, requests: u64) -> io::Result<Latencies> {
    side_by_side(targets, |Target { port, frame }| {
        pipeline(*port, std::slice::from_ref(frame), requests, in_flight)
    })
}

/// A connection for each target with an equal share of the rate.
pub fn steady_each(targets: &[Target], rate: u32, seconds: u32) -> io::Result<Latencies> {
    let share = rate / u32::try_from(targets.len()).map_err(io::Error::other)?;
    side_by_side(targets, |Target { port, frame }| {
        steady_run(*port, std::slice::from_ref(frame), share, seconds)
    })
}

fn side_by_side(
    targets: &[Target],
    run: impl Fn(&Target) -> io::Result<Latencies> + Sync,
) -> io::Result<Latencies> {
    let mut all = Latencies::new();
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = targets.iter().map(|t| scope.spawn(move || run(t))).collect();
        for thread in threads {
            all.extend(thread.join().map_err(|_| io::Error::other("a connection panicked"))??);
        }
        Ok(all)
    })
}

fn one_by_one(socket: &mut TcpStream, frames: &[Vec<u8>], requests: u64) -> io::Result<Latencies> {
    let mut times = Vec::new();
    let mut buffer = Vec::new();
    for frame in frames.iter().cycle().take(usize::try_from(requests).unwrap_or(0)) {
        let start = Instant::now();
        socket.write_all(frame)?;
        taken(read_frame(socket, &mut buffer)?)?;
        times.push(start.elapsed());
    }
    Ok(Latencies(times))
}

/// One request at a time at a fixed rate, each timed from when it was due (no coordinated omission).
pub fn steady_run(port: u16, frames: &[Vec<u8>], rate: u32, seconds: u32) -> io::Result<Latencies> {
    let mut socket = connect(port)?;
    let mut buffer = Vec::new();
    let mut times = Vec::new();
    let start = Instant::now();
    for (i, frame) in (0..rate * seconds).zip(frames.iter().cycle()) {
        let due = start + Duration::from_secs(1) * i / rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        socket.write_all(frame)?;
        taken(read_frame(&mut socket, &mut buffer)?)?;
        times.push(due.elapsed());
    }
    Ok(Latencies(times))
}

/// Reads every partition of `topic` from its start; the bytes of records.
pub fn fetch_run(port: u16, topic: &str, partitions: usize) -> io::Result<u64> {
    const PARTITION_BYTES_MAX: i32 = 1 << 20;
    let mut socket = connect(port)?;
    let mut offsets = vec![0; partitions];
    let (mut buffer, mut bytes, mut dry) = (Vec::new(), 0, 0);
    while dry < 2 {
        socket.write_all(&fetch(topic, &offsets, PARTITION_BYTES_MAX))?;
        let mut got = 0;
        fetched(read_frame(&mut socket, &mut buffer)?, |partition, records| {
            offsets[partition] = next_offset(records).unwrap_or(offsets[partition]);
            got += records.len() as u64;
        });
        bytes += got;
        dry = if got == 0 { dry + 1 } else { 0 };
    }
    Ok(bytes)
}

/// The offset behind the last whole batch.
pub fn next_offset(records: &[u8]) -> Option<i64> {
    let last = record::batches(records).map_while(Result::ok).last()?;
    Some(last.header().next_offset().0)
}

/// Opens connections that have said something and then keep still.
pub fn idle_connections(port: u16, count: usize) -> io::Result<VecDeque<TcpStream>> {
    let mut open = VecDeque::with_capacity(count);
    let hello = crate::protocol::Frame::request(18, 0).finish(0);
    let mut buffer = Vec::new();
    for _ in 0..count {
        let mut socket = connect(port)?;
        socket.write_all(&hello)?;
        read_frame(&mut socket, &mut buffer)?;
        open.push_back(socket);
    }
    Ok(open)
}
