//! The few requests that a load needs, as prebuilt bytes: encoding must not cost what it measures.
//!
//! Versions are the last without tagged fields, which every peer serves and the floor can read:
//! Metadata 8, CreateTopics 4, DeleteTopics 3, Produce 8, Fetch 11.

use std::io::{self, Read, Write};
use std::net::TcpStream;

pub const PRODUCE: i16 = 0;
pub const FETCH: i16 = 1;
pub const METADATA: i16 = 3;
const CREATE_TOPICS: i16 = 19;
const DELETE_TOPICS: i16 = 20;
const ADMIN_TIMEOUT_MS: i32 = 120_000;

/// A frame under construction; the first four bytes become its length.
#[derive(Debug, Default)]
pub struct Frame(Vec<u8>);

impl Frame {
    pub fn request(api: i16, version: i16) -> Self {
        Self::default().i32(0).i16(api).i16(version).i32(0).string("klamm-bench")
    }

    pub fn response(correlation_id: i32) -> Self {
        Self::default().i32(0).i32(correlation_id)
    }

    pub fn i8(self, value: i8) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i16(self, value: i16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i32(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i64(self, value: i64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn string(self, text: &str) -> Self {
        self.i16(i16::try_from(text.len()).expect("a short string")).raw(text.as_bytes())
    }

    pub fn count(self, count: usize) -> Self {
        self.i32(i32::try_from(count).expect("a small count"))
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The bytes as they stand, where they are no frame of their own.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The bytes with their length in front, `more` bytes following from elsewhere.
    pub fn finish(mut self, more: usize) -> Vec<u8> {
        let length = i32::try_from(self.0.len() - 4 + more).expect("a frame below 2 GiB");
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// Reads a frame's body from the front.
#[derive(Debug)]
pub struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(bytes);
        self.0 = rest;
        head
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("N bytes were taken")
    }

    pub fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.array())
    }

    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.array())
    }

    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }

    /// A length or count; null reads as 0.
    pub fn count(&mut self) -> usize {
        usize::try_from(self.i32()).unwrap_or(0)
    }

    pub fn string(&mut self) -> &'a str {
        let length = usize::try_from(self.i16()).unwrap_or(0);
        std::str::from_utf8(self.take(length)).expect("UTF-8")
    }
}

/// Reads one frame into `buffer` and returns its body.
pub fn read_frame<'a>(socket: &mut TcpStream, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).map_err(io::Error::other)?;
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    socket.read_exact(&mut buffer[..length])?;
    Ok(&buffer[..length])
}

/// A connection to a port of the loopback address.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Creates a topic with one replica a partition; an error code where the peer refuses.
pub fn create_topic(port: u16, topic: &str, partitions: i32) -> io::Result<i16> {
    let request = Frame::request(CREATE_TOPICS, 4).i32(1).string(topic).i32(partitions).i16(1);
    let request = request.i32(0).i32(0).i32(ADMIN_TIMEOUT_MS).i8(0);
    let mut buffer = Vec::new();
    let mut response = Cursor(call(port, &request.finish(0), &mut buffer)?);
    let _throttle_ms = response.i32();
    let _topics = response.count();
    response.string();
    Ok(response.i16())
}

pub fn delete_topic(port: u16, topic: &str) -> io::Result<()> {
    let request = Frame::request(DELETE_TOPICS, 3).i32(1).string(topic).i32(ADMIN_TIMEOUT_MS);
    call(port, &request.finish(0), &mut Vec::new()).map(|_| ())
}

/// How many partitions of `topic` have a leader.
pub fn led_partitions(port: u16, topic: &str) -> io::Result<usize> {
    let request = Frame::request(METADATA, 8).i32(1).string(topic).i8(0).i8(0).i8(0);
    let mut buffer = Vec::new();
    let mut response = Cursor(call(port, &request.finish(0), &mut buffer)?);
    let _throttle_ms = response.i32();
    for _ in 0..response.count() {
        let _id = response.i32();
        response.string();
        let _port = response.i32();
        response.string();
    }
    response.string();
    let _controller = response.i32();
    let mut led = 0;
    for _ in 0..response.count() {
        let _error = response.i16();
        response.string();
        let _internal = response.i8();
        for _ in 0..response.count() {
            let error = response.i16();
            let _index = response.i32();
            let leader = response.i32();
            let _epoch = response.i32();
            for _ in 0..3 {
                let nodes = response.count();
                response.take(4 * nodes);
            }
            led += usize::from(error == 0 && leader >= 0);
        }
        let _operations = response.i32();
    }
    Ok(led)
}

fn call<'a>(port: u16, request: &[u8], buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
    let mut socket = connect(port)?;
    socket.write_all(request)?;
    let body = read_frame(&mut socket, buffer)?;
    Ok(&body[4..])
}

/// A Produce request of one batch.
pub fn produce(topic: &str, partition: i32, batch: &[u8]) -> Vec<u8> {
    let request = Frame::request(PRODUCE, 8).i16(-1).i16(-1).i32(30_000).i32(1).string(topic);
    request.i32(1).i32(partition).count(batch.len()).raw(batch).finish(0)
}

/// The error code of the one partition in a Produce response.
pub fn produce_error(body: &[u8]) -> i16 {
    let mut response = Cursor(&body[4..]);
    let _topics = response.count();
    response.string();
    let _partitions = response.count();
    let _index = response.i32();
    response.i16()
}

/// A Fetch request without a session from `offset` of each partition.
pub fn fetch(topic: &str, offsets: &[i64], bytes_max: i32) -> Vec<u8> {
    let request = Frame::request(FETCH, 11).i32(-1).i32(100).i32(1).i32(i32::MAX).i8(0);
    let request = request.i32(0).i32(-1).i32(1).string(topic).count(offsets.len());
    let request = offsets.iter().zip(0..).fold(request, |request, (offset, partition)| {
        request.i32(partition).i32(-1).i64(*offset).i64(-1).i32(bytes_max)
    });
    request.i32(0).string("").finish(0)
}

/// Calls `each` with the partition and the records of every partition in a Fetch response.
///
/// # Panics
/// If a partition has an error.
pub fn fetched(body: &[u8], mut each: impl FnMut(usize, &[u8])) {
    let mut response = Cursor(&body[4..]);
    let _throttle_ms = response.i32();
    assert_eq!(response.i16(), 0, "the fetch succeeds");
    let _session = response.i32();
    for _ in 0..response.count() {
        response.string();
        for _ in 0..response.count() {
            let partition = usize::try_from(response.i32()).expect("a partition's index");
            assert_eq!(response.i16(), 0, "the partition is readable");
            response.take(24);
            let aborted = response.count();
            response.take(16 * aborted);
            let _preferred_replica = response.i32();
            let length = response.count();
            each(partition, response.take(length));
        }
    }
}
