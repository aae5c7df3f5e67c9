//! The known word that lies nearest to a mistyped one.

/// The candidate that fewest edits turn into `word`, unless it takes more than a third of it.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let word: Vec<char> = word.chars().collect();
    let limit = (word.len() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit)
        .map(|candidate| (edits(&word, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements between the two words (Levenshtein).
fn edits(from: &[char], to: &str) -> usize {
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (line, letter) in to.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in from.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[from.len()]
}

#[cfg(test)]
mod tests {
    use super::super::BROKER;

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        for (word, key) in [
            ("log.dir.s", Some("log.dirs")),
            ("num.partition", Some("num.partitions")),
            ("listners", Some("listeners")),
            ("log.retention.hour", Some("log.retention.hours")),
            ("zookeeper.connect", None),
            ("", None),
        ] {
            assert_eq!(BROKER.nearest(word), key, "{word}");
        }
    }
}
