//! Java's properties files: the form in which every Kafka tool takes settings.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Keys and values; of a key that stands twice the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

/// A file that cannot be read as properties.
#[derive(Debug)]
pub enum PropertiesError {
    Read {
        path: String,
        cause: std::io::Error,
    },
    /// A `\u` that four hexadecimal digits do not follow.
    Escape {
        line: String,
    },
    /// An argument that is not of the form `key=value`.
    Pair {
        text: String,
    },
}

impl fmt::Display for PropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, cause } => write!(f, "cannot read {path}: {cause}"),
            Self::Escape { line } => write!(f, "\\u without four hexadecimal digits: {line}"),
            Self::Pair { text } => write!(f, "expected key=value, got {text:?}"),
        }
    }
}

impl std::error::Error for PropertiesError {}

impl Properties {
    /// No settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a properties file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, PropertiesError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| PropertiesError::Read { path: path.display().to_string(), cause })?;
        Self::parse(&text)
    }

    /// Parses the text of a properties file (`java.util.Properties.load`).
    pub fn parse(text: &str) -> Result<Self, PropertiesError> {
        let mut map = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let mut logical = line.trim_start().to_owned();
            if logical.is_empty() || logical.starts_with(['#', '!']) {
                continue;
            }
            while ends_in_odd_backslashes(&logical) {
                logical.pop();
                let Some(next) = lines.next() else { break };
                logical.push_str(next.trim_start());
            }
            let (key, value) = split(&logical);
            map.insert(unescape(key)?, unescape(value)?);
        }
        Ok(Self(map))
    }

    /// Takes `key=value`, as tools have it on their command line; a missing `=value` is empty.
    pub fn set_pair(&mut self, pair: &str) -> Result<(), PropertiesError> {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if key.is_empty() {
            return Err(PropertiesError::Pair { text: pair.to_owned() });
        }
        self.set(key, value);
        Ok(())
    }

    /// Sets one key.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets one key unless it is set.
    pub fn set_default(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_owned()).or_insert_with(|| value.into());
    }

    /// Lets the keys of `other` win.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

fn ends_in_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// A key ends at the first `=`, `:` or white space that no backslash protects.
fn split(line: &str) -> (&str, &str) {
    let mut protected = false;
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        if !protected && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}') {
            end = at;
            break;
        }
        protected = c == '\\' && !protected;
    }
    let space = [' ', '\t', '\u{c}'];
    let rest = line[end..].trim_start_matches(space);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (&line[..end], rest.trim_start_matches(space))
}

fn unescape(text: &str) -> Result<String, PropertiesError> {
    let mut out = String::with_capacity(text.len());
    let mut units = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        if escaped == Some('u') {
            let digits: String = chars.by_ref().take(4).collect();
            let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
            units.push(unit.ok_or_else(|| PropertiesError::Escape { line: text.to_owned() })?);
            continue;
        }
        // surrogates come in pairs of \u
        out.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or('\u{fffd}')));
        match escaped {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some(other) => out.push(other),
            None if c == '\\' => {}
            None => out.push(c),
        }
    }
    out.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or('\u{fffd}')));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_as_java_reads_them() {
        let text = "# comment\n! too\n\n  a = 1 \nb:2\nc 3\nd\\ e=\\tx\\u00e9\\ud83d\\ude00\n\
                    long=one,\\\n    two\nempty=\npath=C\\:\\\\x\nlast=a\\\\\n";
        let got = Properties::parse(text).expect("valid");
        let expected: Properties = [
            ("a", "1 "),
            ("b", "2"),
            ("c", "3"),
            ("d e", "\txé😀"),
            ("long", "one,two"),
            ("empty", ""),
            ("path", "C:\\x"),
            ("last", "a\\"),
        ]
        .into_iter()
        .collect();
        assert_eq!(got, expected);
        assert!(Properties::parse("x=\\u12").is_err());
    }

    #[test]
    fn pairs_need_a_key() {
        let mut p = Properties::new();
        assert!(p.set_pair("a=b=c").is_ok());
        assert!(p.set_pair("=b").is_err());
        assert_eq!(p.get("a"), Some("b=c"));
    }
}
