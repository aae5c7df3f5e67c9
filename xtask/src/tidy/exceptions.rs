//! Lists of exceptions that may only shrink: an entry that is too generous or unused is a finding.

use std::collections::BTreeMap;
use std::path::Path;

/// Lines of `PLACE NUMBER`, the number being the size that the place may have.
pub struct Exceptions {
    list: String,
    allowed: BTreeMap<String, usize>,
    used: Vec<String>,
}

impl Exceptions {
    /// Reads a list; a missing file is an empty one.
    pub fn read(path: &Path) -> Result<Self, String> {
        let list = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut allowed = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let entry = line.rsplit_once(' ').and_then(|(place, n)| Some((place, n.parse().ok()?)));
            let (place, size) =
                entry.ok_or_else(|| format!("{list}: no `PLACE NUMBER`: {line}"))?;
            allowed.insert(place.to_owned(), size);
        }
        Ok(Self { list, allowed, used: Vec::new() })
    }

    /// What is wrong with `place` of `size`, where `max` is the rule.
    pub fn judge(&mut self, place: &str, size: usize, max: usize, what: &str) -> Option<String> {
        if size <= max {
            return None;
        }
        self.used.push(place.to_owned());
        match self.allowed.get(place) {
            None => Some(format!("{place}: {size} {what}, {max} at most")),
            Some(allowed) if size > *allowed => {
                Some(format!("{place}: {size} {what}, its exception allows {allowed}"))
            }
            Some(allowed) if size < *allowed => Some(format!(
                "{place}: {size} {what}: lower its entry in {} from {allowed}",
                self.list
            )),
            Some(_) => None,
        }
    }

    /// Entries that nothing needs.
    pub fn stale(&self) -> Vec<String> {
        let unused = self.allowed.keys().filter(|place| !self.used.contains(place));
        unused.map(|place| format!("{place}: remove it from {}", self.list)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(place: &str, size: usize) -> Exceptions {
        Exceptions {
            list: "list".to_owned(),
            allowed: BTreeMap::from([(place.to_owned(), size)]),
            used: Vec::new(),
        }
    }

    #[test]
    fn an_exception_fits_exactly_or_is_a_finding() {
        for (size, found) in [(9, false), (10, false), (11, true), (12, false), (13, true)] {
            let finding = with("a.rs", 12).judge("a.rs", size, 10, "lines");
            assert_eq!(finding.is_some(), found, "{size}: {finding:?}");
        }
    }

    #[test]
    fn an_entry_that_nothing_needs_is_stale() {
        let mut list = with("a.rs", 12);
        assert_eq!(list.judge("a.rs", 8, 10, "lines"), None);
        assert_eq!(list.stale().len(), 1);
    }
}
