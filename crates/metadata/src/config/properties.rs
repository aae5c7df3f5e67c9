//! Java's `.properties` files: the rules of `java.util.Properties`, byte for byte.
//!
//! The bytes are ISO 8859-1, as Kafka reads them; any other letter is written as `\uXXXX`.

use std::fmt;

use super::layers::Assignments;

/// A file that Java refuses as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertiesError {
    /// The line, counted from 1, that the entry begins on.
    pub line: usize,
}

impl fmt::Display for PropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: \\u is not followed by four hexadecimal digits", self.line)
    }
}

impl std::error::Error for PropertiesError {}

/// Reads a whole file. Where a key stands twice, the last one counts.
///
/// # Errors
/// If an escape is broken; everything else means something in Java.
pub fn parse_properties(bytes: &[u8]) -> Result<Assignments, PropertiesError> {
    let mut entries = Assignments::new();
    let mut lines = LogicalLines { bytes, at: 0, line: 1 };
    while let Some((line, text)) = lines.next_line() {
        let (key, value) = split(&text);
        let error = || PropertiesError { line };
        let key = unescaped(key).ok_or_else(error)?;
        let value = unescaped(value).ok_or_else(error)?;
        entries.insert(key.into(), value.into());
    }
    Ok(entries)
}

/// Lines with their continuations joined, without comments and blank lines.
struct LogicalLines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl LogicalLines<'_> {
    /// The line that it begins on, and its text with the escapes still in it.
    fn next_line(&mut self) -> Option<(usize, Vec<u8>)> {
        let mut text = Vec::new();
        let mut begin = self.line;
        // white space goes at the beginning of a line and of each continuation
        let mut skipping = true;
        let mut continued = false;
        let mut escaped = false;
        while let Some(byte) = self.take() {
            if skipping {
                if is_blank(byte) || !continued && is_line_end(byte) {
                    continue;
                }
                skipping = false;
                continued = false;
            }
            if text.is_empty() {
                begin = self.line;
                if matches!(byte, b'#' | b'!') {
                    self.skip_natural_line();
                    skipping = true;
                    continue;
                }
            }
            if !is_line_end(byte) {
                text.push(byte);
                escaped = byte == b'\\' && !escaped;
            } else if text.is_empty() {
                skipping = true;
            } else if escaped {
                text.pop();
                if self.at == self.bytes.len() {
                    // nothing continues it, and Java has an entry even if no letter is left
                    return Some((begin, text));
                }
                self.skip_line_feed(byte);
                (skipping, continued, escaped) = (true, true, false);
            } else {
                return Some((begin, text));
            }
        }
        if escaped {
            text.pop();
        }
        // a lone backslash at the end of the file leaves an entry without letters
        (escaped || !text.is_empty()).then_some((begin, text))
    }

    fn take(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        if byte == b'\n' || byte == b'\r' && self.bytes.get(self.at) != Some(&b'\n') {
            self.line += 1;
        }
        Some(byte)
    }

    fn skip_natural_line(&mut self) {
        while self.take().is_some_and(|byte| !is_line_end(byte)) {}
    }

    /// The second half of `\r\n` belongs to the line end before it.
    fn skip_line_feed(&mut self, before: u8) {
        if before == b'\r' && self.bytes.get(self.at) == Some(&b'\n') {
            self.take();
        }
    }
}

/// Key and value of a logical line: the first `=`, `:` or white space that is not escaped parts them.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = line.iter().position(|&byte| {
        let parts = !escaped && (is_blank(byte) || is_separator(byte));
        escaped = byte == b'\\' && !escaped;
        parts
    });
    let Some(end) = end else { return (line, &[]) };
    let mut separated = is_separator(line[end]);
    let mut begin = end + 1;
    while let Some(&byte) = line.get(begin) {
        if is_separator(byte) && !separated {
            separated = true;
        } else if !is_blank(byte) {
            break;
        }
        begin += 1;
    }
    (&line[..end], &line[begin..])
}

/// The text without its escapes; none if a `\u` is broken.
fn unescaped(bytes: &[u8]) -> Option<String> {
    const HEX_DIGITS: usize = 4;
    let mut units: Vec<u16> = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'\\' {
            units.push(u16::from(*byte));
            continue;
        }
        let Some((letter, tail)) = rest.split_first() else { break };
        rest = tail;
        units.push(match letter {
            b'u' => {
                let (digits, tail) = rest.split_at_checked(HEX_DIGITS)?;
                rest = tail;
                hex(digits)?
            }
            b't' => 0x09,
            b'n' => 0x0a,
            b'f' => 0x0c,
            b'r' => 0x0d,
            other => u16::from(*other),
        });
    }
    Some(String::from_utf16_lossy(&units))
}

fn hex(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |number: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u16::try_from(digit).ok()?)
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'=' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_those_of_java() {
        for (file, entries) in [
            ("a=b", &[("a", "b")][..]),
            ("  a  =  b  ", &[("a", "b  ")]),
            ("a:b\nc d\n e\tf", &[("a", "b"), ("c", "d"), ("e", "f")]),
            ("a = = b", &[("a", "= b")]),
            ("a", &[("a", "")]),
            ("=b", &[("", "b")]),
            ("# no\n! no\n\n   \n #no\na=b", &[("a", "b")]),
            ("a=b\\\n   c", &[("a", "bc")]),
            ("a=b\\\r\n   c\r\nd=e", &[("a", "bc"), ("d", "e")]),
            ("a=b\\\n\nc=d", &[("a", "b"), ("c", "d")]),
            ("a=b\\\\\nc=d", &[("a", "b\\"), ("c", "d")]),
            ("a=b\\", &[("a", "b")]),
            ("\\", &[("", "")]),
            ("a\\=b\\:c\\ d=e", &[("a=b:c d", "e")]),
            ("a=\\t\\n\\q\\u0041\\u00e9\\ud83d\\ude00", &[("a", "\t\nqAé😀")]),
            ("a=1\na=2", &[("a", "2")]),
            ("a=b # c", &[("a", "b # c")]),
            ("listeners=PLAINTEXT://:9092", &[("listeners", "PLAINTEXT://:9092")]),
        ] {
            let parsed = parse_properties(file.as_bytes()).expect(file);
            let parsed: Vec<_> = parsed.iter().map(|(key, value)| (&**key, &**value)).collect();
            assert_eq!(parsed, entries, "{file:?}");
        }
    }

    #[test]
    fn a_broken_escape_names_its_line() {
        for (file, line) in [("a=b\nc=\\u00g0", 2), ("\n\n\\u12", 3), ("a=\\\r\n\\u", 1)] {
            assert_eq!(
                parse_properties(file.as_bytes()),
                Err(PropertiesError { line }),
                "{file:?}"
            );
        }
    }
}
