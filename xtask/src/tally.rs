//! What came of the tests, read off what libtest prints.

/// How many tests passed and failed, and which failed.
#[derive(Debug, Default)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub failures: Vec<String>,
}

impl Tally {
    /// Notes a failure.
    pub fn fail(&mut self, suite: &str, what: &str) {
        self.failed += 1;
        self.failures.push(format!("{suite}: {what}"));
    }

    /// Reads `test NAME ... FAILED` and `test result: ok. 3 passed; 0 failed; …`.
    pub fn count(&mut self, suite: &str, text: &str) {
        if let Some(name) = text.strip_prefix("test ").and_then(|t| t.strip_suffix(" ... FAILED")) {
            self.failures.push(format!("{suite}: {name}"));
        }
        let Some(summary) = text.strip_prefix("test result: ") else { return };
        let number = |word: &str| {
            let before = summary.split(word).next().unwrap_or_default().trim_end();
            before.rsplit([' ', ';']).next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
    }

    /// What another stream of tests came to.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "test net::order_is_kept ... ok",
            "test net::garbage ... FAILED",
            "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.count("broker", line);
        }
        assert_eq!((tally.passed, tally.failed), (15, 1));
        assert_eq!(tally.failures, ["broker: net::garbage"]);
        let mut all = Tally { passed: 1, ..Tally::default() };
        all.add(tally);
        assert_eq!((all.passed, all.failed, all.failures.len()), (16, 1, 1));
    }
}
