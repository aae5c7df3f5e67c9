//! What the kernel says of a process: CPU seconds and memory.

/// `USER_HZ`: the unit of the times in `/proc/PID/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system CPU seconds of a process so far.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // the command's name may hold blanks: fields are counted behind its closing parenthesis
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let times = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    times.sum::<f64>() / TICKS_PER_SECOND
}

/// Bytes that a process has had read from a disk, readahead included.
pub fn disk_bytes_read(pid: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let bytes = io.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// Anonymous resident memory in MB.
pub fn anonymous_mb(pid: u32) -> f64 {
    status_mb(pid, "RssAnon:")
}

/// Resident memory in MB, mapped files included.
pub fn resident_mb(pid: u32) -> f64 {
    status_mb(pid, "VmRSS:")
}

fn status_mb(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    let kb = line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}
