//! Latencies counted while a load runs: averages, percentiles, windows for the reports.

use std::time::{Duration, Instant};

/// At most this many latencies are kept for percentiles; of more, every n-th is.
const SAMPLES_MAX: u64 = 500_000;

/// Latencies in milliseconds with counts and bytes.
pub struct Stats {
    started: Instant,
    every: u64,
    samples: Vec<u32>,
    pub count: u64,
    bytes: u64,
    latency_sum: u64,
    latency_max: u32,
    window: Window,
    /// Whether this is what comes after a warm-up.
    is_steady: bool,
    /// `None` for no reports while it runs.
    window_length: Option<Duration>,
}

struct Window {
    started: Instant,
    count: u64,
    bytes: u64,
    latency_sum: u64,
    latency_max: u32,
}

impl Window {
    fn new() -> Self {
        Self { started: Instant::now(), count: 0, bytes: 0, latency_sum: 0, latency_max: 0 }
    }
}

#[expect(clippy::cast_precision_loss, reason = "reports show a few digits")]
fn real(n: u64) -> f64 {
    n as f64
}

const MIB: f64 = 1024.0 * 1024.0;

impl Stats {
    pub fn new(expected: u64, window_length: Duration) -> Self {
        Self {
            started: Instant::now(),
            every: expected / SAMPLES_MAX + 1,
            samples: Vec::new(),
            count: 0,
            bytes: 0,
            latency_sum: 0,
            latency_max: 0,
            window: Window::new(),
            is_steady: false,
            window_length: Some(window_length),
        }
    }

    /// Of what comes after a warm-up.
    pub fn steady(expected: u64, window_length: Duration) -> Self {
        Self { is_steady: true, ..Self::new(expected, window_length) }
    }

    /// Counts a record; prints the window's line when its time is over.
    pub fn record(&mut self, latency: Duration, bytes: usize) {
        let millis = u32::try_from(latency.as_millis()).unwrap_or(u32::MAX);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.count.is_multiple_of(self.every) {
            self.samples.push(millis);
        }
        self.count += 1;
        self.bytes += bytes;
        self.latency_sum += u64::from(millis);
        self.latency_max = self.latency_max.max(millis);
        self.window.count += 1;
        self.window.bytes += bytes;
        self.window.latency_sum += u64::from(millis);
        self.window.latency_max = self.window.latency_max.max(millis);
        if self.window_length.is_some_and(|length| self.window.started.elapsed() >= length) {
            self.print_window();
            self.window = Window::new();
        }
    }

    fn print_window(&self) {
        if self.is_steady && self.count == self.window.count {
            println!("In steady state.");
        }
        let Window { count, bytes, latency_sum, latency_max, started } = &self.window;
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{count} records sent, {:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} \
             ms max latency.",
            real(*count) / seconds,
            real(*bytes) / seconds / MIB,
            real(*latency_sum) / real((*count).max(1)),
            f64::from(*latency_max),
        );
    }

    /// Ends the reports while it runs.
    pub fn report_at_end_only(&mut self) {
        self.window_length = None;
    }

    /// The line at the end, in the form of Kafka's producer test.
    pub fn print_total(&mut self) {
        let kind = if self.is_steady { " steady state" } else { "" };
        let seconds = self.started.elapsed().as_secs_f64();
        self.samples.sort_unstable();
        println!(
            "{}{kind} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms \
             max latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            self.count,
            real(self.count) / seconds,
            real(self.bytes) / seconds / MIB,
            real(self.latency_sum) / real(self.count),
            f64::from(self.latency_max),
            percentile(&self.samples, 500),
            percentile(&self.samples, 950),
            percentile(&self.samples, 990),
            percentile(&self.samples, 999),
        );
    }
}

/// The value below which so many per mille of the sorted samples lie.
pub fn percentile<T: Copy + Default>(sorted: &[T], per_mille: usize) -> T {
    let at = sorted.len() * per_mille / 1000;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_sorted_samples() {
        let sorted: Vec<u32> = (0..1000).collect();
        assert_eq!(percentile(&sorted, 500), 500);
        assert_eq!(percentile(&sorted, 999), 999);
        assert_eq!(percentile(&[7], 999), 7);
        assert_eq!(percentile::<u32>(&[], 500), 0);
    }
}
