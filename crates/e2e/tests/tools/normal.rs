//! What differs between two runs of one tool is taken out: ids, times, addresses, paths, figures.

use serde_json::Value;

use super::script::Kind;

const TOPIC_ID_CHARS: usize = 22;
const UUID_CHARS: usize = 36;
const TIME_DIGITS: usize = 13;

/// The text as it is compared; `places` are (what stands there, what is put in its place).
pub fn normal(kind: Kind<'_>, text: &str, places: &[(&str, &str)]) -> String {
    // Java's tools are older than the broker: they have no name for its metadata version
    let mut text = without_new_apis(&text.replace("UNKNOWN 33", "4.4-IV2   "));
    text = without_stacks(&with_sorted_fields(&text));
    for (from, to) in places {
        text = text.replace(from, to);
    }
    let mut normal = words(&text);
    match kind {
        Kind::Where if text.is_empty() => return String::new(),
        Kind::Where => return "something".to_owned(),
        Kind::Shape => normal = without_figures(&normal.replace("TIME", "N")),
        Kind::Same | Kind::Alone | Kind::Behind | Kind::Until(_) | Kind::Gone(_) => {}
    }
    // what stands at a line's end is blank on a terminal
    normal.lines().map(|line| without_epoch(line.trim_end())).collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| in_word(c) != in_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        normal.push_str(&if in_word(first) { of_word(word) } else { word.to_owned() });
        rest = after;
    }
    normal
}

fn of_word(word: &str) -> String {
    let digits = word.chars().all(|c| c.is_ascii_digit());
    if digits && word.len() == TIME_DIGITS {
        return "TIME".to_owned();
    }
    let is_mixed = word.contains(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase());
    if word.len() == TOPIC_ID_CHARS && is_mixed {
        return "ID".to_owned();
    }
    match word.len().checked_sub(UUID_CHARS).and_then(|start| word.split_at_checked(start)) {
        Some((prefix, uuid)) if is_uuid(uuid) => format!("{prefix}UUID"),
        _ => word.to_owned(),
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    hex && groups == [8, 4, 4, 4, 12]
}

/// Every number becomes one `N`, every run of blanks one blank, and lines that are alike then, as
/// those of a report while it runs, become one.
fn without_figures(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '0'..='9' if normal.ends_with('N') => {}
            '0'..='9' => normal.push('N'),
            ' ' if normal.ends_with(' ') => {}
            _ => normal.push(c),
        }
    }
    let normal = normal.replace("N.N", "N").replace("NE-N", "N").replace("-N", "N");
    let mut lines: Vec<&str> = normal.lines().collect();
    lines.dedup();
    lines.join("\n")
}

/// Java's verifiable tools order the fields of an event as their JVM happens to list methods.
fn with_sorted_fields(text: &str) -> String {
    let sorted = |line: &str| match line.starts_with(r#"{"timestamp""#) {
        // without a feature that keeps it, the order of fields is that of their names
        true => serde_json::from_str(line).map(|event: Value| event.to_string()).ok(),
        false => None,
    };
    let lines = text.split('\n').map(|line| sorted(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Where a Java tool prints what went wrong on standard output, its stack follows.
fn without_stacks(text: &str) -> String {
    let is_of_stack = |line: &&str| {
        let is_class = line.starts_with("java.") || line.starts_with("org.apache.kafka.");
        is_class || ["\tat ", "\t... ", "Caused by: "].iter().any(|mark| line.starts_with(mark))
    };
    if !text.lines().any(|line| is_of_stack(&line)) {
        return text.to_owned();
    }
    let own: Vec<&str> = text.lines().filter(|line| !is_of_stack(line)).collect();
    own.join("\n").trim_end().to_owned() + "\n"
}

/// Java's tools are older than the broker: they do not know its latest APIs.
fn without_new_apis(text: &str) -> String {
    const NEW: [&str; 2] = ["(93):", "(94):"];
    let is_known = |line: &&str| !line.starts_with('\t') || !NEW.iter().any(|n| line.contains(n));
    let lines = text.split('\n').filter(is_known).map(|line| match line.starts_with('\t') {
        true => line.trim_end_matches(','),
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The epoch of the features grows with each change of the metadata.
fn without_epoch(line: &str) -> String {
    match line.split_once("Epoch: ") {
        Some((before, _)) if before.starts_with("Feature: ") => format!("{before}Epoch: N"),
        Some(_) | None => line.to_owned(),
    }
}

#[test]
fn ids_times_and_figures_are_taken_out() {
    let text =
        "id: 4L6g3nShT-eMCtK--X86sw at 1763769600000\tc-0b9ff6b0-1c3f-4a55-9f0e-aaaaaaaaaaaa";
    assert_eq!(normal(Kind::Same, text, &[]), "id: ID at TIME\tc-UUID");
    assert_eq!(normal(Kind::Shape, "12.5 ms,   7", &[]), "N ms, N");
    assert_eq!(normal(Kind::Shape, "a 1\na 2\nb", &[]), "a N\nb");
    assert_eq!(normal(Kind::Where, "b\na\n", &[]), normal(Kind::Where, "c", &[]));
    assert_eq!(normal(Kind::Same, "Feature: a\tEpoch: 12", &[]), "Feature: a\tEpoch: N");
    let event = |fields: &str| normal(Kind::Same, &format!("{{\"timestamp\":1,{fields}}}"), &[]);
    assert_eq!(event(r#""b":2,"a":null"#), event(r#""a":null,"b":2"#));
    let stack =
        "Error: no\norg.apache.kafka.X: no\n\tat a.b(C.java:1)\nCaused by: y\n\t... 2 more\n\n";
    assert_eq!(normal(Kind::Same, stack, &[]), "Error: no");
    assert_eq!(normal(Kind::Same, "at /tmp/x  \n", &[("/tmp/x", "DATA")]), "at DATA");
}
