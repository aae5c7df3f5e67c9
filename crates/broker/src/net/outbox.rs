//! What a connection has to send: encoded bytes, and file ranges that go out by `sendfile`.
//!
//! Responses to requests that arrived together leave in one write. A range is sent from the page
//! cache to the socket without passing through this process; whoever plans it makes sure that its
//! pages are in memory, because `sendfile` would otherwise stop the whole reactor.

use log::{OpenFile, RealFile};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;
use wire::WritePlan;

/// Bytes of a file that a response contains.
#[derive(Clone, Debug)]
pub(crate) struct FileRange {
    pub file: Arc<OpenFile<RealFile>>,
    pub position: u64,
    pub bytes: u64,
}

/// One response, ready to be sent. `ranges` is what the plan's cuts index.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub plan: WritePlan,
    pub ranges: Vec<FileRange>,
}

/// A range and the place in the encoded bytes that it is sent at.
#[derive(Debug)]
struct Insert {
    at: usize,
    range: FileRange,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    inserts: Vec<Insert>,
    ranged_bytes: u64,
}

/// Larger encodings are freed behind a flush, so that one big answer does not stay for ever.
const KEPT_CAPACITY_MAX: usize = 16 * 1024;

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.inserts.is_empty()
    }

    /// Bytes waiting to be sent, ranges included.
    pub(super) fn pending(&self) -> u64 {
        self.bytes.len() as u64 + self.ranged_bytes
    }

    /// A vector to encode the next response into: this outbox's own while it is empty.
    pub(super) fn lend(&mut self) -> Vec<u8> {
        match self.is_empty() {
            true => std::mem::take(&mut self.bytes),
            false => Vec::new(),
        }
    }

    /// Queues a response behind those queued before.
    pub(super) fn push(&mut self, reply: Reply) {
        let base = self.bytes.len();
        match base {
            0 => self.bytes = reply.plan.inline,
            _ => self.bytes.extend_from_slice(&reply.plan.inline),
        }
        let mut ranges: Vec<_> = reply.ranges.into_iter().map(Some).collect();
        for cut in &reply.plan.cuts {
            let slot = usize::try_from(cut.index).ok().and_then(|index| ranges.get_mut(index));
            let range = slot.and_then(Option::take).expect("a plan cuts each of its ranges once");
            assert_eq!(u64::from(cut.bytes), range.bytes, "cut and range differ in length");
            self.ranged_bytes += range.bytes;
            self.inserts.push(Insert { at: base + cut.at, range });
        }
    }

    /// Frees the memory of an idle connection.
    pub(super) fn release(&mut self) {
        assert!(self.is_empty(), "an outbox is released when all is sent");
        *self = Self::default();
    }

    /// Sends everything; returns when the kernel has taken the last byte.
    pub(super) async fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        let mut sent = 0;
        for insert in &self.inserts {
            send_all(stream, &self.bytes[sent..insert.at], SendFlags::MORE).await?;
            send_range(stream, &insert.range).await?;
            sent = insert.at;
        }
        send_all(stream, &self.bytes[sent..], SendFlags::empty()).await?;
        self.inserts.clear();
        self.ranged_bytes = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_CAPACITY_MAX {
            self.bytes = Vec::new();
        }
        Ok(())
    }
}

async fn send_all(stream: &TcpStream, mut bytes: &[u8], flags: SendFlags) -> io::Result<()> {
    let flags = flags | SendFlags::NOSIGNAL;
    while !bytes.is_empty() {
        let sent =
            when_writable(stream, || rustix::net::send(stream.as_fd(), bytes, flags)).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

async fn send_range(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let mut position = range.position;
    let mut left = range.bytes;
    while left > 0 {
        let send = || {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let file = range.file.file();
            rustix::fs::sendfile(stream.as_fd(), file.as_fd(), Some(&mut position), most)
        };
        let sent = when_writable(stream, send).await;
        let sent = sent.inspect_err(|error| note_if_disk(range, error))?;
        if sent == 0 {
            // The response's length is already out: the connection cannot be saved.
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{left} bytes of a planned range are behind the end of the segment"),
            ));
        }
        left = left.saturating_sub(sent as u64);
    }
    Ok(())
}

/// Most errors are the socket's.
fn note_if_disk(range: &FileRange, error: &io::Error) {
    if Errno::from_io_error(error) == Some(Errno::IO) {
        range.file.file().note(error);
    }
}

/// Tries at once, and again each time that the socket has room.
async fn when_writable(
    stream: &TcpStream,
    mut attempt: impl FnMut() -> Result<usize, Errno>,
) -> io::Result<usize> {
    loop {
        match stream.try_io(Interest::WRITABLE, || attempt().map_err(io::Error::from)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
