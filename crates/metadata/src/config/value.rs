//! Typed config values: read from text as Java's `ConfigDef` reads them, shown as it shows them.

use std::fmt;

/// Type of a config key. The numbers are those of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

/// A value of one of those types.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigValue {
    Null,
    Boolean(bool),
    String(String),
    Int(i32),
    Short(i16),
    Long(i64),
    Double(f64),
    List(Vec<String>),
    Class(String),
    Password(String),
}

/// A value that a key does not take, in words for the person who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub key: String,
    /// As it was given; `[hidden]` if it is a secret, `null` if there was none.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

impl ConfigError {
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), value: value.into(), expected: expected.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, expected } = self;
        write!(f, "Invalid value {value} for configuration {key}: {expected}")
    }
}

impl std::error::Error for ConfigError {}

impl Kind {
    /// The number that DescribeConfigs answers with.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Reads `text`; the error says what would be right.
    pub(super) fn parse(self, text: &str) -> Result<ConfigValue, String> {
        let text = text.trim_matches(|char| char <= ' ');
        match self {
            Self::Boolean if text.eq_ignore_ascii_case("true") => Ok(ConfigValue::Boolean(true)),
            Self::Boolean if text.eq_ignore_ascii_case("false") => Ok(ConfigValue::Boolean(false)),
            Self::Boolean => Err("expected true or false".to_owned()),
            Self::String => Ok(ConfigValue::String(text.to_owned())),
            Self::Password => Ok(ConfigValue::Password(text.to_owned())),
            Self::Class if text.is_empty() => Err("expected the name of a class".to_owned()),
            Self::Class => Ok(ConfigValue::Class(text.to_owned())),
            Self::Int => whole(text).map(ConfigValue::Int),
            Self::Short => whole(text).map(ConfigValue::Short),
            Self::Long => whole(text).map(ConfigValue::Long),
            Self::Double => decimal(text).map(ConfigValue::Double),
            Self::List => Ok(ConfigValue::List(items(text))),
        }
    }
}

/// Whole numbers of one width, with the bounds that the refusal names.
trait Whole: std::str::FromStr + fmt::Display {
    const MIN: Self;
    const MAX: Self;
}

impl Whole for i16 {
    const MIN: Self = i16::MIN;
    const MAX: Self = i16::MAX;
}

impl Whole for i32 {
    const MIN: Self = i32::MIN;
    const MAX: Self = i32::MAX;
}

impl Whole for i64 {
    const MIN: Self = i64::MIN;
    const MAX: Self = i64::MAX;
}

fn whole<N: Whole>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("expected a whole number from {} to {}", N::MIN, N::MAX))
}

/// Java's `Double.parseDouble`, without its hexadecimal form.
fn decimal(text: &str) -> Result<f64, String> {
    let refusal = || "expected a number such as 0.5 or 2.5E3".to_owned();
    match text.trim_start_matches(['+', '-']) {
        "NaN" => return Ok(f64::NAN),
        "Infinity" => {
            return Ok(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        _ => {}
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    if digits.chars().any(|char| !matches!(char, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')) {
        return Err(refusal());
    }
    digits.parse().map_err(|_| refusal())
}

/// Items between commas, each once and without the white space around it; no text is no item.
fn items(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for item in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
        if items.iter().all(|other| other != item) {
            items.push(item.to_owned());
        }
    }
    items
}

impl ConfigValue {
    /// The text that DescribeConfigs shows; none for null.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(_)
            | Self::String(_)
            | Self::Int(_)
            | Self::Short(_)
            | Self::Long(_)
            | Self::Double(_)
            | Self::List(_)
            | Self::Class(_)
            | Self::Password(_) => Some(self.to_string()),
        }
    }

    /// A whole number of any width.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(i64::from(*n)),
            Self::Short(n) => Some(i64::from(*n)),
            Self::Long(n) => Some(*n),
            Self::Null
            | Self::Boolean(_)
            | Self::String(_)
            | Self::Double(_)
            | Self::List(_)
            | Self::Class(_)
            | Self::Password(_) => None,
        }
    }

    /// The text of a string, class or password.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Class(text) | Self::Password(text) => Some(text),
            Self::Null
            | Self::Boolean(_)
            | Self::Int(_)
            | Self::Short(_)
            | Self::Long(_)
            | Self::Double(_)
            | Self::List(_) => None,
        }
    }
}

impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::String(text) | Self::Class(text) | Self::Password(text) => f.write_str(text),
            Self::Int(value) => write!(f, "{value}"),
            Self::Short(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Double(value) => write_double(f, *value),
            Self::List(items) => f.write_str(&items.join(",")),
        }
    }
}

/// As Java writes a double: plain from 0.001 to ten million, else with an exponent.
fn write_double(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    const PLAIN_MIN: f64 = 1e-3;
    const PLAIN_MAX: f64 = 1e7;
    if value.is_infinite() {
        return f.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if value == 0.0 || value.is_nan() || (PLAIN_MIN..PLAIN_MAX).contains(&value.abs()) {
        return write!(f, "{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => write!(f, "{digits}.0E{exponent}"),
        Some(_) | None => f.write_str(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_and_show_as_in_java() {
        // what ConfigDef.parseType and ConfigDef.convertToString of 4.4.0 make of each
        for (kind, text, shown) in [
            (Kind::Boolean, " TRUE ", Ok("true")),
            (Kind::Boolean, "yes", Err("expected true or false")),
            (Kind::Int, "+7", Ok("7")),
            (Kind::Int, "2147483648", Err("a whole number from -2147483648 to 2147483647")),
            (Kind::Short, "40000", Err("from -32768 to 32767")),
            (Kind::Long, "9223372036854775807", Ok("9223372036854775807")),
            (Kind::Long, "1.0", Err("whole number")),
            (Kind::Long, "", Err("whole number")),
            (Kind::Double, "0.50", Ok("0.5")),
            (Kind::Double, "1", Ok("1.0")),
            (Kind::Double, "1e10", Ok("1.0E10")),
            (Kind::Double, "12345678.5", Ok("1.23456785E7")),
            (Kind::Double, "0.0001", Ok("1.0E-4")),
            (Kind::Double, "1.5f", Ok("1.5")),
            (Kind::Double, "-Infinity", Ok("-Infinity")),
            (Kind::Double, "inf", Err("a number")),
            (Kind::List, " a , b,c ", Ok("a,b,c")),
            (Kind::List, "  ", Ok("")),
            (Kind::List, "a,,b", Ok("a,,b")),
            (Kind::List, "b,a,b", Ok("b,a")),
            (Kind::String, "  x y ", Ok("x y")),
            (Kind::Class, "", Err("class")),
        ] {
            match (kind.parse(text), shown) {
                (Ok(value), Ok(shown)) => assert_eq!(value.to_string(), shown, "{text}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }
}
