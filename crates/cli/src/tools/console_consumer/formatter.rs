//! How a record is printed: Kafka's formatter classes by name.

use std::io::{self, Write};

use client::{ConsumerRecord, Properties, TimestampType};

use super::super::support::internal_records;

/// The class that `--formatter` names, or the default one.
pub enum Formatter {
    Default(Box<Layout>),
    /// As the default, each line with time, key and value named.
    /// The default, and a line of a log beside it.
    Logging(Box<Layout>),
    NoOp,
    /// Records of one of Kafka's own topics as JSON.
    Internal(internal_records::Family),
}

/// What the default formatter prints.
pub struct Layout {
    timestamp: bool,
    partition: bool,
    offset: bool,
    delivery: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key_type: Type,
    value_type: Type,
    headers_type: Type,
}

/// What the bytes of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Short,
    Int,
    Long,
    Float,
    Double,
    Boolean,
}

impl Type {
    fn parse(class: Option<&str>) -> Result<Self, String> {
        let Some(class) = class else { return Ok(Self::Text) };
        let simple = class.rsplit('.').next().unwrap_or(class);
        match simple {
            "StringDeserializer" | "ByteArrayDeserializer" | "BytesDeserializer" => Ok(Self::Text),
            "ShortDeserializer" => Ok(Self::Short),
            "IntegerDeserializer" => Ok(Self::Int),
            "LongDeserializer" => Ok(Self::Long),
            "FloatDeserializer" => Ok(Self::Float),
            "DoubleDeserializer" => Ok(Self::Double),
            "BooleanDeserializer" => Ok(Self::Boolean),

            _ => Err(format!("deserializer {class} is not known here")),
        }
    }

    fn write(self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        let wrong = || {
            let what = format!("Size of data received by {self:?}Deserializer is {}", bytes.len());
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        match self {
            Self::Text => out.write_all(bytes),
            Self::Short => {
                let bytes = bytes.try_into().map_err(|_| wrong())?;
                write!(out, "{}", i16::from_be_bytes(bytes))
            }
            Self::Int => {
                let bytes = bytes.try_into().map_err(|_| wrong())?;
                write!(out, "{}", i32::from_be_bytes(bytes))
            }
            Self::Long => {
                let bytes = bytes.try_into().map_err(|_| wrong())?;
                write!(out, "{}", i64::from_be_bytes(bytes))
            }
            Self::Float => {
                let bytes = bytes.try_into().map_err(|_| wrong())?;
                write!(out, "{:?}", f32::from_be_bytes(bytes))
            }
            Self::Double => {
                let bytes = bytes.try_into().map_err(|_| wrong())?;
                write!(out, "{:?}", f64::from_be_bytes(bytes))
            }
            Self::Boolean => match bytes {
                [1] => out.write_all(b"true"),
                [0] => out.write_all(b"false"),
                _ => Err(wrong()),
            },
        }
    }
}

impl Formatter {
    pub fn new(class: Option<&str>, properties: &Properties) -> Result<Self, String> {
        let class = class.unwrap_or("DefaultMessageFormatter");
        match class.rsplit(['.', '$']).next().unwrap_or(class) {
            "DefaultMessageFormatter" => Ok(Self::Default(Box::new(Layout::new(properties)?))),
            "LoggingMessageFormatter" => Ok(Self::Logging(Box::new(Layout::new(properties)?))),
            "NoOpMessageFormatter" => Ok(Self::NoOp),
            "OffsetsMessageFormatter" => Ok(Self::Internal(internal_records::Family::Offsets)),
            "GroupMetadataMessageFormatter" => {
                Ok(Self::Internal(internal_records::Family::GroupMetadata))
            }
            "TransactionLogMessageFormatter" => {
                Ok(Self::Internal(internal_records::Family::Transactions))
            }
            "ShareGroupStateMessageFormatter" => {
                Ok(Self::Internal(internal_records::Family::ShareState))
            }
            _ => Err(format!("formatter {class} is not known here")),
        }
    }

    /// Prints a record.
    pub fn write(&self, record: &ConsumerRecord<'_>, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Default(layout) => layout.write(record, out),
            Self::NoOp => Ok(()),
            Self::Internal(family) => match family.to_json(record.key, record.value) {
                Some(json) => writeln!(out, "{json}"),
                None => Ok(()),
            },
            Self::Logging(layout) => {
                let text = |bytes: Option<&[u8]>| {
                    bytes.map_or("null".into(), String::from_utf8_lossy).into_owned()
                };
                let (time, key, value) = (time_of(record), text(record.key), text(record.value));
                eprintln!("INFO {time}, key:{key}, value:{value}");
                layout.write(record, out)
            }
        }
    }
}

fn time_of(record: &ConsumerRecord<'_>) -> String {
    if record.timestamp < 0 {
        return "NO_TIMESTAMP".to_owned();
    }
    let kind = match record.timestamp_type {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    format!("{kind}:{}", record.timestamp)
}

impl Layout {
    pub fn new(properties: &Properties) -> Result<Self, String> {
        let on = |key: &str, default: bool| match properties.get(key) {
            Some(text) => text.trim().eq_ignore_ascii_case("true"),
            None => default,
        };
        let text =
            |key: &str, default: &str| properties.get(key).unwrap_or(default).as_bytes().to_vec();
        Ok(Self {
            timestamp: on("print.timestamp", false),
            partition: on("print.partition", false),
            offset: on("print.offset", false),
            delivery: on("print.delivery", false),
            epoch: on("print.epoch", false),
            headers: on("print.headers", false),
            key: on("print.key", false),
            value: on("print.value", true),
            key_separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
            key_type: Type::parse(properties.get("key.deserializer"))?,
            value_type: Type::parse(properties.get("value.deserializer"))?,
            headers_type: Type::parse(properties.get("headers.deserializer"))?,
        })
    }

    fn write(&self, record: &ConsumerRecord<'_>, out: &mut impl Write) -> io::Result<()> {
        let mut first = true;
        let mut field = |out: &mut dyn Write| -> io::Result<()> {
            if !std::mem::take(&mut first) {
                out.write_all(&self.key_separator)?;
            }
            Ok(())
        };
        if self.timestamp {
            field(out)?;
            out.write_all(time_of(record).as_bytes())?;
        }
        if self.partition {
            field(out)?;
            write!(out, "Partition:{}", record.partition)?;
        }
        if self.offset {
            field(out)?;
            write!(out, "Offset:{}", record.offset)?;
        }
        // Kafka's tool hands neither on to its formatter
        if self.delivery {
            field(out)?;
            out.write_all(b"Delivery:NOT_PRESENT")?;
        }
        if self.epoch {
            field(out)?;
            out.write_all(b"Epoch:NOT_PRESENT")?;
        }
        if self.headers {
            field(out)?;
            self.write_headers(record, out)?;
        }
        if self.key {
            field(out)?;
            self.write_field(self.key_type, record.key, out)?;
        }
        if self.value {
            field(out)?;
            self.write_field(self.value_type, record.value, out)?;
        }
        out.write_all(&self.line_separator)
    }

    fn write_headers(&self, record: &ConsumerRecord<'_>, out: &mut impl Write) -> io::Result<()> {
        let mut headers = record.headers().peekable();
        if headers.peek().is_none() {
            return out.write_all(b"NO_HEADERS");
        }
        while let Some((key, value)) = headers.next() {
            out.write_all(key)?;
            out.write_all(b":")?;
            self.write_field(self.headers_type, value, out)?;
            if headers.peek().is_some() {
                out.write_all(&self.headers_separator)?;
            }
        }
        Ok(())
    }

    fn write_field(&self, of: Type, bytes: Option<&[u8]>, out: &mut impl Write) -> io::Result<()> {
        match bytes {
            Some(bytes) => of.write(bytes, out),
            None => out.write_all(&self.null_literal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_java_prints_them() {
        for (class, bytes, text) in [
            (
                "org.apache.kafka.common.serialization.LongDeserializer",
                &b"\0\0\0\0\0\0\0\x07"[..],
                "7",
            ),
            ("IntegerDeserializer", &b"\xff\xff\xff\xff"[..], "-1"),
            ("DoubleDeserializer", &b"\x3f\xf0\0\0\0\0\0\0"[..], "1.0"),
            ("StringDeserializer", &b"text"[..], "text"),
        ] {
            let mut out = Vec::new();
            let of = Type::parse(Some(class)).expect(class);
            of.write(bytes, &mut out).expect(class);
            assert_eq!(out, text.as_bytes(), "{class}");
        }
        assert!(Type::Int.write(b"abc", &mut Vec::new()).is_err());
        assert!(Type::parse(Some("com.example.Avro")).is_err());
    }
}
