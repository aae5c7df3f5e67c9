//! Settings of a producer.

use std::time::Duration;

use record::{Codec, Compression};

use super::settings::{ConfigError, Settings};
use super::{ClientConfig, Properties};
use crate::producer::PartitionerKind;

/// Who must have a record before it counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody: the broker does not even answer.
    None,
    Leader,
    /// Every replica in sync.
    All,
}

impl Acks {
    /// As a Produce request has it.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "0" => Some(Self::None),
            "1" => Some(Self::Leader),
            "-1" | "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// Settings of a producer, with Kafka's defaults.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    pub client: ClientConfig,
    pub acks: Acks,
    pub linger: Duration,
    /// A batch is sent once it holds this much, however short it lingered.
    pub batch_bytes: usize,
    /// What all unsent batches together may take; who sends more waits.
    pub buffer_bytes: usize,
    pub request_bytes_max: usize,
    pub codec: Codec,
    pub idempotence: bool,
    /// Requests in flight a broker.
    pub in_flight_max: usize,
    pub retries: u32,
    /// From `send` to success or failure, all retries included.
    pub delivery_timeout: Duration,
    /// How long `send` waits for metadata and for room.
    pub max_block: Duration,
    pub partitioner: PartitionerKind,
    /// Prefer partitions whose brokers are quick (KIP-794).
    pub partitioner_adaptive: bool,
    pub partitioner_ignore_keys: bool,
}

/// More in flight and a broker could not tell duplicates any more (it remembers five batches).
const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig {
                client_id: "klamm-producer".to_owned(),
                allow_auto_create_topics: true,
                ..ClientConfig::default()
            },
            acks: Acks::All,
            linger: Duration::from_millis(5),
            batch_bytes: 16 << 10,
            buffer_bytes: 32 << 20,
            request_bytes_max: 1 << 20,
            codec: Codec::NONE,
            idempotence: true,
            in_flight_max: 5,
            retries: u32::MAX,
            delivery_timeout: Duration::from_secs(120),
            max_block: Duration::from_secs(60),
            partitioner: PartitionerKind::Sticky,
            partitioner_adaptive: true,
            partitioner_ignore_keys: false,
        }
    }
}

impl ProducerConfig {
    /// The settings by Kafka's names, and the keys that a producer does not know.
    pub fn from_properties(properties: &Properties) -> Result<(Self, Vec<String>), ConfigError> {
        let mut settings = Settings::new(properties);
        let base = Self::default();
        let s = &mut settings;
        let client = ClientConfig::read(s)?;
        let client_id = s.text("client.id").unwrap_or(&base.client.client_id).to_owned();
        let i32_max = i32::MAX.unsigned_abs() as usize;
        let acks = s.parsed("acks", base.acks, "all, -1, 0 or 1", Acks::parse)?;
        let in_flight_max =
            s.count("max.in.flight.requests.per.connection", base.in_flight_max, 1..=1000)?;
        let mut config = Self {
            client: ClientConfig { client_id, allow_auto_create_topics: true, ..client },
            acks,
            linger: s.millis("linger.ms", base.linger)?,
            batch_bytes: s.count("batch.size", base.batch_bytes, 0..=i32_max)?.max(1),
            buffer_bytes: s.count("buffer.memory", base.buffer_bytes, 1..=usize::MAX >> 4)?,
            request_bytes_max: s.count("max.request.size", base.request_bytes_max, 0..=i32_max)?,
            codec: read_codec(s)?,
            idempotence: base.idempotence,
            in_flight_max,
            retries: s.i32("retries", i32::MAX, 0)?.unsigned_abs(),
            delivery_timeout: s.millis("delivery.timeout.ms", base.delivery_timeout)?,
            max_block: s.millis("max.block.ms", base.max_block)?,
            partitioner: s.parsed(
                "partitioner.class",
                base.partitioner,
                PartitionerKind::NAMES,
                PartitionerKind::parse,
            )?,
            partitioner_adaptive: s.bool("partitioner.adaptive.partitioning.enable", true)?,
            partitioner_ignore_keys: s.bool("partitioner.ignore.keys", false)?,
        };
        for key in ["metadata.max.idle.ms", "partitioner.availability.timeout.ms"] {
            s.millis(key, Duration::ZERO)?;
        }
        s.parsed("transactional.id", (), "unset: transactions are not supported", |_| None)?;
        config.idempotence = config.settle_idempotence(s)?;
        config.settle_delivery_timeout(s)?;
        Ok((config, settings.unknown()))
    }

    /// A batch must have the time to linger and to be answered once. Asked for by name, less is
    /// refused; the default grows instead.
    fn settle_delivery_timeout(&mut self, settings: &mut Settings<'_>) -> Result<(), ConfigError> {
        let key = "delivery.timeout.ms";
        let least = self.linger.saturating_add(self.client.request_timeout);
        if self.delivery_timeout >= least {
            return Ok(());
        }
        if let Some(value) = settings.text(key) {
            let least = least.as_millis();
            let allowed = format!("at least linger.ms + request.timeout.ms, which are {least}");
            return Err(ConfigError { key: key.to_owned(), value: value.to_owned(), allowed });
        }
        self.delivery_timeout = least;
        Ok(())
    }

    /// Idempotence is on unless something contradicts it; asked for by name, the contradiction is
    /// refused instead.
    fn settle_idempotence(&self, settings: &mut Settings<'_>) -> Result<bool, ConfigError> {
        let asked = settings.text("enable.idempotence").is_some();
        let wanted = settings.bool("enable.idempotence", true)?;
        let contradiction = if self.acks != Acks::All {
            Some(("acks", "all, as enable.idempotence=true needs it"))
        } else if self.in_flight_max > IDEMPOTENT_IN_FLIGHT_MAX {
            let key = "max.in.flight.requests.per.connection";
            Some((key, "at most 5, as enable.idempotence=true needs it"))
        } else if self.retries == 0 {
            Some(("retries", "more than 0, as enable.idempotence=true needs it"))
        } else {
            None
        };
        match contradiction {
            Some((key, allowed)) if asked && wanted => Err(ConfigError {
                key: key.to_owned(),
                value: settings.text(key).unwrap_or_default().to_owned(),
                allowed: allowed.to_owned(),
            }),
            Some(_) => Ok(false),
            None => Ok(wanted),
        }
    }
}

fn read_codec(settings: &mut Settings<'_>) -> Result<Codec, ConfigError> {
    let names = "none, gzip, snappy, lz4 or zstd";
    let compression =
        settings.parsed("compression.type", Compression::None, names, |t| t.parse().ok())?;
    let gzip = settings.int("compression.gzip.level", -1, -1..=9)?;
    let lz4 = settings.int("compression.lz4.level", 9, 1..=17)?;
    let zstd = settings.int("compression.zstd.level", 3, -131_072..=22)?;
    let level = match compression {
        Compression::Gzip => gzip,
        Compression::Lz4 => lz4,
        Compression::Zstd => zstd,
        Compression::None | Compression::Snappy => 0,
    };
    let level = i32::try_from(level).unwrap_or_default();
    Ok(Codec::with_level(compression, level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ProducerConfig, ConfigError> {
        ProducerConfig::from_properties(&pairs.iter().copied().collect()).map(|(config, _)| config)
    }

    #[test]
    fn deliveries_have_time_for_one_attempt() {
        let short = [("delivery.timeout.ms", "30000"), ("linger.ms", "1")];
        let refused = read(&short).expect_err("shorter than linger and one request");
        assert_eq!(
            (refused.key.as_str(), refused.value.as_str()),
            ("delivery.timeout.ms", "30000")
        );
        let quick = [short[0], short[1], ("request.timeout.ms", "29999")];
        let timeout = |pairs: &[(&str, &str)]| read(pairs).map(|config| config.delivery_timeout);
        assert_eq!(timeout(&quick), Ok(Duration::from_secs(30)));
        let slow = [("request.timeout.ms", "200000"), ("linger.ms", "7")];
        assert_eq!(timeout(&slow), Ok(Duration::from_millis(200_007)));
    }

    #[test]
    fn settings_that_only_consumers_heed_are_known() {
        let shared = [("client.rack", "a"), ("no.such.key", "x")];
        let read = ProducerConfig::from_properties(&shared.into_iter().collect());
        assert_eq!(read.expect("valid").1, ["no.such.key"]);
    }

    #[test]
    fn idempotence_yields_to_what_contradicts_it_unless_asked_for() {
        let idempotent = |pairs: &[(&str, &str)]| read(pairs).map(|config| config.idempotence);
        assert_eq!(idempotent(&[]), Ok(true));
        for contradiction in
            [("acks", "1"), ("max.in.flight.requests.per.connection", "6"), ("retries", "0")]
        {
            assert_eq!(idempotent(&[contradiction]), Ok(false), "{contradiction:?}");
            let refused = read(&[contradiction, ("enable.idempotence", "true")]);
            assert_eq!(refused.err().map(|e| e.key), Some(contradiction.0.to_owned()));
        }
    }
}
