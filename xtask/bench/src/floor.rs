//! The floor: a server that does only the unavoidable work behind the load's requests (receive,
//! CRC-32C, write to the page cache, answer; `sendfile` to read back). What a broker costs above it
//! is its own doing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::{Cursor, FETCH, Frame, METADATA, PRODUCE, read_frame};

const CRC_OFFSET: usize = 17;
const CRC_COVERS_FROM: usize = 21;

struct Partition {
    file: File,
    end: AtomicU64,
}

/// Serves `partitions` files in `folder` for ever, a thread a connection.
pub fn serve(port: u16, partitions: usize, folder: &Path) -> io::Result<()> {
    let open = |index: usize| {
        let path = folder.join(format!("{index}.log"));
        let file = File::options().create(true).truncate(true).read(true).write(true).open(path)?;
        Ok(Partition { file, end: AtomicU64::new(0) })
    };
    let log: Arc<Vec<Partition>> = Arc::new((0..partitions).map(open).collect::<io::Result<_>>()?);
    for socket in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let socket = socket?;
        socket.set_nodelay(true)?;
        let log = log.clone();
        std::thread::spawn(move || {
            let mut connection = Connection { socket, port, log, positions: HashMap::new() };
            // a client that leaves ends its thread
            let _ = connection.serve();
        });
    }
    Ok(())
}

struct Connection {
    socket: TcpStream,
    port: u16,
    log: Arc<Vec<Partition>>,
    /// How far each partition was read: the batches all carry base offset 0, so bytes are counted.
    positions: HashMap<usize, u64>,
}

impl Connection {
    fn serve(&mut self) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            let mut request = Cursor(read_frame(&mut self.socket, &mut buffer)?);
            let (api, _version, correlation_id) = (request.i16(), request.i16(), request.i32());
            request.string();
            let response = Frame::response(correlation_id);
            match api {
                PRODUCE => {
                    let response = self.produce(&mut request, response)?;
                    self.socket.write_all(&response)?;
                }
                FETCH => self.fetch(&mut request, response)?,
                METADATA => {
                    let response = self.metadata(&mut request, response);
                    self.socket.write_all(&response)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn metadata(&self, request: &mut Cursor<'_>, response: Frame) -> Vec<u8> {
        let _topics = request.i32();
        let topic = request.string();
        let port = i32::from(self.port);
        let response = response.i32(0).i32(1).i32(1).string("127.0.0.1").i32(port).i16(-1);
        let response = response.i16(-1).i32(1).i32(1).i16(0).string(topic).i8(0);
        let response = (0..).zip(self.log.iter()).fold(
            response.count(self.log.len()),
            |response, (index, _)| {
                let response = response.i16(0).i32(index).i32(1).i32(0);
                response.i32(1).i32(1).i32(1).i32(1).i32(0)
            },
        );
        response.i32(0).i32(0).finish(0)
    }

    fn produce(&self, request: &mut Cursor<'_>, response: Frame) -> io::Result<Vec<u8>> {
        request.string();
        let (_acks, _timeout_ms, _topics) = (request.i16(), request.i32(), request.i32());
        let topic = request.string();
        let partitions = request.count();
        let mut response = response.i32(1).string(topic).count(partitions);
        for _ in 0..partitions {
            let index = request.i32();
            let length = request.count();
            let batch = request.take(length);
            let stored = Cursor(&batch[CRC_OFFSET..]).i32().cast_unsigned();
            assert_eq!(record::crc32c(&batch[CRC_COVERS_FROM..]), stored, "the CRC holds");
            let partition = &self.log[usize::try_from(index).map_err(io::Error::other)?];
            let at = partition.end.fetch_add(length as u64, Ordering::Relaxed);
            partition.file.write_all_at(batch, at)?;
            response = response.i32(index).i16(0).i64(0).i64(-1).i64(0).i32(0).i16(-1);
        }
        Ok(response.i32(0).finish(0))
    }

    fn fetch(&mut self, request: &mut Cursor<'_>, response: Frame) -> io::Result<()> {
        request.take(4 + 4 + 4 + 4 + 1 + 4 + 4 + 4);
        let topic = request.string();
        let partitions = request.count();
        let mut ranges = Vec::with_capacity(partitions);
        for _ in 0..partitions {
            let index = request.i32();
            request.take(4 + 8 + 8);
            let bytes_max = request.count() as u64;
            let at = usize::try_from(index).map_err(io::Error::other)?;
            let position = self.positions.entry(at).or_insert(0);
            let bytes = (self.log[at].end.load(Ordering::Relaxed) - *position).min(bytes_max);
            ranges.push((index, at, *position, bytes));
            *position += bytes;
        }
        const PARTITION_BYTES: u64 = 4 + 2 + 24 + 4 + 4 + 4;
        let more: u64 = ranges.iter().map(|(.., bytes)| PARTITION_BYTES + bytes).sum();
        let head = response.i32(0).i16(0).i32(0).i32(1).string(topic).count(partitions);
        let more = usize::try_from(more).map_err(io::Error::other)?;
        self.socket.write_all(&head.finish(more))?;
        for (index, at, position, bytes) in ranges {
            self.send(index, at, position, bytes)?;
        }
        Ok(())
    }

    fn send(&mut self, index: i32, at: usize, mut position: u64, bytes: u64) -> io::Result<()> {
        let mut left = usize::try_from(bytes).map_err(io::Error::other)?;
        let head = Frame::default().i32(index).i16(0).i64(0).i64(0).i64(0).i32(0).i32(-1);
        self.socket.write_all(&head.count(left).into_bytes())?;
        while left > 0 {
            let file = &self.log[at].file;
            let sent = rustix::fs::sendfile(&self.socket, file, Some(&mut position), left)?;
            if sent == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= sent;
        }
        Ok(())
    }
}
