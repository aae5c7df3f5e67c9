//! Lines of an input that may pause for long, read while the rest of the tool goes on.

use std::io::{self, Read};

use tokio::sync::mpsc;

const READ_BYTES: usize = 64 << 10;
/// Blocks that may wait for the tool.
const BLOCKS_MAX: usize = 16;

/// Whole lines, many at a time, each with its end; the last one perhaps without.
pub type Blocks = mpsc::Receiver<io::Result<Vec<u8>>>;

/// Reads `input` on a thread of its own, which ends with the input or with the tool.
pub fn blocks(mut input: impl Read + Send + 'static) -> Blocks {
    let (sender, receiver) = mpsc::channel(BLOCKS_MAX);
    std::thread::spawn(move || {
        let mut buffer = vec![0; READ_BYTES];
        let mut block: Vec<u8> = Vec::new();
        loop {
            let read = match input.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // a tool that is gone needs no more lines
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            };
            let searched = block.len();
            block.extend_from_slice(&buffer[..read]);
            let end = match block[searched..].iter().rposition(|byte| *byte == b'\n') {
                Some(at) => searched + at + 1,
                None if read == 0 => block.len(),
                None => continue,
            };
            let rest = block.split_off(end);
            let lines = std::mem::replace(&mut block, rest);
            let gone = !lines.is_empty() && sender.blocking_send(Ok(lines)).is_err();
            if read == 0 || gone {
                return;
            }
        }
    });
    receiver
}

/// The lines of a block without their ends.
pub fn split(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_comes_once_whatever_the_reads() {
        let long = "x".repeat(3 * READ_BYTES);
        for text in ["a\nb\r\n\nc", "", "\n", "one", &format!("s\n{long}\nt\n")] {
            let mut receiver = blocks(io::Cursor::new(text.to_owned()));
            let mut lines = Vec::new();
            while let Some(block) = receiver.blocking_recv() {
                let block = block.expect("a cursor does not fail");
                lines.extend(split(&block).map(|line| String::from_utf8_lossy(line).into_owned()));
            }
            assert_eq!(lines, text.lines().collect::<Vec<_>>());
        }
    }
}
