//! What a line means: headers, key and value by the reader's properties.
//!
//! ```text
//! parse.headers=true parse.key=true:   h1:v1,h2:v2 \t key \t value
//! ```

use client::Properties;

/// Headers in order; a `None` value is null.
pub type Headers<'l> = Vec<(&'l [u8], Option<&'l [u8]>)>;

/// What stands before and behind a separator.
type Cut<'l> = (&'l [u8], &'l [u8]);

/// A line taken apart. `None` is null.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line<'l> {
    pub headers: Headers<'l>,
    pub key: Option<&'l [u8]>,
    pub value: Option<&'l [u8]>,
}

/// The rules, as `--reader-property` gives them.
pub struct LineReader {
    parse_key: bool,
    parse_headers: bool,
    ignore_error: bool,
    key_separator: Vec<u8>,
    headers_delimiter: Vec<u8>,
    headers_separator: Vec<u8>,
    headers_key_separator: Vec<u8>,
    null_marker: Option<Vec<u8>>,
    line_number: usize,
}

impl LineReader {
    pub fn new(properties: &Properties) -> Result<Self, String> {
        let text =
            |key: &str, default: &str| properties.get(key).unwrap_or(default).as_bytes().to_vec();
        let on =
            |key: &str| properties.get(key).is_some_and(|v| v.trim().eq_ignore_ascii_case("true"));
        let reader = Self {
            parse_key: on("parse.key"),
            parse_headers: on("parse.headers"),
            ignore_error: on("ignore.error"),
            key_separator: text("key.separator", "\t"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator: text("headers.separator", ","),
            headers_key_separator: text("headers.key.separator", ":"),
            null_marker: properties.get("null.marker").map(|marker| marker.as_bytes().to_vec()),
            line_number: 0,
        };
        let separators = [
            ("headers.delimiter", &reader.headers_delimiter),
            ("headers.separator", &reader.headers_separator),
            ("headers.key.separator", &reader.headers_key_separator),
        ];
        let alike = separators
            .iter()
            .enumerate()
            .find_map(|(i, (a, x))| {
                let (b, _) = separators[i + 1..].iter().find(|(_, y)| x == y)?;
                Some(format!("{a} and {b} may not be equal"))
            })
            .filter(|_| reader.parse_headers);
        let empty = [("key.separator", &reader.key_separator)];
        let empty = empty.iter().chain(&separators).find(|(_, text)| text.is_empty());
        match (alike, empty) {
            (Some(what), _) => Err(what),
            (None, Some((name, _))) => Err(format!("{name} may not be empty")),
            (None, None) => Ok(reader),
        }
    }

    /// Takes a line without its end apart.
    pub fn parse<'l>(&mut self, line: &'l [u8]) -> Result<Line<'l>, String> {
        self.line_number += 1;
        let mut rest = line;
        let mut parsed = Line::default();
        if self.parse_headers {
            let (headers, behind) = match self.cut(rest, &self.headers_delimiter, "headers")? {
                Some(cut) => cut,
                None => return Ok(Line { value: Some(rest), ..parsed }),
            };
            if self.unless_null(headers).is_some() {
                parsed.headers = self.headers(headers)?;
            }
            rest = behind;
        }
        if self.parse_key {
            let (key, behind) = match self.cut(rest, &self.key_separator, "key")? {
                Some(cut) => cut,
                None => return Ok(Line { value: Some(rest), ..parsed }),
            };
            parsed.key = self.unless_null(key);
            rest = behind;
        }
        parsed.value = self.unless_null(rest);
        Ok(parsed)
    }

    /// What stands before and behind a separator; `None` where it is missing and that is ignored.
    fn cut<'l>(
        &self,
        text: &'l [u8],
        separator: &[u8],
        what: &str,
    ) -> Result<Option<Cut<'l>>, String> {
        match split_once(text, separator) {
            Some(cut) => Ok(Some(cut)),
            None if self.ignore_error => Ok(None),
            None => {
                let what = if what == "headers" { "headers delimiter" } else { "key separator" };
                let text = String::from_utf8_lossy(text);
                Err(format!("No {what} found on line number {}: '{text}'", self.line_number))
            }
        }
    }

    fn headers<'l>(&self, mut text: &'l [u8]) -> Result<Headers<'l>, String> {
        let mut headers = Vec::new();
        loop {
            let (pair, rest) = match split_once(text, &self.headers_separator) {
                Some((pair, rest)) => (pair, Some(rest)),
                None => (text, None),
            };
            match split_once(pair, &self.headers_key_separator) {
                Some((key, _)) if self.unless_null(key).is_none() => {
                    let line = self.line_number;
                    return Err(format!(
                        "Header keys should not be equal to the null marker on line number {line}"
                    ));
                }
                Some((key, value)) => headers.push((key, self.unless_null(value))),
                None if self.ignore_error => headers.push((pair, None)),
                None => {
                    let (line, pair) = (self.line_number, String::from_utf8_lossy(pair));
                    return Err(format!(
                        "No header key separator found in pair '{pair}' on line number {line}"
                    ));
                }
            }
            match rest {
                Some(rest) => text = rest,
                None => return Ok(headers),
            }
        }
    }

    fn unless_null<'l>(&self, text: &'l [u8]) -> Option<&'l [u8]> {
        Some(text).filter(|text| self.null_marker.as_deref() != Some(*text))
    }
}

fn split_once<'l>(text: &'l [u8], separator: &[u8]) -> Option<Cut<'l>> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'l>(properties: &[(&str, &str)], line: &'l str) -> Result<Line<'l>, String> {
        let properties: Properties = properties.iter().copied().collect();
        LineReader::new(&properties)?.parse(line.as_bytes())
    }

    fn line<'l>(
        headers: &[(&'l str, Option<&'l str>)],
        key: Option<&'l str>,
        value: Option<&'l str>,
    ) -> Result<Line<'l>, String> {
        let headers = headers.iter().map(|(k, v)| (k.as_bytes(), v.map(str::as_bytes)));
        Ok(Line {
            headers: headers.collect(),
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
        })
    }

    #[test]
    fn lines_are_taken_apart_as_kafka_does() {
        let key = [("parse.key", "true"), ("key.separator", ":")];
        assert_eq!(parse(&[], "a\tb"), line(&[], None, Some("a\tb")));
        assert_eq!(parse(&key, "k:v:w"), line(&[], Some("k"), Some("v:w")));
        assert_eq!(parse(&key, ":"), line(&[], Some(""), Some("")));
        let all = [("parse.key", "true"), ("parse.headers", "true"), ("null.marker", "N")];
        assert_eq!(
            parse(&all, "h:1,i:N\tk\tv"),
            line(&[("h", Some("1")), ("i", None)], Some("k"), Some("v"))
        );
        assert_eq!(parse(&all, "N\tN\tN"), line(&[], None, None));
        let lenient = [("parse.key", "true"), ("ignore.error", "true")];
        assert_eq!(parse(&lenient, "no tab"), line(&[], None, Some("no tab")));
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() {
        let key = [("parse.key", "true")];
        let missing = "No key separator found on line number 1: 'nosep'".to_owned();
        assert_eq!(parse(&key, "nosep"), Err(missing));
        let alike = [("parse.headers", "true"), ("headers.separator", ":")];
        let equal = "headers.separator and headers.key.separator may not be equal".to_owned();
        assert_eq!(parse(&alike, ""), Err(equal));
    }
}
