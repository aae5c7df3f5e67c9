//! The JSON in which Kafka's dump tools print persisted records.

use std::fmt::Write as _;

use types::Uuid;

use crate::message::Message;
use crate::part::{Blob, Shape, Str};

/// Text under construction.
#[derive(Debug, Default)]
pub struct Json {
    text: String,
    /// Whether the next value follows another one.
    follows: bool,
}

/// A value that Kafka prints as JSON.
pub trait Printed {
    fn print(&self, j: &mut Json, s: Shape);
}

/// A persisted record that prints as Kafka's `JsonConverter` of the same name prints it.
pub trait ToJson<'a>: Message<'a> + Printed {
    /// Fields that the version lacks, and tagged fields at their default, are left out.
    fn to_json(&self, version: i16) -> String {
        let mut json = Json::default();
        self.print(&mut json, Self::shape(version));
        json.text
    }
}

impl<'a, M: Message<'a> + Printed> ToJson<'a> for M {}

impl Json {
    pub(crate) fn open(&mut self, bracket: char) {
        self.text.push(bracket);
        self.follows = false;
    }

    pub(crate) fn close(&mut self, bracket: char) {
        self.text.push(bracket);
        self.follows = true;
    }

    pub(crate) fn member(&mut self, name: &str, value: &impl Printed, s: Shape) {
        self.comma();
        quoted(&mut self.text, name);
        self.text.push(':');
        value.print(self, s);
    }

    fn comma(&mut self) {
        if self.follows {
            self.text.push(',');
        }
        self.follows = true;
    }
}

macro_rules! displayed {
    ($($ty:ty)*) => {$(
        impl Printed for $ty {
            fn print(&self, j: &mut Json, _: Shape) {
                // writing to a string cannot fail
                let _ = write!(j.text, "{self}");
            }
        }
    )*};
}

displayed! { bool i8 i16 u16 i32 u32 i64 }

impl Printed for f64 {
    fn print(&self, j: &mut Json, _: Shape) {
        j.text.push_str(&java_double(*self));
    }
}

impl Printed for Uuid {
    fn print(&self, j: &mut Json, _: Shape) {
        let _ = write!(j.text, "\"{self}\"");
    }
}

impl Printed for Str<'_> {
    fn print(&self, j: &mut Json, _: Shape) {
        quoted(&mut j.text, self);
    }
}

impl Printed for Blob<'_> {
    fn print(&self, j: &mut Json, _: Shape) {
        j.text.push('"');
        base64(&mut j.text, self);
        j.text.push('"');
    }
}

impl<T: Printed> Printed for Option<T> {
    fn print(&self, j: &mut Json, s: Shape) {
        match self {
            Some(value) => value.print(j, s),
            None => j.text.push_str("null"),
        }
    }
}

impl<T: Printed> Printed for Vec<T> {
    fn print(&self, j: &mut Json, s: Shape) {
        j.open('[');
        for element in self {
            j.comma();
            element.print(j, s);
        }
        j.close(']');
    }
}

/// A string with the escapes that Jackson writes.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// RFC 4648 with padding.
fn base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut group = [0u8; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 0x3f;
            let char = if place <= chunk.len() { ALPHABET[digit as usize] } else { b'=' };
            out.push(char::from(char));
        }
    }
}

/// A number as `Double.toString` writes it: always with a fraction, in scientific notation from
/// 10^7 on and below 10^-3. What is no number is quoted, as Jackson does.
fn java_double(value: f64) -> String {
    const PLAIN: std::ops::Range<f64> = 1e-3..1e7;
    if !value.is_finite() {
        let name = if value.is_nan() { "NaN" } else { "Infinity" };
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("\"{sign}{name}\"");
    }
    if value == 0.0 || PLAIN.contains(&value.abs()) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_look_like_those_of_java() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1234567.25, "1234567.25"),
            (1e7, "1.0E7"),
            (-7.46490012672E11, "-7.46490012672E11"),
            (0.001, "0.001"),
            (0.00025, "2.5E-4"),
            (f64::NEG_INFINITY, "\"-Infinity\""),
            (f64::NAN, "\"NaN\""),
        ] {
            assert_eq!(java_double(value), text);
        }
    }

    #[test]
    fn bytes_are_base64_with_padding() {
        for (bytes, text) in [(&b""[..], ""), (b"a", "YQ=="), (b"ab", "YWI="), (b"abc", "YWJj")] {
            let mut out = String::new();
            base64(&mut out, bytes);
            assert_eq!(out, text);
        }
    }
}
