//! How `klamm consume` prints a record: text with places for its parts.

use std::io::{self, Write};

use client::ConsumerRecord;

/// A piece of the format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Key,
    Value,
    Offset,
    Partition,
    Topic,
    Time,
    Headers,
}

/// A parsed format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<Piece>);

impl Format {
    /// `%k %v %o %p %t %T %h %%`, and `\n`, `\t`, `\0`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match (c, if matches!(c, '%' | '\\') { chars.next() } else { None }) {
                ('%', Some('k')) => Piece::Key,
                ('%', Some('v')) => Piece::Value,
                ('%', Some('o')) => Piece::Offset,
                ('%', Some('p')) => Piece::Partition,
                ('%', Some('t')) => Piece::Topic,
                ('%', Some('T')) => Piece::Time,
                ('%', Some('h')) => Piece::Headers,
                ('%', Some('%')) => {
                    plain.push('%');
                    continue;
                }
                ('\\', Some('n')) => {
                    plain.push('\n');
                    continue;
                }
                ('\\', Some('t')) => {
                    plain.push('\t');
                    continue;
                }
                ('\\', Some('0')) => {
                    plain.push('\0');
                    continue;
                }
                ('\\', Some(other)) => {
                    plain.push(other);
                    continue;
                }
                ('%', other) => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!("%{other} is no part of a record: %k %v %o %p %t %T %h"));
                }
                (other, _) => {
                    plain.push(other);
                    continue;
                }
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into_bytes()));
            }
            pieces.push(piece);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into_bytes()));
        }
        Ok(Self(pieces))
    }

    pub fn write(&self, record: &ConsumerRecord<'_>, out: &mut impl Write) -> io::Result<()> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.write_all(text)?,
                Piece::Key => out.write_all(record.key.unwrap_or_default())?,
                Piece::Value => out.write_all(record.value.unwrap_or_default())?,
                Piece::Offset => write!(out, "{}", record.offset)?,
                Piece::Partition => write!(out, "{}", record.partition)?,
                Piece::Topic => out.write_all(record.topic.as_bytes())?,
                Piece::Time => write!(out, "{}", record.timestamp)?,
                Piece::Headers => {
                    for (index, (name, value)) in record.headers().enumerate() {
                        out.write_all(if index > 0 { b"," } else { b"" })?;
                        out.write_all(name)?;
                        out.write_all(b"=")?;
                        out.write_all(value.unwrap_or_default())?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_text_with_places() {
        let text = |text: &str| Piece::Text(text.as_bytes().to_vec());
        let parsed = Format::parse("%p/%o\\t%k=100%%\\n").expect("valid");
        let expected =
            [Piece::Partition, text("/"), Piece::Offset, text("\t"), Piece::Key, text("=100%\n")];
        assert_eq!(parsed.0, expected);
        assert!(Format::parse("%x").is_err());
        assert!(Format::parse("%").is_err());
    }
}
