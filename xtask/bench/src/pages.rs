//! Memory for the page cache, fetched before a round rather than in it.

use std::io::{self, Write};

/// What a round writes, with its replicas, and room for what lies between.
const ROUND_BYTES: usize = 1 << 30;

/// Has the hypervisor give this machine memory for page cache, which it takes back whenever some is
/// free for seconds: its first touch costs more than all that a broker does to a record.
pub fn warm() -> io::Result<()> {
    let piece = vec![1; 1 << 16];
    let mut file = tempfile::tempfile()?;
    (0..ROUND_BYTES / piece.len()).try_for_each(|_| file.write_all(&piece))
}
