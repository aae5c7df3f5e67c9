//! Which values of its type a key takes, and how a refusal says so.

use super::address::host_and_port;
use super::value::ConfigValue;

/// The rule for one key's value, beside its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Allowed {
    Any,
    /// Whole numbers, both ends included; `i64::MAX` as the upper end means no bound.
    Between(i64, i64),
    /// Numbers, both ends included.
    Ratio(f64, f64),
    OneOf(&'static [&'static str]),
    OneOfIgnoringCase(&'static [&'static str]),
    /// A list of some of the words; no words means any words.
    Items {
        words: &'static [&'static str],
        empty: bool,
        null: bool,
    },
    NonEmpty,
    NonNull,
    /// 1 to 9, or -1.
    GzipLevel,
    /// `partition:broker` pairs, or `*`.
    ThrottledReplicas,
    /// `id@host:port` items.
    Voters,
    /// `host:port` items.
    BootstrapServers,
    /// `latest`, `earliest`, or `by_duration:` with an ISO 8601 duration.
    OffsetReset,
}

impl Allowed {
    /// What would be right, if `value` is not.
    pub(super) fn refusal(&self, value: &ConfigValue) -> Option<String> {
        match *self {
            Self::Any => None,
            Self::Between(min, max) => number_refusal(value, min, max),
            Self::Ratio(min, max) => ratio_refusal(value, min, max),
            Self::OneOf(words) => {
                let known = value.as_str().is_some_and(|text| words.contains(&text));
                (!known).then(|| format!("expected one of {}", words.join(", ")))
            }
            Self::OneOfIgnoringCase(words) => {
                let known = value
                    .as_str()
                    .is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)));
                (!known).then(|| format!("expected one of {} in any case", words.join(", ")))
            }
            Self::Items { words, empty, null } => items_refusal(value, words, empty, null),
            Self::NonEmpty => {
                (value.as_str() == Some("")).then(|| "expected a text that is not empty".to_owned())
            }
            Self::NonNull => (*value == ConfigValue::Null).then(|| "expected a value".to_owned()),
            Self::GzipLevel => {
                let level = value.as_i64();
                let known = level.is_some_and(|level| level == -1 || (1..=9).contains(&level));
                (!known).then(|| "expected 1 to 9, or -1 for the library's default".to_owned())
            }
            Self::ThrottledReplicas => throttled_replicas_refusal(value),
            Self::Voters => listed(value).iter().find_map(|item| voter_refusal(item)),
            Self::BootstrapServers => listed(value).iter().find_map(|item| server_refusal(item)),
            Self::OffsetReset => offset_reset_refusal(value),
        }
    }
}

fn number_refusal(value: &ConfigValue, min: i64, max: i64) -> Option<String> {
    match value.as_i64() {
        Some(number) if (min..=max).contains(&number) => None,
        Some(_) | None if max == i64::MAX => Some(format!("expected at least {min}")),
        Some(_) | None => Some(format!("expected {min} to {max}")),
    }
}

fn ratio_refusal(value: &ConfigValue, min: f64, max: f64) -> Option<String> {
    match value {
        // NaN passes here as it does in Kafka, whose range compares with < and > only
        ConfigValue::Double(number) if *number < min || *number > max => {
            Some(format!("expected {min} to {max}"))
        }
        ConfigValue::Double(_) => None,
        ConfigValue::Null
        | ConfigValue::Boolean(_)
        | ConfigValue::String(_)
        | ConfigValue::Int(_)
        | ConfigValue::Short(_)
        | ConfigValue::Long(_)
        | ConfigValue::List(_)
        | ConfigValue::Class(_)
        | ConfigValue::Password(_) => Some(format!("expected a number from {min} to {max}")),
    }
}

fn listed(value: &ConfigValue) -> &[String] {
    match value {
        ConfigValue::List(items) => items,
        ConfigValue::Null
        | ConfigValue::Boolean(_)
        | ConfigValue::String(_)
        | ConfigValue::Int(_)
        | ConfigValue::Short(_)
        | ConfigValue::Long(_)
        | ConfigValue::Double(_)
        | ConfigValue::Class(_)
        | ConfigValue::Password(_) => &[],
    }
}

fn items_refusal(value: &ConfigValue, words: &[&str], empty: bool, null: bool) -> Option<String> {
    if *value == ConfigValue::Null {
        return (!null).then(|| "expected a list".to_owned());
    }
    let items = listed(value);
    let choice = || {
        if words.is_empty() { "any words".to_owned() } else { words.join(", ") }
    };
    if items.is_empty() && !empty {
        return Some(format!("expected at least one of {}", choice()));
    }
    for item in items {
        if item.is_empty() {
            return Some("expected no empty item between the commas".to_owned());
        }
        if !words.is_empty() && !words.contains(&item.as_str()) {
            return Some(format!("expected a list of {}, which {item} is not", choice()));
        }
    }
    None
}

fn throttled_replicas_refusal(value: &ConfigValue) -> Option<String> {
    let items = listed(value);
    let pair = |item: &String| {
        item.split_once(':').is_some_and(|(partition, broker)| {
            [partition, broker].iter().all(|number| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
    };
    let known = items.is_empty() || items.len() == 1 && items[0] == "*" || items.iter().all(pair);
    (!known).then(|| "expected * or a list of partition:broker pairs such as 0:1,1:2".to_owned())
}

fn voter_refusal(item: &str) -> Option<String> {
    let known = item.split_once('@').is_some_and(|(id, address)| {
        id.parse::<i32>().is_ok_and(|id| id >= 0)
            && host_and_port(address).is_some_and(|(host, _)| !host.is_empty())
    });
    (!known).then(|| format!("expected id@host:port, which {item} is not"))
}

fn server_refusal(item: &str) -> Option<String> {
    host_and_port(item).is_none().then(|| format!("expected host:port, which {item} is not"))
}

fn offset_reset_refusal(value: &ConfigValue) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    let known = match text.split_once(':') {
        None => matches!(text, "latest" | "earliest"),
        Some((word, duration)) => word == "by_duration" && is_iso_duration(duration),
    };
    (!known).then(|| {
        "expected latest, earliest, or by_duration: and an ISO 8601 duration such as PT1H"
            .to_owned()
    })
}

/// `PnDTnHnMn.nS` as `java.time.Duration` reads it, not below zero as a whole.
fn is_iso_duration(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let (sign, rest) = match upper.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let Some(rest) = rest.strip_prefix('P') else { return false };
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return false,
        None => (rest, ""),
    };
    let days = seconds(days, &[('D', 86_400.0)]);
    let time = seconds(time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)]);
    match (days, time) {
        (Some(days), Some(time)) => !rest.is_empty() && sign * (days + time) >= 0.0,
        (None, _) | (_, None) => false,
    }
}

/// The sum of a run of numbers, each followed by one of `units` in this order.
fn seconds(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut sum = 0.0;
    for (unit, factor) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        let unsigned = number.strip_prefix(['-', '+']).unwrap_or(number);
        let digits = |char: char| char.is_ascii_digit() || char == '.' && *unit == 'S';
        if !unsigned.starts_with(|char: char| char.is_ascii_digit())
            || !unsigned.chars().all(digits)
        {
            return None;
        }
        sum += number.parse::<f64>().ok()? * factor;
        text = rest;
    }
    text.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_java() {
        for (text, known) in [
            ("latest", true),
            ("Latest", false),
            ("by_duration:PT1H", true),
            ("by_duration:p1dt1h", true),
            ("by_duration:PT1.5S", true),
            ("by_duration:PT1H-30M", true),
            ("by_duration:PT0S", true),
            ("by_duration:-PT1H", false),
            ("by_duration:PT-1H", false),
            ("by_duration:P1DT", false),
            ("by_duration:PT.5S", false),
            ("by_duration:P", false),
            ("by_duration:PT1M1H", false),
            ("by_duration:1000", false),
            ("BY_DURATION:PT1S", false),
        ] {
            let value = ConfigValue::String(text.to_owned());
            assert_eq!(Allowed::OffsetReset.refusal(&value).is_none(), known, "{text}");
        }
    }
}
