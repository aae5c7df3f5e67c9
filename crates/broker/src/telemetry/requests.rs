//! Requests by API: how many, how many bytes, and how long they took.

use super::exposition::Exposition;
use super::shards::Sharded;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wire::ApiKey;

/// API keys run from 0 to one below this; greater ones share the last place.
const APIS: usize = 96;

/// Upper bounds of the latency buckets double from [`FIRST_BUCKET_MICROS`]; the last has none.
const BUCKETS: usize = 20;
const FIRST_BUCKET_MICROS: u64 = 16;

#[derive(Debug, Default)]
pub(crate) struct RequestMetrics {
    shards: Sharded<Apis>,
}

#[derive(Debug)]
struct Apis(Box<[Api; APIS]>);

impl Default for Apis {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Api::default())))
    }
}

#[derive(Debug, Default)]
struct Api {
    micros: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// One API's counters, summed over the shards.
#[derive(Debug, Default, Clone)]
struct Sum {
    micros: u64,
    received_bytes: u64,
    sent_bytes: u64,
    buckets: [u64; BUCKETS],
}

impl RequestMetrics {
    /// Counts one request that was read, decided and encoded in `took`.
    pub(crate) fn answered(&self, api: ApiKey, took: Duration, received: usize, sent: u64) {
        let counters = &self.shards.mine().0[place(api)];
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counters.micros.fetch_add(micros, Ordering::Relaxed);
        counters.received_bytes.fetch_add(received as u64, Ordering::Relaxed);
        counters.sent_bytes.fetch_add(sent, Ordering::Relaxed);
        counters.buckets[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn render(&self, page: &mut Exposition) {
        let sums: Vec<_> = ApiKey::all()
            .map(|api| (api.name(), self.sum(place(api))))
            .filter(|(_, sum)| sum.count() > 0)
            .collect();
        let name = "klamm_request_bytes_total";
        page.family(name, "counter", "Bytes of requests.");
        for (api, sum) in &sums {
            page.sample(name, &[("api", api)], sum.received_bytes);
        }
        let name = "klamm_response_bytes_total";
        page.family(name, "counter", "Bytes of responses.");
        for (api, sum) in &sums {
            page.sample(name, &[("api", api)], sum.sent_bytes);
        }
        let name = "klamm_request_duration_seconds";
        page.family(name, "histogram", "From the complete request to its encoded response.");
        for (api, sum) in &sums {
            sum.render_histogram(page, name, api);
        }
    }

    fn sum(&self, place: usize) -> Sum {
        let mut sum = Sum::default();
        for shard in self.shards.all() {
            let api = &shard.0[place];
            sum.micros += api.micros.load(Ordering::Relaxed);
            sum.received_bytes += api.received_bytes.load(Ordering::Relaxed);
            sum.sent_bytes += api.sent_bytes.load(Ordering::Relaxed);
            for (total, bucket) in sum.buckets.iter_mut().zip(&api.buckets) {
                *total += bucket.load(Ordering::Relaxed);
            }
        }
        sum
    }
}

impl Sum {
    fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn render_histogram(&self, page: &mut Exposition, name: &str, api: &str) {
        let mut below = 0;
        let bounded = self.buckets.iter().take(BUCKETS - 1);
        for (count, bound) in bounded.zip((0..).map(|index| FIRST_BUCKET_MICROS << index)) {
            below += count;
            let bound = micros_as_seconds(bound);
            page.sample(&format!("{name}_bucket"), &[("api", api), ("le", &bound)], below);
        }
        page.sample(&format!("{name}_bucket"), &[("api", api), ("le", "+Inf")], self.count());
        page.sample(&format!("{name}_sum"), &[("api", api)], micros_as_seconds(self.micros));
        page.sample(&format!("{name}_count"), &[("api", api)], self.count());
    }
}

fn place(api: ApiKey) -> usize {
    usize::try_from(api.code()).unwrap_or(APIS - 1).min(APIS - 1)
}

/// The first bucket whose bound is not below `micros`.
fn bucket(micros: u64) -> usize {
    let doublings = micros.div_ceil(FIRST_BUCKET_MICROS).max(1).next_power_of_two().ilog2();
    usize::try_from(doublings).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn micros_as_seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        for (micros, expected) in
            [(0, 0), (16, 0), (17, 1), (32, 1), (33, 2), (64, 2), (u64::MAX / 2, BUCKETS - 1)]
        {
            assert_eq!(bucket(micros), expected, "{micros} µs");
        }
    }

    #[test]
    fn a_request_shows_in_its_api_s_series() {
        let metrics = RequestMetrics::default();
        metrics.answered(ApiKey::Metadata, Duration::from_micros(40), 100, 900);
        let mut page = Exposition::default();
        metrics.render(&mut page);
        let text = page.finish();
        for line in [
            "klamm_request_bytes_total{api=\"Metadata\"} 100",
            "klamm_response_bytes_total{api=\"Metadata\"} 900",
            "klamm_request_duration_seconds_bucket{api=\"Metadata\",le=\"0.000032\"} 0",
            "klamm_request_duration_seconds_bucket{api=\"Metadata\",le=\"0.000064\"} 1",
            "klamm_request_duration_seconds_bucket{api=\"Metadata\",le=\"+Inf\"} 1",
            "klamm_request_duration_seconds_sum{api=\"Metadata\"} 0.000040",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
