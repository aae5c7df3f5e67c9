//! What load tools send: random letters, lines of a file, or growing numbers.

use super::ToolError;

/// A source of values.
pub enum Payload {
    Random { bytes: Vec<u8>, state: u64 },
    Lines { lines: Vec<Vec<u8>>, state: u64 },
    Monotonic,
}

impl Payload {
    /// Letters A to Z, another mix each time.
    pub fn random(size: usize) -> Self {
        Self::Random { bytes: vec![0; size], state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Any of the pieces of a file between delimiters.
    pub fn file(path: &str, delimiter: &str) -> Result<Self, ToolError> {
        println!("Reading payloads from: {}", std::path::absolute(path)?.display());
        let missing = "File does not exist or empty file provided.";
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.is_empty() {
            return Err(ToolError::Failed(missing.to_owned()));
        }
        let delimiter = delimiter.replace("\\n", "\n").replace("\\t", "\t");
        let lines: Vec<_> = text
            .split(delimiter.as_str())
            .filter(|line| !line.is_empty())
            .map(|line| line.as_bytes().to_vec())
            .collect();
        println!("Number of records read: {}", lines.len());
        Ok(Self::Lines { lines, state: 1 })
    }

    /// The value number `index`.
    pub fn next(&mut self, index: u64, scratch: &mut Vec<u8>) {
        scratch.clear();
        match self {
            Self::Monotonic => scratch.extend_from_slice(index.to_string().as_bytes()),
            Self::Random { bytes, state } => {
                for byte in bytes.iter_mut() {
                    *byte = b'A' + u8::try_from(step(state) % 26).unwrap_or(0);
                }
                scratch.extend_from_slice(bytes);
            }
            Self::Lines { lines, state } => {
                let count = u64::try_from(lines.len()).unwrap_or(1);
                let at = usize::try_from(step(state) % count).unwrap_or(0);
                scratch.extend_from_slice(&lines[at]);
            }
        }
    }
}

/// A linear congruential generator's upper half.
fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}
