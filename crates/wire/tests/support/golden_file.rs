//! The golden files: version, bytes in hex, and the decoded fields, one message a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Golden {
    pub version: i16,
    pub bytes: Vec<u8>,
    /// The message as Rust shows it.
    #[allow(dead_code, reason = "the fuzz test needs the bytes only")]
    pub meaning: String,
}

/// Every golden file by the name of its message.
pub fn all() -> BTreeMap<String, Golden> {
    let mut goldens = BTreeMap::new();
    for entry in fs::read_dir(folder()).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        goldens.insert(name, parse(&fs::read_to_string(&path).unwrap()));
    }
    goldens
}

#[allow(dead_code, reason = "the fuzz test only reads")]
pub fn write(name: &str, golden: &Golden) {
    let mut text = format!("version {}\n", golden.version);
    for line in golden.bytes.chunks(BYTES_A_LINE) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&golden.meaning);
    text.push('\n');
    fs::create_dir_all(folder()).unwrap();
    fs::write(folder().join(format!("{name}.txt")), text).unwrap();
}

const BYTES_A_LINE: usize = 60;

fn parse(text: &str) -> Golden {
    let (head, meaning) = text.split_once("\n\n").unwrap();
    let (version, hex) = head.split_once('\n').unwrap_or((head, ""));
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    Golden {
        version: version.strip_prefix("version ").unwrap().parse().unwrap(),
        bytes: digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
        meaning: meaning.trim_end_matches('\n').to_owned(),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}
