//! The received bytes of one connection, cut into frames.
//!
//! ```text
//! frame = length: i32 (big-endian, without itself) | length bytes
//!
//! buffer  |..consumed..|--frame--|--frame--|--half a fr|.........free.........|
//!                      start                           end
//! ```
//!
//! Memory follows bytes, never promises: a length of 100 MB allocates nothing until its bytes
//! arrive, and the buffer at most doubles each time that it is full.

use super::pool;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

const LENGTH_BYTES: usize = 4;

/// How much to ask of a socket when the next frame's length is not known.
const WINDOW_BYTES: usize = pool::SMALLEST;

/// What is at the front of the inbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// A complete frame's content; hand its bytes to [`Inbox::frame`].
    Frame(Range<usize>),
    /// More bytes have to arrive.
    Incomplete,
    /// A length that is negative or above the limit: the connection cannot go on.
    BadLength(i32),
}

#[derive(Debug)]
pub(super) struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    frame_bytes_max: i32,
    /// Size of the latest frame with its length: the next one is probably like it.
    latest_frame: usize,
}

impl Inbox {
    pub(super) fn new(frame_bytes_max: i32) -> Self {
        Self { buffer: Box::default(), start: 0, end: 0, frame_bytes_max, latest_frame: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn frame(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// The first bytes of what has not been consumed, for the log line about a bad frame.
    pub(super) fn head(&self) -> &[u8] {
        let bytes = &self.buffer[self.start..self.end];
        &bytes[..bytes.len().min(16)]
    }

    pub(super) fn front(&self) -> Front {
        let Some(length) = self.front_length() else { return Front::Incomplete };
        let Ok(bytes) = usize::try_from(length) else { return Front::BadLength(length) };
        if length > self.frame_bytes_max {
            return Front::BadLength(length);
        }
        let content = self.start + LENGTH_BYTES;
        match content + bytes <= self.end {
            true => Front::Frame(content..content + bytes),
            false => Front::Incomplete,
        }
    }

    fn front_length(&self) -> Option<i32> {
        let bytes = self.buffer[self.start..self.end].first_chunk()?;
        Some(i32::from_be_bytes(*bytes))
    }

    /// Drops the frame at the front, which has been answered.
    pub(super) fn consume(&mut self, frame: Range<usize>) {
        assert!(frame.start == self.start + LENGTH_BYTES && frame.end <= self.end);
        self.latest_frame = LENGTH_BYTES + frame.len();
        self.start = frame.end;
    }

    /// Gives the buffer back if no received byte is in it.
    pub(super) fn release(&mut self) {
        if self.is_empty() && !self.buffer.is_empty() {
            pool::give_back(std::mem::take(&mut self.buffer));
            (self.start, self.end) = (0, 0);
        }
    }

    /// Receives once. `Ok(0)` says that the peer has finished sending.
    pub(super) fn poll_receive<S: AsyncRead>(
        &mut self,
        stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let room = self.make_room();
        let mut target = ReadBuf::new(&mut self.buffer[room]);
        ready!(stream.poll_read(context, &mut target))?;
        let received = target.filled().len();
        self.end += received;
        Poll::Ready(Ok(received))
    }

    /// Where the next receive writes to: up to the end of the frame under way and the next one's
    /// length, so that large frames never have to be moved, or a window of small ones.
    fn make_room(&mut self) -> Range<usize> {
        let missing = match self.front_length() {
            Some(length) => {
                let frame = LENGTH_BYTES + usize::try_from(length).unwrap_or(0);
                frame.saturating_sub(self.end - self.start) + LENGTH_BYTES
            }
            None => self.latest_frame + LENGTH_BYTES,
        };
        let wanted = missing.max(WINDOW_BYTES);
        if self.end + missing > self.buffer.len() {
            self.move_or_grow(missing);
        }
        self.end..self.buffer.len().min(self.end + wanted)
    }

    /// Makes room for `missing` bytes, or for as many as the bytes received so far have earned.
    fn move_or_grow(&mut self, missing: usize) {
        let held = self.end - self.start;
        let earned = (2 * held).max(self.latest_frame + LENGTH_BYTES).max(WINDOW_BYTES);
        let wanted = (held + missing).min(earned);
        if wanted > self.buffer.len() {
            let mut larger = pool::take(wanted);
            larger[..held].copy_from_slice(&self.buffer[self.start..self.end]);
            pool::give_back(std::mem::replace(&mut self.buffer, larger));
        } else {
            self.buffer.copy_within(self.start..self.end, 0);
        }
        (self.start, self.end) = (0, held);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        pool::give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out at most `step` bytes at each read.
    struct Trickle<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl AsyncRead for Trickle<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            target: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            let now = self.step.min(target.remaining()).min(self.bytes.len());
            let (head, tail) = self.bytes.split_at(now);
            target.put_slice(head);
            self.bytes = tail;
            Poll::Ready(Ok(()))
        }
    }

    fn receive(inbox: &mut Inbox, source: &mut Trickle<'_>) -> usize {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match inbox.poll_receive(Pin::new(source), &mut context) {
            Poll::Ready(Ok(received)) => received,
            other => panic!("a trickle is always ready: {other:?}"),
        }
    }

    fn framed(sizes: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            bytes.extend(i32::try_from(*size).unwrap().to_be_bytes());
            bytes.extend((0..251).cycle().skip(index).take(*size));
        }
        bytes
    }

    #[test]
    fn frames_come_out_whole_and_in_order_however_they_arrive() {
        let sizes = [0, 1, 100, 16_380, 16_384, 65_600, 65_600, 3, 65_600, 1_500_000, 12, 0];
        let bytes = framed(&sizes);
        for step in [37, 1_000, 65_536, usize::MAX] {
            let mut source = Trickle { bytes: &bytes, step };
            let mut inbox = Inbox::new(2_000_000);
            let mut at = 0;
            for size in sizes {
                let frame = loop {
                    match inbox.front() {
                        Front::Frame(frame) => break frame,
                        Front::Incomplete => assert!(receive(&mut inbox, &mut source) > 0),
                        Front::BadLength(length) => panic!("length {length}"),
                    }
                };
                assert_eq!(inbox.frame(&frame), &bytes[at + 4..at + 4 + size]);
                at += 4 + size;
                inbox.consume(frame);
            }
            assert!(inbox.is_empty());
            inbox.release();
            assert!(inbox.buffer.is_empty());
        }
    }

    #[test]
    fn a_hostile_length_allocates_no_more_than_a_small_one() {
        let mut bytes = 90_000_000_i32.to_be_bytes().to_vec();
        bytes.extend([0; 100]);
        let mut inbox = Inbox::new(100 * 1024 * 1024);
        receive(&mut inbox, &mut Trickle { bytes: &bytes, step: 4 });
        receive(&mut inbox, &mut Trickle { bytes: &bytes[4..], step: 100 });
        assert_eq!(inbox.front(), Front::Incomplete);
        assert_eq!(inbox.buffer.len(), pool::SMALLEST);
    }

    #[test]
    fn a_large_frame_is_received_in_few_reads_once_its_like_was_seen() {
        let bytes = framed(&[65_600; 8]);
        let mut source = Trickle { bytes: &bytes, step: usize::MAX };
        let mut inbox = Inbox::new(1_000_000);
        let mut reads = 0;
        while !source.bytes.is_empty() || inbox.front() != Front::Incomplete {
            match inbox.front() {
                Front::Frame(frame) => inbox.consume(frame),
                _ => reads += usize::from(receive(&mut inbox, &mut source) > 0),
            }
        }
        assert!(reads <= 10, "{reads} reads for eight frames");
    }

    #[test]
    fn lengths_below_zero_and_above_the_limit_are_refused() {
        for length in [-1, i32::MIN, 101, i32::MAX] {
            let bytes = length.to_be_bytes();
            let mut inbox = Inbox::new(100);
            receive(&mut inbox, &mut Trickle { bytes: &bytes, step: 4 });
            assert_eq!(inbox.front(), Front::BadLength(length));
        }
    }
}
