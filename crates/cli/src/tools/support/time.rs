//! Times as Kafka's tools print them.

use super::now_ms;

/// Now, as `yyyy-MM-dd HH:mm:ss:SSS` in UTC.
pub fn local_time() -> String {
    format_time(now_ms())
}

/// Now, as `yyyy-MM-dd HH:mm:ss,SSS` in UTC.
pub fn log_time() -> String {
    let (date, time, rest) = parts(now_ms());
    format!("{date} {time},{rest:03}")
}

/// `yyyy-MM-ddTHH:mm:ss.SSSZ`; zeros at the end of the fraction are left out.
pub fn iso_time(millis: i64) -> String {
    let (date, time, rest) = parts(millis);
    let fraction = format!(".{rest:03}");
    format!("{date}T{time}{}Z", fraction.trim_end_matches('0').trim_end_matches('.'))
}

fn format_time(millis: i64) -> String {
    let (date, time, rest) = parts(millis);
    format!("{date} {time}:{rest:03}")
}

/// Date, time of day, and what is left in milliseconds.
fn parts(millis: i64) -> (String, String, i64) {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, rest) = (of_day / 1000 % 60, of_day % 1000);
    let date = format!("{year:04}-{month:02}-{day:02}");
    (date, format!("{hours:02}:{minutes:02}:{seconds:02}"), rest)
}

/// The date of a day counted from 1970-01-01, in years that begin in March.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01 00:00:00:000"),
            (1_795_304_756_708, "2026-11-21 23:45:56:708"),
            (951_782_400_000, "2000-02-29 00:00:00:000"),
        ] {
            assert_eq!(format_time(millis), text);
        }
        assert_eq!(iso_time(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso_time(951_782_400_280), "2000-02-29T00:00:00.28Z");
        assert_eq!(iso_time(0), "1970-01-01T00:00:00Z");
    }
}
