//! Offsets of a group moved: to a time, an offset, by a distance, or as a file says.

use std::collections::BTreeMap;

use client::admin::ListedOffset;
use client::config::{IsolationLevel, parse_iso_duration};
use client::{Admin, OffsetAndMetadata, TopicPartition};

use super::super::support::options::Parsed;
use super::super::support::table::Table;
use super::super::support::{Done, ToolError, now_ms};
use super::offsets::partitions;
use super::{failed, groups};

const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

type Offsets = BTreeMap<TopicPartition, i64>;

pub async fn reset(admin: &Admin, options: &Parsed) -> Done {
    let mut planned: BTreeMap<String, Offsets> = BTreeMap::new();
    for group in groups(admin, options).await? {
        let state = match admin.describe_group(&group).await {
            Ok(described) => described.state,
            Err(error) if error.code() == types::ErrorCode::GroupIdNotFound => "Dead".to_owned(),
            Err(error) => return Err(failed(error)),
        };
        if !matches!(state.as_str(), "Empty" | "Dead") {
            println!(
                "\nError: Assignments can only be reset if the group '{group}' is inactive, but \
                 the current state is {state}."
            );
            planned.insert(group, Offsets::new());
            continue;
        }
        let offsets = plan(admin, options, &group).await?;
        planned.insert(group, offsets);
    }
    if options.has("execute") {
        for (group, offsets) in &planned {
            apply(admin, group, offsets).await?;
        }
    } else if !options.has("dry-run") {
        eprintln!(
            "WARN: No action will be performed as the --execute option is missing. Add --dry-run \
             to say that this is meant."
        );
    }
    match options.has("export") {
        true => export(&planned),
        false => print(&planned),
    }
    Ok(())
}

async fn apply(admin: &Admin, group: &str, offsets: &Offsets) -> Done {
    let offsets: BTreeMap<_, OffsetAndMetadata> =
        offsets.iter().map(|(partition, offset)| (partition.clone(), (*offset).into())).collect();
    if offsets.is_empty() {
        return Ok(());
    }
    let verdicts = admin.alter_group_offsets(group, &offsets).await.map_err(failed)?;
    verdicts.into_values().try_for_each(|verdict| verdict.map_err(failed))
}

fn print(planned: &BTreeMap<String, Offsets>) {
    let mut table = Table::new(["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"]);
    for (group, offsets) in planned {
        for (partition, offset) in offsets {
            let (topic, number) = (partition.topic.to_string(), partition.partition.to_string());
            table.push([group.clone(), topic, number, offset.to_string()]);
        }
    }
    let lines = table.lines(&[15, 15, 10], false);
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    println!("\n{}", lines.join("\n"));
}

/// `topic,partition,offset`, with the group in front where there are several.
fn export(planned: &BTreeMap<String, Offsets>) {
    let several = planned.len() > 1;
    for (group, offsets) in planned {
        for (TopicPartition { topic, partition }, offset) in offsets {
            match several {
                true => println!("{group},{topic},{partition},{offset}"),
                false => println!("{topic},{partition},{offset}"),
            }
        }
    }
    println!();
}

async fn plan(admin: &Admin, options: &Parsed, group: &str) -> Result<Offsets, ToolError> {
    let committed = admin.group_offsets(group).await.map_err(failed)?;
    if let Some(path) = options.get("from-file") {
        let wanted = read_file(&std::fs::read_to_string(path)?, group)?;
        return bounded(admin, wanted).await;
    }
    let chosen: Vec<TopicPartition> = match options.has("all-topics") {
        true => committed.keys().cloned().collect(),
        false => partitions(admin, options).await?,
    };
    if options.has("to-earliest") {
        return at_time(admin, &chosen, EARLIEST).await;
    }
    if options.has("to-latest") {
        return at_time(admin, &chosen, LATEST).await;
    }
    if let Some(text) = options.get("to-datetime") {
        let wrong = || ToolError::Usage(format!("Text '{text}' could not be parsed as a time"));
        return at_time(admin, &chosen, parse_datetime(text).ok_or_else(wrong)?).await;
    }
    if let Some(text) = options.get("by-duration") {
        let wrong = || ToolError::Usage(format!("Text '{text}' could not be parsed to a Duration"));
        let back = parse_iso_duration(text).ok_or_else(wrong)?;
        let back = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
        return at_time(admin, &chosen, now_ms().saturating_sub(back)).await;
    }
    if let Some(offset) = options.number::<i64>("to-offset")? {
        let wanted = chosen.into_iter().map(|partition| (partition, offset)).collect();
        return bounded(admin, wanted).await;
    }
    let current: Offsets = chosen
        .iter()
        .filter_map(|partition| Some((partition.clone(), committed.get(partition)?.offset)))
        .collect();
    if let Some(by) = options.number::<i64>("shift-by")? {
        let none = chosen.iter().find(|partition| !current.contains_key(*partition));
        if let Some(partition) = none {
            let what = format!(
                "java.lang.IllegalArgumentException: Cannot shift offset for partition \
                 {partition} since there is no current committed offset"
            );
            return Err(ToolError::Failed(what));
        }
        let wanted = current.into_iter().map(|(partition, offset)| (partition, offset + by));
        return bounded(admin, wanted.collect()).await;
    }
    if options.has("to-current") {
        let without: Vec<_> =
            chosen.into_iter().filter(|partition| !current.contains_key(partition)).collect();
        let mut planned = bounded(admin, current).await?;
        planned.extend(at_time(admin, &without, LATEST).await?);
        return Ok(planned);
    }
    let what = "Option 'reset-offsets' requires one of the following scenarios: --to-offset, \
                --shift-by, --to-datetime, --by-duration, --to-earliest, --to-latest, \
                --from-file, --to-current";
    Err(ToolError::Usage(what.to_owned()))
}

/// The offsets at a time; the end where nothing is that young.
async fn at_time(
    admin: &Admin,
    partitions: &[TopicPartition],
    time: i64,
) -> Result<Offsets, ToolError> {
    let mut found = ask(admin, partitions, time).await?;
    let young: Vec<_> =
        found.iter().filter(|(_, offset)| **offset < 0).map(|(p, _)| p.clone()).collect();
    if !young.is_empty() {
        found.extend(ask(admin, &young, LATEST).await?);
    }
    Ok(found)
}

async fn ask(
    admin: &Admin,
    partitions: &[TopicPartition],
    time: i64,
) -> Result<Offsets, ToolError> {
    if partitions.is_empty() {
        return Ok(Offsets::new());
    }
    let asked = partitions.iter().map(|partition| (partition.clone(), time)).collect();
    let listed = admin.list_offsets(&asked, IsolationLevel::ReadUncommitted).await;
    let listed = listed.map_err(failed)?.into_iter().map(|(partition, listed)| {
        let ListedOffset { offset, .. } = listed.map_err(failed)?;
        Ok((partition, offset))
    });
    listed.collect()
}

/// Offsets moved into what the logs have.
async fn bounded(admin: &Admin, wanted: Offsets) -> Result<Offsets, ToolError> {
    let partitions: Vec<_> = wanted.keys().cloned().collect();
    let earliest = ask(admin, &partitions, EARLIEST).await?;
    let latest = ask(admin, &partitions, LATEST).await?;
    let moved = wanted.into_iter().map(|(partition, offset)| {
        let first = earliest.get(&partition).copied().unwrap_or(0);
        let last = latest.get(&partition).copied().unwrap_or(i64::MAX);
        if offset < first {
            eprintln!(
                "WARN New offset ({offset}) is lower than earliest offset for topic partition \
                 {partition}. Value will be set to {first}"
            );
        } else if offset > last {
            eprintln!(
                "WARN New offset ({offset}) is higher than latest offset for topic partition \
                 {partition}. Value will be set to {last}"
            );
        }
        (partition, offset.max(first).min(last))
    });
    Ok(moved.collect())
}

/// Lines `topic,partition,offset` or `group,topic,partition,offset`.
fn read_file(text: &str, group: &str) -> Result<Offsets, ToolError> {
    let mut offsets = Offsets::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = || ToolError::Failed(format!("not topic,partition,offset: {line}"));
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let (topic, partition, offset) = match cells[..] {
            [topic, partition, offset] => (topic, partition, offset),
            [of, topic, partition, offset] if of == group => (topic, partition, offset),
            [_, _, _, _] => continue,
            _ => return Err(wrong()),
        };
        let partition = TopicPartition::new(topic, partition.parse().map_err(|_| wrong())?);
        offsets.insert(partition, offset.parse().map_err(|_| wrong())?);
    }
    Ok(offsets)
}

/// `YYYY-MM-DDThh:mm:ss[.sss][Z|±hh[:]mm]` as milliseconds since the epoch; UTC without a zone.
fn parse_datetime(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let mut clock = clock.splitn(3, ':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let seconds: f64 = clock.next().unwrap_or("0").parse().ok()?;
    let zone = match zone {
        "" | "Z" => 0,
        zone => {
            let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
            let of: i64 = format!("{digits:0<4}").parse().ok()?;
            let minutes = of / 100 * 60 + of % 100;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && (0..24).contains(&hour);
    if !valid || !(0..60).contains(&minute) || !(0.0..60.0).contains(&seconds) {
        return None;
    }
    let minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - zone;
    let millis = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_millis();
    Some(minutes * 60_000 + i64::try_from(millis).ok()?)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_zone() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000", Some(0)),
            ("2026-11-21T23:45:56.708", Some(1_795_304_756_708)),
            ("2000-02-29T12:00:00.5+01:00", Some(951_822_000_500)),
            ("2000-02-29T12:00:00-0130", Some(951_831_000_000)),
            ("2026-13-01T00:00:00", None),
            ("2026-01-01", None),
        ] {
            assert_eq!(parse_datetime(text), millis, "{text}");
        }
    }

    #[test]
    fn files_have_three_or_four_columns() {
        let read = read_file("t,0,5\n\"g\",u,1,7\nother,u,2,9\n", "g").expect("valid");
        let shown: Vec<_> = read.iter().map(|(p, o)| format!("{p}={o}")).collect();
        assert_eq!(shown, ["t-0=5", "u-1=7"]);
        assert!(read_file("t,0", "g").is_err());
    }
}
