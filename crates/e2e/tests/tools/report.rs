//! What two sides came to, held against each other, and all that differed at the end.

use std::fmt::Write;
use std::time::Duration;

use super::differences;
use super::ended::Ended;
use super::script::Case;
use super::sides::Side;

/// What takes longer is told of, for those who wonder where the time goes.
const SLOW: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Report {
    ran: Vec<String>,
    differing: usize,
    text: String,
    excused: Vec<usize>,
}

impl Report {
    pub fn compare(
        &mut self,
        case: &Case<'_>,
        (expected, reference): (Side, &Ended),
        (side, its): (Side, &Ended),
    ) {
        self.ran.push(case.to_string());
        for (side, ended) in [(expected, reference), (side, its)] {
            if ended.took > SLOW {
                println!("{:.1?} for {case} [{side}]", ended.took);
            }
        }
        if (reference.code, &reference.stdout) == (its.code, &its.stdout)
            && reference.complains_as(its)
        {
            return;
        }
        if let Some(index) = differences::find(side, &case.to_string()) {
            self.excused.push(index);
            return;
        }
        self.differing += 1;
        // writing to a String cannot fail
        let _ = writeln!(self.text, "== {case} [{side}]");
        for (side, ended) in [(expected, reference), (side, its)] {
            let Ended { code, stdout, stderr, took } = ended;
            let _ = writeln!(self.text, "-- {side}: {code} ({took:.1?})\n{stdout}");
            stderr.lines().take(4).for_each(|line| {
                let _ = writeln!(self.text, "2> {line}");
            });
        }
    }

    pub fn finish(self) {
        let Self { ran, differing, text, excused } = self;
        assert!(!ran.is_empty());
        assert!(differing == 0, "{differing} of {} differ\n{text}", ran.len());
        let unused = differences::unused(&excused, &ran);
        assert!(unused.is_empty(), "these do not differ any more: {unused:?}");
        println!("{} comparisons", ran.len());
    }
}
